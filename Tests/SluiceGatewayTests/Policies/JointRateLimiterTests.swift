import Foundation
import SluiceReactor
import Synchronization
import Testing

@testable import SluiceGateway

/// Queues before limits, and limits by several keys; time is told.
@Suite struct JointRateLimiterTests {
  private static let second: UInt64 = 1_000_000_000

  private func key(_ number: Int) -> LimitKey {
    LimitKey(kind: 1, Array("key-\(number)".utf8).span)
  }

  private func time(_ nanoseconds: UInt64) -> MonotonicTime {
    MonotonicTime(nanoseconds: Int64(nanoseconds))
  }

  /// One in a second.
  private func part(
    burst: UInt64, atOnce: UInt64? = 1, table: LimitTable = LimitTable(capacity: 100)
  ) -> JointRateLimiter.Part {
    let bucket = TokenBucket(limit: 1, window: Self.second, capacity: burst)
    return .init(
      limiter: RateLimiter([.tokenBucket(bucket)], table: table),
      queue: atOnce.map { RateQueue(interval: Self.second, atOnce: $0) })
  }

  private func delays(
    _ joint: JointRateLimiter, _ count: Int, cost: UInt64 = 1, now: UInt64, keys: [Int] = [1, 2]
  ) -> [UInt64?] {
    (0..<count).map { _ in
      let decision = joint.take(cost: cost, now: time(now)) { key(keys[$0]) }
      return decision.refusedBy == nil ? decision.delay : nil
    }
  }

  // MARK: One queue

  /// The delays of nginx for `burst=4`, `burst=4 delay=2` and `burst=4 nodelay`.
  private static let turns: [(UInt64, [UInt64?])] = [
    (1, [0, 1, 2, 3, 4, nil]), (3, [0, 0, 0, 1, 2, nil]), (5, [0, 0, 0, 0, 0, nil]),
  ]

  @Test(arguments: turns)
  func everybodyGetsATurn(atOnce: UInt64, seconds: [UInt64?]) {
    let joint = JointRateLimiter(parts: [part(burst: 5, atOnce: atOnce)])
    #expect(delays(joint, 6, now: 5) == seconds.map { $0.map { $0 * Self.second } })
  }

  @Test func turnsMoveOnWithTime() {
    let joint = JointRateLimiter(parts: [part(burst: 3)])
    #expect(delays(joint, 2, now: 0) == [0, Self.second])
    // A little before a turn is over, and when it is.
    #expect(delays(joint, 1, now: Self.second - 1) == [Self.second + 1])
    #expect(delays(joint, 1, now: 2 * Self.second) == [Self.second])
    #expect(delays(joint, 1, now: 100 * Self.second) == [0])
  }

  @Test func oneThatTakesMoreThanPassesAtOnceWaitsForOthersOnly() {
    let joint = JointRateLimiter(parts: [part(burst: 12)])
    #expect(delays(joint, 3, cost: 5, now: 0) == [0, 5 * Self.second, nil])
  }

  @Test func theQueueIsBoundedByTime() {
    func capacity(_ burst: UInt64, _ atOnce: UInt64, _ cost: UInt64, _ delay: UInt64) -> UInt64 {
      RateQueue.capacity(burst, interval: 10, atOnce: atOnce, cost: cost, maxDelay: delay)
    }
    #expect(capacity(100, 1, 1, 49) == 5)
    #expect(capacity(100, 1, 1, 50) == 6)
    #expect(capacity(3, 1, 1, 50) == 3)
    #expect(capacity(100, 10, 1, 50) == 15)
    #expect(capacity(100, 1, 7, 0) == 7)
    #expect(capacity(.max, .max, 1, 50) == .max)
    #expect(RateQueue(interval: .max, atOnce: 2).delay(wait: .max, cost: 1) == 0)
  }

  // MARK: Who leaves

  @Test func theLastOneGivesItsPlaceBack() {
    let joint = JointRateLimiter(parts: [part(burst: 3)])
    #expect(delays(joint, 1, now: 5) == [0])
    let second = joint.take(cost: 1, now: time(5)) { _ in key(1) }
    let third = joint.take(cost: 1, now: time(5)) { _ in key(1) }
    #expect(delays(joint, 1, now: 5) == [nil])
    // Somebody stands behind: nobody may come beside those.
    joint.leave(second, cost: 1, now: time(5)) { _ in key(1) }
    #expect(delays(joint, 1, now: 5) == [nil])
    joint.leave(third, cost: 1, now: time(5)) { _ in key(1) }
    #expect(delays(joint, 2, now: 5) == [2 * Self.second, nil])
  }

  // MARK: Several keys

  @Test func noneCountsWhatOneRefuses() {
    let joint = JointRateLimiter(parts: [part(burst: 10), part(burst: 2, atOnce: nil)])
    #expect(delays(joint, 3, now: 5) == [0, Self.second, nil])
    let refused = joint.take(cost: 1, now: time(5)) { key([1, 2][$0]) }
    #expect(refused.refusedBy == 1 && refused.decisions.count == 2)
    #expect(refused.decisions[1].retryAfter == Self.second)
    // The first has counted two only.
    let decision = joint.parts[0].limiter.take(key(1), cost: 0, now: time(5))
    #expect(decision.steps[0].remaining == 8)
    // Another key of the second.
    #expect(delays(joint, 1, now: 5, keys: [1, 3]) == [2 * Self.second])
  }

  @Test func theLongestDelayCounts() {
    let joint = JointRateLimiter(parts: [part(burst: 10, atOnce: 5), part(burst: 10)])
    #expect(delays(joint, 3, now: 5) == [0, Self.second, 2 * Self.second])
  }

  /// Eight workers: turns are given once each.
  @Test func turnsAreExactOverWorkers() {
    let table = LimitTable(capacity: 10)
    let turns = Locked<[UInt64]>([])
    let refused = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      let joint = JointRateLimiter(parts: [part(burst: 1_000, table: table)])
      let mine = delays(joint, 200, now: 5)
      refused.add(mine.count { $0 == nil }, ordering: .relaxed)
      turns.withLock { $0 += mine.compactMap(\.self) }
    }
    #expect(refused.load(ordering: .relaxed) == 600)
    #expect(turns.withLock { $0.sorted() } == (0..<1_000).map { UInt64($0) * Self.second })
  }
}
