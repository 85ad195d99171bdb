import SluiceConfiguration
import SluiceReactor

/// The writers of everything that is logged, one per output: two that write to one pipe would tear each
/// other's lines. Thread-safe; used when configurations are put in force, never on the request path.
final class LogOutputs: Sendable {
  private struct Entry {
    let writer: LogWriter
    /// Of the configuration in force, or of the one before: exchanges of that may still end.
    var isNamed = true
    /// The gateway's own, closed by it alone.
    var isKept = false
  }

  let totals = LogTotals()
  private let onLoss: @Sendable (_ output: LogWriter.Output, _ batches: UInt64) -> Void
  private let entries = Locked<[LogWriter.Output: Entry]>([:])

  init(
    onLoss: @escaping @Sendable (_ output: LogWriter.Output, _ batches: UInt64) -> Void = { _, _ in
    }
  ) {
    self.onLoss = onLoss
  }

  /// The gateway's own log is open already.
  func keep(_ writer: LogWriter) {
    entries.withLock { $0[writer.output] = Entry(writer: writer, isKept: true) }
  }

  /// Opens the output's file on the writer's own thread; nil when there can be no such thread.
  func writer(_ output: LogWriter.Output) -> LogWriter? {
    entries.withLock { entries in
      if let entry = entries[output] { return entry.writer }
      guard
        let writer = try? LogWriter(
          output, opensLater: true, totals: totals,
          onLoss: { [onLoss] in onLoss(output, $0) })
      else { return nil }
      entries[output] = Entry(writer: writer)
      return writer
    }
  }

  /// After a reload: closes what neither this configuration nor the one before names.
  func sweep(_ configuration: Configuration) {
    let named = Set(configuration.logOutputs.map { LogWriter.Output($0) })
    let closed = entries.withLock { entries in
      var closed: [LogWriter] = []
      for (output, entry) in entries where !entry.isKept {
        if !entry.isNamed && !named.contains(output) {
          closed.append(entry.writer)
          entries[output] = nil
        } else {
          entries[output]?.isNamed = named.contains(output)
        }
      }
      return closed
    }
    for writer in closed { writer.leave() }
  }

  func reopen() {
    for entry in entries.withLock({ Array($0.values) }) { entry.writer.reopen() }
  }

  /// Writes what is queued; see `LogWriter.close`.
  func close() {
    let writers = entries.withLock { entries in
      defer { entries = [:] }
      return entries.values.map(\.writer)
    }
    for writer in writers { writer.close() }
  }
}
