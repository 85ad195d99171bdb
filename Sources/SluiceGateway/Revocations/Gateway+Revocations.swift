import SluiceReactor

/// The list of revocations that the admin API shows; workers have copies. Thread-safe.
final class RevocationList: Sendable {
  private struct State {
    var table = RevocationTable()
    var lastID: UInt64 = 0
  }

  private let state = Locked(State())

  /// Nil when the list is full. `tell` is called under the lock, so that all workers hear of all
  /// changes in one order; it only posts.
  func insert(
    _ what: Revocation.What, reason: String, lifetime: Int64, now: MonotonicTime,
    _ tell: (Revocation) -> Void
  ) -> Revocation? {
    state.withLock { state in
      state.table.removeExpired(now: now)
      state.lastID += 1
      let revocation = Revocation(
        id: state.lastID, what: what, reason: reason,
        expires: now.advanced(byNanoseconds: lifetime))
      guard state.table.insert(revocation) else { return nil }
      tell(revocation)
      return revocation
    }
  }

  func remove(_ id: UInt64, now: MonotonicTime, _ tell: () -> Void) -> Revocation? {
    state.withLock { state in
      state.table.removeExpired(now: now)
      guard let revocation = state.table.remove(id) else { return nil }
      tell()
      return revocation
    }
  }

  func all(now: MonotonicTime) -> [Revocation] {
    state.withLock { state in
      state.table.removeExpired(now: now)
      return state.table.all
    }
  }
}

extension Gateway {
  /// Takes trust back for `lifetime` nanoseconds. When this returns no worker accepts it any more, and
  /// the sessions that rest on it, `closing` in number, are being closed. Nil when too many
  /// revocations are in force.
  public func revoke(
    _ what: Revocation.What, reason: String = "", lifetime: Int64
  ) async -> (revocation: Revocation, closing: Int)? {
    await withCheckedContinuation { continuation in
      let tally = RevocationTally(workers.count) { revocation, closing in
        continuation.resume(returning: (revocation, closing))
      }
      let revocation = revocations.insert(
        what, reason: reason, lifetime: lifetime, now: .now()
      ) { revocation in
        for worker in workers {
          let isRunning = worker.thread.mailbox.post { loop in
            Worker.of(loop).revoke(revocation) { tally.arrive(revocation, closing: $0) }
          }
          if !isRunning { tally.arrive(revocation, closing: 0) }
        }
      }
      if revocation == nil { continuation.resume(returning: nil) }
    }
  }

  /// Trusts again; nil when there is no such revocation, or it is over. Sessions that were closed stay
  /// closed.
  public func takeBack(revocation id: UInt64) -> Revocation? {
    revocations.remove(id, now: .now()) {
      for worker in workers {
        worker.thread.mailbox.post { loop in Worker.of(loop).revocations.remove(id) }
      }
    }
  }

  /// Those in force, oldest first.
  public var allRevocations: [Revocation] { revocations.all(now: .now()) }
}

/// Adds up what the workers say; calls `done` after the last.
private final class RevocationTally: Sendable {
  private let state: Locked<(left: Int, closing: Int)>
  private let done: @Sendable (Revocation, Int) -> Void

  init(_ count: Int, done: @escaping @Sendable (Revocation, Int) -> Void) {
    state = Locked((count, 0))
    self.done = done
  }

  func arrive(_ revocation: Revocation, closing: Int) {
    let whole: Int? = state.withLock { state in
      state.left -= 1
      state.closing += closing
      return state.left == 0 ? state.closing : nil
    }
    if let whole { done(revocation, whole) }
  }
}
