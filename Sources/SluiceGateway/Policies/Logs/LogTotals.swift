import Synchronization

/// Lines of `file-log` and `http-log`: those that have arrived, and those that were lost.
public struct LogCounts: Equatable, Sendable {
  public var fileWritten: UInt64 = 0
  public var fileLost: UInt64 = 0
  public var httpSent: UInt64 = 0
  public var httpLost: UInt64 = 0

  public init() {}
}

/// Counts them for the whole process; a few adds per batch. Thread-safe.
final class LogTotals: Sendable {
  private let fileWritten = Atomic<UInt64>(0)
  private let fileLost = Atomic<UInt64>(0)
  private let httpSent = Atomic<UInt64>(0)
  private let httpLost = Atomic<UInt64>(0)

  func written(_ lines: Int) { fileWritten.add(UInt64(lines), ordering: .relaxed) }
  func notWritten(_ lines: Int) { fileLost.add(UInt64(lines), ordering: .relaxed) }
  func sent(_ lines: Int) { httpSent.add(UInt64(lines), ordering: .relaxed) }
  func notSent(_ lines: Int) { httpLost.add(UInt64(lines), ordering: .relaxed) }

  var counts: LogCounts {
    var counts = LogCounts()
    counts.fileWritten = fileWritten.load(ordering: .relaxed)
    counts.fileLost = fileLost.load(ordering: .relaxed)
    counts.httpSent = httpSent.load(ordering: .relaxed)
    counts.httpLost = httpLost.load(ordering: .relaxed)
    return counts
  }
}
