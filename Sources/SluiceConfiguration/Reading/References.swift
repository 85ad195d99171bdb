/// Expands `${env:NAME}` and `${file:/path}` in values; `$$` is a `$`, any other `$` is itself. What a
/// policy fills in per request (`Template`) stays as it is.
struct References {
  let environment: [String: String]
  let readFile: (String) -> Result<String, TextProblem>

  /// The expanded text, or what is wrong with the reference. Neither message holds a value.
  func expand(_ text: String) -> Result<String, TextProblem> {
    guard text.utf8.contains(UInt8(ascii: "$")) else { return .success(text) }
    var result = ""
    var rest = Substring(text)
    while let dollar = rest.firstIndex(of: "$") {
      result += rest[..<dollar]
      rest = rest[dollar...].dropFirst()
      if rest.first == "$" {
        result += "$"
        rest = rest.dropFirst()
      } else if rest.first == "{" {
        guard let end = rest.firstIndex(of: "}") else {
          return .failure(
            TextProblem("a reference '${' without its '}'", hint: "write $${ for a literal ${"))
        }
        let name = rest[..<end].dropFirst()
        if Template.roots.contains(where: name.hasPrefix) {
          result += "${\(name)}"
          rest = rest[end...].dropFirst()
          continue
        }
        switch resolve(name) {
        case .success(let value): result += value
        case .failure(let problem): return .failure(problem)
        }
        rest = rest[end...].dropFirst()
      } else {
        result += "$"
      }
    }
    return .success(result + rest)
  }

  private func resolve(_ reference: Substring) -> Result<String, TextProblem> {
    let parts = reference.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = parts.count == 2 ? String(parts[1]) : ""
    switch parts[0] {
    case "env" where !name.isEmpty:
      guard let value = environment[name] else {
        return .failure(TextProblem("the environment variable \(quoted(name)) is not set"))
      }
      return .success(value)
    case "file" where name.hasPrefix("/"):
      switch readFile(name) {
      case .success(let value):
        // Editors and `echo` end a file with a newline that is no part of the secret.
        let endsLine = value.last == "\n" || value.last == "\r\n"
        return .success(endsLine ? String(value.dropLast()) : value)
      case .failure(let problem):
        return .failure(
          TextProblem(
            "the file \(quoted(name)) can't be read: \(problem.reason)", hint: problem.hint))
      }
    case "env":
      return .failure(TextProblem("a reference without a name", hint: "write ${env:NAME}"))
    case "file":
      return .failure(
        TextProblem("a file reference needs an absolute path", hint: "write ${file:/path}"))
    default:
      return .failure(
        TextProblem(
          "unknown reference \(quoted("${\(reference)}"))",
          hint: "references are ${env:NAME} and ${file:/path}; write $${ for a literal ${"))
    }
  }
}
