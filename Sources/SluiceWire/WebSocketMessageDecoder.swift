/// What one direction's messages may be; a route's setting.
public struct WebSocketMessageLimits: Equatable, Sendable {
  /// Payload bytes of a message, all fragments together, as they came: compressed ones compressed.
  public var maxSize: Int
  /// Frames of a message, empty ones too.
  public var maxFragments: Int

  public init(maxSize: Int, maxFragments: Int = 1_024) {
    self.maxSize = maxSize
    self.maxFragments = maxFragments
  }
}

/// A whole message of a WebSocket.
public struct WebSocketMessage: Equatable, Sendable {
  /// Text or binary.
  public var opcode: WebSocketOpcode
  /// The payload is deflated (RFC 7692): if it is text, whoever inflates it checks its UTF-8.
  public var isCompressed: Bool
  /// The frame in the input, when the message is one frame and all of it is there. It may be passed
  /// on as it is, mask and all.
  public var frame: Range<Int>?
  /// Where the payload is in the input, unmasked; nil when it is in the scratch.
  public var payload: Range<Int>?
  /// Where to go on in the input.
  public var consumed: Int

  /// The payload, without copying; `input` and `scratch` are those of the call that gave the message.
  @_lifetime(copy input, borrow scratch)
  public func bytes(_ input: Span<UInt8>, _ scratch: borrowing ByteBuffer) -> Span<UInt8> {
    if let payload { return input.extracting(payload) }
    return scratch.span
  }
}

/// Reads the messages of one direction of a WebSocket (RFC 6455 5 to 8): checks frames and their
/// order, joins fragments, takes off masks, checks that text is UTF-8 and that no limit is passed,
/// each as early as it can be known.
///
/// A message that is whole in the input is handed out without being kept; memory is owned only while
/// one is incomplete. After an error the decoder stays unusable.
public struct WebSocketMessageDecoder: ~Copyable {
  public enum Step: Equatable, Sendable {
    /// All input is consumed.
    case needsMore
    /// Its payload is valid until the input or the scratch is touched.
    case message(WebSocketMessage)
    /// A whole, legal control frame ended before `consumed`; the scratch holds its payload, unmasked.
    case control(WebSocketOpcode, mask: WebSocketMask?, consumed: Int)
  }

  private var phase = WebSocketFramePhase.payload(0)
  private var rules: WebSocketFrameRules
  // Of the message under way.
  private var opcode = WebSocketOpcode.text
  private var isCompressed = false
  private var validator = UTF8Validator()
  private var emptyFragments: UInt16 = 0
  private var fragments: UInt32 = 0
  /// That of the frame under way, turned to the next byte.
  private var mask = WebSocketMask(key: 0)
  /// The payload so far, unmasked.
  private var pending = ByteBuffer()
  /// Messages handed out.
  public private(set) var messages: UInt64 = 0
  /// Their bytes, as they came.
  public private(set) var payloadBytes: UInt64 = 0
  /// Data frames begun.
  public private(set) var frames: UInt64 = 0

  /// `allowsRSV1` when permessage-deflate was negotiated.
  public init(from sender: WebSocketSender, allowsRSV1: Bool) {
    rules = WebSocketFrameRules(from: sender, allowsRSV1: allowsRSV1)
  }

  /// Memory owned for a message that is incomplete.
  public var bufferedBytes: Int { pending.allocatedBytes }

  /// Fragments without payload since the last call, but for the last one of a message.
  public mutating func takeEmptyFragments() -> Int {
    let count = Int(emptyFragments)
    emptyFragments = 0
    return count
  }

  /// Reads another connection from here on, by the same rules: what had begun is forgotten, what was
  /// counted stays.
  public mutating func restart() {
    phase = .payload(0)
    rules.restart()
    isCompressed = false
    validator = UTF8Validator()
    fragments = 0
    pending.release()
  }

  /// A close frame was seen: nothing may follow.
  public var isClosed: Bool { rules.isClosed }

  /// Looks at `input[offset...]`. Call again from where the step says, until all input is consumed.
  ///
  /// `scratch` is overwritten and belongs to the caller; one serves all sessions of a thread. It
  /// takes over the memory of a message that was joined, so whoever keeps it should release it when
  /// `allocatedBytes` is large.
  public mutating func next(
    _ input: Span<UInt8>, from offset: Int, limits: WebSocketMessageLimits,
    scratch: inout ByteBuffer
  ) throws(WebSocketError) -> Step {
    var at = offset
    do throws(WebSocketError) {
      return try advance(input, &at, limits, &scratch)
    } catch {
      // Nothing is read any more, so the phase may keep where the frame began, for `refused`.
      if !error.isOfMessage, case .payload(0) = phase { phase = .payload(UInt64(at &- offset)) }
      throw error
    }
  }

  /// What was seen of the frame for which `next` threw this, with the same input and offset; where the
  /// fault is the message's, of the whole message so far.
  public func refused(
    _ error: WebSocketError, _ input: Span<UInt8>, from offset: Int
  ) -> WebSocketFrameGlimpse {
    guard case .payload(let count) = phase else { return phase.glimpse(input, from: offset) }
    if !error.isOfMessage {
      return WebSocketFrameGlimpse(input, at: offset &+ Int(truncatingIfNeeded: count))
    }
    return WebSocketFrameGlimpse(
      message: opcode, payloadLength: UInt64(pending.count) &+ count)
  }

  private mutating func advance(
    _ input: Span<UInt8>, _ at: inout Int, _ limits: WebSocketMessageLimits,
    _ scratch: inout ByteBuffer
  ) throws(WebSocketError) -> Step {
    while true {
      switch phase {
      case .payload(0):
        if at == input.count { return .needsMore }
        guard let layout = try WebSocketFrameLayout.parse(input, at: at, rules) else {
          phase = .header(WebSocketHeldBytes(input, from: at))
          return .needsMore
        }
        if layout.isControl { return try control(input, at, layout, &scratch) }
        if layout.isMasked { mask = layout.mask(input, at: at) }
        let payload = at &+ layout.headerLength
        if let step = try begin(input, layout, frame: at, payload: payload, limits, &scratch) {
          return step
        }
        at = payload
      case .payload(let left):
        if let step = try take(input, &at, left, &scratch) { return step }
      case .header(var held):
        let earlier = held
        guard let (layout, mask) = try held.parse(input, from: at, rules) else {
          phase = .header(held)
          return .needsMore
        }
        let payload = at &+ layout.headerLength &- earlier.count
        if layout.isControl {
          phase = .control(earlier, input.extracting(at..<payload))
        } else {
          self.mask = mask
          if let step = try begin(input, layout, frame: nil, payload: payload, limits, &scratch) {
            return step
          }
        }
        at = payload
      case .control(var held):
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
    }
  }

  private mutating func control(
    _ input: Span<UInt8>, _ at: Int, _ layout: WebSocketFrameLayout, _ scratch: inout ByteBuffer
  ) throws(WebSocketError) -> Step {
    let length = layout.headerLength &+ Int(layout.payloadLength)
    if input.count &- at < length {
      phase = .control(input.extracting(at...))
      return .needsMore
    }
    let control = try WebSocketControl(input, at: at, layout, &rules, &scratch)
    return .control(control.opcode, mask: control.mask, consumed: at &+ length)
  }

  /// Begins a data frame whose payload begins at `payload`; a message that is whole there is handed
  /// out at once. `mask` is that of the frame.
  private mutating func begin(
    _ input: Span<UInt8>, _ layout: WebSocketFrameLayout, frame: Int?, payload: Int,
    _ limits: WebSocketMessageLimits, _ scratch: inout ByteBuffer
  ) throws(WebSocketError) -> Step? {
    if !layout.isContinuation {
      opcode = layout.first & 0x0F == WebSocketOpcode.text.rawValue ? .text : .binary
      isCompressed = layout.isCompressed
    }
    if layout.payloadLength > UInt64(max(0, limits.maxSize &- pending.count)) {
      phase = .payload(layout.payloadLength)
      throw .messageTooBig
    }
    let length = Int(layout.payloadLength)
    let isAlone = layout.isFinal && !rules.isInMessage
    if !isAlone {
      fragments &+= 1
      if fragments > limits.maxFragments {
        phase = .payload(layout.payloadLength)
        throw .tooManyFragments
      }
      if length == 0, !layout.isFinal, emptyFragments < .max { emptyFragments &+= 1 }
    }
    rules.began(isFinal: layout.isFinal)
    frames &+= 1
    if isAlone, input.count &- payload >= length {
      phase = .payload(0)
      return try whole(input, frame: frame, payload: payload..<payload &+ length, &scratch)
    }
    phase = .payload(layout.payloadLength)
    return length == 0 ? try frameEnded(at: payload, &scratch) : nil
  }

  /// A message that is one frame, all in the input.
  @inline(__always)
  private mutating func whole(
    _ input: Span<UInt8>, frame: Int?, payload: Range<Int>, _ scratch: inout ByteBuffer
  ) throws(WebSocketError) -> Step {
    var isText = true
    if rules.isMasked {
      scratch.clear()
      scratch.append(input.extracting(payload), mask: mask)
      if checksText { isText = UTF8Validator.isValid(scratch.span) }
    } else if checksText {
      isText = UTF8Validator.isValid(input.extracting(payload))
    }
    if !isText {
      phase = .payload(UInt64(payload.count))
      throw .invalidText
    }
    messages &+= 1
    payloadBytes &+= UInt64(payload.count)
    return .message(
      WebSocketMessage(
        opcode: opcode, isCompressed: isCompressed, frame: frame.map { $0..<payload.upperBound },
        payload: rules.isMasked ? nil : payload, consumed: payload.upperBound))
  }

  /// Keeps what the input has of the frame under way.
  private mutating func take(
    _ input: Span<UInt8>, _ at: inout Int, _ left: UInt64, _ scratch: inout ByteBuffer
  ) throws(WebSocketError) -> Step? {
    if at == input.count { return .needsMore }
    let count = Int(min(left, UInt64(input.count &- at)))
    let before = pending.count
    pending.append(input.extracting(at..<at &+ count), mask: mask)
    mask = mask.advanced(by: count)
    at &+= count
    if checksText {
      // A copy: the validator must not change while `pending` is read.
      var validator = validator
      if !validator.accept(pending.span.extracting(before...)) {
        phase = .payload(left &- UInt64(count))
        throw .invalidText
      }
      self.validator = validator
    }
    phase = .payload(left &- UInt64(count))
    return left == UInt64(count) ? try frameEnded(at: at, &scratch) : nil
  }

  /// Hands out the message when that was its last frame.
  private mutating func frameEnded(
    at: Int, _ scratch: inout ByteBuffer
  ) throws(WebSocketError) -> Step? {
    phase = .payload(0)
    if rules.isInMessage { return nil }
    if checksText, !validator.isComplete { throw .invalidText }
    validator = UTF8Validator()
    fragments = 0
    swap(&scratch, &pending)
    pending.release()
    messages &+= 1
    payloadBytes &+= UInt64(scratch.count)
    return .message(
      WebSocketMessage(
        opcode: opcode, isCompressed: isCompressed, frame: nil, payload: nil, consumed: at))
  }

  private var checksText: Bool { opcode == .text && !isCompressed }
}

extension WebSocketError {
  /// Found out behind headers that were fine.
  fileprivate var isOfMessage: Bool {
    switch self {
    case .invalidText, .messageTooBig, .tooManyFragments: true
    default: false
    }
  }
}
