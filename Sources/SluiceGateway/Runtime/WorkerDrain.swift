import SluiceConfiguration
import SluiceReactor

/// One worker's share of a drain: closes its sessions one after the other, waits for what is under
/// way, and cuts off the rest at the deadline.
final class WorkerDrain: EventHandler {
  // The worker holds its drain; `end` breaks the ring.
  private var worker: Worker?
  private let schedule: DrainSchedule
  private let began: MonotonicTime
  private let timeout: Int64
  private var pace: Pace
  /// Those still to be closed, longest idle last.
  private var waiting: [HandlerToken]
  /// When what was left was told to end, since the beginning.
  private var lastCalled: Int64?
  private let done: @Sendable () -> Void

  private static let tickNanoseconds: Int64 = 20_000_000

  init(worker: Worker, settings: Configuration.Shutdown, done: @escaping @Sendable () -> Void) {
    self.worker = worker
    self.done = done
    let sessions = worker.sessions.all().sorted { $0.lastActivity > $1.lastActivity }
    waiting = sessions.map(\.token)
    timeout = settings.timeout.nanoseconds
    schedule = DrainSchedule(
      timeoutNanoseconds: timeout, closeRate: settings.closeRate, workers: worker.workerCount,
      sessions: sessions.count)
    pace = Pace(perSecond: schedule.perSecond)
    began = worker.loop.now
    super.init(loop: worker.loop)
    loop.register(self)
  }

  func begin() { step() }

  /// A connection has gone.
  func progressed() {
    guard let worker, worker.connectionCount == 0, worker.hurryLogs() else { return }
    // Hurrying may have told of its progress, and have ended this.
    if self.worker != nil { finish(worker) }
  }

  override func deadlineReached() { step() }

  private func step() {
    let elapsed = loop.now.nanoseconds(since: began)
    if let lastCalled {
      if elapsed >= cutOffTime(lastCalled) { return cutOff() }
    } else if elapsed >= schedule.lastCallNanoseconds {
      callLast(elapsed)
    } else {
      closeDue(elapsed)
    }
    guard worker != nil else { return }
    progressed()
    if worker != nil { setDeadline(began.advanced(byNanoseconds: nextStep(after: elapsed))) }
  }

  private func nextStep(after elapsed: Int64) -> Int64 {
    if let lastCalled { return cutOffTime(lastCalled) }
    if waiting.isEmpty { return schedule.lastCallNanoseconds }
    return min(elapsed + Self.tickNanoseconds, schedule.lastCallNanoseconds)
  }

  /// Even a worker that was held up lets the last close frames go out before it cuts off.
  private func cutOffTime(_ lastCalled: Int64) -> Int64 {
    max(timeout, lastCalled + timeout - schedule.lastCallNanoseconds)
  }

  private func closeDue(_ elapsed: Int64) {
    for _ in 0..<min(pace.due(afterNanoseconds: elapsed), waiting.count) {
      guard let worker, let token = waiting.popLast() else { return }
      // It may have ended by itself.
      guard let session = loop.handler(token) as? Session, !session.machine.isEnding else {
        continue
      }
      session.end(SessionEnding(.drain, code: 1_012, reason: Self.reason(worker)))
    }
  }

  /// A hint for clients that know it: so many seconds, not the same for all.
  private static func reason(_ worker: Worker) -> [UInt8] {
    Array("draining; retry-after=\(1 + worker.random.next() % 5)".utf8)
  }

  /// Also those that opened meanwhile, from handshakes that were under way.
  private func callLast(_ elapsed: Int64) {
    lastCalled = elapsed
    waiting = []
    for session in worker?.sessions.all() ?? [] where !session.machine.isEnding {
      session.end(SessionEnding(.shutdown, code: 1_012))
    }
  }

  private func cutOff() {
    guard let worker else { return }
    for session in worker.sessions.all() { session.cutOff() }
    worker.closeRouteConnections()
    // Closing has told of its progress, and the last one has ended the drain, if there was one.
    if self.worker != nil { finish(worker) }
  }

  private func finish(_ worker: Worker) {
    end()
    worker.drainEnded()
    done()
  }

  /// Without a word to anybody.
  func end() {
    guard worker != nil else { return }
    worker = nil
    loop.unregister(self)
  }
}
