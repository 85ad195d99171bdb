import SluiceConfiguration
import SluiceReactor

/// Draining: accept no more, let what is under way end, cut off the rest at the deadline. It can be
/// taken back until the gateway stops.
extension Gateway {
  public enum DrainPhase: String, Sendable {
    case serving, draining
    /// Nothing is open any more, and nothing is accepted.
    case drained
  }

  public struct DrainStatus: Sendable {
    public var phase = DrainPhase.serving
    /// Since it began; 0 while serving.
    public var elapsedNanoseconds: Int64 = 0
    /// Until everything that is left is cut off; 0 once it is.
    public var leftNanoseconds: Int64 = 0
    public var timeoutNanoseconds: Int64 = 0
    public init() {}
  }

  public var drainStatus: DrainStatus {
    guard let ticket = drainTicket else { return DrainStatus() }
    var status = DrainStatus()
    let now = MonotonicTime.now()
    status.phase = ticket.outcome == .over ? .drained : .draining
    status.elapsedNanoseconds = now.nanoseconds(since: ticket.began)
    status.timeoutNanoseconds = ticket.timeoutNanoseconds
    if status.phase == .draining {
      status.leftNanoseconds = max(0, ticket.deadline.nanoseconds(since: now))
    }
    return status
  }

  /// A drain that was begun, for waiting until it ends.
  public struct Drain: Sendable {
    let ticket: DrainTicket
  }

  /// Begins to drain with the configuration's `shutdown` settings; answers with the drain under way
  /// when there is one already.
  @discardableResult
  public func beginDrain() -> Drain { Drain(ticket: startDrain()) }

  /// Opens the listeners again, where they were. False when nothing is drained; throws when one can't
  /// be bound, and then the drain goes on.
  @discardableResult
  public func abortDrain() throws(StartError) -> Bool {
    changes.wait()
    defer { changes.post() }
    guard let ticket = drainTicket else { return false }
    try reopenListeners()
    ticket.abort()
    setDrainTicket(nil)
    report(.drainAborted)
    return true
  }

  /// Accepts no more, lets exchanges finish until the configuration's deadline, and ends all
  /// threads. Blocks. False when the drain was aborted meanwhile: then the gateway goes on.
  @discardableResult
  public func shutDown() -> Bool { shutDown(after: beginDrain()) }

  /// The same after a drain that was begun before. One that was aborted is not begun again.
  public func shutDown(after drain: Drain) -> Bool {
    let ticket = drain.ticket
    // The workers keep the deadline; this is for one that can't.
    let limit = ticket.deadline.advanced(byNanoseconds: Self.shutDownGrace)
    if ticket.wait(until: limit) == .aborted { return false }
    stop()
    return true
  }

  private static var shutDownGrace: Int64 { 1_000_000_000 }

  private func startDrain() -> DrainTicket {
    // A reload under way ends first; none comes after.
    changes.wait()
    defer { changes.post() }
    if let ticket = drainTicket { return ticket }
    let settings = configuration.shutdown
    let ticket = DrainTicket(
      workers: workers.count, timeoutNanoseconds: settings.timeout.nanoseconds)
    setDrainTicket(ticket)
    report(.draining(timeout: settings.timeout.text))
    for worker in workers {
      worker.thread.mailbox.post { [self] loop in
        Worker.of(loop).drain(settings) {
          if ticket.arrive() { self.report(.drained) }
        }
      }
    }
    return ticket
  }
}
