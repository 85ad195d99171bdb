import CLinux
import Glibc
import SluiceReactor
import Synchronization

/// A thread that writes log lines to a descriptor, so that no worker waits for a disk or a pipe.
///
/// Lines that arrive while more than `maxQueuedBytes` wait are lost and counted: a stuck log must not
/// stop traffic. Thread-safe.
public final class LogWriter: Sendable {
  private struct Queue: ~Copyable {
    var batches: [[UInt8]] = []
    var queuedBytes = 0
    var isClosing = false
    var reopens = false
  }

  public enum Output: Sendable, Equatable {
    case standardOutput
    case standardError
    case file(path: String)

    public init(_ text: String) {
      switch text {
      case "stdout": self = .standardOutput
      case "stderr": self = .standardError
      default: self = .file(path: text)
      }
    }
  }

  private static let maxQueuedBytes = 16 << 20

  private let output: Output
  private let queue = Locked(Queue())
  private let work = Semaphore()
  private let ended = Semaphore()
  private let hasEnded = Atomic(false)
  private let thread: Locked<pthread_t?> = Locked(nil)
  private let descriptor: Atomic<Int32>
  private let lost = Atomic<UInt64>(0)
  private let onLoss: @Sendable (_ batches: UInt64) -> Void

  /// A full disk must not fill the other log as well.
  private static let reportNanoseconds: Int64 = 10_000_000_000

  /// What `close` grants an output that doesn't take what is queued.
  private static let closeNanoseconds: Int64 = 1_000_000_000

  /// Opens the output and starts the thread. `onLoss` is told there how many batches were lost since
  /// it was last called: at the first loss, then at most every ten seconds, and at the end.
  public init(
    _ output: Output, onLoss: @escaping @Sendable (_ batches: UInt64) -> Void = { _ in }
  ) throws(OpenError) {
    self.output = output
    self.onLoss = onLoss
    descriptor = Atomic(try Self.open(output))
    // SAFETY: released below when there is no thread, consumed by the thread otherwise.
    let context = Unmanaged.passRetained(self)
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { argument in
        // SAFETY: the argument is the writer that init retained for this thread.
        Unmanaged<LogWriter>.fromOpaque(argument.unsafelyUnwrapped).takeRetainedValue().run()
        return nil
      }, context.toOpaque())
    if code != 0 {
      context.release()
      throw OpenError(path: "thread", code: code)
    }
    self.thread.withLock { $0 = thread }
  }

  public struct OpenError: Error, CustomStringConvertible {
    public let path: String
    public let code: Int32
    public var description: String { "\(path): \(String(cString: strerror(code)))" }
  }

  private static func open(_ output: Output) throws(OpenError) -> Int32 {
    switch output {
    case .standardOutput: return STDOUT_FILENO
    case .standardError: return STDERR_FILENO
    case .file(let path):
      let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
      if descriptor < 0 { throw OpenError(path: path, code: errno) }
      return descriptor
    }
  }

  /// Batches lost because the output was too slow.
  public var lostBatches: UInt64 { lost.load(ordering: .relaxed) }

  public func enqueue(_ batch: [UInt8]) {
    let accepted = queue.withLock { queue -> Bool in
      if queue.queuedBytes + batch.count > Self.maxQueuedBytes { return false }
      queue.queuedBytes += batch.count
      queue.batches.append(batch)
      return true
    }
    if accepted { work.post() } else { lost.add(1, ordering: .relaxed) }
  }

  /// Opens the file again, after it was rotated; the old one stays in use if that fails.
  public func reopen() {
    queue.withLock { $0.reopens = true }
    work.post()
  }

  /// Writes what is queued and ends the thread. An output that is stuck, such as a full pipe, is left
  /// to the thread after a second: it must not keep the process from ending.
  public func close() {
    queue.withLock { $0.isClosing = true }
    work.post()
    guard let thread = thread.withLock({ $0.take() }) else { return }
    let deadline = MonotonicTime.now().advanced(byNanoseconds: Self.closeNanoseconds)
    while !hasEnded.load(ordering: .acquiring) && .now() < deadline { ended.wait(until: deadline) }
    if hasEnded.load(ordering: .acquiring) {
      pthread_join(thread, nil)
    } else {
      // The thread holds a reference to this writer until it ends.
      pthread_detach(thread)
    }
  }

  private func run() {
    var reported: UInt64 = 0
    var nextReport = MonotonicTime.now()
    while true {
      work.wait()
      var batches: [[UInt8]] = []
      let (isClosing, reopens) = queue.withLock { queue -> (Bool, Bool) in
        swap(&batches, &queue.batches)
        queue.queuedBytes = 0
        defer { queue.reopens = false }
        return (queue.isClosing, queue.reopens)
      }
      for batch in batches { writeAll(batch) }
      if reopens { reopenNow() }
      let lost = lostBatches
      if lost > reported && (isClosing || .now() >= nextReport) {
        onLoss(lost - reported)
        reported = lost
        nextReport = .now().advanced(byNanoseconds: Self.reportNanoseconds)
      }
      if isClosing { break }
    }
    if case .file = output { Glibc.close(descriptor.load(ordering: .relaxed)) }
    hasEnded.store(true, ordering: .releasing)
    ended.post()
  }

  private func reopenNow() {
    guard case .file = output, let fresh = try? Self.open(output) else { return }
    Glibc.close(descriptor.exchange(fresh, ordering: .relaxed))
  }

  private func writeAll(_ batch: [UInt8]) {
    batch.withUnsafeBytes { bytes in
      var start = 0
      while start < bytes.count {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
        let count = write(descriptor.load(ordering: .relaxed), rest.baseAddress, rest.count)
        if count > 0 {
          start += count
        } else if count < 0 && errno != EINTR {
          lost.add(1, ordering: .relaxed)
          return
        }
      }
    }
  }
}
