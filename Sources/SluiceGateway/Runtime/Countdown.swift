import SluiceReactor

/// Lets a thread wait until others have arrived. For set-up and shutdown; one thread waits, once.
final class Countdown: Sendable {
  private let remaining: Locked<Int>
  private let allArrived = Semaphore()

  init(_ count: Int) { remaining = Locked(count) }

  func arrive() {
    let isLast = remaining.withLock { count -> Bool in
      count -= 1
      return count == 0
    }
    if isLast { allArrived.post() }
  }

  /// Blocks until all have arrived, or for so long at most.
  func wait(nanoseconds: Int64 = .max) {
    let deadline = MonotonicTime.now().advanced(byNanoseconds: nanoseconds)
    // The semaphore may wake early.
    while remaining.withLock({ $0 > 0 }) && .now() < deadline {
      allArrived.wait(until: deadline)
    }
  }
}
