import Testing

@testable import SluiceGateway

@Suite struct BandwidthRuleTests {
  private static let second: UInt64 = 1_000_000_000

  @Test func aBurstPassesAndThenTheRate() {
    let rule = BandwidthRule(rate: 1_000, burst: 500)
    let start = 7 * Self.second
    var number = rule.take(500, 0, now: start)
    #expect(rule.wait(number, now: start) == 0)
    number = rule.take(250, number, now: start)
    #expect(rule.wait(number, now: start) == Self.second / 4)
    #expect(rule.wait(number, now: start + Self.second / 4) == 0)
    #expect(rule.usage(number, now: start) == .all)
    #expect(rule.usage(number, now: start + Self.second / 2) == .some(500))
    #expect(rule.usage(number, now: start + Self.second) == .none)
    // A pause makes up for no more than a burst.
    let later = start + 100 * Self.second
    number = rule.take(750, number, now: later)
    #expect(rule.wait(number, now: later) == Self.second / 4)
  }

  /// Whatever the pieces, not more than burst and rate together, and a piece.
  @Test(arguments: 1...20) func neverMoreThanTheRate(seed: Int) {
    var random = SplitMix64(seed: UInt64(seed))
    let rate = Int.random(in: 1_024...10_000_000, using: &random)
    let burst = Int.random(in: 1_024...1_000_000, using: &random)
    let rule = BandwidthRule(rate: rate, burst: burst)
    let start = UInt64.random(in: 0...1 << 60, using: &random)
    var (now, number, total, largest) = (start, UInt64(0), 0, 0)
    for _ in 0..<1_000 {
      let bytes = Int.random(in: 1...73_728, using: &random)
      number = rule.take(bytes, number, now: now)
      total += bytes
      largest = max(largest, bytes)
      let allowed = Double(burst) + Double(rate) * Double(now - start) / 1e9
      #expect(Double(total) <= allowed + Double(largest) + 1)
      now += rule.wait(number, now: now) + UInt64.random(in: 0...1_000_000, using: &random)
    }
  }

  /// Numbers stay numbers, and are never that of a dead cell.
  @Test func nothingOverflows() {
    let rule = BandwidthRule(rate: 1_024, burst: 1 << 50)
    var number: UInt64 = 0
    for _ in 0..<10 { number = rule.take(.max, number, now: 1 << 62) }
    #expect(number == UInt64(Int64.max))
    #expect(rule.wait(number, now: 1 << 62) <= UInt64(Int64.max))
  }
}
