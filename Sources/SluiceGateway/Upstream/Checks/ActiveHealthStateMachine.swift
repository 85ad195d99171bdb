import SluiceConfiguration
import SluiceReactor

/// Active health of one target: when it is checked, and what the results make of it. Pure; time and
/// random numbers are parameters.
///
///     ┌─────────┐ first passes ┌─────────┐  `unhealthyAfter` in a row fail   ┌───────────┐
///     │ unknown │ ───────────▶ │ healthy │ ────────────────────────────────▶ │ unhealthy │
///     └────┬────┘              └─────────┘ ◀──────────────────────────────── └───────────┘
///          │                                 `healthyAfter` in a row pass          ▲
///          └───────────────────────────── first fails ────────────────────────────┘
///
/// A target of which nothing is known gets requests: a gateway that starts would refuse everything until
/// the first results otherwise.
struct ActiveHealthStateMachine: Sendable {
  enum Verdict: Equatable, Sendable { case unknown, healthy, unhealthy }

  /// Nil is no change.
  enum Change: Equatable, Sendable { case becameHealthy, becameUnhealthy }

  private(set) var verdict: Verdict
  /// Results in a row that speak against the verdict.
  private(set) var streak = 0
  private(set) var passed: UInt64 = 0
  private(set) var failed: UInt64 = 0
  /// When the next check is to begin; distantFuture while one is under way.
  private(set) var nextCheck: MonotonicTime
  private var began: MonotonicTime?

  private let interval: Int64
  private let healthyAfter: Int
  private let unhealthyAfter: Int

  /// Nanoseconds after which the first check has begun, whatever the interval.
  private static let longestStart: Int64 = 1_000_000_000

  /// - Parameters:
  ///   - verdict: what is known from before a reload.
  ///   - draw: any random number; spreads the first checks.
  init(
    _ settings: Configuration.HealthCheck, verdict: Verdict = .unknown, now: MonotonicTime,
    draw: UInt64
  ) {
    interval = settings.interval.nanoseconds
    healthyAfter = settings.healthyAfter
    unhealthyAfter = settings.unhealthyAfter
    self.verdict = verdict
    let spread = UInt64(min(interval, Self.longestStart))
    nextCheck = now.advanced(byNanoseconds: Int64(draw % spread))
  }

  var isChecking: Bool { began != nil }

  /// A check begins; not before `nextCheck`, and not while one is under way.
  mutating func checkBegan(now: MonotonicTime) {
    assert(began == nil && now >= nextCheck)
    began = now
    nextCheck = .distantFuture
  }

  /// The check that began is over. `draw`: any random number; moves the next check by up to a tenth of the
  /// interval, so that many gateways do not check at the same time forever.
  mutating func checkEnded(hasPassed: Bool, now: MonotonicTime, draw: UInt64) -> Change? {
    guard scheduleNext(now: now, draw: draw) else { return nil }
    if hasPassed { passed &+= 1 } else { failed &+= 1 }
    return judge(hasPassed)
  }

  /// The check that began says nothing about the target; the next one comes as usual.
  mutating func checkWasVoid(now: MonotonicTime, draw: UInt64) {
    _ = scheduleNext(now: now, draw: draw)
  }

  private mutating func scheduleNext(now: MonotonicTime, draw: UInt64) -> Bool {
    guard let began else {
      assertionFailure("a check ended that had not begun")
      return false
    }
    self.began = nil
    let tenth = interval / 10
    let moved = tenth > 0 ? Int64(draw % UInt64(2 * tenth + 1)) - tenth : 0
    nextCheck = max(now, began.advanced(byNanoseconds: interval + moved))
    return true
  }

  private mutating func judge(_ hasPassed: Bool) -> Change? {
    switch (verdict, hasPassed) {
    case (.healthy, true), (.unhealthy, false):
      streak = 0
      return nil
    case (.healthy, false):
      streak += 1
      if streak < unhealthyAfter { return nil }
    case (.unhealthy, true):
      streak += 1
      if streak < healthyAfter { return nil }
    case (.unknown, _): break
    }
    streak = 0
    verdict = hasPassed ? .healthy : .unhealthy
    return hasPassed ? .becameHealthy : .becameUnhealthy
  }
}
