import SluiceReactor
import SluiceWire

/// Messages to the caller that neither end sent.
extension Session {
  /// Between two messages of the target, because frames of different messages don't mix (RFC 6455
  /// 5.4). In the middle of one that takes its time the answer is that of a full backlog.
  func push(_ message: SessionMessage) -> SessionPushOutcome {
    if machine.isEnding || downstream.isClosed { return .closing }
    let waiting = waitingBytes(for: .client)
    guard waiting <= StreamConnection.highWater, fromUpstream.follower.isAtMessageBoundary else {
      return .backlogFull(backlog: waiting)
    }
    let opcode: WebSocketOpcode = message.isText ? .text : .binary
    if let inspection, !inspection.queue.isEmpty {
      // Those of the target that wait came first.
      var frame = ByteBuffer()
      frame.appendWebSocketFrame(opcode, message.bytes.span)
      inspection.queue.append(frame.copiedBytes(), key: nil)
    } else {
      downstream.stage { $0.appendWebSocketFrame(opcode, message.bytes.span) }
      downstream.flushStage()
    }
    if isWatched { noteInjected(opcode, size: message.bytes.count, to: .client) }
    noteBacklog(.client)
    lastActivity = loop.now
    return .accepted(backlog: waitingBytes(for: .client))
  }
}
