import SluiceWire

/// What the regexes of a route's hosts captured, found again when a template asks for it.
///
/// One per worker and route.
final class HostCaptures {
  private let regexes = RegexSet()
  private var patterns: [(regex: Int, names: [[UInt8]: Int])] = []
  /// What is more specific: where one of these matches, nothing is captured.
  private let others: [HostPattern]
  private var groups: [Range<Int>?] = []

  /// Nil for hosts without groups.
  init?(_ hosts: [String]) {
    var others: [HostPattern] = []
    var hasGroups = false
    for text in hosts {
      guard let pattern = HostPattern(text) else { continue }
      guard case .regex(let regex) = pattern else {
        others.append(pattern)
        continue
      }
      guard let number = try? regexes.add(HostRegexes.inAnyCase(regex)) else { continue }
      hasGroups = hasGroups || regexes.groupCount(number) > 0
      patterns.append((number, regexes.groupNumbers(number)))
    }
    self.others = others
    if !hasGroups { return nil }
  }

  /// Appends in lower case what the group of this name or number of the first regex that matches
  /// `host` matched, if any.
  func append(_ name: [UInt8], of host: Span<UInt8>, to output: inout ByteBuffer) {
    let host = host.extracting(..<HostPattern.length(host))
    for other in others where other.matches(host) { return }
    for (regex, names) in patterns {
      guard regexes.captures(regex, host, into: &groups) == .match else { continue }
      guard let number = names[name], number < groups.count, let range = groups[number] else {
        return
      }
      for index in range { output.append(host[index].asciiLowercased) }
      return
    }
  }
}
