import SluiceReactor
import SluiceWire

/// Messages to the caller that neither end sent.
extension Session {
  /// Between two messages of the target, because frames of different messages don't mix (RFC 6455
  /// 5.4). In the middle of one that takes its time the answer is that of a full backlog.
  func push(_ message: SessionMessage) -> SessionPushOutcome {
    if machine.isEnding || downstream.isClosed { return .closing }
    guard downstream.backlog <= StreamConnection.highWater,
      fromUpstream.follower.isAtMessageBoundary
    else { return .backlogFull(backlog: downstream.backlog) }
    downstream.stage {
      $0.appendWebSocketFrame(message.isText ? .text : .binary, message.bytes.span)
    }
    downstream.flushStage()
    noteBacklog(.client)
    lastActivity = loop.now
    return .accepted(backlog: downstream.backlog)
  }
}
