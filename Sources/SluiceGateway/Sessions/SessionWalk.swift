import SluiceReactor

/// Walks through one worker's sessions for a query, a slice in each turn, so that traffic does not
/// wait for it. Sessions that are there from beginning to end are met once; of the others some.
final class SessionWalk<Result: Sendable>: EventHandler {
  typealias Visit = (Session, inout Result) -> Void

  private let registry: SessionRegistry
  private let filter: SessionFilter
  private var result: Result
  private let visit: Visit
  private let done: (Result) -> Void
  /// The next part of the registry.
  private var cursor: Int? = 0

  /// Sessions looked at in one turn: some hundred microseconds, copies included.
  private static var slice: Int { 256 }

  /// `done` is called once, on the worker's thread; at the worker's end with what was found so far.
  init(
    _ worker: Worker, _ filter: SessionFilter, _ initial: Result, visit: @escaping Visit,
    done: @escaping (Result) -> Void
  ) {
    registry = worker.sessions
    self.filter = filter
    result = initial
    self.visit = visit
    self.done = done
    super.init(loop: worker.loop)
    loop.register(self)
    if registry.candidates(for: filter) <= Self.slice {
      registry.forEach(matching: filter, now: loop.now) { visit($0, &result) }
      finish()
    } else {
      walkSlice()
    }
  }

  override func resumed() { walkSlice() }

  override func loopEnded() { done(result) }

  private func walkSlice() {
    guard let cursor else { return finish() }
    let now = loop.now
    self.cursor = registry.forEach(from: cursor, limit: Self.slice) { session in
      if filter.matches(session, now: now) { visit(session, &result) }
    }
    if self.cursor == nil { finish() } else { loop.resumeLater(self) }
  }

  private func finish() {
    loop.unregister(self)
    done(result)
  }
}
