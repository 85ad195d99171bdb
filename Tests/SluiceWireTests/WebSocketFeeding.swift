// Compiled into the fuzz targets too, where everything is one module.
#if canImport(SluiceWire)
  import SluiceWire
#endif

/// Hands a stream to the follower and to the decoder in pieces that `nextPiece` sizes, as a
/// connection would, and writes down what they say. `fail` is told of broken promises.
struct WebSocketFeeding {
  var setting: WebSocketSetting
  var stopsAtFrames = false
  var fail: (String) -> Void

  func follow(_ stream: [UInt8], nextPiece: () -> Int) -> WebSocketOutcome {
    var follower = WebSocketFrameFollower(from: setting.sender, allowsRSV1: setting.allowsRSV1)
    var outcome = WebSocketOutcome()
    /// What a relay that swallows nothing would have sent.
    var sent = ByteBuffer()
    var start = 0
    do throws(WebSocketError) {
      while start < stream.count {
        let end = min(stream.count, start + nextPiece())
        try follow(stream, start..<end, &follower, &outcome, &sent)
        start = end
      }
    } catch {
      outcome.error = error
    }
    let isPrefix = sent.copiedBytes() == Array(stream.prefix(sent.count))
    if !isPrefix { fail("what passed is not what came") }
    if outcome.error == nil, follower.isHolding == (sent.count == stream.count) {
      fail("held back \(stream.count - sent.count) bytes, and says \(follower.isHolding)")
    }
    outcome.messages = Int(follower.messages)
    outcome.payloadBytes = Int(follower.payloadBytes)
    outcome.isClosed = follower.isClosed
    outcome.isAtFrameBoundary = follower.isAtFrameBoundary
    outcome.isAtMessageBoundary = follower.isAtMessageBoundary
    return outcome
  }

  private func follow(
    _ stream: [UInt8], _ piece: Range<Int>, _ follower: inout WebSocketFrameFollower,
    _ outcome: inout WebSocketOutcome, _ sent: inout ByteBuffer
  ) throws(WebSocketError) {
    let input = stream.span.extracting(piece)
    var scratch = ByteBuffer()
    var offset = 0
    while offset < input.count {
      let step = try follower.next(
        input, from: offset, maxSize: UInt64(setting.maxSize), scratch: &scratch,
        stopsAtFrames: stopsAtFrames)
      let before = sent.count
      switch step {
      case .needsMore: return
      case .relay(let range, let frames):
        if range.lowerBound != offset || range.isEmpty { fail("relays \(range) from \(offset)") }
        if stopsAtFrames, frames > 1 { fail("does not stop at a frame") }
        sent.append(input.extracting(range))
        outcome.frames += frames
        offset = range.upperBound
      case .relayHeld(let held, let range, let frames):
        if range.lowerBound != offset || range.isEmpty { fail("relays \(range) from \(offset)") }
        if stopsAtFrames, frames > 1 { fail("does not stop at a frame") }
        sent.append(held)
        sent.append(input.extracting(range))
        outcome.frames += frames
        offset = range.upperBound
      case .control(let opcode, let mask, let consumed):
        if consumed <= offset { fail("no progress") }
        if !follower.isAtFrameBoundary { fail("a control frame within a frame") }
        outcome.events.append(.control(opcode, scratch.copiedBytes()))
        sent.appendWebSocketFrame(opcode, scratch.span, mask: mask)
        offset = consumed
        continue
      }
      outcome.pass(copy(sent.span.extracting(before...)))
    }
  }

  func decode(_ stream: [UInt8], nextPiece: () -> Int) -> WebSocketOutcome {
    var decoder = WebSocketMessageDecoder(from: setting.sender, allowsRSV1: setting.allowsRSV1)
    var outcome = WebSocketOutcome()
    var scratch = ByteBuffer()
    var start = 0
    do throws(WebSocketError) {
      while start < stream.count {
        let end = min(stream.count, start + nextPiece())
        try decode(stream, start..<end, &decoder, &outcome, &scratch)
        start = end
      }
    } catch {
      outcome.error = error
    }
    outcome.messages = Int(decoder.messages)
    outcome.payloadBytes = Int(decoder.payloadBytes)
    outcome.frames = Int(decoder.frames)
    outcome.isClosed = decoder.isClosed
    return outcome
  }

  private func decode(
    _ stream: [UInt8], _ piece: Range<Int>, _ decoder: inout WebSocketMessageDecoder,
    _ outcome: inout WebSocketOutcome, _ scratch: inout ByteBuffer
  ) throws(WebSocketError) {
    let input = stream.span.extracting(piece)
    let limits = WebSocketMessageLimits(
      maxSize: setting.maxSize, maxFragments: setting.maxFragments)
    var offset = 0
    while offset < input.count {
      switch try decoder.next(input, from: offset, limits: limits, scratch: &scratch) {
      case .needsMore:
        // Memory doubles as it grows, and grows only by what came.
        if decoder.bufferedBytes > 64 + 2 * stream.count { fail("owns more than came") }
        return
      case .message(let message):
        let bytes = message.bytes(input, scratch)
        outcome.events.append(
          .message(message.opcode, isCompressed: message.isCompressed, copy(bytes)))
        if let frame = message.frame { check(input, frame, copy(bytes)) }
        if decoder.bufferedBytes != 0 { fail("keeps memory behind a message") }
        if message.consumed <= offset { fail("no progress") }
        offset = message.consumed
      case .control(let opcode, _, let consumed):
        if consumed <= offset { fail("no progress") }
        outcome.events.append(.control(opcode, scratch.copiedBytes()))
        offset = consumed
      }
    }
  }

  /// A message's frame is the one that has its payload.
  private func check(_ input: Span<UInt8>, _ frame: Range<Int>, _ payload: [UInt8]) {
    guard let header = WebSocketFrameHeader(input, at: frame.lowerBound),
      header.isFinal, frame.count == header.headerLength + Int(header.payloadLength)
    else { return fail("a frame that is none") }
    var plain = ByteBuffer()
    plain.append(
      input.extracting(frame.lowerBound + header.headerLength..<frame.upperBound),
      mask: header.mask ?? WebSocketMask(key: 0))
    if plain.copiedBytes() != payload { fail("another frame's payload") }
  }

  private func copy(_ span: Span<UInt8>) -> [UInt8] { span.withUnsafeBufferPointer { Array($0) } }
}
