import CLinux
import Glibc
import SluiceReactor
import Synchronization

/// A thread that writes log lines to a descriptor, so that no worker waits for a disk or a pipe.
///
/// Lines that arrive while more than `maxQueuedBytes` wait are lost and counted: a stuck log must not
/// stop traffic. A file that was renamed or removed is opened anew when the next
/// lines come, unless it was looked for less than `lookNanoseconds` before. Thread-safe.
public final class LogWriter: Sendable {
  private struct Queue: ~Copyable {
    var batches: [[UInt8]] = []
    var queuedBytes = 0
    var isClosing = false
    var reopens = false
  }

  public enum Output: Sendable, Hashable {
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

    /// As it is written in a configuration.
    public var text: String {
      switch self {
      case .standardOutput: "stdout"
      case .standardError: "stderr"
      case .file(let path): path
      }
    }
  }

  private static let maxQueuedBytes = 16 << 20

  let output: Output
  private let totals: LogTotals?
  private let queue = Locked(Queue())
  private let work = Semaphore()
  private let ended = Semaphore()
  private let hasEnded = Atomic(false)
  private let thread: Locked<pthread_t?> = Locked(nil)
  /// Negative while there is none.
  private let descriptor: Atomic<Int32>
  private let lost = Atomic<UInt64>(0)
  private let onLoss: @Sendable (_ batches: UInt64) -> Void

  /// A full disk must not fill the other log as well.
  private static let reportNanoseconds: Int64 = 10_000_000_000

  /// What `close` grants an output that doesn't take what is queued.
  private static let closeNanoseconds: Int64 = 1_000_000_000

  /// Between two looks whether the file is still there, and between two attempts to open it.
  private static let lookNanoseconds: Int64 = 500_000_000

  /// Opens the output and starts the thread. `onLoss` is told there how many batches were lost since
  /// it was last called: at the first loss, then at most every ten seconds, and at the end.
  public convenience init(
    _ output: Output, onLoss: @escaping @Sendable (_ batches: UInt64) -> Void = { _ in }
  ) throws(OpenError) {
    try self.init(output, opensLater: false, totals: nil, onLoss: onLoss)
  }

  /// `opensLater`: the thread opens the file, again and again until it can; what comes meanwhile is lost.
  init(
    _ output: Output, opensLater: Bool, totals: LogTotals?,
    onLoss: @escaping @Sendable (_ batches: UInt64) -> Void
  ) throws(OpenError) {
    self.output = output
    self.totals = totals
    self.onLoss = onLoss
    descriptor = Atomic(opensLater ? -1 : try Self.open(output))
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

  /// Why the file can't be written to, as far as that shows without touching it.
  static func problem(path: String) -> String? {
    guard case .file(let path) = Output(path) else { return nil }
    var status = stat()
    if stat(path, &status) == 0 {
      if status.st_mode & S_IFMT == S_IFDIR { return "\(path) is a directory" }
      return access(path, W_OK) == 0 ? nil : "\(path): \(String(cString: strerror(errno)))"
    }
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    if access(directory.isEmpty ? "/" : directory, W_OK | X_OK) == 0 { return nil }
    return "no file can be made in \(directory): \(String(cString: strerror(errno)))"
  }

  /// Batches lost because the output was too slow or could not be written to.
  public var lostBatches: UInt64 { lost.load(ordering: .relaxed) }

  public func enqueue(_ batch: [UInt8]) {
    let accepted = queue.withLock { queue -> Bool in
      if queue.isClosing || queue.queuedBytes + batch.count > Self.maxQueuedBytes { return false }
      queue.queuedBytes += batch.count
      queue.batches.append(batch)
      return true
    }
    if accepted { work.post() } else { lose(batch[...]) }
  }

  private func lose(_ batch: ArraySlice<UInt8>) {
    lost.add(1, ordering: .relaxed)
    totals?.notWritten(Self.lines(in: batch))
  }

  private static func lines(in batch: ArraySlice<UInt8>) -> Int { batch.count { $0 == 0x0A } }

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

  /// The same without waiting for it.
  func leave() {
    queue.withLock { $0.isClosing = true }
    work.post()
    if let thread = thread.withLock({ $0.take() }) { pthread_detach(thread) }
  }

  // MARK: The thread

  private func run() {
    var reported: UInt64 = 0
    var nextReport = MonotonicTime.now()
    var nextLook = nextReport
    // The file ends within a line.
    var isTorn = false
    while true {
      work.wait()
      var batches: [[UInt8]] = []
      let (isClosing, reopens) = queue.withLock { queue -> (Bool, Bool) in
        swap(&batches, &queue.batches)
        queue.queuedBytes = 0
        defer { queue.reopens = false }
        return (queue.isClosing, queue.reopens)
      }
      if !batches.isEmpty, .now() >= nextLook {
        if isElsewhere { reopenNow() }
        nextLook = .now().advanced(byNanoseconds: Self.lookNanoseconds)
      }
      for batch in batches { writeAll(batch, &isTorn) }
      if reopens { reopenNow() }
      let lost = lostBatches
      if lost > reported && (isClosing || .now() >= nextReport) {
        onLoss(lost - reported)
        reported = lost
        nextReport = .now().advanced(byNanoseconds: Self.reportNanoseconds)
      }
      if isClosing { break }
    }
    let last = descriptor.exchange(-1, ordering: .relaxed)
    if case .file = output, last >= 0 { Glibc.close(last) }
    hasEnded.store(true, ordering: .releasing)
    ended.post()
  }

  /// Whether the path leads to another file than the open one, or to none.
  private var isElsewhere: Bool {
    let open = descriptor.load(ordering: .relaxed)
    guard case .file(let path) = output, open >= 0 else { return true }
    var (there, here) = (stat(), stat())
    guard stat(path, &there) == 0, fstat(open, &here) == 0 else { return true }
    return there.st_ino != here.st_ino || there.st_dev != here.st_dev
  }

  private func reopenNow() {
    if case .file = output {} else if descriptor.load(ordering: .relaxed) >= 0 { return }
    guard let fresh = try? Self.open(output) else { return }
    let former = descriptor.exchange(fresh, ordering: .relaxed)
    if former >= 0, former != fresh { Glibc.close(former) }
  }

  private func writeAll(_ batch: [UInt8], _ isTorn: inout Bool) {
    let open = descriptor.load(ordering: .relaxed)
    guard open >= 0 else { return lose(batch[...]) }
    if isTorn {
      var lineEnd: UInt8 = 0x0A
      isTorn = write(open, &lineEnd, 1) != 1
    }
    var start = 0
    let isWhole = batch.withUnsafeBytes { bytes in
      while start < bytes.count {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
        let count = write(open, rest.baseAddress, rest.count)
        if count > 0 {
          start += count
        } else if count < 0 && errno != EINTR {
          return false
        }
      }
      return true
    }
    if !isWhole {
      if start > 0 { isTorn = batch[start - 1] != 0x0A }
      lose(batch[start...])
    }
    totals?.written(Self.lines(in: batch[..<start]))
  }
}
