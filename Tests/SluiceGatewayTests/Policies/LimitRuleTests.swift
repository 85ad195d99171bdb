import Testing

@testable import SluiceGateway

/// The rules against slow and obvious models, and at their edges.
@Suite struct LimitRuleTests {
  private static let second: UInt64 = 1_000_000_000
  private static let millisecond: UInt64 = 1_000_000

  /// Random takes at random times; both say the same about each.
  private func compare(
    _ rule: LimitRule, _ model: some LimitModel, largestCost: UInt64, longestPause: UInt64,
    unit: UInt64, seed: UInt64
  ) {
    var model = model
    var random = SplitMix64(seed: seed)
    var number: UInt64 = 0
    var now = 40 * 86_400 * Self.second
    for _ in 0..<400 {
      if UInt8.random(in: 0..<4, using: &random) == 0 {
        now += UInt64.random(in: 0...longestPause / unit, using: &random) * unit
      }
      let cost = UInt64.random(in: 1...largestCost, using: &random)
      let step = rule.take(number, cost: cost, now: now)
      let expected = model.take(cost, now: now)
      #expect((step.number == nil) == (expected.number == nil))
      #expect(step.remaining == expected.remaining)
      #expect(step.wait == expected.wait)
      if step.number == nil {
        // Neither too early nor too late.
        #expect(rule.take(number, cost: cost, now: now + step.wait).number != nil)
        #expect(rule.take(number, cost: cost, now: now + step.wait - unit).number == nil)
      }
      number = step.number ?? number
    }
  }

  @Test(arguments: 0..<30) func tokenBucketsAreBuckets(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let limit = UInt64.random(in: 1...50, using: &random)
    let window = UInt64.random(in: 1...3_600, using: &random) * Self.second
    let capacity = UInt64.random(in: 1...60, using: &random)
    compare(
      .tokenBucket(TokenBucket(limit: limit, window: window, capacity: capacity)),
      BucketModel(limit: limit, window: window, capacity: capacity),
      largestCost: min(3, capacity), longestPause: 2 * window / limit, unit: 1, seed: seed)
  }

  @Test(arguments: 0..<30) func fixedWindowsCount(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let limit = UInt64.random(in: 3...50, using: &random)
    let window = UInt64.random(in: 1...3_600, using: &random) * Self.second
    compare(
      .fixedWindow(FixedWindow(limit: limit, window: window)),
      FixedWindowModel(limit: limit, window: window),
      largestCost: 3, longestPause: window / 4, unit: 1, seed: seed)
  }

  @Test(arguments: 0..<30) func slidingWindowsWeigh(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let limit = UInt64.random(in: 3...50, using: &random)
    let window = UInt64.random(in: 1...5, using: &random) * Self.second
    compare(
      .slidingWindow(SlidingWindow(limit: limit, window: window)),
      SlidingWindowModel(limit: limit, window: window),
      largestCost: 3, longestPause: window / 4, unit: Self.millisecond, seed: seed)
  }

  private static let rules: [LimitRule] = [
    .tokenBucket(TokenBucket(limit: 1_000, window: 60 * second, capacity: 1_000)),
    .fixedWindow(FixedWindow(limit: 1_000, window: 60 * second)),
    .slidingWindow(SlidingWindow(limit: 1_000, window: 60 * second)),
    .calendarWindow(CalendarWindow(limit: 1_000)),
  ]

  @Test(arguments: rules) func aThousandAtOnceAreAThousand(rule: LimitRule) {
    var number: UInt64 = 0
    for now in [1, 7 * Self.second] {
      if now > 1 { number = 0 }
      for left in (0..<UInt64(1_000)).reversed() {
        let step = rule.take(number, cost: 1, now: now)
        #expect(step.remaining == left)
        number = step.number ?? LimitCell.dead
      }
      #expect(rule.take(number, cost: 1, now: now).number == nil)
      #expect(rule.usage(number, now: now) == .all)
      // One given back is one more.
      let back = rule.giveBack(number, cost: 1)
      #expect(rule.take(back, cost: 1, now: now).number == number)
      #expect(rule.take(back, cost: 2, now: now).number == nil)
      #expect(rule.usage(back, now: now) != .all)
    }
  }

  @Test(arguments: rules) func whoUsedNothingHasUsedNothing(rule: LimitRule) {
    #expect(rule.usage(0, now: 5 * Self.second) == .none)
    #expect(rule.take(0, cost: 1_000, now: 0).number != nil)
    #expect(rule.take(0, cost: 1_001, now: 5 * Self.second).number == nil)
    #expect(rule.take(0, cost: .max, now: 5 * Self.second).number == nil)
  }

  /// A worker whose loop has not yet seen the new window counts in it, too.
  @Test func whoIsLateGetsNoSecondWindow() throws {
    let window = 10 * Self.second
    for rule in [
      LimitRule.fixedWindow(FixedWindow(limit: 2, window: window)),
      .slidingWindow(SlidingWindow(limit: 2, window: window)),
    ] {
      let early = try #require(rule.take(0, cost: 1, now: window * 5).number)
      let late = try #require(rule.take(early, cost: 1, now: window * 5 - 1).number)
      #expect(rule.take(late, cost: 1, now: window * 5 - 1).number == nil)
      #expect(rule.take(late, cost: 1, now: window * 5).number == nil)
    }
  }

  /// The window's number goes round after 194 days of seconds, that of others later.
  @Test func whatIsVeryOldDoesNotCount() {
    for days in [1, 97, 98, 150, 193, 195, 300] as [UInt64] {
      for rule in [
        LimitRule.fixedWindow(FixedWindow(limit: 1, window: Self.second)),
        .slidingWindow(SlidingWindow(limit: 1, window: Self.second)),
        .tokenBucket(TokenBucket(limit: 1, window: Self.second, capacity: 1)),
      ] {
        let number = rule.take(0, cost: 1, now: 5 * Self.second).number ?? 0
        let later = 5 * Self.second + days * 86_400 * Self.second
        #expect(rule.take(number, cost: 1, now: later).number != nil, "\(days) days, \(rule)")
      }
    }
  }

  @Test func aLoweredLimitHoldsForWhatWasUsed() {
    let now = 100 * Self.second
    let before = TokenBucket(limit: 100, window: 60 * Self.second, capacity: 100)
    let number = before.take(0, cost: 90, now: now).number ?? 0
    let after = TokenBucket(limit: 10, window: 60 * Self.second, capacity: 5)
    let step = after.take(number, cost: 1, now: now)
    #expect(step.number == nil && step.remaining == 0)
    // 54 seconds until it is full; one is there when all but four sixths are.
    #expect(step.wait == 54 * Self.second - 24 * Self.second)
    #expect(
      FixedWindow(limit: 10, window: Self.second).take(WindowCount(0).number, cost: 1, now: 0)
        .remaining == 9)
  }

  @Test func calendarsGoOnWithTheNextPeriod() throws {
    var rule = CalendarWindow(limit: 2)
    rule.period = 10
    rule.end = 500
    let one = try #require(rule.take(0, cost: 1, now: 100).number)
    let two = try #require(rule.take(one, cost: 1, now: 100).number)
    #expect(rule.take(two, cost: 1, now: 100) == .refused(remaining: 0, wait: 400))
    rule.period = 11
    #expect(rule.take(two, cost: 2, now: 600).number != nil)
    // A worker that is late, or a clock that was set back over the end, gains nothing.
    rule.period = 9
    #expect(rule.take(two, cost: 1, now: 100).number == nil)
    // A clock that was years ahead for a moment locks nobody out.
    rule.period = 1
    #expect(rule.take(two, cost: 2, now: 100).number != nil)
  }

  @Test func periodsWithoutALimitCountAndRefuseNobody() {
    var rule = CalendarWindow(limit: nil)
    rule.period = 3
    var number: UInt64 = 0
    for cost in [1, 4_000_000_000, 4_000_000_000, 1] as [UInt64] {
      let step = rule.take(number, cost: cost, now: 0)
      number = step.number ?? 0
      #expect(step.number != nil)
    }
    #expect(WindowCount(number).count == .max)
    var limited = CalendarWindow(limit: 1_000_000_000)
    limited.period = 3
    #expect(limited.take(number, cost: 1, now: 0).number == nil)
  }
}
