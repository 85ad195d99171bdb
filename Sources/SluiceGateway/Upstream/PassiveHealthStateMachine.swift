import SluiceConfiguration
import SluiceReactor

/// What an exchange's result did to its target's health, for the log and the counters.
enum HealthChange: Equatable, Sendable {
  case unchanged
  /// `ejections` counts those since the target was last healthy, this one included.
  case becameEjected(until: MonotonicTime, ejections: Int)
  case recovered
}

/// Passive health of one target, as one worker sees it: what its exchanges tell.
///
///                    failures in a row reach the limit
///      ┌─────────┐ ──────────────────────────────────────▶ ┌─────────┐
///      │ healthy │                                         │ ejected │ ◀─┐
///      └─────────┘ ◀──┐                                    └────┬────┘   │ failed: pause doubles;
///           ▲ │       │ trial succeeded:                        │        │ abandoned: pause stays
///           └─┘       │ pause falls back        pause over, and │        │ over
///        succeeded:   │                      an exchange begins ▼        │
///        count to 0   │                                    ┌─────────┐   │
///                     └─────────────────────────────────── │ inTrial │ ──┘
///                                                          └─────────┘
///
/// While a target is out, only the trial decides. The results of exchanges that began before an
/// ejection count for nothing after it, so that their time-outs do not eject a target that came back
/// in the meantime.
struct PassiveHealthStateMachine: Sendable {
  enum State: Equatable, Sendable {
    case healthy(failuresInARow: Int)
    case ejected(until: MonotonicTime)
    /// One exchange is let through. `pauseEnded` is when that became allowed.
    case inTrial(pauseEnded: MonotonicTime)
  }

  /// What an exchange shows when it reports.
  struct Ticket: Equatable, Sendable {
    fileprivate let epoch: UInt32
    let isTrial: Bool
  }

  private(set) var state = State.healthy(failuresInARow: 0)
  /// Ejections since the target was last healthy.
  private(set) var ejectionsInARow = 0
  /// Tickets of another epoch are void.
  private var epoch: UInt32 = 0
  private var pause: Int64 = 0
  private let failureLimit: Int
  private let firstPause: Int64
  private let maxPause: Int64

  init(_ settings: Configuration.Health) {
    failureLimit = settings.failures
    firstPause = settings.pause.nanoseconds
    maxPause = max(settings.pause.nanoseconds, settings.maxPause.nanoseconds)
  }

  /// Whether an exchange may begin; on an ejected target whose pause is over it would be the trial.
  func admits(now: MonotonicTime) -> Bool {
    switch state {
    case .healthy: true
    case .ejected(let until): now >= until
    case .inTrial: false
    }
  }

  /// An exchange begins; only when `admits`.
  mutating func begin(now: MonotonicTime) -> Ticket {
    switch state {
    case .healthy:
      return Ticket(epoch: epoch, isTrial: false)
    case .ejected(let until):
      assert(now >= until, "an exchange began on an ejected target")
      state = .inTrial(pauseEnded: until)
      return Ticket(epoch: epoch, isTrial: true)
    case .inTrial:
      assertionFailure("a second exchange began on a target that is being tried")
      return Ticket(epoch: epoch &- 1, isTrial: false)
    }
  }

  mutating func succeeded(_ ticket: Ticket) -> HealthChange {
    guard ticket.epoch == epoch else { return .unchanged }
    switch state {
    case .healthy:
      state = .healthy(failuresInARow: 0)
      return .unchanged
    case .inTrial:
      state = .healthy(failuresInARow: 0)
      ejectionsInARow = 0
      pause = 0
      return .recovered
    case .ejected:
      return .unchanged
    }
  }

  mutating func failed(_ ticket: Ticket, now: MonotonicTime) -> HealthChange {
    guard ticket.epoch == epoch else { return .unchanged }
    switch state {
    case .healthy(let failures):
      guard failureLimit > 0 else { return .unchanged }
      if failures + 1 >= failureLimit { return eject(now: now) }
      state = .healthy(failuresInARow: failures + 1)
      return .unchanged
    case .inTrial:
      return eject(now: now)
    case .ejected:
      return .unchanged
    }
  }

  /// The target is known to be another one than before, restarted or mended: nothing counts any more.
  mutating func reset() {
    state = .healthy(failuresInARow: 0)
    ejectionsInARow = 0
    pause = 0
    epoch &+= 1
  }

  /// The exchange ended for a reason that says nothing about the target, such as its caller leaving.
  mutating func abandoned(_ ticket: Ticket) {
    guard ticket.epoch == epoch, case .inTrial(let pauseEnded) = state else { return }
    epoch &+= 1
    state = .ejected(until: pauseEnded)
  }

  /// Takes over what another snapshot's machine knew of the same target; this one's settings apply
  /// from the next ejection on. A trial under way reports to the other one, so this one may send its
  /// own.
  mutating func inherit(from former: PassiveHealthStateMachine) {
    guard failureLimit > 0 else { return }
    ejectionsInARow = former.ejectionsInARow
    pause = min(former.pause, maxPause)
    switch former.state {
    case .healthy(let failures): state = .healthy(failuresInARow: min(failures, failureLimit - 1))
    case .ejected: state = former.state
    case .inTrial(let pauseEnded): state = .ejected(until: pauseEnded)
    }
  }

  private mutating func eject(now: MonotonicTime) -> HealthChange {
    let (doubled, overflow) = pause.multipliedReportingOverflow(by: 2)
    pause = min(maxPause, ejectionsInARow == 0 ? firstPause : overflow ? .max : doubled)
    ejectionsInARow += 1
    epoch &+= 1
    let until = now.advanced(byNanoseconds: pause)
    state = .ejected(until: until)
    return .becameEjected(until: until, ejections: ejectionsInARow)
  }
}
