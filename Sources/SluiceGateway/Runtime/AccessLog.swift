import Glibc
import SluiceReactor
import SluiceWire

/// One worker's access log: JSON lines, composed here and written by the log writer's thread.
final class AccessLog: EventHandler {
  private let writer: LogWriter?
  private var lines = ByteBuffer()

  private static let flushBytes = 32 * 1_024
  private static let flushNanoseconds: Int64 = 200_000_000

  init(loop: EventLoop, writer: LogWriter?) {
    self.writer = writer
    super.init(loop: loop)
    loop.register(self)
  }

  var isOn: Bool { writer != nil }

  func write(_ exchange: Exchange, status: Int) {
    AccessLogLine.append(exchange, status: status, now: loop.now, to: &lines)
    flushSoon()
  }

  private func flushSoon() {
    if lines.count >= Self.flushBytes {
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
    clearDeadline()
    if lines.isEmpty { return }
    writer?.enqueue(lines.copiedBytes())
    lines.clear()
  }
}
