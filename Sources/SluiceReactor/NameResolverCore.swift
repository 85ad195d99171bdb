import CLinux
import Glibc

/// The threads of a `NameResolver`. They hold this and not the resolver, so that the resolver can
/// go while getaddrinfo hangs.
final class NameResolverCore: Sendable {
  private struct State {
    var machine = NameLookUpStateMachine<NameResolver.Delivery>()
    var threads = 0
    /// When the watch thread wakes by itself; nil while there is none.
    var watchedUntil: MonotonicTime?
    var isStopped = false
  }

  private let state = Locked(State())
  private let maximumThreads: Int
  private let lookUp: NameResolver.LookUp
  /// Posted once per queued name, and once per thread to stop.
  private let work = Semaphore()
  /// Posted when a deadline comes before the one that the watch thread waits for.
  private let watch = Semaphore()

  init(maximumThreads: Int, lookUp: @escaping NameResolver.LookUp) {
    precondition(maximumThreads > 0)
    self.maximumThreads = maximumThreads
    self.lookUp = lookUp
  }

  func submit(
    _ name: String, deadline: MonotonicTime, deliver: @escaping NameResolver.Delivery
  ) {
    let (isQueued, needsThread, watched) = state.withLock { state in
      let isQueued = state.machine.submit(name, waiter: deliver, deadline: deadline)
      let needsThread = state.threads < min(state.machine.count, maximumThreads)
      if needsThread { state.threads += 1 }
      let watched = state.watchedUntil
      state.watchedUntil = min(watched ?? .distantFuture, deadline)
      return (isQueued, needsThread, watched)
    }
    if isQueued { work.post() }
    if needsThread && !startThread(running: { $0.lookUpNames() }) {
      state.withLock { $0.threads -= 1 }
    }
    if let watched {
      if deadline < watched { watch.post() }
    } else if !startThread(running: { $0.watchDeadlines() }) {
      state.withLock { $0.watchedUntil = nil }
    }
  }

  /// Ends the threads, those in a look-up after it. Nothing is delivered any more.
  func stop() {
    let threads = state.withLock { state in
      state.isStopped = true
      return state.threads
    }
    for _ in 0..<threads { work.post() }
    watch.post()
  }

  private func lookUpNames() {
    while true {
      work.wait()
      let (name, isStopped) = state.withLock { state in
        (state.isStopped ? nil : state.machine.takeNext(), state.isStopped)
      }
      if isStopped { return }
      // Nobody waits any more for what this was posted for.
      guard let name else { continue }
      let outcome = lookUp(name)
      let waiters = state.withLock { state in
        state.isStopped ? [] : state.machine.finished(name)
      }
      for deliver in waiters { deliver(outcome) }
    }
  }

  private func watchDeadlines() {
    let late = NameResolutionError(kind: .timedOut, text: "no answer in time")
    while true {
      let (expired, next): ([NameResolver.Delivery], MonotonicTime?) = state.withLock { state in
        if state.isStopped { return ([], nil) }
        let expired = state.machine.expire(now: .now())
        let next = state.machine.nextDeadline ?? .distantFuture
        state.watchedUntil = next
        return (expired, next)
      }
      guard let next else { return }
      for deliver in expired { deliver(.failure(late)) }
      watch.wait(until: next)
    }
  }
}

// MARK: - Threads

extension NameResolverCore {
  private final class Start {
    let core: NameResolverCore
    let body: @Sendable (NameResolverCore) -> Void

    init(core: NameResolverCore, body: @escaping @Sendable (NameResolverCore) -> Void) {
      self.core = core
      self.body = body
    }
  }

  /// False when the system gives no thread; then waiters end by their timeout, or the next submit
  /// tries again.
  private func startThread(running body: @escaping @Sendable (NameResolverCore) -> Void) -> Bool {
    // SAFETY: consumed once, by the thread or where there is none.
    let start = Unmanaged.passRetained(Start(core: self, body: body))
    // The new thread inherits the mask: signals are for the thread that handles them.
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_BLOCK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        // SAFETY: the argument is the reference retained above, for this thread alone.
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        start.body(start.core)
        return nil
      }, start.toOpaque())
    if status != 0 {
      start.release()
      return false
    }
    pthread_detach(thread)
    return true
  }
}
