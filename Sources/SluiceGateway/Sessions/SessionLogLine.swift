import SluiceReactor
import SluiceWire

/// A session's opening, reconnection or end as a line of JSON; keys are documented in docs/reference/access-log.md.
enum SessionLogLine {
  static func append(_ event: SessionEvent, now: MonotonicTime, to output: inout ByteBuffer) {
    AccessLogLine.appendTime(to: &output)
    switch event {
    case .opened(let session):
      output.append(",\"event\":\"session-opened\"")
      appendNames(session, to: &output)
    case .reconnected(let session, let gap):
      output.append(",\"event\":\"session-reconnected\"")
      appendNames(session, to: &output)
      output.append(",\"gap\":")
      AccessLogLine.appendMilliseconds(gap, to: &output)
    case .closed(let session, let ending):
      output.append(",\"event\":\"session-closed\"")
      appendNames(session, to: &output)
      appendEnding(ending, to: &output)
      output.append(",\"duration\":")
      AccessLogLine.appendMilliseconds(now.nanoseconds(since: session.opened), to: &output)
      appendCounts(session, to: &output)
      if ending.isAbnormal { appendFrames(session, to: &output) }
    }
    output.append("}\n")
  }

  private static func appendNames(_ session: Session, to output: inout ByteBuffer) {
    output.append(",\"session\":\"")
    output.append(session.id.bytes)
    output.append("\",\"client\":\"")
    if !session.client.isUnix { output.append(hostOf: session.client) }
    output.append("\",\"listener\":\"")
    output.append(session.listener.compiled.nameBytes)
    output.append("\"")
    AccessLogLine.appendText(",\"route\":\"", session.route.nameBytes, to: &output)
    AccessLogLine.appendText(",\"service\":\"", session.service.nameBytes, to: &output)
    AccessLogLine.appendText(",\"target\":\"", session.target.displayBytes, to: &output)
    if let consumer = session.consumer {
      AccessLogLine.appendText(",\"consumer\":\"", consumer, to: &output)
    }
  }

  static func appendEnding(_ ending: SessionEnding, to output: inout ByteBuffer) {
    output.append(",\"cause\":\"")
    output.append(ending.cause.label)
    output.append("\",\"code\":")
    output.append(decimal: UInt64(ending.code))
    if let side = ending.side {
      output.append(side == .client ? ",\"side\":\"client\"" : ",\"side\":\"upstream\"")
    }
    if let policy = ending.policy {
      AccessLogLine.appendText(",\"policy\":\"", Array(policy.utf8), to: &output)
    }
    if !ending.reason.isEmpty {
      AccessLogLine.appendText(",\"reason\":\"", ending.reason, to: &output)
    }
  }

  /// What the flight recorder has of the end.
  private static func appendFrames(_ session: Session, to output: inout ByteBuffer) {
    guard let ring = session.watch?.ring, ring.count > 0 else { return }
    let clock = session.worker.wallClock(now: session.loop.now)
    output.append(",\"frames\":[")
    var isFirst = true
    for frame in ring.latest(SessionRecording.maxToldFrames) {
      if !isFirst { output.append(",") }
      isFirst = false
      FrameLine.begin(frame, clock, to: &output)
      output.append("}")
    }
    output.append("]")
  }

  private static func appendCounts(_ session: Session, to output: inout ByteBuffer) {
    let (client, upstream) = (session.counts(.client), session.counts(.upstream))
    output.append(",\"messagesReceived\":")
    output.append(decimal: client.messages)
    output.append(",\"bytesReceived\":")
    output.append(decimal: client.bytes)
    output.append(",\"messagesSent\":")
    output.append(decimal: upstream.messages)
    output.append(",\"bytesSent\":")
    output.append(decimal: upstream.bytes)
    if let inspection = session.inspection {
      let dropped = inspection.dropped(.client) &+ inspection.dropped(.upstream)
      if dropped > 0 {
        output.append(",\"messagesDropped\":")
        output.append(decimal: dropped)
      }
    }
    if session.roundTrip > 0 {
      output.append(",\"roundTrip\":")
      AccessLogLine.appendMilliseconds(Int64(session.roundTrip) * 1_000, to: &output)
    }
  }
}
