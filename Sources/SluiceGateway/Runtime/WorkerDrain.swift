import SluiceConfiguration
import SluiceReactor

/// One worker's share of a drain: waits for what is under way and cuts off the rest at the deadline.
final class WorkerDrain: EventHandler {
  // The worker holds its drain; `end` breaks the ring.
  private var worker: Worker?
  private let done: @Sendable () -> Void

  init(worker: Worker, settings: Configuration.Shutdown, done: @escaping @Sendable () -> Void) {
    self.worker = worker
    self.done = done
    super.init(loop: worker.loop)
    loop.register(self)
    setDeadline(afterNanoseconds: settings.timeout.nanoseconds)
  }

  /// A connection has gone.
  func progressed() {
    guard let worker, worker.connectionCount == 0 else { return }
    finish(worker)
  }

  override func deadlineReached() {
    guard let worker else { return }
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
