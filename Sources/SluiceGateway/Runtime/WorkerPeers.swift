import SluiceReactor

/// The mailboxes of all workers, by index, for the few things that one asks another. Thread-safe.
final class WorkerPeers: Sendable {
  private let mailboxes = Locked<[Mailbox]>([])

  /// Once all workers run.
  func set(_ all: [Mailbox]) { mailboxes.withLock { $0 = all } }

  /// Nil beyond the last one.
  subscript(index: Int) -> Mailbox? {
    mailboxes.withLock { $0.indices.contains(index) ? $0[index] : nil }
  }
}
