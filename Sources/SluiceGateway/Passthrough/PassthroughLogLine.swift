import SluiceReactor
import SluiceWire

/// The end of a connection that was passed on undecrypted, as a line of JSON; keys are documented in
/// docs/reference/access-log.md.
enum PassthroughLogLine {
  static func append(
    _ passthrough: Passthrough, _ end: PassthroughEnd, now: MonotonicTime,
    to output: inout ByteBuffer
  ) {
    AccessLogLine.appendTime(to: &output)
    output.append(",\"event\":\"passthrough-closed\",\"client\":\"")
    if !passthrough.peer.isUnix { output.append(hostOf: passthrough.peer) }
    output.append("\",\"listener\":\"")
    output.append(passthrough.acceptor.compiled.nameBytes)
    output.append("\"")
    AccessLogLine.appendText(",\"serverName\":\"", passthrough.name, to: &output)
    AccessLogLine.appendText(",\"service\":\"", passthrough.service.nameBytes, to: &output)
    if let target = passthrough.target {
      AccessLogLine.appendText(",\"target\":\"", target.displayBytes, to: &output)
    }
    output.append(",\"cause\":\"")
    output.append(end.label)
    output.append("\",\"duration\":")
    AccessLogLine.appendMilliseconds(now.nanoseconds(since: passthrough.opened), to: &output)
    output.append(",\"bytesReceived\":")
    output.append(decimal: passthrough.bytes.received)
    output.append(",\"bytesSent\":")
    output.append(decimal: passthrough.bytes.sent)
    output.append("}\n")
  }
}
