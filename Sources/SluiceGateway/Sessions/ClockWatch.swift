import SluiceReactor

/// Whether a clock was set; pure.
struct ClockSteps {
  /// Of the clock over the one that timers go by, when ends were last set by it; nanoseconds.
  private var offset: Int64

  /// Less is no step: a clock that is slewed gets there, too, and then counts.
  static let least: Int64 = 500_000_000

  init(unixTime: Int64, now: MonotonicTime) { offset = unixTime - now.nanoseconds }

  /// True once for each step.
  mutating func hasStepped(unixTime: Int64, now: MonotonicTime) -> Bool {
    let next = unixTime - now.nanoseconds
    if abs(next - offset) < Self.least { return false }
    offset = next
    return true
  }
}

/// Sees that the time of day was set, forward or back, and gives one worker's sessions whose trust ends by
/// it their new end: within a second, and the walk through them.
///
/// It looks only while there are sessions, and only if one of them had such an end.
final class ClockWatch: EventHandler {
  private let clock: UnixClock
  /// Nil while nobody looks.
  private var steps: ClockSteps?

  private static let interval: Int64 = 1_000_000_000

  init(loop: EventLoop, clock: UnixClock) {
    self.clock = clock
    super.init(loop: loop)
    loop.register(self)
  }

  /// A session's trust has an end.
  func begin() {
    if steps != nil { return }
    steps = ClockSteps(unixTime: clock.nanoseconds, now: loop.now)
    setDeadline(afterNanoseconds: Self.interval)
  }

  override func deadlineReached() {
    let worker = Worker.of(loop)
    if worker.sessions.count == 0 {
      steps = nil
      return
    }
    if steps?.hasStepped(unixTime: clock.nanoseconds, now: loop.now) == true {
      _ = SessionWalk(
        worker, SessionFilter(), (),
        visit: { session, _ in session.clockWasSet() }, done: { _ in })
    }
    setDeadline(afterNanoseconds: Self.interval)
  }
}

extension Session {
  /// When trust in this identity ends. A service's grant is a length of time, which no clock makes longer.
  func endOfTrust(in identity: Identity?) -> MonotonicTime {
    let end = identity?.deadline(
      now: loop.now, unixTime: worker.wallClock(now: loop.now).seconds)
    return min(end ?? .distantFuture, trust?.grantEnd ?? .distantFuture)
  }

  fileprivate func clockWasSet() {
    if identity?.expiresAt == nil || machine.isEnding { return }
    trustEnd = endOfTrust(in: identity)
    schedule()
  }
}
