import SluiceConfiguration

/// The directive `rewrite`.
extension NginxBuilder {
  /// A URL: a redirect, whatever the flag.
  static func leadsAway(_ replacement: String) -> Bool {
    ["http://", "https://", "$scheme"].contains { replacement.hasPrefix($0) }
  }

  static func isOfEveryPath(_ directive: NginxDirective) -> Bool {
    directive.words.first.map { everyPath.contains($0) } ?? false
  }

  private static let everyPath: Set<String> = [
    "^", ".*", "^.*", "^.*$", "/", "^/", "^(.*)$", "^(.*)", "(.*)", "^(/.*)$", "^(/.*)", "^/(.*)$",
    "^/(.*)",
  ]

  /// The path and query that a rewrite makes.
  func replacement(
    _ directive: NginxDirective, _ context: NginxVariableContext
  ) -> NginxRewrite? {
    let arguments = directive.arguments
    var inner = context
    inner.captures = []
    inner.constants.merge(Self.groupReferences(in: arguments[0].text)) { $1 }
    guard let text = text(arguments[1], inner) else { return nil }
    let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    guard let pattern = self.regex(arguments[0].text, at: arguments[0].position) else { return nil }
    var rewrite = NginxRewrite(
      regex: pattern, path: String(parts[0]), origin: directive.position)
    // A slash too many is none.
    if rewrite.path.hasPrefix("$") { rewrite.path = "/\(rewrite.path)" }
    guard rewrite.path.hasPrefix("/") else {
      error("the path of a rewrite has to begin with /", at: arguments[1].position)
      return nil
    }
    if parts.count == 2 {
      // A question mark at the end: without the caller's query.
      let keeps = !text.hasSuffix("?")
      let query =
        keeps ? String(parts[1]) : String(parts[1].dropLast(parts[1].hasSuffix("?") ? 1 : 0))
      rewrite.query = keeps ? "\(query)&${request.query}" : query
    }
    return rewrite
  }

  /// - Parameter regex: one of every path; nil where the context has what it captures.
  func redirect(
    _ directive: NginxDirective, _ regex: String?, isPermanent: Bool,
    _ context: NginxVariableContext
  ) -> NginxAnswer? {
    var inner = context
    switch regex {
    case "^(.*)$", "^(.*)", "(.*)", "^(/.*)$", "^(/.*)": inner.constants["1"] = "${request.path}"
    case "^/(.*)$", "^/(.*)":
      // A slash before it is one slash: `/$1` is the path.
      inner.constants["1"] = "\u{1}"
    default: break
    }
    guard var text = text(directive.arguments[1], inner) else { return nil }
    if text.contains("\u{1}") {
      guard text.contains("/\u{1}"), text.split(separator: "\u{1}").count <= 2,
        text.count(where: { $0 == "\u{1}" }) == 1
      else {
        error("this replacement can't be carried over", at: directive.arguments[1].position)
        return nil
      }
      text = text.replacing("/\u{1}", with: "${request.path}")
    }
    var answer = NginxAnswer(status: isPermanent ? 301 : 302, origin: directive.position)
    if text.hasSuffix("?") {
      text.removeLast()
    } else if text.contains("?") {
      text += "&${request.query}"
      warning(
        "the query ends in & where the caller sent none", at: directive.arguments[1].position)
    } else if !text.contains("${request.target}") {
      text += "${request.questionMark}${request.query}"
    }
    answer.location = Self.absolute(text)
    return answer
  }
}
