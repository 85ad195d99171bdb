import CLinux
import Glibc
import Synchronization

/// The way into an event loop from other threads: a queue and an eventfd.
///
/// Any thread may post. The loop's own thread pays no system call, because the loop looks into its
/// mailbox before it sleeps.
public final class Mailbox: Sendable {
  enum Message: Sendable {
    case call(@Sendable (EventLoop) -> Void)
    case job(UnownedJob)
  }

  private struct Queue: ~Copyable {
    var messages: [Message] = []
    var isClosed = false
  }

  private let queue = Locked(Queue())
  let wakeDescriptor: Int32
  /// Whether the queue may hold something; spares the loop the lock on most turns.
  private let hasMail = Atomic<Bool>(false)
  /// The loop's thread, 0 before it runs.
  private let owner = Atomic<UInt>(0)

  init() throws(SystemError) {
    let descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    if descriptor < 0 { throw SystemError(call: "eventfd", code: errno) }
    wakeDescriptor = descriptor
  }

  deinit { close(wakeDescriptor) }

  /// Makes the calling thread the owner; called once by the loop when it starts.
  func adoptCurrentThread() { owner.store(pthread_self(), ordering: .relaxed) }

  /// True on the loop's own thread.
  public var isCurrentThread: Bool { owner.load(ordering: .relaxed) == pthread_self() }

  /// Runs `call` on the loop's thread, soon; false when the loop has ended and it never will.
  @discardableResult
  public func post(_ call: @escaping @Sendable (EventLoop) -> Void) -> Bool { put(.call(call)) }

  @discardableResult
  func put(_ message: Message) -> Bool {
    let (accepted, wasEmpty) = queue.withLock { queue -> (Bool, Bool) in
      if queue.isClosed { return (false, false) }
      let wasEmpty = queue.messages.isEmpty
      queue.messages.append(message)
      hasMail.store(true, ordering: .releasing)
      return (true, wasEmpty)
    }
    if accepted && wasEmpty && !isCurrentThread { wake() }
    return accepted
  }

  private func wake() {
    var one: UInt64 = 1
    _ = write(wakeDescriptor, &one, 8)
  }

  func clearWake() {
    var count: UInt64 = 0
    _ = read(wakeDescriptor, &count, 8)
  }

  /// Whether messages are there to be taken.
  var isWaiting: Bool { hasMail.load(ordering: .acquiring) }

  /// Takes all messages; `spare` is given in exchange, so that memory is kept.
  func take(_ spare: inout [Message]) {
    if !isWaiting { return }
    queue.withLock {
      hasMail.store(false, ordering: .relaxed)
      swap(&$0.messages, &spare)
    }
  }

  func closeQueue() { queue.withLock { $0.isClosed = true } }
}
