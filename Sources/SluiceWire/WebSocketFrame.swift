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

/// Which peer sends a direction's frames: clients mask, servers don't (RFC 6455 5.1).
public enum WebSocketSender: Sendable { case client, server }

/// The header of one frame, as RFC 6455 5.2 lays it out.
public struct WebSocketFrameHeader: Equatable, Sendable {
  /// The most bytes a header has.
  public static let maxLength = 14

  public var isFinal: Bool
  /// RSV1: the first frame of a message that permessage-deflate compressed (RFC 7692 6).
  public var isCompressed: Bool
  public var opcode: WebSocketOpcode
  public var payloadLength: UInt64
  /// Nil in a server's frame.
  public var mask: WebSocketMask?
  /// Bytes of the header itself, 2 to 14.
  public var headerLength: Int

  /// Reads the header at `start`, nil while it is not complete or when its opcode is unknown.
  ///
  /// Layout only: whether the frame is legal is for `WebSocketFrameFollower` and
  /// `WebSocketMessageDecoder` to say. For frames that passed one of them, and for tests.
  public init?(_ bytes: Span<UInt8>, at start: Int = 0) {
    guard let layout = WebSocketFrameLayout(bytes, at: start),
      let opcode = WebSocketOpcode(rawValue: layout.first & 0x0F)
    else { return nil }
    isFinal = layout.isFinal
    isCompressed = layout.isCompressed
    self.opcode = opcode
    payloadLength = layout.payloadLength
    mask = layout.isMasked ? layout.mask(bytes, at: start) : nil
    headerLength = layout.headerLength
  }
}

/// What can be seen of a frame that breaks the rules: whose header may be incomplete, or none at all.
public struct WebSocketFrameGlimpse: Equatable, Sendable {
  /// The four bits of the opcode; perhaps no `WebSocketOpcode`.
  public var opcode: UInt8
  public var isFinal: Bool
  /// What the header announces; 0 while it is incomplete.
  public var payloadLength: UInt64

  /// Of the bytes from `start` on, which begin with a frame.
  init(_ bytes: Span<UInt8>, at start: Int) {
    let first = start < bytes.count ? bytes[start] : 0
    self.init(first: first, WebSocketFrameLayout(bytes, at: start)?.payloadLength ?? 0)
  }

  /// Of a message whose end did not come.
  init(message opcode: WebSocketOpcode, payloadLength: UInt64) {
    self.init(first: opcode.rawValue | 0x80, payloadLength)
  }

  private init(first: UInt8, _ payloadLength: UInt64) {
    opcode = first & 0x0F
    isFinal = first & 0x80 != 0
    self.payloadLength = payloadLength
  }
}

/// What the two decoders need of a header, in three words.
struct WebSocketFrameLayout {
  let first: UInt8
  let isMasked: Bool
  let headerLength: Int
  let payloadLength: UInt64

  var isFinal: Bool { first & 0x80 != 0 }
  var isCompressed: Bool { first & 0x40 != 0 }
  var isControl: Bool { first & 0x08 != 0 }
  var isContinuation: Bool { first & 0x0F == 0 }
  /// Of a control frame that was checked.
  var controlOpcode: WebSocketOpcode { WebSocketOpcode(rawValue: first & 0x0F) ?? .close }

  /// Reads the header at `start`; nil when it is not complete.
  @inline(__always)
  init?(_ bytes: Span<UInt8>, at start: Int) {
    let available = bytes.count &- start
    if available < 2 { return nil }
    let second = bytes[start &+ 1]
    let short = second & 0x7F
    first = bytes[start]
    isMasked = second & 0x80 != 0
    var length = isMasked ? 6 : 2
    if short < 126 {
      payloadLength = UInt64(short)
    } else if short == 126 {
      length &+= 2
      if available < length { return nil }
      payloadLength = UInt64(bytes[start &+ 2]) &<< 8 | UInt64(bytes[start &+ 3])
    } else {
      length &+= 8
      if available < length { return nil }
      payloadLength = bytes.word(at: start &+ 2).byteSwapped
    }
    if available < length { return nil }
    headerLength = length
  }

  /// The key of a masked frame whose header is at `start`.
  @inline(__always)
  func mask(_ bytes: Span<UInt8>, at start: Int) -> WebSocketMask {
    WebSocketMask(bytes, at: start &+ headerLength &- 4)
  }

  /// Reads and checks the header at `start`; nil when it is not complete. What is wrong is told with
  /// the first byte that shows it.
  @inline(__always)
  static func parse(
    _ bytes: Span<UInt8>, at start: Int, _ rules: WebSocketFrameRules
  ) throws(WebSocketError) -> WebSocketFrameLayout? {
    let available = bytes.count &- start
    if available < 1 { return nil }
    let first = bytes[start]
    try rules.check(first: first)
    if available < 2 { return nil }
    let second = bytes[start &+ 1]
    try rules.check(first: first, second: second)
    guard let layout = WebSocketFrameLayout(bytes, at: start) else { return nil }
    let short = second & 0x7F
    if short >= 126 {
      if layout.payloadLength <= (short == 126 ? 125 : 0xFFFF) { throw .lengthNotMinimal }
      if layout.payloadLength >> 63 != 0 { throw .lengthTooLarge }
    }
    return layout
  }
}

/// What the next frame of one direction may be, in one byte.
struct WebSocketFrameRules: Sendable {
  // The first two lie where the bits they allow lie in a header.
  private static var masked: UInt8 { 0x80 }
  private static var rsv1: UInt8 { 0x40 }
  private static var inMessage: UInt8 { 0x01 }
  private static var closed: UInt8 { 0x02 }

  private var bits: UInt8

  init(from sender: WebSocketSender, allowsRSV1: Bool) {
    bits = (sender == .client ? Self.masked : 0) | (allowsRSV1 ? Self.rsv1 : 0)
  }

  /// Forgets what was sent, as for a connection that begins.
  mutating func restart() { bits &= Self.masked | Self.rsv1 }

  var isMasked: Bool { bits & Self.masked != 0 }
  var allowsRSV1: Bool { bits & Self.rsv1 != 0 }
  /// Between the first frame of a message and the header of its last.
  var isInMessage: Bool { bits & Self.inMessage != 0 }
  /// After a close frame, behind which nothing may come.
  var isClosed: Bool { bits & Self.closed != 0 }

  @inline(__always)
  func check(first: UInt8) throws(WebSocketError) {
    if isClosed { throw .frameAfterClose }
    let opcode = first & 0x0F
    let reserved = first & 0x70
    if reserved != 0 {
      // RSV1 belongs to the first frame of a message.
      if reserved != bits & Self.rsv1 || opcode &- 1 > 1 { throw .reservedBits }
    }
    if opcode < 3 {
      if (opcode == 0) != isInMessage {
        throw isInMessage ? .messageInterrupted : .unexpectedContinuation
      }
      return
    }
    if opcode &- 8 > 2 { throw .unknownOpcode }
    if first & 0x80 == 0 { throw .fragmentedControl }
  }

  @inline(__always)
  func check(first: UInt8, second: UInt8) throws(WebSocketError) {
    if (second ^ bits) & Self.masked != 0 { throw isMasked ? .unmaskedFrame : .maskedFrame }
    if first & 0x08 != 0 {
      if second & 0x7F > 125 { throw .longControl }
      if first & 0x0F == WebSocketOpcode.close.rawValue, second & 0x7F == 1 { throw .invalidClose }
    }
  }

  /// Tells that a data frame begins.
  @inline(__always)
  mutating func began(isFinal: Bool) {
    bits = isFinal ? bits & ~Self.inMessage : bits | Self.inMessage
  }

  /// Tells that a whole close frame was seen.
  mutating func close() { bits |= Self.closed }
}
