import SluiceWire

/// What the groups of a route's regular expression matched, found again when a template asks for it.
///
/// One per worker and route. The router only tests; most templates name no group.
final class RouteCaptures {
  private let regexes = RegexSet()
  private let regex: Int
  private let names: [[UInt8]: Int]
  private var groups: [Range<Int>?] = []

  /// Nil for an expression without groups.
  init?(_ pattern: String) {
    guard pattern.contains("("), let regex = try? regexes.add(pattern),
      regexes.groupCount(regex) > 0
    else { return nil }
    self.regex = regex
    names = regexes.groupNumbers(regex)
  }

  /// Calls `body` with the part of `path` that the group of this name or number matched, if any.
  func withGroup(_ name: [UInt8], of path: Span<UInt8>, _ body: (Span<UInt8>) -> Void) {
    guard let number = names[name], regexes.captures(regex, path, into: &groups) == .match,
      number < groups.count, let range = groups[number]
    else { return }
    body(path.extracting(range))
  }
}
