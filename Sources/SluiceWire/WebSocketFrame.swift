/// What a WebSocket frame is (RFC 6455 5.2).
public enum WebSocketOpcode: UInt8, Sendable {
  case continuation = 0x0
  case text = 0x1
  case binary = 0x2
  case close = 0x8
  case ping = 0x9
  case pong = 0xA

  /// Close, ping and pong: never fragmented, at most 125 bytes.
  public var isControl: Bool { rawValue >= 8 }
}

/// Why bytes are no frame; all of them are close code 1002.
public enum WebSocketFrameError: UInt8, Error, CaseIterable {
  case reservedBits, unknownOpcode, fragmentedControl, longControl, unmaskedClientFrame
  case maskedServerFrame, lengthNotMinimal, lengthTooLarge
}

/// The header of one frame, as RFC 6455 5.2 lays it out.
public struct WebSocketFrameHeader: Equatable, Sendable {
  /// Who sent the frame: clients mask, servers don't (5.1).
  public enum Sender: Sendable { case client, server }

  public var isFinal: Bool
  public var opcode: WebSocketOpcode
  public var payloadLength: UInt64
  /// Big-endian: the first byte of the mask is the highest; nil in a server's frame.
  public var mask: UInt32?
  /// Bytes of the header itself, 2 to 14.
  public var headerLength: Int

  /// Reads the header at the start of `bytes`; nil when it is not complete.
  public static func parse(
    _ bytes: Span<UInt8>, from sender: Sender
  ) throws(WebSocketFrameError) -> WebSocketFrameHeader? {
    if bytes.count < 2 { return nil }
    let (first, second) = (bytes[0], bytes[1])
    if first & 0x70 != 0 { throw .reservedBits }
    guard let opcode = WebSocketOpcode(rawValue: first & 0x0F) else { throw .unknownOpcode }
    let isMasked = second & 0x80 != 0
    if isMasked && sender == .server { throw .maskedServerFrame }
    if !isMasked && sender == .client { throw .unmaskedClientFrame }
    let short = second & 0x7F
    if opcode.isControl {
      if first & 0x80 == 0 { throw .fragmentedControl }
      if short > 125 { throw .longControl }
    }
    let lengthBytes = short == 127 ? 8 : short == 126 ? 2 : 0
    let headerLength = 2 + lengthBytes + (isMasked ? 4 : 0)
    if bytes.count < headerLength { return nil }
    var length = UInt64(short)
    if lengthBytes > 0 {
      length = number(bytes, 2, lengthBytes)
      if length <= (lengthBytes == 2 ? 125 : 0xFFFF) { throw .lengthNotMinimal }
      if length >> 63 != 0 { throw .lengthTooLarge }
    }
    return WebSocketFrameHeader(
      isFinal: first & 0x80 != 0, opcode: opcode, payloadLength: length,
      mask: isMasked ? UInt32(number(bytes, 2 + lengthBytes, 4)) : nil, headerLength: headerLength)
  }

  private static func number(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in start..<start + count { value = value << 8 | UInt64(bytes[index]) }
    return value
  }
}

extension ByteBuffer {
  /// Appends a whole unmasked frame, as servers send them. A control frame's payload has at most
  /// 125 bytes.
  public mutating func appendWebSocketFrame(
    _ opcode: WebSocketOpcode, _ payload: Span<UInt8>, isFinal: Bool = true
  ) {
    let count = payload.count
    precondition(!opcode.isControl || (isFinal && count <= 125))
    append((isFinal ? 0x80 : 0) | opcode.rawValue)
    if count <= 125 {
      append(UInt8(truncatingIfNeeded: count))
    } else {
      let isLong = count > 0xFFFF
      append(isLong ? 127 : 126)
      var shift = isLong ? 56 : 8
      while shift >= 0 {
        append(UInt8(truncatingIfNeeded: count >> shift))
        shift -= 8
      }
    }
    append(payload)
  }

  /// Appends `payload` without its mask; `offset` counts from the start of the frame's payload.
  public mutating func appendUnmasked(_ payload: Span<UInt8>, mask: UInt32, offset: Int = 0) {
    reserve(payload.count)
    for index in payload.indices {
      let shift = UInt32(truncatingIfNeeded: 24 &- ((offset &+ index) & 3) &* 8)
      append(payload[index] ^ UInt8(truncatingIfNeeded: mask >> shift))
    }
  }
}
