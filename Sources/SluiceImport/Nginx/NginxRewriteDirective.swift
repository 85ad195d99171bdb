import SluiceConfiguration

/// The directive `rewrite`.
extension NginxBuilder {
  func step(
    ofRewrite directive: NginxDirective, _ route: NginxRoute, _ context: NginxVariableContext
  ) -> NginxStep? {
    let arguments = directive.arguments
    guard arguments.count == 2 || arguments.count == 3 else {
      error("rewrite takes a regular expression, a replacement and a flag", at: directive.position)
      return nil
    }
    let regex = arguments[0].text
    let flag = arguments.count == 3 ? arguments[2].text : ""
    if Self.leadsAway(arguments[1].text) || flag == "redirect" || flag == "permanent" {
      return redirect(directive, regex, isPermanent: flag == "permanent", context)
    }
    switch flag {
    case "last", "":
      // Without a flag the next rewrite sees the new path.
      if flag.isEmpty, directive != route.scope.own("rewrite").last {
        error(
          "a rewrite whose path the next one rewrites can't be carried over",
          at: directive.position, hint: "write last, or one rewrite for both")
        return nil
      }
      return replacement(directive, context).map { .jump(regex, $0) }
    case "break" where route.location != nil:
      return replacement(directive, context).map { .rewrite($0) }
    default:
      error(
        "a rewrite with '\(flag)' can't be carried over here", at: directive.position,
        hint: "last, redirect or permanent; break in a location")
      return nil
    }
  }

  /// A URL: a redirect, whatever the flag.
  static func leadsAway(_ replacement: String) -> Bool {
    ["http://", "https://", "$scheme"].contains { replacement.hasPrefix($0) }
  }

  static func isOfEveryPath(_ directive: NginxDirective) -> Bool {
    directive.words.first.map { everyPath.contains($0) } ?? false
  }

  /// Whether it is about some paths only, and not for its own location.
  func rewritesSome(_ directive: NginxDirective) -> Bool {
    let words = directive.words
    guard words.count >= 2, !(words.count == 3 && words[2] == "break") else { return false }
    let isRedirect =
      ["redirect", "permanent"].contains(words.last)
      || ["http://", "https://", "$scheme"].contains { words[1].hasPrefix($0) }
    return !(isRedirect && Self.everyPath.contains(words[0]))
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

  /// A redirect: of every path, or of those that the expression matches.
  ///
  /// - Parameter regex: nil where the context has what it captures.
  func redirect(
    _ directive: NginxDirective, _ regex: String?, isPermanent: Bool,
    _ context: NginxVariableContext
  ) -> NginxStep? {
    var inner = context
    var isOfAll = true
    switch regex {
    case "^", ".*", "^.*", "^.*$", "/", "^/", nil: break
    case "^(.*)$", "^(.*)", "(.*)", "^(/.*)$", "^(/.*)": inner.constants["1"] = "${request.path}"
    case "^/(.*)$", "^/(.*)":
      // A slash before it is one slash: `/$1` is the path.
      inner.constants["1"] = "\u{1}"
    default:
      isOfAll = false
      inner.hostCaptures.subtract((1...9).map(String.init))
      for number in 1...9 { inner.constants["\(number)"] = nil }
      inner.captures = NginxCondition.groups(in: regex ?? "")
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
    return isOfAll ? .answer(nil, answer) : .answerSome(regex ?? "", answer)
  }

  // MARK: Where a rewritten path leads

  /// The location that nginx takes for a path that a rewrite made; nil, with a finding, where it depends on
  /// what was captured, or where the location rewrites again.
  func destination(of rewrite: NginxRewrite, _ all: [NginxLocation]) -> NginxLocation? {
    let path = rewrite.path
    let literal = String(path.prefix { $0 != "$" })
    let isWhole = literal.count == path.count
    var best: (length: Int, location: NginxLocation, skipsRegexes: Bool)?
    var depends = false
    for location in all {
      switch location.pattern {
      case .exact(let text):
        if isWhole, text == path { return checked(location, rewrite) }
        if !isWhole, text.hasPrefix(literal) { depends = true }
      case .prefix(let text, let skips):
        if literal.hasPrefix(text) {
          if text.utf8.count > best?.length ?? -1 { best = (text.utf8.count, location, skips) }
        } else if !isWhole, text.hasPrefix(literal) {
          depends = true
        }
      case .regex, .named: continue
      }
    }
    let hasRegexes = all.contains { if case .regex = $0.pattern { true } else { false } }
    if depends || hasRegexes && best?.skipsRegexes != true {
      error(
        "which location this rewrite leads to depends on the request, which can't be carried over",
        at: rewrite.origin, hint: "rewrite with break in the location, or repeat its proxy_pass")
      return nil
    }
    guard let best else {
      error("no location is there for what this rewrite makes", at: rewrite.origin)
      return nil
    }
    return checked(best.location, rewrite)
  }

  private func checked(_ location: NginxLocation, _ rewrite: NginxRewrite) -> NginxLocation? {
    let again = location.scope.own("rewrite").contains { directive in
      ["last", ""].contains(directive.arguments.count > 2 ? directive.arguments[2].text : "")
    }
    if again {
      error(
        "this rewrite leads to location \(location.shown), which rewrites again, maybe in circles",
        at: rewrite.origin, hint: "write the path that comes of it in the end")
      return nil
    }
    return location
  }
}
