/// Follows a message body's framing (RFC 9112 6 and 7) without touching its bytes.
///
///     size ──digits──▶ size ──";"──▶ extension ──CR──▶ sizeEnd ──LF──▶ data ──▶ dataEnd ─▶ size
///                        └────────────CR────────────────▲   └─(size 0)─▶ trailers ──▶ complete
///
/// Small and a value: one per direction of an exchange. After an error it stays unusable.
public struct BodyDecoder: Sendable {
  /// Bytes that the line of one chunk's size and extensions may have.
  public static let maxChunkLine = 1_024
  /// Bytes of extensions in a whole body; they are dropped, so they are pure load.
  public static let maxExtensions = 16_384

  public enum Step: Equatable {
    /// All input is consumed and the body goes on.
    case needsMore
    /// A range of the input is payload; the new offset is `consumed`.
    case payload(Range<Int>, consumed: Int)
    /// The body ended before `consumed`; what follows belongs to the next message.
    case complete(consumed: Int)
  }

  private enum State: UInt8 {
    case length, untilClose
    case size, sizeDigits, `extension`, sizeEnd
    case data, dataEnd, dataLineFeed
    /// In front of a trailer line, in one, behind its CR; behind the CR of the final empty line.
    case trailerStart, trailerLine, trailerLineEnd, trailersEnd
    case complete
  }

  private var state: State
  /// Bytes of the current chunk's line, to bound it.
  private var lineBytes: UInt16 = 0
  private var extensionBytes: UInt32 = 0
  /// Payload bytes left in the body (length) or chunk; the size while its digits arrive.
  private var remaining: UInt64 = 0

  /// The validated trailer fields, once the body is complete.
  public var trailers: TrailerSection { section ?? TrailerSection() }
  /// Nil until a trailer arrives, so that copying a decoder counts no references.
  private var section: TrailerSection?

  public var isComplete: Bool { state == .complete }

  /// Payload bytes still to come when nothing else is: the body has a length. Otherwise 0.
  public var plainBytesLeft: UInt64 { state == .length ? remaining : 0 }

  /// So many of `plainBytesLeft` went another way than through `next`.
  public mutating func passed(_ count: UInt64) {
    precondition(state == .length && count <= remaining, "more passed than the body has")
    remaining &-= count
    if remaining == 0 { state = .complete }
  }

  public init(_ framing: BodyFraming) {
    switch framing {
    case .none, .length(0): state = .complete
    case .length(let count):
      state = .length
      remaining = count
    case .chunked: state = .size
    case .untilClose: state = .untilClose
    }
  }

  /// Looks at `input[offset...]`. Call again from the returned offset until it says that it needs
  /// more (all input is consumed) or that the body is complete.
  public mutating func next(_ input: Span<UInt8>, from offset: Int) throws(BodyError) -> Step {
    var at = offset
    let end = input.count
    while at < end {
      let byte = input[at]
      switch state {
      case .complete: return .complete(consumed: at)
      case .length:
        let upper = payloadEnd(at, end)
        if remaining == 0 { state = .complete }
        return .payload(at..<upper, consumed: upper)
      case .untilClose: return .payload(at..<end, consumed: end)
      case .data:
        let upper = payloadEnd(at, end)
        if remaining == 0 { state = .dataEnd }
        return .payload(at..<upper, consumed: upper)
      case .size, .sizeDigits: try sizeByte(byte)
      case .extension: try extensionByte(byte)
      case .sizeEnd:
        guard byte == .lineFeed else { throw .bareCarriageReturn }
        lineBytes = 0
        state = remaining == 0 ? .trailerStart : .data
      case .dataEnd:
        guard byte == .carriageReturn else {
          throw byte == .lineFeed ? .bareLineFeed : .invalidChunkEnd
        }
        state = .dataLineFeed
      case .dataLineFeed:
        guard byte == .lineFeed else { throw .bareCarriageReturn }
        state = .size
      case .trailerStart, .trailerLine, .trailerLineEnd, .trailersEnd: try trailerByte(byte)
      }
      at &+= 1
    }
    return state == .complete ? .complete(consumed: at) : .needsMore
  }

  /// Tells that the peer closed. True: the body was complete or is now; throws when it is cut off.
  @discardableResult
  public mutating func endOfInput() throws(BodyError) -> Bool {
    guard state == .complete || state == .untilClose else { throw .truncated }
    state = .complete
    return true
  }

  /// Takes what there is of the remaining payload.
  @inline(__always)
  private mutating func payloadEnd(_ at: Int, _ end: Int) -> Int {
    let taken = min(UInt64(end &- at), remaining)
    remaining &-= taken
    return at &+ Int(taken)
  }

  @inline(__always)
  private mutating func sizeByte(_ byte: UInt8) throws(BodyError) {
    if let digit = byte.hexValue {
      // Sixteen digits, zeros included, and never negative as a signed integer.
      if lineBytes == 16 || remaining >> 59 != 0 { throw .chunkSizeOverflow }
      remaining = remaining &<< 4 | UInt64(digit)
      lineBytes &+= 1
      state = .sizeDigits
      return
    }
    switch byte {
    case .lineFeed: throw .bareLineFeed
    case .carriageReturn where state == .sizeDigits: state = .sizeEnd
    case 0x3B where state == .sizeDigits: state = .extension
    default: throw .invalidChunkSize
    }
  }

  private mutating func extensionByte(_ byte: UInt8) throws(BodyError) {
    switch byte {
    case .carriageReturn:
      state = .sizeEnd
      return
    case .lineFeed: throw .bareLineFeed
    case .tab, 0x20...0x7E: break
    default: throw .invalidChunkExtension
    }
    lineBytes &+= 1
    extensionBytes &+= 1
    if lineBytes > BodyDecoder.maxChunkLine { throw .chunkLineTooLong }
    if extensionBytes > BodyDecoder.maxExtensions { throw .chunkExtensionsTooLong }
  }

  private mutating func trailerByte(_ byte: UInt8) throws(BodyError) {
    switch state {
    case .trailerStart where byte == .carriageReturn:
      state = .trailersEnd
    case .trailersEnd:
      guard byte == .lineFeed else { throw .bareCarriageReturn }
      if section != nil {
        try append(.carriageReturn)
        try append(.lineFeed)
        try section?.finish()
      }
      state = .complete
    case .trailerLineEnd:
      guard byte == .lineFeed else { throw .bareCarriageReturn }
      try append(byte)
      state = .trailerStart
    default:
      if byte == .lineFeed { throw .bareLineFeed }
      if byte == 0 { throw .invalidTrailer }
      try append(byte)
      state = byte == .carriageReturn ? .trailerLineEnd : .trailerLine
    }
  }

  private mutating func append(_ byte: UInt8) throws(BodyError) {
    if section == nil { section = TrailerSection() }
    try section?.append(byte)
  }
}
