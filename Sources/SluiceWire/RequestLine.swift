/// The forms of a request target (RFC 9112 3.2).
public enum TargetForm: Sendable {
  case origin, absolute, asterisk, authority
}

/// The first line of a request: `method SP target SP version CRLF`, one space each.
struct RequestLine {
  var method = HTTPMethod.other
  var methodName = ByteRange.empty
  var target = ByteRange.empty
  var form = TargetForm.origin
  var path = ByteRange.empty
  var query: ByteRange?
  /// The authority of an absolute or authority-form target.
  var authority: ByteRange?
  var version = HTTPVersion.http11
  /// The port that an authority without one means.
  var standardPort: UInt16 = 80
  /// An absolute target without a path.
  var needsPath = false
  /// Where the field lines begin.
  var end = 0

  mutating func parse(_ head: Span<UInt8>, limits: HeadLimits) throws(HeadError) {
    var at = 0
    if head.count >= 2, head[0] == .carriageReturn, head[1] == .lineFeed {
      at = 2
      if head.count > 2, head[2] == .carriageReturn { throw .leadingEmptyLines }
    }
    at = try parseMethod(head, from: at)
    let targetStart = at
    at = try scanTarget(head, from: at, limits: limits)
    target = ByteRange(targetStart, at)
    try parseVersion(head, from: at &+ 1)
    try classifyTarget(head, targetStart, at)
  }

  /// Returns the index behind the space.
  private mutating func parseMethod(_ head: Span<UInt8>, from start: Int) throws(HeadError) -> Int {
    let token = ByteSet.token
    var at = start
    let end = min(head.count, start &+ RequestHead.longestMethod &+ 1)
    while at < end, token.contains(head[at]) { at &+= 1 }
    guard at < end else { throw at == head.count ? .incompleteHead : .invalidMethod }
    guard head[at] == .space, at > start else {
      switch head[at] {
      case .space, .tab: throw .invalidRequestLine
      case .carriageReturn where at &+ 1 < head.count && head[at &+ 1] == .lineFeed:
        throw .invalidRequestLine
      case 0, .lineFeed, .carriageReturn: throw FieldSection.fault(head[at])
      default: throw .invalidMethod
      }
    }
    methodName = ByteRange(start, at)
    method = HTTPMethod(head.extracting(start..<at))
    return at &+ 1
  }

  /// Checks every byte of the target and finds the query; returns the index of the space behind it.
  private mutating func scanTarget(
    _ head: Span<UInt8>, from start: Int, limits: HeadLimits
  ) throws(HeadError) -> Int {
    let allowed = ByteSet.target
    var at = start
    let end = head.count
    var question: Int?
    scan: while at < end {
      if at &+ 8 <= end {
        let word = head.word(at: at)
        // Candidates: up to "#", from 0x7F on, and the four from "<" to "?"; looked at singly below.
        let matches =
          Word.below(word, 0x24) | Word.equal(word & 0xFCFC_FCFC_FCFC_FCFC, 0x3C)
          | Word.equal(word, 0x7F) | (word & Word.tops)
        if matches == 0 {
          at &+= 8
          continue
        }
        at &+= Word.firstIndex(matches)
      }
      let byte = head[at]
      if byte == .space { break }
      if byte == 0x3F, question == nil { question = at }
      if !allowed.contains(byte) { throw targetFault(byte, head, at) }
      at &+= 1
    }
    guard at < end else { throw .incompleteHead }
    if at &- start > limits.target { throw .targetTooLong }
    if at == start { throw .invalidRequestLine }
    if let question { query = ByteRange(question &+ 1, at) }
    return at
  }

  private func targetFault(_ byte: UInt8, _ head: Span<UInt8>, _ at: Int) -> HeadError {
    switch byte {
    case 0x23: .fragmentInTarget
    case .carriageReturn:
      at + 1 < head.count && head[at + 1] == .lineFeed ? .invalidRequestLine : .bareCarriageReturn
    case .tab: .invalidRequestLine
    case 0x22, 0x3C, 0x3E, 0x80...: .invalidTarget
    default: FieldSection.fault(byte)
    }
  }

  private mutating func parseVersion(_ head: Span<UInt8>, from at: Int) throws(HeadError) {
    guard at &+ 10 <= head.count else { throw versionFault(head, at) }
    switch head.word(at: at) {
    case Version.http11: version = .http11
    case Version.http10: version = .http10
    default: throw versionFault(head, at)
    }
    guard head[at &+ 8] == .carriageReturn, head[at &+ 9] == .lineFeed else {
      throw versionFault(head, at)
    }
    end = at &+ 10
  }

  private func versionFault(_ head: Span<UInt8>, _ at: Int) -> HeadError {
    var lineEnd = at
    while lineEnd < head.count, head[lineEnd] >= 0x20 { lineEnd += 1 }
    guard lineEnd < head.count else { return .incompleteHead }
    if head[lineEnd] == .tab { return .invalidRequestLine }
    if head[lineEnd] != .carriageReturn { return FieldSection.fault(head[lineEnd]) }
    if lineEnd + 1 >= head.count { return .incompleteHead }
    if head[lineEnd + 1] != .lineFeed { return .bareCarriageReturn }
    return Version.fault(head.extracting(at..<lineEnd), otherwise: .invalidRequestLine)
  }

  private mutating func classifyTarget(
    _ head: Span<UInt8>, _ start: Int, _ end: Int
  ) throws(HeadError) {
    let pathEnd = query.map { Int($0.start) &- 1 } ?? end
    if method == .connect {
      form = .authority
      authority = target
      guard query == nil, let parsed = HostSyntax.parse(head.extracting(start..<end)),
        parsed.port != nil
      else { throw .invalidTarget }
      path = ByteRange(end, end)
      return
    }
    if head[start] == 0x2F {
      form = .origin
      path = ByteRange(start, pathEnd)
      return
    }
    if head[start] == 0x2A, end &- start == 1 {
      guard method == .options else { throw .invalidTarget }
      form = .asterisk
      path = target
      return
    }
    try parseAbsolute(head, start, pathEnd)
  }

  private mutating func parseAbsolute(
    _ head: Span<UInt8>, _ start: Int, _ pathEnd: Int
  ) throws(HeadError) {
    form = .absolute
    var at = start
    while at < pathEnd, head[at] != 0x3A, head[at] != 0x2F { at += 1 }
    guard at + 2 < pathEnd, head[at] == 0x3A, head[at + 1] == 0x2F, head[at + 2] == 0x2F else {
      throw .invalidTarget
    }
    let scheme = head.extracting(start..<at)
    if scheme.equalsIgnoringCase("https") {
      standardPort = 443
    } else if !scheme.equalsIgnoringCase("http") {
      throw .unsupportedScheme
    }
    at += 3
    let authorityStart = at
    while at < pathEnd, head[at] != 0x2F {
      if head[at] == 0x40 { throw .userinfoInTarget }
      at += 1
    }
    authority = ByteRange(authorityStart, at)
    path = ByteRange(at, pathEnd)
    needsPath = at == pathEnd
  }
}

/// The protocol versions as words.
enum Version {
  /// "HTTP/1.1", the first byte lowest.
  static var http11: UInt64 { 0x312E_312F_5054_5448 }
  static var http10: UInt64 { 0x302E_312F_5054_5448 }

  /// A well-formed version that is not spoken, or `otherwise` for text that does not look like one.
  static func fault(_ text: Span<UInt8>, otherwise: HeadError) -> HeadError {
    guard text.count >= 5, text.extracting(0..<5).equalsIgnoringCase("http/") else {
      return otherwise
    }
    guard text.count == 8, text[0] == 0x48, text[1] == 0x54, text[2] == 0x54, text[3] == 0x50,
      text[5].isDigit, text[6] == 0x2E, text[7].isDigit
    else { return .invalidVersion }
    return .unsupportedVersion
  }
}
