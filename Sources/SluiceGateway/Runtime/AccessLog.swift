import Glibc
import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// One worker's lines of one log: JSON, composed here and written by the log writer's thread.
///
/// Registered with the loop until `end`; after that every line is handed over by itself.
final class AccessLog: EventHandler {
  private let writer: LogWriter?
  private let format: Configuration.LogFormat
  private var lines = ByteBuffer()
  private var isOver = false

  private static let flushBytes = 32 * 1_024
  private static let flushNanoseconds: Int64 = 200_000_000

  init(loop: EventLoop, writer: LogWriter?, format: Configuration.LogFormat = .json) {
    self.writer = writer
    self.format = format
    super.init(loop: loop)
    loop.register(self)
  }

  var isOn: Bool { writer != nil }

  func write(_ exchange: Exchange, status: Int) {
    LogLine.append(exchange, status: status, now: loop.now, as: format, to: &lines)
    flushSoon()
  }

  private func flushSoon() {
    if isOver || lines.count >= Self.flushBytes {
      flush()
    } else if deadline == .distantFuture {
      setDeadline(afterNanoseconds: Self.flushNanoseconds)
    }
  }

  func write(_ event: SessionEvent) {
    SessionLogLine.append(event, now: loop.now, to: &lines)
    flushSoon()
  }

  func write(_ passthrough: Passthrough, _ end: PassthroughEnd) {
    PassthroughLogLine.append(passthrough, end, now: loop.now, to: &lines)
    flushSoon()
  }

  override func deadlineReached() { flush() }

  /// Hands the lines over; when the writer can't keep up they are counted and lost.
  func flush() {
    if !isOver { clearDeadline() }
    if lines.isEmpty { return }
    writer?.enqueue(lines.copiedBytes())
    lines.clear()
  }

  func end() {
    if isOver { return }
    flush()
    isOver = true
    loop.unregister(self)
  }
}

/// An exchange that is over, as a log has it.
enum LogLine {
  static func append(
    _ exchange: Exchange, status: Int, now: MonotonicTime, as format: Configuration.LogFormat,
    to lines: inout ByteBuffer
  ) {
    switch format {
    case .json: AccessLogLine.append(exchange, status: status, now: now, to: &lines)
    case .kong: KongLogLine.append(exchange, status: status, now: now, to: &lines)
    }
  }
}
