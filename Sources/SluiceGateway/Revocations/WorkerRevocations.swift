import SluiceReactor

/// The revocations as one worker asks them, and what they do to its live sessions.
///
/// Every worker has all of them, so that nobody takes a lock; a change comes through the mailbox.
final class WorkerRevocations: EventHandler {
  private var table = RevocationTable()

  override init(loop: EventLoop) {
    super.init(loop: loop)
    loop.register(self)
  }

  func revokes(_ identity: Identity) -> Bool { table.revokes(identity, now: loop.now) }

  func revokes(_ session: Session) -> Bool {
    table.revokes(.session(session.id), now: loop.now)
      || session.isProved(by: { revokes($0) })
  }

  func insert(_ revocation: Revocation) {
    // The gateway's list, which is as large, had room.
    _ = table.insert(revocation)
    changed()
  }

  func remove(_ id: UInt64) {
    _ = table.remove(id)
    changed()
  }

  override func deadlineReached() {
    table.removeExpired(now: loop.now)
    changed()
  }

  private func changed() {
    Worker.of(loop).hasRevocations = !table.isEmpty
    if let end = table.nextEnd { setDeadline(end) }
  }
}

extension Worker {
  /// Refuses what comes from now on, and begins to close the sessions that it concerns. `done` gets how
  /// many those are, once, on this thread.
  func revoke(_ revocation: Revocation, done: @escaping (Int) -> Void) {
    revocations.insert(revocation)
    let what = revocation.what
    if case .session(let id) = what {
      guard let session = sessions[id], !session.machine.isEnding else { return done(0) }
      session.end(.revoked)
      return done(1)
    }
    // One that opens after this looks at the list itself.
    _ = SessionWalk(
      self, SessionFilter(), [HandlerToken](),
      visit: { session, found in
        if !session.machine.isEnding && what.concerns(session) { found.append(session.token) }
      },
      done: { [self] found in
        if !found.isEmpty {
          SessionCloser(
            found, .revoked, perSecond: max(Self.leastRevokedPerSecond, found.count * 2), loop
          ).begin()
        }
        done(found.count)
      })
  }

  /// All are closed in half a second, however many: so fast that a block bites, and in slices, so that
  /// others have their turns.
  private static let leastRevokedPerSecond = 1_000
}

extension SessionEnding {
  static var revoked: SessionEnding { SessionEnding(.revoked, code: 4_403) }
}
