import CLinux
import Glibc
import SluiceReactor

/// Lets a thread wait until others have arrived. For set-up and shutdown.
final class Countdown: Sendable {
  private let remaining: Locked<Int>
  private let event: Int32

  init(_ count: Int) {
    remaining = Locked(count)
    event = eventfd(0, Int32(EFD_CLOEXEC))
  }

  deinit { close(event) }

  func arrive() {
    let isLast = remaining.withLock { count -> Bool in
      count -= 1
      return count == 0
    }
    if isLast {
      var one: UInt64 = 1
      _ = write(event, &one, 8)
    }
  }

  /// Blocks until all have arrived, or for so long at most.
  func wait(nanoseconds: Int64 = .max) {
    if remaining.withLock({ $0 <= 0 }) { return }
    let limit = Int32(clamping: nanoseconds == .max ? -1 : nanoseconds / 1_000_000)
    var descriptor = pollfd(fd: event, events: Int16(POLLIN), revents: 0)
    while poll(&descriptor, 1, limit) < 0 && errno == EINTR {}
  }
}
