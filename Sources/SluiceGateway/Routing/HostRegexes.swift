internal import SluiceConfiguration
internal import SluiceWire

/// The hosts of routes that are `~regex`, each once, in the order in which they are tried: no table can
/// hold them.
///
/// One per router; not thread-safe, because the regexes' memory is reused.
final class HostRegexes {
  private let regexes = RegexSet()
  /// In the order of the file.
  private let patterns: [HostPattern]
  /// Places in `patterns` and numbers in `regexes`, which are the same.
  private let places: [HostPattern: Int]

  init(_ rules: [CompiledRule]) throws(RouterError) {
    var patterns: [HostPattern] = []
    var places: [HostPattern: Int] = [:]
    for rule in rules.sorted(by: { ($0.order, $0.name) < ($1.order, $1.name) }) {
      for pattern in rule.hosts where places[pattern] == nil {
        guard case .regex(let text) = pattern else { continue }
        do {
          places[pattern] = try regexes.add(Self.inAnyCase(text))
        } catch {
          throw .invalidRegex(
            route: rule.name, message: error.message, offset: error.offset - Self.anyCase.utf8.count
          )
        }
        patterns.append(pattern)
      }
    }
    self.patterns = patterns
    self.places = places
  }

  private static let anyCase = "(?i)"

  /// Hosts have no case.
  static func inAnyCase(_ regex: String) -> String { anyCase + regex }

  /// The level that each leads to; 0 for those whose routes are all elsewhere.
  func levels(_ indices: [HostPattern: Int]) -> [Int] {
    let levels = patterns.map { indices[$0] ?? 0 }
    return levels.allSatisfy { $0 == 0 } ? [] : levels
  }

  /// Among all patterns of hosts: smaller is more specific.
  func precedence(of pattern: HostPattern) -> Int {
    pattern.precedence(place: places[pattern] ?? 0)
  }

  /// - Parameter host: as a request has it, in any case and maybe with a dot at its end.
  func test(_ place: Int, _ host: Span<UInt8>) -> RegexSet.Outcome {
    regexes.test(place, host.extracting(..<HostPattern.length(host)))
  }

  /// Any pattern, regex or not.
  ///
  /// - Parameter host: without a dot at its end.
  func test(_ pattern: HostPattern, _ host: Span<UInt8>) -> RegexSet.Outcome {
    guard let place = places[pattern] else { return pattern.matches(host) ? .match : .noMatch }
    return regexes.test(place, host)
  }

  /// Runs of a regex that reached PCRE2's limits.
  var limitExceeded: UInt64 { regexes.limitExceeded }
}
