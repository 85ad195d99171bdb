import Glibc

// SAFETY: `value` is only touched between lock and unlock of `mutex`; the mutex lives at a fixed
// address for as long as self, as pthread demands.
/// A value behind a mutex; on the request path for look-ups in the cache only.
///
/// Built on pthread's mutex, because the thread sanitizer knows that one: with
/// `Synchronization.Mutex` it reports races that are none (docs/decisions/0005-locks.md).
public final class Locked<Value: ~Copyable>: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private var value: Value

  public init(_ value: consuming sending Value) {
    self.value = value
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Calls `body` with exclusive access; `body` must not block or lock again.
  public func withLock<R: ~Copyable, E: Error>(
    _ body: (inout sending Value) throws(E) -> sending R
  ) throws(E) -> sending R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&value)
  }
}
