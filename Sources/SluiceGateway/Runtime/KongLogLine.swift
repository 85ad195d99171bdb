import SluiceReactor
import SluiceWire

/// One exchange as a line of JSON with the keys of Kong's logs (kong/pdk/log.lua, `serialize`): those that
/// the gateway knows of, without fields and query, which may hold secrets.
enum KongLogLine {
  static func append(
    _ exchange: Exchange, status: Int, now: MonotonicTime, to output: inout ByteBuffer
  ) {
    append(exchange.request, exchange, status, now, to: &output)
  }

  private static func append(
    _ head: borrowing RequestHead, _ exchange: Exchange, _ status: Int, _ now: MonotonicTime,
    to output: inout ByteBuffer
  ) {
    let record = exchange.record
    let total = milliseconds(now.nanoseconds(since: record.started))
    let clock = exchange.worker.wallClock(now: now)
    output.append("{\"started_at\":")
    output.append(decimal: UInt64(max(0, clock.microseconds(record.started))) / 1_000)
    output.append(",\"client_ip\":\"")
    let client = exchange.clientAddress
    if !client.isUnix { output.append(hostOf: client) }
    output.append("\",\"request\":{\"id\":\"")
    exchange.requestID.append(to: &output)
    output.append("\",\"method\":\"")
    AccessLogLine.appendEscaped(head.span(head.methodName), to: &output)
    output.append("\",\"uri\":\"")
    exchange.withCallerPath { AccessLogLine.appendEscaped($0, to: &output) }
    output.append("\",\"url\":\"")
    output.append(exchange.listener.tls != nil ? "https://" : "http://")
    AccessLogLine.appendEscaped(head.span(head.authority ?? .empty), to: &output)
    exchange.withCallerPath { AccessLogLine.appendEscaped($0, to: &output) }
    output.append("\",\"size\":")
    output.append(decimal: record.received)
    output.append("},\"response\":{\"status\":")
    output.append(decimal: UInt64(status))
    output.append(",\"size\":")
    output.append(decimal: record.sent)
    output.append("},\"latencies\":{\"request\":")
    output.append(decimal: total)
    let hasAsked = record.connected.nanoseconds != 0
    let hasAnswer = hasAsked && record.responded.nanoseconds != 0
    if hasAnswer {
      let waited = milliseconds(record.responded.nanoseconds(since: record.connected))
      output.append(",\"proxy\":")
      output.append(decimal: waited)
      output.append(",\"kong\":")
      let before = milliseconds(record.connected.nanoseconds(since: record.started))
      output.append(decimal: before)
      output.append(",\"receive\":")
      output.append(decimal: milliseconds(now.nanoseconds(since: record.responded)))
    } else {
      output.append(",\"proxy\":-1,\"kong\":")
      output.append(decimal: total)
    }
    output.append("},\"source\":\"")
    output.append(record.error != nil ? "kong" : hasAnswer ? "upstream" : "exit")
    output.append("\"")
    appendNames(exchange, to: &output)
    output.append("}\n")
  }

  private static func appendNames(_ exchange: Exchange, to output: inout ByteBuffer) {
    if let route = exchange.route {
      AccessLogLine.appendText(",\"route\":{\"name\":\"", route.nameBytes, to: &output)
      AccessLogLine.appendText("},\"service\":{\"name\":\"", route.service.nameBytes, to: &output)
      output.append("}")
    }
    output.append(",\"tries\":[")
    if let target = exchange.lastTarget {
      AccessLogLine.appendText("{\"target\":\"", target.displayBytes, to: &output)
      output.append("}")
    }
    output.append("]")
    guard let identity = exchange.identity else { return }
    if !identity.consumer.isEmpty {
      AccessLogLine.appendText(",\"consumer\":{\"username\":\"", identity.consumer, to: &output)
      output.append("}")
    }
    if !identity.credential.isEmpty {
      AccessLogLine.appendText(
        ",\"authenticated_entity\":{\"id\":\"", identity.credential, to: &output)
      output.append("}")
    }
  }

  private static func milliseconds(_ nanoseconds: Int64) -> UInt64 {
    UInt64(max(0, nanoseconds)) / 1_000_000
  }
}
