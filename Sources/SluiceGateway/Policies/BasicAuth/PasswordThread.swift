import SluiceConfiguration
import SluiceReactor
import Synchronization

/// Checks passwords on a thread of its own, because one check takes as long as thousands of requests.
///
/// One for all workers. Whoever sends wrong passwords fills its queue and not the workers' time; with
/// a full queue further ones are refused, while those that were right before are still remembered.
final class PasswordThread: Sendable {
  private let thread: LoopThread?
  private let waiting = Atomic<Int>(0)

  static let maxWaiting = 64

  init() { thread = try? LoopThread(name: "passwords") { _ in } }

  deinit {
    thread?.stop()
    thread?.join()
  }

  /// Nil when too many wait.
  func verifies(_ digest: PasswordDigest, _ password: [UInt8]) async -> Bool? {
    guard let thread, waiting.load(ordering: .relaxed) < Self.maxWaiting else { return nil }
    waiting.add(1, ordering: .relaxed)
    defer { waiting.subtract(1, ordering: .relaxed) }
    return await withCheckedContinuation { continuation in
      let isRunning = thread.mailbox.post { _ in
        continuation.resume(returning: digest.verifies(password))
      }
      if !isRunning { continuation.resume(returning: nil) }
    }
  }
}
