public import SluiceConfiguration
import SluiceWire

extension Configuration.UserAgentRestriction: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledUserAgentRestriction(self)
  }

  public func problem() -> String? { RegexSyntax.problem(inEachOf: allow + deny) }
}

/// Lets callers pass by their `User-Agent`.
///
/// A pattern that gives up has not matched where it would let in, and has where it would keep out.
final class CompiledUserAgentRestriction: CompiledPolicy {
  private let regexes = RegexSet()
  private let allowed: [Int]
  private let denied: [Int]
  private let refusal = PolicyRefusal(
    .forbidden, detail: "This program may not use this route.")
  private let several = PolicyRefusal(
    .malformedRequest, detail: "There is more than one User-Agent.")

  init(_ settings: Configuration.UserAgentRestriction) {
    let regexes = regexes
    allowed = settings.allow.compactMap { try? regexes.add($0, isAnchored: false) }
    denied = settings.deny.compactMap { try? regexes.add($0, isAnchored: false) }
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome { decide(exchange.request) }

  private func decide(_ head: borrowing RequestHead) -> PolicyOutcome {
    guard let first = head.firstIndex(named: Self.name.span) else { return .next }
    for index in head.fields.indices.dropFirst(first + 1)
    where head.span(head.fields[index].name).equalsIgnoringCase(Self.name.span) {
      return .refuse(several)
    }
    let agent = head.span(head.fields[first].value)
    for regex in allowed where test(regex, agent) == .match { return .next }
    for regex in denied where test(regex, agent) != .noMatch { return .refuse(refusal) }
    return .next
  }

  /// A pattern without an anchor is tried at every byte, and the limits of a run hold for each of these tries.
  private func test(_ regex: Int, _ agent: Span<UInt8>) -> RegexSet.Outcome {
    if agent.count > Self.longest && !regexes.isAnchored(regex) { return .limit }
    return regexes.test(regex, agent)
  }

  /// Bytes. Browsers' are 100 to 300; 8 KiB could take seconds.
  static let longest = 512

  private static let name = Array("User-Agent".utf8)
}
