// Frames as both peers write them (RFC 6455 5.2): a client's with a mask, a server's without. The
// key is the caller's to choose, fresh and unpredictable for every frame (5.3).
extension ByteBuffer {
  /// Appends a frame's header. A control frame is final and has at most 125 bytes.
  public mutating func appendWebSocketHeader(
    _ opcode: WebSocketOpcode, payloadLength count: Int, mask: WebSocketMask? = nil,
    isFinal: Bool = true, isCompressed: Bool = false
  ) {
    precondition(!opcode.isControl || (isFinal && count <= 125))
    reserve(WebSocketFrameHeader.maxLength)
    append((isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode.rawValue)
    let masked: UInt8 = mask == nil ? 0 : 0x80
    if count <= 125 {
      append(masked | UInt8(truncatingIfNeeded: count))
    } else {
      let isLong = count > 0xFFFF
      append(masked | (isLong ? 127 : 126))
      var shift = isLong ? 56 : 8
      while shift >= 0 {
        append(UInt8(truncatingIfNeeded: count >> shift))
        shift -= 8
      }
    }
    if let mask {
      append(UInt8(truncatingIfNeeded: mask.key))
      append(UInt8(truncatingIfNeeded: mask.key >> 8))
      append(UInt8(truncatingIfNeeded: mask.key >> 16))
      append(UInt8(truncatingIfNeeded: mask.key >> 24))
    }
  }

  /// Appends a whole frame; `payload` is not masked yet.
  public mutating func appendWebSocketFrame(
    _ opcode: WebSocketOpcode, _ payload: Span<UInt8>, mask: WebSocketMask? = nil,
    isFinal: Bool = true, isCompressed: Bool = false
  ) {
    appendWebSocketHeader(
      opcode, payloadLength: payload.count, mask: mask, isFinal: isFinal,
      isCompressed: isCompressed)
    if let mask { append(payload, mask: mask) } else { append(payload) }
  }

  /// Appends a ping whose payload is `number`, so that its pong can be told from others.
  public mutating func appendWebSocketPing(_ number: UInt64, mask: WebSocketMask? = nil) {
    var payload = InlineArray<8, UInt8>(repeating: 0)
    for index in payload.indices {
      payload[index] = UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * index))
    }
    appendWebSocketFrame(.ping, payload.span, mask: mask)
  }

  /// Appends a close frame. A reason of more than 123 bytes is cut in front of a character; it must be
  /// UTF-8. `noStatus` makes an empty frame.
  public mutating func appendWebSocketClose(
    _ code: WebSocketCloseCode, reason: Span<UInt8>, mask: WebSocketMask? = nil
  ) {
    if code == .noStatus { return appendWebSocketHeader(.close, payloadLength: 0, mask: mask) }
    precondition(code.isAllowedOnWire)
    var count = min(reason.count, WebSocketClose.maxReason)
    if count < reason.count {
      while count > 0, reason[count] & 0xC0 == 0x80 { count -= 1 }
    }
    appendWebSocketHeader(.close, payloadLength: 2 + count, mask: mask)
    let mask = mask ?? WebSocketMask(key: 0)
    append(UInt8(truncatingIfNeeded: code.rawValue >> 8) ^ UInt8(truncatingIfNeeded: mask.key))
    append(UInt8(truncatingIfNeeded: code.rawValue) ^ UInt8(truncatingIfNeeded: mask.key >> 8))
    append(reason.extracting(0..<count), mask: mask, offset: 2)
  }

  /// Appends a close frame with a fixed reason.
  public mutating func appendWebSocketClose(
    _ code: WebSocketCloseCode, _ reason: StaticString = "", mask: WebSocketMask? = nil
  ) {
    // SAFETY: a StaticString's storage is immortal.
    let bytes = UnsafeBufferPointer(start: reason.utf8Start, count: reason.utf8CodeUnitCount)
    appendWebSocketClose(code, reason: Span(_unsafeElements: bytes), mask: mask)
  }
}
