/// Where in a frame one direction is.
///
///                ┌─────────── whole header of a data frame ◀──────────┐
///                ▼                                                    │
///     payload(n > 0) ──all there──▶ payload(0) ──part of a header──▶ header
///                                       ▲  └──part of a control frame──┴──▶ control
///                                       └───────────all there──────────────────┘
///
/// `payload(0)` is the border between two frames. Control frames are small and kept apart until
/// they are whole; memory is owned only while one is split over reads.
enum WebSocketFramePhase: Sendable {
  /// Bytes that the data frame under way still has.
  case payload(UInt64)
  case header(WebSocketHeldBytes)
  /// A control frame's header and the first bytes of its payload.
  case control([UInt8])
}

/// The first bytes of a header that was split over reads: what came earlier than the rest.
public struct WebSocketHeldBytes: Equatable, Sendable {
  // One byte less than the longest header: with all of them it would not have to be held.
  private var bytes: InlineArray<13, UInt8>
  private var length: UInt8

  init() {
    bytes = InlineArray(repeating: 0)
    length = 0
  }

  /// Holds the bytes of an incomplete header from `start` to the end of `input`.
  init(_ input: Span<UInt8>, from start: Int) {
    self.init()
    for index in start..<input.count {
      bytes[index &- start] = input[index]
      length &+= 1
    }
  }

  public var count: Int { Int(length) }

  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    get { bytes.span.extracting(0..<Int(length)) }
  }

  public static func == (first: Self, second: Self) -> Bool {
    if first.length != second.length { return false }
    for index in 0..<first.count where first.bytes[index] != second.bytes[index] { return false }
    return true
  }

  /// Reads the header that goes on at `offset` of `input`, and its mask; nil when it is still not
  /// complete, and then all of the input is held.
  mutating func parse(
    _ input: Span<UInt8>, from offset: Int, _ rules: WebSocketFrameRules
  ) throws(WebSocketError) -> (layout: WebSocketFrameLayout, mask: WebSocketMask)? {
    var header = InlineArray<14, UInt8>(repeating: 0)
    let available = min(14 &- count, input.count &- offset)
    for index in 0..<count { header[index] = bytes[index] }
    for index in 0..<available { header[count &+ index] = input[offset &+ index] }
    let span = header.span.extracting(0..<count &+ available)
    if let layout = try WebSocketFrameLayout.parse(span, at: 0, rules) {
      return (layout, layout.isMasked ? layout.mask(span, at: 0) : WebSocketMask(key: 0))
    }
    self = WebSocketHeldBytes(span, from: 0)
    return nil
  }
}

extension WebSocketHeldBytes {
  /// The frame whose header goes on at `offset` of `input`.
  fileprivate func glimpse(_ input: Span<UInt8>, from offset: Int) -> WebSocketFrameGlimpse {
    var header = InlineArray<14, UInt8>(repeating: 0)
    let available = min(14 &- count, input.count &- offset)
    for index in 0..<count { header[index] = bytes[index] }
    for index in 0..<available { header[count &+ index] = input[offset &+ index] }
    return WebSocketFrameGlimpse(header.span.extracting(0..<count &+ available), at: 0)
  }
}

extension WebSocketFramePhase {
  /// The frame that goes on, or begins, at `offset` of `input`; for one that was refused there.
  func glimpse(_ input: Span<UInt8>, from offset: Int) -> WebSocketFrameGlimpse {
    switch self {
    case .payload: WebSocketFrameGlimpse(input, at: offset)
    case .header(let held): held.glimpse(input, from: offset)
    case .control(let held): WebSocketFrameGlimpse(held.span, at: 0)
    }
  }
}

extension ByteBuffer {
  /// Appends the part of a header that came earlier.
  public mutating func append(_ held: WebSocketHeldBytes) { append(held.span) }
}

/// A whole control frame.
struct WebSocketControl {
  var opcode: WebSocketOpcode
  var mask: WebSocketMask?

  /// Takes the frame at `start`, whose header is checked and whose payload is all there: puts the
  /// payload, unmasked, in `scratch`.
  init(
    _ bytes: Span<UInt8>, at start: Int, _ layout: WebSocketFrameLayout,
    _ rules: inout WebSocketFrameRules, _ scratch: inout ByteBuffer
  ) throws(WebSocketError) {
    opcode = layout.controlOpcode
    mask = layout.isMasked ? layout.mask(bytes, at: start) : nil
    let payload = start &+ layout.headerLength
    let range = payload..<payload &+ Int(layout.payloadLength)
    scratch.clear()
    scratch.append(bytes.extracting(range), mask: mask ?? WebSocketMask(key: 0))
    if opcode == .close {
      _ = try WebSocketClose(scratch.span)
      rules.close()
    }
  }

  /// Adds what belongs to the frame that `held` begins; nil when it is still not whole. `held` has
  /// the whole header.
  init?(
    held: inout [UInt8], _ input: Span<UInt8>, from offset: inout Int,
    _ rules: inout WebSocketFrameRules, _ scratch: inout ByteBuffer
  ) throws(WebSocketError) {
    guard let layout = WebSocketFrameLayout(held.span, at: 0) else { return nil }
    let missing = layout.headerLength &+ Int(layout.payloadLength) &- held.count
    let end = min(input.count, offset &+ missing)
    for index in offset..<end { held.append(input[index]) }
    let isWhole = end &- offset == missing
    offset = end
    if !isWhole { return nil }
    try self.init(held.span, at: 0, layout, &rules, &scratch)
  }
}

extension WebSocketFramePhase {
  /// A control frame of which only `part` has come, with its whole header.
  static func control(_ part: Span<UInt8>) -> WebSocketFramePhase {
    control(WebSocketHeldBytes(), part)
  }

  /// The same when a piece of its header came earlier.
  static func control(_ earlier: WebSocketHeldBytes, _ part: Span<UInt8>) -> WebSocketFramePhase {
    var held: [UInt8] = []
    held.reserveCapacity(6 + 125)
    let first = earlier.span
    for index in first.indices { held.append(first[index]) }
    for index in part.indices { held.append(part[index]) }
    return .control(held)
  }
}
