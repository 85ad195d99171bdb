import Glibc
import SluiceReactor
import SluiceWire

/// One exchange as a line of JSON; keys are documented in docs/reference/access-log.md.
enum AccessLogLine {
  static func append(
    _ exchange: Exchange, status: Int, now: MonotonicTime, to output: inout ByteBuffer
  ) {
    append(exchange.request, exchange, status, now, to: &output)
  }

  private static func append(
    _ head: borrowing RequestHead, _ exchange: Exchange, _ status: Int, _ now: MonotonicTime,
    to output: inout ByteBuffer
  ) {
    appendTime(to: &output)
    appendRequest(head, exchange, to: &output)
    appendParties(exchange, to: &output)
    appendResult(exchange.record, status, to: &output)
    appendDurations(exchange.record, now, to: &output)
    appendTraffic(exchange, to: &output)
    if exchange.record.isUpgraded {
      output.append(",\"session\":\"")
      output.append(exchange.sessionID.bytes)
      output.append("\"")
    }
    output.append("}\n")
  }

  private static func appendRequest(
    _ head: borrowing RequestHead, _ exchange: Exchange, to output: inout ByteBuffer
  ) {
    output.append(",\"id\":\"")
    exchange.requestID.append(to: &output)
    output.append("\",\"client\":\"")
    let client = exchange.clientAddress
    if !client.isUnix { output.append(hostOf: client) }
    output.append("\",\"listener\":\"")
    appendEscaped(exchange.listener.nameBytes, to: &output)
    output.append("\",\"protocol\":\"")
    output.append(
      exchange.record.isHTTP2 ? "HTTP/2" : head.version == .http10 ? "HTTP/1.0" : "HTTP/1.1")
    output.append("\",\"method\":\"")
    appendEscaped(head.span(head.methodName), to: &output)
    output.append("\",\"host\":\"")
    appendEscaped(head.span(head.authority ?? .empty), to: &output)
    output.append("\",\"path\":\"")
    // Without the query, which may hold secrets.
    exchange.withCallerPath { appendEscaped($0, to: &output) }
    output.append("\"")
  }

  /// Where it went, and for whom.
  private static func appendParties(_ exchange: Exchange, to output: inout ByteBuffer) {
    if let route = exchange.route {
      appendText(",\"route\":\"", route.nameBytes, to: &output)
      appendText(",\"service\":\"", route.service.nameBytes, to: &output)
    }
    if let first = exchange.internalRedirect?.first {
      appendText(",\"firstRoute\":\"", first.nameBytes, to: &output)
    }
    if let target = exchange.lastTarget {
      appendText(",\"target\":\"", target.displayBytes, to: &output)
    }
    if let identity = exchange.identity {
      if !identity.consumer.isEmpty {
        appendText(",\"consumer\":\"", identity.consumer, to: &output)
      }
      if !identity.credential.isEmpty {
        appendText(",\"credential\":\"", identity.credential, to: &output)
      }
    }
  }

  private static func appendResult(
    _ record: ExchangeRecord, _ status: Int, to output: inout ByteBuffer
  ) {
    output.append(",\"status\":")
    output.append(decimal: UInt64(status))
    if let error = record.error {
      output.append(",\"code\":\"")
      output.append(error.code)
      output.append("\"")
    } else if record.isCallerGone {
      output.append(",\"code\":\"client-gone\"")
    }
  }

  private static func appendTraffic(_ exchange: Exchange, to output: inout ByteBuffer) {
    let record = exchange.record
    output.append(",\"bytesReceived\":")
    output.append(decimal: record.received)
    output.append(",\"bytesSent\":")
    output.append(decimal: record.sent)
    if record.connected.nanoseconds != 0 {
      output.append(",\"connection\":\"")
      output.append(record.isReusedConnection ? "reused" : "new")
      output.append("\"")
    }
    let attempts = exchange.attempts
    if attempts != RetryDecision.Attempts() {
      output.append(",\"retries\":")
      output.append(decimal: UInt64(attempts.connect + attempts.idempotent + attempts.stale))
    }
    if let cache = record.cache {
      output.append(",\"cache\":\"")
      output.append(cache)
      output.append("\"")
    }
    if record.isCutShort { output.append(",\"cutShort\":true") }
  }

  /// The beginning of every line: Unix time in seconds with microseconds.
  static func appendTime(to output: inout ByteBuffer) {
    var clock = timespec()
    clock_gettime(CLOCK_REALTIME, &clock)
    output.append("{\"time\":")
    appendSeconds(Int64(clock.tv_sec) * 1_000_000 + Int64(clock.tv_nsec) / 1_000, to: &output)
  }

  /// Phases in milliseconds with microseconds: until a connection was had, until the response head,
  /// and all of it.
  private static func appendDurations(
    _ record: ExchangeRecord, _ now: MonotonicTime, to output: inout ByteBuffer
  ) {
    output.append(",\"duration\":")
    appendMilliseconds(now.nanoseconds(since: record.started), to: &output)
    if record.connected.nanoseconds != 0 {
      output.append(",\"connectDuration\":")
      appendMilliseconds(record.connected.nanoseconds(since: record.started), to: &output)
    }
    if record.responded.nanoseconds != 0 && record.connected.nanoseconds != 0 {
      output.append(",\"responseDuration\":")
      appendMilliseconds(record.responded.nanoseconds(since: record.connected), to: &output)
    }
  }

  static func appendMilliseconds(_ nanoseconds: Int64, to output: inout ByteBuffer) {
    appendFraction(UInt64(max(0, nanoseconds) / 1_000), digits: 1_000, to: &output)
  }

  static func appendSeconds(_ microseconds: Int64, to output: inout ByteBuffer) {
    appendFraction(UInt64(microseconds), digits: 1_000_000, to: &output)
  }

  static func appendFraction(
    _ value: UInt64, digits: UInt64, to output: inout ByteBuffer
  ) {
    output.append(decimal: value / digits)
    output.append(0x2E)
    var place = digits / 10
    var rest = value % digits
    while place > 0 {
      output.append(UInt8(truncatingIfNeeded: 48 &+ rest / place))
      rest %= place
      place /= 10
    }
  }

  static func appendText(
    _ start: StaticString, _ text: [UInt8], to output: inout ByteBuffer
  ) {
    output.append(start)
    appendEscaped(text, to: &output)
    output.append("\"")
  }

  /// A JSON string's content; bytes above 0x7F that parsed heads can hold become their Latin-1 form.
  static func appendEscaped(_ bytes: Span<UInt8>, to output: inout ByteBuffer) {
    for index in bytes.indices {
      let byte = bytes[index]
      switch byte {
      case 0x22, 0x5C:
        output.append(0x5C)
        output.append(byte)
      case 0x20...0x7E: output.append(byte)
      default:
        output.append("\\u00")
        output.append(hexDigit(byte >> 4))
        output.append(hexDigit(byte & 15))
      }
    }
  }

  static func appendEscaped(_ text: [UInt8], to output: inout ByteBuffer) {
    appendEscaped(text.span, to: &output)
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 48 &+ value : 87 &+ value }
}
