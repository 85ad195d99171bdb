import SluiceReactor

/// One drain of the whole gateway, from its beginning until every worker is done or it is taken back.
/// Thread-safe; one thread may wait.
final class DrainTicket: Sendable {
  enum Outcome: Sendable { case underWay, over, aborted }

  let began: MonotonicTime
  let timeoutNanoseconds: Int64

  private struct State {
    var remaining: Int
    var isAborted = false
  }

  private let state: Locked<State>
  private let changed = Semaphore()

  init(workers: Int, timeoutNanoseconds: Int64, now: MonotonicTime = .now()) {
    began = now
    self.timeoutNanoseconds = timeoutNanoseconds
    state = Locked(State(remaining: workers))
  }

  var deadline: MonotonicTime { began.advanced(byNanoseconds: timeoutNanoseconds) }

  var outcome: Outcome {
    state.withLock { $0.isAborted ? .aborted : $0.remaining == 0 ? .over : .underWay }
  }

  /// One worker has nothing open any more; true for the last one.
  func arrive() -> Bool {
    let isLast = state.withLock { state in
      state.remaining -= 1
      return state.remaining == 0 && !state.isAborted
    }
    if isLast { changed.post() }
    return isLast
  }

  func abort() {
    state.withLock { $0.isAborted = true }
    changed.post()
  }

  /// Blocks until the drain is over or aborted, or until `deadline`.
  func wait(until deadline: MonotonicTime) -> Outcome {
    // The semaphore may wake early.
    while outcome == .underWay && .now() < deadline { changed.wait(until: deadline) }
    return outcome
  }
}
