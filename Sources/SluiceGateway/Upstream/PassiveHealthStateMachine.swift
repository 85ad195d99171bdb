import SluiceConfiguration
import SluiceReactor

/// What an exchange's result did to its target's health, for the log and the counters.
enum HealthChange: Equatable, Sendable {
  case unchanged
  /// `ejections` counts those in a row, this one included.
  case becameEjected(until: MonotonicTime, ejections: Int)
  case recovered
}

/// Passive health of one target, as one worker sees it: what its exchanges tell.
///
///                    failures in a row reach the limit
///      ┌─────────┐ ──────────────────────────────────────▶ ┌─────────┐
///      │ healthy │                                         │ ejected │ ◀─┐
///      └─────────┘ ◀──┐                                    └────┬────┘   │ failed: pause doubles;
///           ▲ │       │ probe succeeded:                        │        │ abandoned: pause stays
///           └─┘       │ pause falls back        pause over, and │        │ over
///        succeeded:   │                      an exchange begins ▼        │
///        count to 0   │                                    ┌─────────┐   │
///                     └─────────────────────────────────── │ probing │ ──┘
///                                                          └─────────┘
///
/// Only the probe decides while a target is out: exchanges that began before the ejection and end
/// after it say nothing about now.
struct PassiveHealthStateMachine: Sendable {
  enum State: Equatable, Sendable {
    case healthy(failuresInARow: Int)
    case ejected(until: MonotonicTime)
    /// One exchange is let through. `pauseEnded` is when that became allowed.
    case probing(pauseEnded: MonotonicTime)
  }

  private(set) var state = State.healthy(failuresInARow: 0)
  /// Ejections since the target was last healthy.
  private(set) var ejectionsInARow = 0
  private let failureLimit: Int
  private let firstPause: Int64
  private let maxPause: Int64
  private var pause: Int64 = 0

  init(_ settings: Configuration.Health) {
    failureLimit = settings.failures
    firstPause = settings.pause.nanoseconds
    maxPause = max(settings.pause.nanoseconds, settings.maxPause.nanoseconds)
  }

  /// Whether an exchange may begin; for an ejected target whose pause is over it would be the probe.
  func admits(now: MonotonicTime) -> Bool {
    switch state {
    case .healthy: return true
    case .ejected(let until): return now >= until
    case .probing: return false
    }
  }

  /// An exchange begins. True when it is the probe, which its result must say. Only when `admits`.
  mutating func begin(now: MonotonicTime) -> Bool {
    switch state {
    case .healthy:
      return false
    case .ejected(let until):
      assert(now >= until, "an exchange began on an ejected target")
      state = .probing(pauseEnded: until)
      return true
    case .probing:
      assertionFailure("a second exchange began on a target that is being probed")
      return false
    }
  }

  mutating func succeeded(wasProbe: Bool) -> HealthChange {
    switch state {
    case .healthy:
      state = .healthy(failuresInARow: 0)
      return .unchanged
    case .probing where wasProbe:
      state = .healthy(failuresInARow: 0)
      ejectionsInARow = 0
      pause = 0
      return .recovered
    case .ejected, .probing:
      return .unchanged
    }
  }

  mutating func failed(wasProbe: Bool, now: MonotonicTime) -> HealthChange {
    switch state {
    case .healthy(let failures):
      guard failureLimit > 0 else { return .unchanged }
      guard failures + 1 >= failureLimit else {
        state = .healthy(failuresInARow: failures + 1)
        return .unchanged
      }
      return eject(now: now)
    case .probing where wasProbe:
      return eject(now: now)
    case .ejected, .probing:
      return .unchanged
    }
  }

  /// The exchange ended for a reason that says nothing about the target, such as its caller leaving.
  mutating func abandoned(wasProbe: Bool) {
    guard wasProbe, case .probing(let pauseEnded) = state else { return }
    state = .ejected(until: pauseEnded)
  }

  /// Takes over what another snapshot's machine knew of the same target; this one's settings apply
  /// from the next ejection on. A probe under way reports to the other one, so this one may send its
  /// own.
  mutating func inherit(from former: PassiveHealthStateMachine) {
    guard failureLimit > 0 else { return }
    ejectionsInARow = former.ejectionsInARow
    pause = min(former.pause, maxPause)
    switch former.state {
    case .healthy(let failures): state = .healthy(failuresInARow: min(failures, failureLimit - 1))
    case .ejected: state = former.state
    case .probing(let pauseEnded): state = .ejected(until: pauseEnded)
    }
  }

  private mutating func eject(now: MonotonicTime) -> HealthChange {
    let (doubled, overflow) = pause.multipliedReportingOverflow(by: 2)
    pause = min(maxPause, pause == 0 ? firstPause : overflow ? .max : doubled)
    ejectionsInARow += 1
    let until = now.advanced(byNanoseconds: pause)
    state = .ejected(until: until)
    return .becameEjected(until: until, ejections: ejectionsInARow)
  }
}
