import SluiceReactor
import SluiceWire

/// Saying 101 before anybody knows who calls, because only the first message will tell.
extension Exchange {
  /// Answers the handshake and goes on with `then` when the message is here (true) or its time is over
  /// (false). The policy returns what this returns.
  func awaitFirstMessage(
    _ limits: FirstMessageLimits, then: @escaping (Exchange, _ isHere: Bool) -> PolicyOutcome
  ) -> PolicyOutcome {
    firstMessage = FirstMessage(limits)
    let outcome = park(atMost: limits.timeout, then: then)
    let (token, use) = (token, use)
    // In a turn of its own: the carrier is still at the bytes that came with the handshake.
    loop.mailbox.post { loop in
      guard let exchange = loop.handler(token) as? Exchange, exchange.use == use else { return }
      exchange.acceptForFirstMessage()
    }
    return outcome
  }

  private func acceptForFirstMessage() {
    guard awaitsEvent, let firstMessage, let carrier = downstream else { return }
    agreeOnSubprotocol(request, firstMessage)
    guard
      let stream = carrier.beginWebSocket(
        acceptance(request, firstMessage), of: self, maxSize: firstMessage.limits.maxSize)
    else { return fail(.internalError) }
    leaveCarrier()
    carry(by: stream)
    carrier.deliverEarly(to: stream)
  }

  /// The caller's first choice: the gateway can't ask the target yet, and then offers it only this one.
  private func agreeOnSubprotocol(_ head: borrowing RequestHead, _ firstMessage: FirstMessage) {
    if head.firstIndex(of: .secWebSocketProtocol) == nil { return }
    var offer = ByteBuffer()
    head.appendValues(of: .secWebSocketProtocol, to: &offer)
    var kept = ByteBuffer()
    let count = Subprotocols.append(
      offer.span, without: requestEdits.droppedSubprotocols, to: &kept)
    for index in head.fields.indices
    where head.fields[index].known == .secWebSocketProtocol { requestEdits.drop(index) }
    if count == 0 { return }
    let first = Array(kept.copiedBytes().prefix { $0 != 0x2C })
    firstMessage.subprotocol = first
    requestEdits.add(FieldLine("Sec-WebSocket-Protocol", first))
  }

  /// RFC 6455 4.2.2. No extension is agreed on: the target was not asked.
  private func acceptance(
    _ head: borrowing RequestHead, _ firstMessage: FirstMessage
  ) -> [UInt8] {
    var output = ByteBuffer()
    output.append("HTTP/1.1 101 Switching Protocols\r\n")
    output.append("Connection: Upgrade\r\nUpgrade: websocket\r\n")
    if let accept = accept(of: head) {
      output.append("Sec-WebSocket-Accept: ")
      output.append(accept)
      output.append("\r\n")
    }
    if let subprotocol = firstMessage.subprotocol {
      output.append("Sec-WebSocket-Protocol: ")
      output.append(subprotocol)
      output.append("\r\n")
    }
    Self.appendLines(of: responseEdits, to: &output)
    output.append("\r\n")
    return output.copiedBytes()
  }

  /// What policies had to say of the response until now.
  private static func appendLines(of edits: borrowing FieldEdits, to output: inout ByteBuffer) {
    output.append(edits.lines.span)
  }

  /// The whole message, text.
  func firstMessageCame(_ payload: Span<UInt8>) {
    guard let firstMessage, firstMessage.bytes == nil else { return }
    firstMessage.bytes = payload.withUnsafeBufferPointer { Array($0) }
    unpark(use: use)
  }
}
