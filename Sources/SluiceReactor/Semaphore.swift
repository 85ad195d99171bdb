import CLinux
import Glibc

// SAFETY: sem_t is made for concurrent use; the pointer never changes.
/// A counting semaphore to wake threads with; what they find is kept behind a `Locked`.
///
/// Thread-safe. For background threads: an event loop must never wait on one.
public final class Semaphore: @unchecked Sendable {
  private let raw: UnsafeMutablePointer<sem_t>

  public init() {
    raw = .allocate(capacity: 1)
    let status = sem_init(raw, 0, 0)
    precondition(status == 0)
  }

  deinit {
    // Nobody waits: waiting needs a reference.
    sem_destroy(raw)
    raw.deallocate()
  }

  public func post() { sem_post(raw) }

  public func wait() {
    while sem_wait(raw) != 0 {}
  }

  /// Returns at the deadline at the latest; may return early.
  public func wait(until deadline: MonotonicTime) {
    _ = clinux_semaphore_wait_until(raw, deadline.nanoseconds)
  }
}
