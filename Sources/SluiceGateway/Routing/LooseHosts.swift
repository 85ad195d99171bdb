internal import SluiceConfiguration
internal import SluiceWire

/// The hosts of routes that no table can hold, `beginning.*` and `~regex`, each once.
///
/// One per router; not thread-safe, because the regexes' memory is reused.
final class LooseHosts {
  private let regexes = RegexSet()
  /// In the order in which they are tried.
  private let patterns: [HostPattern]
  /// Numbers of regexes in `regexes` by their texts.
  private let numbers: [String: Int]
  /// The level of each pattern in the router's tables; -1 where only routes with a priority have it.
  private(set) var levels: [Int] = []

  var isEmpty: Bool { patterns.isEmpty }

  init(_ rules: [CompiledRule]) throws(RouterError) {
    var patterns: [HostPattern] = []
    var numbers: [String: Int] = [:]
    for rule in rules.sorted(by: { ($0.order, $0.name) < ($1.order, $1.name) }) {
      for pattern in rule.hosts where pattern.isLoose && !patterns.contains(pattern) {
        if case .regex(let text) = pattern {
          do {
            numbers[text] = try regexes.add(Self.inAnyCase(text))
          } catch {
            throw .invalidRegex(route: rule.name, message: error.message, offset: error.offset - 4)
          }
        }
        patterns.append(pattern)
      }
    }
    self.numbers = numbers
    let places = Dictionary(uniqueKeysWithValues: patterns.enumerated().map { ($1, $0) })
    self.patterns = patterns.sorted {
      ($0.precedence(place: places[$0] ?? 0), places[$0] ?? 0)
        < ($1.precedence(place: places[$1] ?? 0), places[$1] ?? 0)
    }
  }

  /// Hosts have no case.
  static func inAnyCase(_ regex: String) -> String { "(?i)\(regex)" }

  /// With the levels of the router's tables.
  func placed(_ indices: [HostPattern: Int]) -> LooseHosts {
    levels = patterns.map { indices[$0] ?? -1 }
    return self
  }

  /// Among all patterns of hosts: smaller is more specific.
  func precedence(of pattern: HostPattern) -> Int {
    pattern.precedence(place: patterns.firstIndex(of: pattern) ?? 0)
  }

  /// Whether the pattern at a place matches; never one that leads to no level.
  ///
  /// - Parameter host: as a request has it, in any case and maybe with a dot at its end.
  func test(_ place: Int, _ host: Span<UInt8>) -> RegexSet.Outcome {
    levels[place] < 0 ? .noMatch : test(patterns[place], host.extracting(..<Self.length(host)))
  }

  /// Whether one of a rule's hosts matches.
  func test(_ rule: CompiledRule, _ host: Span<UInt8>) -> RegexSet.Outcome {
    let name = host.extracting(..<Self.length(host))
    for pattern in rule.hosts {
      let outcome = test(pattern, name)
      if outcome != .noMatch { return outcome }
    }
    return .noMatch
  }

  /// - Parameter host: without a dot at its end.
  func test(_ pattern: HostPattern, _ host: Span<UInt8>) -> RegexSet.Outcome {
    guard case .regex(let text) = pattern else { return pattern.matches(host) ? .match : .noMatch }
    guard let number = numbers[text] else { return .noMatch }
    return regexes.test(number, host)
  }

  /// Without a dot at the end.
  static func length(_ host: Span<UInt8>) -> Int {
    !host.isEmpty && host[host.count &- 1] == UInt8(ascii: ".") ? host.count &- 1 : host.count
  }

  /// Runs of a regex that reached PCRE2's limits.
  var limitExceeded: UInt64 { regexes.limitExceeded }
}
