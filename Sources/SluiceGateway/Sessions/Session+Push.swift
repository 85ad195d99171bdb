import SluiceReactor
import SluiceWire

/// Messages to the caller that neither end sent.
extension Session {
  /// A message of the admin API's. Its caller is promised what the route says about messages of targets,
  /// so `json-schema` with `messagesFromUpstream` is asked, whatever its `action`; nothing else looks at it:
  /// who pushes decides what the caller gets.
  func push(fromOutside message: SessionMessage) -> SessionPushOutcome {
    if let schema = inspection?.policies.schema, let rule = schema.fromUpstream {
      switch schema.verdict(message.bytes.span, isCompressed: false, rule) {
      case .right: break
      case .wrong(let failure):
        return .invalid(
          pointer: String(decoding: failure.pointer, as: UTF8.self),
          keyword: String(describing: failure.keyword))
      case .unreadable, .ambiguous: return .invalid(pointer: "", keyword: nil)
      }
    }
    return push(message)
  }

  /// Between two messages of the target, because frames of different messages don't mix (RFC 6455
  /// 5.4). In the middle of one it waits for that one's end, and counts as backlog.
  func push(_ message: SessionMessage) -> SessionPushOutcome {
    if machine.isEnding || downstream.isClosed { return .closing }
    let waiting = waitingBytes(for: .client)
    if waiting > settings.maxBacklog { return .backlogFull(backlog: waiting) }
    let opcode: WebSocketOpcode = message.isText ? .text : .binary
    if !fromUpstream.follower.isAtMessageBoundary {
      let extras = self.extras ?? SessionExtras(handshake: nil)
      self.extras = extras
      extras.pushed.append(Self.frame(opcode, message), key: nil)
    } else if let inspection, !inspection.queue.isEmpty {
      // Those of the target that wait came first.
      inspection.queue.append(Self.frame(opcode, message), key: nil)
    } else {
      downstream.stage { $0.appendWebSocketFrame(opcode, message.bytes.span) }
      downstream.flushStage()
    }
    if isWatched { noteInjected(opcode, size: message.bytes.count, to: .client) }
    noteBacklog(.client)
    lastActivity = loop.now
    return .accepted(backlog: waitingBytes(for: .client))
  }

  private static func frame(_ opcode: WebSocketOpcode, _ message: SessionMessage) -> [UInt8] {
    var frame = ByteBuffer()
    frame.appendWebSocketFrame(opcode, message.bytes.span)
    return frame.copiedBytes()
  }

  /// Messages that wait for the end of one of the target's.
  func pushedBytes(for side: SessionSide) -> Int {
    side == .client ? extras?.pushed.bytes ?? 0 : 0
  }

  /// A frame of the target has passed: if its message has, too, what waited goes out.
  func sendPushed(_ extras: SessionExtras) {
    guard fromUpstream.follower.isAtMessageBoundary, !machine.isTold(.client) else { return }
    while let frame = extras.pushed.takeFirst() { downstream.write(frame.span) }
    if extras.isEmpty { self.extras = nil }
    noteBacklog(.client)
  }
}
