/// Finds the end of a head in bytes that arrive piece by piece.
///
/// Looks only for line ends and bytes that make the head hopeless; a head found whole still has to
/// be parsed. Serves requests and responses.
public enum HeadScanner {
  /// The longest method or version that a first line may begin with.
  private static let firstWord = RequestHead.longestMethod

  /// The count of bytes of the head at the start of `input`, with its final empty line and an empty
  /// line before it (RFC 9112 2.2 lets a client send one); nil when more bytes are needed.
  ///
  /// `scanned` is 0 for a new head and kept by the caller between calls over the same, grown bytes.
  public static func endOfHead(
    _ input: Span<UInt8>, scanned: inout Int, limits: HeadLimits
  ) throws(HeadError) -> Int? {
    let limit = limits.effectiveBytes
    let end = min(input.count, limit)
    let isStart = scanned <= firstWord + 2
    var at = scanned
    if at == 0, end > 0 { try checkFirstByte(input) }
    while at < end {
      if at &+ 8 <= end {
        // Below 0x10 lie CR, LF, NUL and tab; the parser refuses the other control characters.
        let matches = Word.below(input.word(at: at), 0x10)
        if matches == 0 {
          at &+= 8
          continue
        }
        at &+= Word.firstIndex(matches)
      }
      let byte = input[at]
      if byte >= 0x10 || byte == .tab {
        at &+= 1
        continue
      }
      if byte == .carriageReturn {
        guard at &+ 1 < end else { break }
        if input[at &+ 1] != .lineFeed { throw .bareCarriageReturn }
        at &+= 2
        // An empty line ends the head, except the one that may precede it.
        if at >= 4, input[at &- 3] == .lineFeed, input[at &- 4] == .carriageReturn {
          if at == 4 { throw .leadingEmptyLines }
          scanned = at
          return at
        }
        continue
      }
      if byte == .lineFeed { throw .bareLineFeed }
      throw byte == 0 ? .nulByte : .controlCharacter
    }
    scanned = at
    if isStart { try checkStart(input) }
    // The limit is reached, or a CR fills its last byte: no head can end within it any more.
    if input.count >= limit { throw overflow(input, limits) }
    return nil
  }

  /// No first line begins with anything but a token, so TLS and other protocols fail at once.
  private static func checkFirstByte(_ input: Span<UInt8>) throws(HeadError) {
    let byte = input[0]
    if ByteSet.token.contains(byte) || byte == .carriageReturn { return }
    switch byte {
    case .lineFeed: throw .bareLineFeed
    case 0: throw .nulByte
    case .space, .tab: throw .invalidRequestLine
    default: throw .invalidMethod
    }
  }

  /// Refuses a first line that begins with no method and no version, before it is complete.
  private static func checkStart(_ input: Span<UInt8>) throws(HeadError) {
    let start = input.count >= 2 && input[0] == .carriageReturn ? 2 : 0
    var at = start
    while at < input.count {
      let byte = input[at]
      // What whitespace or a line end at this place means, the parser tells.
      if byte == .space || byte == .tab || byte == .carriageReturn { return }
      // A version contains a slash.
      let isAllowed = ByteSet.token.contains(byte) || byte == 0x2F
      if !isAllowed || at - start == firstWord { throw .invalidMethod }
      at += 1
    }
  }

  /// Tells a target that is too long from a head that is.
  private static func overflow(_ input: Span<UInt8>, _ limits: HeadLimits) -> HeadError {
    let isResponse = input.count > 5 && input.extracting(0..<5).equalsIgnoringCase("http/")
    if isResponse { return .headTooLarge }
    for at in 2..<max(2, min(input.count, limits.effectiveBytes)) where input[at] == .lineFeed {
      return .headTooLarge
    }
    return .targetTooLong
  }
}
