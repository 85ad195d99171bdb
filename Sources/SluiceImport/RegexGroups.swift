/// Whether a foreign expression may stand inside of a group of another one.
enum RegexGroups {
  /// Whether every group that is opened is closed, and none else (PCRE2 syntax). `a)|(b` is no expression, but
  /// within a group it would be another one, which nobody wrote.
  static func areClosed(_ regex: String) -> Bool {
    var depth = 0
    var rest = Substring(regex)
    while let character = rest.popFirst() {
      switch character {
      case "\\":
        if rest.popFirst() == "Q" { skip(past: "\\E", &rest) }
      case "[": if !skipClass(&rest) { return false }
      case "(":
        if rest.hasPrefix("?#") {
          skip(past: ")", &rest)
        } else {
          depth += 1
        }
      case ")":
        depth -= 1
        if depth < 0 { return false }
      default: break
      }
    }
    return depth == 0
  }

  /// Behind the text, or at the end where it does not come.
  private static func skip(past text: String, _ rest: inout Substring) {
    while !rest.isEmpty && !rest.hasPrefix(text) { rest.removeFirst() }
    rest = rest.dropFirst(text.count)
  }

  /// False for a class without an end.
  private static func skipClass(_ rest: inout Substring) -> Bool {
    if rest.first == "^" { rest.removeFirst() }
    // The first one is a member.
    if rest.first == "]" { rest.removeFirst() }
    while let character = rest.popFirst() {
      switch character {
      case "]": return true
      case "\\":
        if rest.popFirst() == "Q" { skip(past: "\\E", &rest) }
      case "[" where rest.first == ":": skip(past: ":]", &rest)
      default: break
      }
    }
    return false
  }
}
