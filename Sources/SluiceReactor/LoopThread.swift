import CLinux
import Glibc
import Synchronization

/// A thread that runs one event loop.
public final class LoopThread: Sendable {
  public let mailbox: Mailbox
  /// Runs async code on the loop's thread.
  public let executor: EventLoopExecutor
  private let thread: pthread_t

  private final class Start {
    let loop: EventLoop
    let setUp: @Sendable (EventLoop) -> Void
    let name: String
    init(_ loop: EventLoop, _ name: String, _ setUp: @escaping @Sendable (EventLoop) -> Void) {
      self.loop = loop
      self.name = name
      self.setUp = setUp
    }
  }

  /// Starts the thread; `setUp` runs on it before the loop does. `name`: 15 bytes at most are kept.
  public init(
    name: String, setUp: @escaping @Sendable (EventLoop) -> Void
  ) throws(SystemError) {
    let loop = try EventLoop()
    mailbox = loop.mailbox
    executor = loop.executor
    // The loop changes hands here: nobody on this thread touches it again.
    // SAFETY: released below when there is no thread, consumed by `main` otherwise.
    let start = Unmanaged.passRetained(Start(loop, name, setUp))
    var thread = pthread_t()
    let code = pthread_create(&thread, nil, { LoopThread.main($0) }, start.toOpaque())
    if code != 0 {
      start.release()
      throw SystemError(call: "pthread_create", code: code)
    }
    self.thread = thread
  }

  private static func main(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    // SAFETY: the argument is the retained Start that init passed, consumed exactly once.
    let start = Unmanaged<Start>.fromOpaque(argument.unsafelyUnwrapped).takeRetainedValue()
    clinux_name_thread(start.name)
    start.setUp(start.loop)
    start.loop.run()
    return nil
  }

  /// Ends the loop after its current turn.
  public func stop() { mailbox.post { $0.stop() } }

  /// Waits until the thread has ended. Call once, from another thread.
  public func join() { pthread_join(thread, nil) }
}
