/// Follows the frames of one direction of a relayed WebSocket (RFC 6455 5) without touching payload.
///
/// Says which bytes may pass, checks headers and their order as strictly as an endpoint, keeps control
/// frames apart so that each can be passed on or swallowed, counts messages, and knows where a frame
/// of the gateway's own may be put in. Bytes of an incomplete header or control frame are held back:
/// what has passed ends in a frame's payload or at its border, never within a header.
///
/// Small and a value: two per session. After an error it stays unusable. What it does not see is
/// what needs the payload: whether text is UTF-8, and what a compressed message inflates to.
public struct WebSocketFrameFollower: Sendable {
  public enum Step: Equatable, Sendable {
    /// All input is consumed.
    case needsMore
    /// This range of the input passes; `frames` data frames begin in it. Go on at its end.
    case relay(Range<Int>, frames: Int)
    /// The bytes of a header that came earlier pass, then this range. Go on at its end.
    case relayHeld(WebSocketHeldBytes, Range<Int>, frames: Int)
    /// A whole, legal control frame ended before `consumed`; the scratch holds its payload, unmasked.
    /// Written with `mask` it is what came.
    case control(WebSocketOpcode, mask: WebSocketMask?, consumed: Int)
  }

  private var phase = WebSocketFramePhase.payload(0)
  private var rules: WebSocketFrameRules
  /// Messages that have passed to their end.
  public private(set) var messages: UInt64 = 0
  /// Payload bytes of data frames that have passed.
  public private(set) var payloadBytes: UInt64 = 0
  /// What the frames before the current one of a fragmented message announced.
  private var messageBytes: UInt64 = 0
  private var emptyFragments: UInt16 = 0

  /// `allowsRSV1` when permessage-deflate was negotiated.
  public init(from sender: WebSocketSender, allowsRSV1: Bool) {
    rules = WebSocketFrameRules(from: sender, allowsRSV1: allowsRSV1)
  }

  /// permessage-deflate was negotiated.
  public var allowsRSV1: Bool { rules.allowsRSV1 }

  /// Whether a control frame may be written behind what has passed.
  public var isAtFrameBoundary: Bool {
    if case .payload(let left) = phase { return left == 0 }
    return true
  }

  /// Whether a message may be written behind what has passed.
  public var isAtMessageBoundary: Bool { isAtFrameBoundary && !rules.isInMessage }

  /// Whether bytes are held back.
  public var isHolding: Bool {
    if case .payload = phase { return false }
    return true
  }

  /// Fragments without payload since the last call, but for the last one of a message: they carry
  /// nothing and cost what others cost. Counts to 65,535.
  public mutating func takeEmptyFragments() -> Int {
    let count = Int(emptyFragments)
    emptyFragments = 0
    return count
  }

  /// Follows another connection from here on, by the same rules: what had begun is forgotten, what was
  /// counted stays.
  public mutating func restart() {
    phase = .payload(0)
    rules.restart()
    messageBytes = 0
  }

  /// A close frame was seen: nothing may follow.
  public var isClosed: Bool { rules.isClosed }

  /// Looks at `input[offset...]`. Call again from where the step says, until all input is consumed.
  ///
  /// A message whose frames announce more than `maxSize` bytes is refused at the header that does.
  /// `scratch` is overwritten by a control frame's payload and belongs to the caller; one serves all
  /// sessions of a thread. When an error is thrown, everything before the offending frame was relayed.
  /// With `stopsAtFrames` a step holds at most one frame's bytes, so that each can be recorded:
  /// `WebSocketFrameHeader(_:)` reads the header where `frames` is 1.
  public mutating func next(
    _ input: Span<UInt8>, from offset: Int, maxSize: UInt64, scratch: inout ByteBuffer,
    stopsAtFrames: Bool = false
  ) throws(WebSocketError) -> Step {
    guard case .payload(let left) = phase else {
      return try resume(input, offset, maxSize, &scratch, stopsAtFrames)
    }
    var at = offset
    var frames = 0
    try follow(input, offset, &at, left, &frames, maxSize, stopsAtFrames)
    if at > offset { return .relay(offset..<at, frames: frames) }
    return try border(input, at, &scratch)
  }

  /// Passes over payload and whole headers of data frames from `at` on. Stops in front of anything
  /// else; throws only when that is at `offset`, so that what is legal passes first.
  @inline(__always)
  private mutating func follow(
    _ input: Span<UInt8>, _ offset: Int, _ at: inout Int, _ left: UInt64, _ frames: inout Int,
    _ maxSize: UInt64, _ stopsAtFrames: Bool
  ) throws(WebSocketError) {
    let end = input.count
    var left = left
    defer { phase = .payload(left) }
    while true {
      if left > 0 {
        let taken = min(left, UInt64(truncatingIfNeeded: end &- at))
        left &-= taken
        at &+= Int(truncatingIfNeeded: taken)
        payloadBytes &+= taken
        if left > 0 { return }
        if !rules.isInMessage { messages &+= 1 }
      }
      if at == end || stopsAtFrames && at > offset { return }
      let layout: WebSocketFrameLayout?
      do throws(WebSocketError) {
        layout = try WebSocketFrameLayout.parse(input, at: at, rules)
        if let layout { try began(layout, maxSize) }
      } catch {
        if at > offset { return }
        throw error
      }
      guard let layout, !layout.isControl else { return }
      frames &+= 1
      at &+= layout.headerLength
      left = layout.payloadLength
    }
  }

  /// Takes a data frame's header.
  @inline(__always)
  private mutating func began(
    _ layout: WebSocketFrameLayout, _ maxSize: UInt64
  ) throws(WebSocketError) {
    if layout.isControl { return }
    let length = layout.payloadLength
    if length > maxSize || messageBytes > maxSize &- length { throw .messageTooBig }
    rules.began(isFinal: layout.isFinal)
    if layout.isFinal {
      messageBytes = 0
      if length == 0 { messages &+= 1 }
    } else {
      messageBytes &+= length
      if length == 0, emptyFragments < .max { emptyFragments &+= 1 }
    }
  }

  /// At a border with nothing that may pass: the input ends, or a part of a header or a control frame
  /// begins here.
  private mutating func border(
    _ input: Span<UInt8>, _ at: Int, _ scratch: inout ByteBuffer
  ) throws(WebSocketError) -> Step {
    if at == input.count { return .needsMore }
    guard let layout = try WebSocketFrameLayout.parse(input, at: at, rules) else {
      phase = .header(WebSocketHeldBytes(input, from: at))
      return .needsMore
    }
    let length = layout.headerLength &+ Int(layout.payloadLength)
    if input.count &- at < length {
      phase = .control(input.extracting(at...))
      return .needsMore
    }
    let control = try WebSocketControl(input, at: at, layout, &rules, &scratch)
    return .control(control.opcode, mask: control.mask, consumed: at &+ length)
  }

  /// Goes on with a header or a control frame that was split over reads.
  private mutating func resume(
    _ input: Span<UInt8>, _ offset: Int, _ maxSize: UInt64, _ scratch: inout ByteBuffer,
    _ stopsAtFrames: Bool
  ) throws(WebSocketError) -> Step {
    var at = offset
    if case .header(var held) = phase {
      let earlier = held
      guard let (layout, _) = try held.parse(input, from: offset, rules) else {
        phase = .header(held)
        return .needsMore
      }
      at &+= layout.headerLength &- earlier.count
      if !layout.isControl {
        try began(layout, maxSize)
        var frames = 1
        try follow(
          input, offset, &at, layout.payloadLength, &frames, maxSize, stopsAtFrames)
        return .relayHeld(earlier, offset..<at, frames: frames)
      }
      phase = .control(earlier, input.extracting(offset..<at))
    }
    guard case .control(var held) = phase else { return .needsMore }
    // The phase lets go of the bytes, so that they are added to in place.
    phase = .payload(0)
    let control: WebSocketControl?
    do throws(WebSocketError) {
      control = try WebSocketControl(held: &held, input, from: &at, &rules, &scratch)
    } catch {
      phase = .control(held)
      throw error
    }
    guard let control else {
      phase = .control(held)
      return .needsMore
    }
    return .control(control.opcode, mask: control.mask, consumed: at)
  }

  /// What was seen of the frame for which `next` threw, with the same input and offset.
  public func refused(_ input: Span<UInt8>, from offset: Int) -> WebSocketFrameGlimpse {
    phase.glimpse(input, from: offset)
  }
}
