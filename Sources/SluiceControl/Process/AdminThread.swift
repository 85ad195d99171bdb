import SluiceReactor

/// The thread of the admin API's handlers and jobs: what they do takes longer than a worker should be
/// away, and a reload even waits for the workers.
final class AdminThread: Sendable {
  private let thread: LoopThread

  init() throws(SystemError) { thread = try LoopThread(name: "admin") { _ in } }

  deinit {
    thread.stop()
    if !thread.mailbox.isCurrentThread { thread.join() }
  }

  /// Runs `body` there and waits for it, without holding up the caller's thread.
  func run<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) async -> Result {
    await start(body).value
  }

  @discardableResult
  func start<Result: Sendable>(
    _ body: @escaping @Sendable () async -> Result
  ) -> Task<Result, Never> {
    Task(executorPreference: thread.executor) { await body() }
  }

  func sleep(nanoseconds: Int64) async {
    await withCheckedContinuation { continuation in
      let isRunning = thread.mailbox.post { loop in
        _ = Sleeper(loop, nanoseconds) { continuation.resume() }
      }
      if !isRunning { continuation.resume() }
    }
  }

  private final class Sleeper: EventHandler {
    private let wake: () -> Void

    init(_ loop: EventLoop, _ nanoseconds: Int64, wake: @escaping () -> Void) {
      self.wake = wake
      super.init(loop: loop)
      loop.register(self)
      setDeadline(afterNanoseconds: nanoseconds)
    }

    override func deadlineReached() {
      loop.unregister(self)
      wake()
    }

    override func loopEnded() { wake() }
  }
}
