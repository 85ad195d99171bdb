import SluiceReactor

/// When another connection to a target is tried after one was lost: pure.
///
/// ```
///              lost              time
///  settled ───────────▶ waiting ──────▶ trying ──succeeded──▶ settled
///                        ▲  │             │
///                        │  └──deadline─▶ over ◀──deadline
///                        └─────failed─────┘
/// ```
///
/// The time between two tries doubles from `backoff` to `maxBackoff`. Each pause, the first one too, is
/// a random share of it, so that the sessions of a target that restarts do not all come at once. A
/// connection that did not last for `maxBackoff` has proved nothing: its loss goes on with the tries and
/// the deadline of the one before, so a target that takes handshakes and drops them is given up, too.
struct ReconnectStateMachine {
  /// In nanoseconds.
  struct Settings: Equatable {
    var deadline: Int64
    var backoff: Int64
    var maxBackoff: Int64
  }

  enum Action: Equatable {
    /// Calls `timeReached` then.
    case wait(until: MonotonicTime)
    /// Tries now; `timeReached` is called at `deadline` even if nothing comes of it.
    case connect
    case giveUp
  }

  private enum State {
    /// Nil: there was no loss yet.
    case settled(since: MonotonicTime?)
    case waiting(until: MonotonicTime)
    case trying
    case over
  }

  private var state = State.settled(since: nil)
  /// Of this loss.
  private var tries = 0
  /// When it is given up.
  private(set) var deadline = MonotonicTime.distantFuture
  /// How often another connection was found.
  private(set) var reconnections: UInt32 = 0

  /// With these, 1 ms has become a minute, the longest that can be set; and nothing overflows.
  private static let maxDoublings = 16

  /// The connection is gone. `random` is all 64 bits, also below.
  mutating func lost(_ settings: Settings, now: MonotonicTime, random: UInt64) -> Action {
    guard case .settled(let since) = state else { return .giveUp }
    if let since, now < since.advanced(byNanoseconds: settings.maxBackoff) {
      tries += 1
    } else {
      tries = 0
      deadline = now.advanced(byNanoseconds: settings.deadline)
    }
    return pause(settings, now, random)
  }

  /// The try came to nothing.
  mutating func failed(_ settings: Settings, now: MonotonicTime, random: UInt64) -> Action {
    guard case .trying = state else { return .giveUp }
    tries += 1
    return pause(settings, now, random)
  }

  /// A target has answered the handshake as the one before did.
  mutating func succeeded(now: MonotonicTime) {
    state = .settled(since: now)
    reconnections += 1
  }

  mutating func timeReached(now: MonotonicTime) -> Action {
    if now >= deadline {
      state = .over
      return .giveUp
    }
    switch state {
    case .waiting(let until) where now < until: return .wait(until: until)
    case .waiting:
      state = .trying
      return .connect
    case .trying: return .wait(until: deadline)
    case .settled, .over: return .giveUp
    }
  }

  private mutating func pause(
    _ settings: Settings, _ now: MonotonicTime, _ random: UInt64
  ) -> Action {
    let doubled = settings.backoff << Int64(min(tries, Self.maxDoublings))
    let longest = UInt64(max(1, min(settings.maxBackoff, doubled)))
    let until = min(now.advanced(byNanoseconds: Int64(random % longest)), deadline)
    state = .waiting(until: until)
    return .wait(until: until)
  }
}
