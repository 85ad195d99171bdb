import SluiceReactor

/// Writes revocations to their file on a thread of its own, because a disk may take its time. Thread-safe.
final class RevocationKeeper: Sendable {
  private let thread: LoopThread
  // SAFETY: touched by `thread` only, once `init` has handed it over.
  private nonisolated(unsafe) let file: RevocationFile

  init(_ file: RevocationFile) throws(SystemError) {
    self.file = file
    thread = try LoopThread(name: "revocations") { _ in }
  }

  deinit {
    thread.stop()
    thread.join()
  }

  /// In the order of the calls. `all` and `done` are called on the thread, `done` once, with whether the record
  /// is on the disk.
  func keep(
    _ record: RevocationRecord, all: @escaping @Sendable () -> [RevocationRecord],
    done: @escaping @Sendable (Bool) -> Void
  ) {
    // SAFETY: the letter is read on `thread`; not self, whose last owner must not be that thread.
    nonisolated(unsafe) let file = self.file
    let isRunning = thread.mailbox.post { _ in
      done(file.add(record, all: all))
    }
    if !isRunning { done(false) }
  }
}
