/// A part of a request by its name, as several settings write it: `header:NAME` or `cookie:NAME`.
public enum FieldKey: Equatable, Sendable {
  case header(String)
  case cookie(String)

  public init?(text: String) {
    let parts = text.split(separator: ":", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    switch parts[0] {
    case "header": self = .header(String(parts[1]))
    case "cookie": self = .cookie(String(parts[1]))
    default: return nil
    }
  }

  public var text: String {
    switch self {
    case .header(let name): "header:\(name)"
    case .cookie(let name): "cookie:\(name)"
    }
  }

  public var name: String {
    switch self {
    case .header(let name), .cookie(let name): name
    }
  }
}

extension TextForm {
  /// A text that is one of `words` or names a part of a request.
  static func key(_ summary: String, words: [String], examples: [String]) -> TextForm {
    TextForm(
      summary, pattern: "^(\(words.joined(separator: "|"))|header:.+|cookie:.+)$",
      examples: examples,
      check: { text in
        if words.contains(text) { return nil }
        guard let key = FieldKey(text: text) else {
          return TextProblem(
            "", hint: "write \(words.joined(separator: ", ")), header:NAME or cookie:NAME")
        }
        return isToken(key.name) ? nil : TextProblem("the name behind the colon is not a token")
      })
  }
}
