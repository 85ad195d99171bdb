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
    exchange.worker.logTime.append(now, to: &output)
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
    output.append("\"")
    exchange.withListener { output.append($0.logText) }
    output.append(",\"protocol\":\"")
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
    exchange.withRoute { route in
      output.append(route.logText)
      if let first = exchange.internalRedirect?.first {
        appendText(",\"firstRoute\":\"", first.nameBytes, to: &output)
      }
      guard let index = exchange.lastTargetIndex else { return }
      route.service.reference(toTarget: index)._withUnsafeGuaranteedRef {
        output.append($0.logText)
      }
    }
    exchange.withIdentity { identity in
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
      if let fault = record.fault, error.isAboutForm {
        output.append(",\"fault\":\"")
        output.append(fault)
        output.append("\"")
      }
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
    let microseconds = UInt64(max(0, nanoseconds)) / 1_000
    output.append(decimal: microseconds / 1_000)
    output.append(0x2E)
    output.append(decimal: microseconds % 1_000, digits: 3)
  }

  static func appendSeconds(_ microseconds: Int64, to output: inout ByteBuffer) {
    let microseconds = UInt64(microseconds)
    output.append(decimal: microseconds / 1_000_000)
    output.append(0x2E)
    output.append(decimal: microseconds % 1_000_000, digits: 6)
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
    output.append(asciiJSON: bytes)
  }

  static func appendEscaped(_ text: [UInt8], to output: inout ByteBuffer) {
    output.append(asciiJSON: text.span)
  }

  // MARK: What is the same in many lines, made with the configuration

  static func member(ofListener name: [UInt8]) -> [UInt8] { member(",\"listener\":\"", name) }

  static func members(ofRoute name: [UInt8], service: [UInt8]) -> [UInt8] {
    member(",\"route\":\"", name) + member(",\"service\":\"", service)
  }

  static func member(ofTarget name: [UInt8]) -> [UInt8] { member(",\"target\":\"", name) }

  private static func member(_ start: StaticString, _ text: [UInt8]) -> [UInt8] {
    var member = ByteBuffer()
    appendText(start, text, to: &member)
    return member.copiedBytes()
  }
}

/// The beginning of lines: all that are written in one turn of a loop have the same.
struct LogTime: ~Copyable {
  private var turn = MonotonicTime(nanoseconds: .min)
  private var text = ByteBuffer()

  /// `now` is when the turn began.
  mutating func append(_ now: MonotonicTime, to output: inout ByteBuffer) {
    if now != turn {
      turn = now
      text.clear()
      AccessLogLine.appendTime(to: &text)
    }
    output.append(text.span)
  }
}
