import SluiceConfiguration

/// A condition over callers: what is read can be written and is read as the same, and mistakes have
/// words.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = String(decoding: UnsafeBufferPointer(start: data, count: count), as: UTF8.self)
  do throws(TextProblem) {
    let expression = try CallerExpression(parsing: text)
    let written = write(expression)
    guard let again = try? CallerExpression(parsing: written) else {
      fatalError("what was written can't be read: \(written)")
    }
    if again != expression { fatalError("read as another: \(written)") }
  } catch {
    if error.reason.isEmpty && error.hint == nil { fatalError("a mistake without words") }
  }
  return 0
}

/// With no more parentheses than the text had.
private func write(_ expression: CallerExpression) -> String {
  switch expression {
  case .all(let parts):
    parts.map { isPlain($0) ? write($0) : "(\(write($0)))" }.joined(separator: " and ")
  case .any(let parts):
    parts.map { if case .any = $0 { "(\(write($0)))" } else { write($0) } }.joined(
      separator: " or ")
  case .not(.test(let subject, .equals(let text))): "\(write(subject)) != \(quote(text))"
  case .not(let part): isPlain(part) ? "not \(write(part))" : "not (\(write(part)))"
  case .test(let subject, let test): "\(write(subject)) \(write(test))"
  }
}

private func isPlain(_ expression: CallerExpression) -> Bool {
  switch expression {
  case .all, .any: false
  case .not, .test: true
  }
}

private func write(_ subject: CallerExpression.Subject) -> String {
  switch subject {
  case .consumer: "consumer"
  case .credential: "credential"
  case .groups: "groups"
  case .method: "method"
  case .path: "path"
  case .claim(let name): "claims[\(quote(name))]"
  }
}

private func write(_ test: CallerExpression.Test) -> String {
  switch test {
  case .exists: "exists"
  case .equals(let text): "== \(quote(text))"
  case .contains(let text): "contains \(quote(text))"
  case .startsWith(let text): "startsWith \(quote(text))"
  case .endsWith(let text): "endsWith \(quote(text))"
  case .isOneOf(let texts): "in [\(texts.map(quote).joined(separator: ","))]"
  }
}

/// No text has both kinds of quotes, or it could not have been written.
private func quote(_ text: String) -> String {
  text.contains("'") ? "\"\(text)\"" : "'\(text)'"
}
