import Glibc
import SluiceReactor

/// The list of revocations that the admin API shows; workers have copies. Thread-safe.
final class RevocationList: Sendable {
  private struct State {
    var table = RevocationTable()
    var lastID: UInt64 = 0
  }

  private let state: Locked<State>
  /// Nil where they are kept in memory only.
  private let keeper: RevocationKeeper?

  /// With what the file says, if there is one.
  init(file path: String?) throws(RevocationFile.Problem) {
    guard let path else {
      state = Locked(State())
      keeper = nil
      return
    }
    let (file, replay) = try RevocationFile.open(path)
    var state = State()
    state.lastID = replay.lastID
    let (now, time) = (MonotonicTime.now(), Self.unixMilliseconds())
    for (id, record) in replay.records.sorted(by: { $0.key < $1.key }) {
      guard case .revoked(_, let what, let reason, let until) = record, until > time else {
        continue
      }
      // A clock that was far ahead must not make it last for ever.
      let left = min(until - time, Self.maxLifetime)
      _ = state.table.insert(
        Revocation(
          id: id, what: what, reason: reason,
          expires: now.advanced(byNanoseconds: left * 1_000_000)))
    }
    let records = Self.records(of: state.table.all, now: now, time: time)
    guard file.rewrite(records) else {
      throw RevocationFile.Problem(text: "\(path) can't be written")
    }
    self.state = Locked(state)
    do throws(SystemError) {
      keeper = try RevocationKeeper(file)
    } catch {
      throw RevocationFile.Problem(text: error.description)
    }
  }

  /// As long as the admin API lets one last, in milliseconds.
  private static let maxLifetime: Int64 = 366 * 86_400_000

  private static func unixMilliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
  }

  private static func records(
    of revocations: [Revocation], now: MonotonicTime, time: Int64
  ) -> [RevocationRecord] {
    revocations.compactMap {
      .revoked($0, until: time + $0.expires.nanoseconds(since: now) / 1_000_000)
    }
  }

  /// Puts a change on the disk; `done` is told once whether it is there, at once where nothing is kept. Only
  /// posts.
  func keep(
    _ revocation: Revocation, isTakenBack: Bool = false,
    done: @escaping @Sendable (Bool) -> Void
  ) {
    let (now, time) = (MonotonicTime.now(), Self.unixMilliseconds())
    let record = Self.records(of: [revocation], now: now, time: time).first
    guard let keeper, let record else { return done(true) }
    keeper.keep(
      isTakenBack ? .takenBack(id: revocation.id) : record,
      // Not self: what is written anew must be all there is, whoever has gone meanwhile.
      all: { [state] in
        let (now, time) = (MonotonicTime.now(), Self.unixMilliseconds())
        let all = state.withLock { state in
          state.table.removeExpired(now: now)
          return state.table.all
        }
        return Self.records(of: all, now: now, time: time)
      }, done: done)
  }

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

  func remove(
    _ id: UInt64, now: MonotonicTime, _ tell: (Revocation) -> Void
  ) -> Revocation? {
    state.withLock { state in
      state.table.removeExpired(now: now)
      guard let revocation = state.table.remove(id) else { return nil }
      tell(revocation)
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
  /// the sessions that rest on it, `closing` in number, are being closed. `isKept` is false when it could
  /// not be written to the file that keeps revocations over a restart; it holds until then all the same. Nil
  /// when too many revocations are in force.
  public func revoke(
    _ what: Revocation.What, reason: String = "", lifetime: Int64
  ) async -> (revocation: Revocation, closing: Int, isKept: Bool)? {
    await withCheckedContinuation { continuation in
      // The file arrives, too.
      let tally = RevocationTally(workers.count + 1) { revocation, closing, isKept in
        continuation.resume(returning: (revocation, closing, isKept))
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
        revocations.keep(revocation) { tally.arrive(revocation, closing: 0, isKept: $0) }
      }
      if revocation == nil { continuation.resume(returning: nil) }
    }
  }

  /// Trusts again; nil when there is no such revocation, or it is over. Sessions that were closed stay
  /// closed.
  public func takeBack(revocation id: UInt64) async -> Revocation? {
    await withCheckedContinuation { continuation in
      let revocation = revocations.remove(id, now: .now()) { revocation in
        for worker in workers {
          worker.thread.mailbox.post { loop in Worker.of(loop).revocations.remove(id) }
        }
        // A line that the disk does not take is made up for with the next one.
        revocations.keep(revocation, isTakenBack: true) { _ in
          continuation.resume(returning: revocation)
        }
      }
      if revocation == nil { continuation.resume(returning: nil) }
    }
  }

  /// Tells workers that have just started.
  func restoreRevocations() {
    let known = allRevocations
    if known.isEmpty { return }
    for worker in workers {
      worker.thread.mailbox.post { loop in
        for revocation in known { Worker.of(loop).revocations.insert(revocation) }
      }
    }
  }

  /// Those in force, oldest first.
  public var allRevocations: [Revocation] { revocations.all(now: .now()) }
}

/// Adds up what the workers say; calls `done` after the last.
private final class RevocationTally: Sendable {
  private let state: Locked<(left: Int, closing: Int, isKept: Bool)>
  private let done: @Sendable (Revocation, Int, Bool) -> Void

  init(_ count: Int, done: @escaping @Sendable (Revocation, Int, Bool) -> Void) {
    state = Locked((count, 0, true))
    self.done = done
  }

  func arrive(_ revocation: Revocation, closing: Int, isKept: Bool = true) {
    let whole: (closing: Int, isKept: Bool)? = state.withLock { state in
      state.left -= 1
      state.closing += closing
      state.isKept = state.isKept && isKept
      return state.left == 0 ? (state.closing, state.isKept) : nil
    }
    if let whole { done(revocation, whole.closing, whole.isKept) }
  }
}
