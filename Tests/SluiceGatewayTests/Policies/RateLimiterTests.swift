import Foundation
import SluiceReactor
import SluiceWire
import Synchronization
import Testing

@testable import SluiceGateway

/// Cells, tables and limiters as several workers use them.
@Suite struct RateLimiterTests {
  private static let hour: UInt64 = 3_600_000_000_000

  private func key(_ number: Int) -> LimitKey {
    LimitKey(kind: 1, Array("key-\(number)".utf8).span)
  }

  private func time(_ nanoseconds: UInt64) -> MonotonicTime {
    MonotonicTime(nanoseconds: Int64(nanoseconds))
  }

  private static func bucket(_ limit: UInt64) -> LimitRule {
    .tokenBucket(TokenBucket(limit: limit, window: hour, capacity: limit))
  }

  /// Runs `body` on so many threads at once, each with its number.
  private func concurrently(_ threads: Int, _ body: @escaping @Sendable (Int) -> Void) {
    DispatchQueue.concurrentPerform(iterations: threads, execute: body)
  }

  @Test(arguments: [
    [bucket(1_000)],
    [.fixedWindow(FixedWindow(limit: 1_000, window: hour))],
    [.slidingWindow(SlidingWindow(limit: 1_000, window: hour))],
    [bucket(5_000), .fixedWindow(FixedWindow(limit: 1_000, window: hour))],
    [.fixedWindow(FixedWindow(limit: 1_000, window: hour)), bucket(5_000), bucket(2_000)],
  ])
  func aThousandOfTenThousandPass(rules: [LimitRule]) {
    let table = LimitTable(capacity: 10)
    let allowed = Atomic(0)
    let key = key(1)
    concurrently(8) { _ in
      let limiter = RateLimiter(rules, table: table)
      for _ in 0..<1_250 where limiter.take(key, now: MonotonicTime(nanoseconds: 5)).isAllowed {
        allowed.add(1, ordering: .relaxed)
      }
    }
    #expect(allowed.load(ordering: .relaxed) == 1_000)
  }

  @Test func costsCount() {
    let table = LimitTable(capacity: 10)
    let limiter = RateLimiter([Self.bucket(10)], table: table)
    #expect(limiter.take(key(1), cost: 7, now: time(5)).steps[0].remaining == 3)
    let refused = limiter.take(key(1), cost: 4, now: time(5))
    #expect(refused.retryAfter == Self.hour / 10)
    #expect(refused.steps[0].remaining == 3)
    #expect(limiter.take(key(1), cost: 3, now: time(5)).isAllowed)
    #expect(limiter.take(key(2), cost: 10, now: time(5)).isAllowed)
    #expect(limiter.take(key(3), cost: 11, now: time(5)).isAllowed == false)
  }

  @Test func allLimitsOrNone() {
    let rules = [
      LimitRule.fixedWindow(FixedWindow(limit: 10, window: Self.hour)),
      .fixedWindow(FixedWindow(limit: 2, window: 1_000_000_000)),
    ]
    let limiter = RateLimiter(rules, table: LimitTable(capacity: 10))
    for _ in 0..<2 { #expect(limiter.take(key(1), now: time(0)).isAllowed) }
    for _ in 0..<50 {
      let decision = limiter.take(key(1), now: time(0))
      #expect(decision.retryAfter == 1_000_000_000)
      // What the first limit has left is not used by what the second refuses.
      #expect(decision.steps[0].remaining == 8)
      #expect(decision.steps[0].number != nil && decision.steps[1].number == nil)
    }
    var allowed = 2
    for second in 1..<20 as Range<UInt64> {
      for _ in 0..<3 where limiter.take(key(1), now: time(second * 1_000_000_000)).isAllowed {
        allowed += 1
      }
    }
    #expect(allowed == 10)
  }

  /// Strangers may be forgotten, who is at the limit is not.
  @Test func whoIsAtTheLimitIsNotForgotten() {
    let table = LimitTable(capacity: 64)
    let limiters = [Self.bucket(5), Self.bucket(5)].map { RateLimiter([$0], table: table) }
    for number in 0..<20 {
      for _ in 0..<5 { #expect(limiters[0].take(key(number), now: time(5)).isAllowed) }
    }
    for number in 100..<5_000 { _ = limiters[1].take(key(number), now: time(5)) }
    #expect(table.count == 64)
    for number in 0..<20 {
      #expect(!limiters[0].take(key(number), now: time(5)).isAllowed)
      #expect(!limiters[1].take(key(number), now: time(5)).isAllowed)
    }
  }

  /// With no room for anybody, all who come share one cell: stricter, never laxer.
  @Test func withoutRoomNewKeysShareOneCell() {
    let table = LimitTable(capacity: 4)
    let limiter = RateLimiter([Self.bucket(1)], table: table)
    for number in 0..<4 { #expect(limiter.take(key(number), now: time(5)).isAllowed) }
    #expect(limiter.take(key(10), now: time(5)).isAllowed)
    #expect(!limiter.take(key(11), now: time(5)).isAllowed)
    #expect(table.count == 4)
    // They get cells of their own when others have waited.
    for number in 20..<24 {
      #expect(limiter.take(key(number), now: time(5 + Self.hour)).isAllowed)
    }
    #expect(table.count == 4)
  }

  /// A cell that a worker still knows when another's key took its place.
  @Test func aForgottenCellCountsNoMore() {
    let table = LimitTable(capacity: 1)
    let first = RateLimiter([Self.bucket(3)], table: table)
    let second = RateLimiter([Self.bucket(3)], table: table)
    #expect(first.take(key(1), now: time(5)).isAllowed)
    #expect(second.take(key(2), now: time(5 + Self.hour)).isAllowed)
    let later = time(5 + 2 * Self.hour)
    var allowed = 0
    for limiter in [first, second, first, second, first, second]
    where limiter.take(key(1), now: later).isAllowed {
      allowed += 1
    }
    #expect(allowed == 3)
  }

  /// Exact even while cells come and go: no key ever gets more than its limit at one moment.
  @Test func evictionGivesNobodyMore() {
    let table = LimitTable(capacity: 32)
    let names = 200
    let allowed = Locked([Int](repeating: 0, count: names))
    concurrently(4) { thread in
      let limiter = RateLimiter([Self.bucket(1)], table: table)
      var random = SplitMix64(seed: UInt64(thread))
      for _ in 0..<20_000 {
        let number = Int.random(in: 0..<names, using: &random)
        let key = LimitKey(kind: 1, Array("key-\(number)".utf8).span)
        if limiter.take(key, now: MonotonicTime(nanoseconds: 5)).isAllowed {
          allowed.withLock { $0[number] += 1 }
        }
      }
    }
    #expect(allowed.withLock { $0.max() } == 1)
  }

  @Test func memoryIsBounded() {
    let table = LimitTable(capacity: 128)
    let cells = LimitCells(table)
    let judge = Forgetful()
    for number in 0..<20_000 {
      cells.withCell(key(number), judge: judge) { cell in
        cell.isDead ? nil : .some(())
      }
    }
    #expect(table.count == 128)
    #expect(cells.count < 1_024)
  }

  private struct Forgetful: LimitJudge {
    func usage(of cell: LimitCell, first: UInt64) -> LimitUsage { .none }
  }

  @Test func aLoweredCapacityIsReached() {
    let table = LimitTable(capacity: 100)
    for number in 0..<100 { _ = table.cell(for: key(number), judge: Forgetful()) }
    table.setCapacity(10)
    let cell = table.cell(for: key(1_000), judge: Forgetful())
    #expect(table.count == 10)
    #expect(table.cell(for: key(1_000), judge: Forgetful()) === cell)
    #expect(!cell.isDead)
  }

  @Test func whatIsUnderWayIsCountedOnce() {
    let table = LimitTable(capacity: 2)
    let most = Atomic(0)
    let under = Atomic(0)
    concurrently(8) { _ in
      let cells = LimitCells(table)
      for round in 0..<2_000 {
        let key = LimitKey(kind: 1, [UInt8(round % 2)].span)
        let entered = cells.withCell(key, judge: InFlight()) { InFlight.enter($0, limit: 3) }
        guard let cell = entered.cell else { continue }
        let now = under.add(1, ordering: .relaxed).newValue
        most.max(now, ordering: .relaxed)
        under.subtract(1, ordering: .relaxed)
        InFlight.leave(cell)
      }
    }
    #expect(most.load(ordering: .relaxed) <= 6)
    for byte in [0, 1] as [UInt8] {
      let cell = table.cell(for: LimitKey(kind: 1, [byte].span), judge: InFlight())
      #expect(cell.number(0) == 0)
    }
  }

  @Test func namesOfDifferentKindsDiffer() {
    let name = Array("alice".utf8)
    #expect(LimitKey(kind: 1, name.span) == LimitKey(kind: 1, name.span))
    #expect(LimitKey(kind: 1, name.span) != LimitKey(kind: 2, name.span))
    let address = IPAddress(v4: 0x7f00_0001)
    #expect(LimitKey(kind: 3, address) == LimitKey(kind: 3, address))
    #expect(LimitKey(kind: 3, address) != LimitKey(kind: 3, IPAddress(v4: 0x7f00_0002)))
  }
}
