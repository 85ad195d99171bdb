/// What the fields of a head say about its connection and its body, gathered while they are parsed.
struct FieldFacts {
  /// One bit per `FieldName` that occurs.
  var present: UInt128 = 0
  var contentLength: UInt64?
  var transferEncoding: ByteRange?
  var host: ByteRange?
  var upgrade: ByteRange?
  var expect: ByteRange?
  var closes = false
  var keepsAlive = false
  var upgrades = false

  @inline(__always)
  func contains(_ name: FieldName) -> Bool { (present &>> UInt128(name.rawValue)) & 1 == 1 }
}

/// Parses the field lines shared by requests, responses and trailers (RFC 9112 5).
enum FieldSection {
  /// Parses the lines from `start` to the first empty line; returns the offset behind that.
  static func parse(
    _ head: Span<UInt8>, from start: Int, limits: HeadLimits, into fields: inout [HeaderField],
    facts: inout FieldFacts
  ) throws(HeadError) -> Int {
    var at = start
    let end = head.count
    while true {
      guard at < end else { throw .incompleteHead }
      let first = head[at]
      if first == .carriageReturn {
        guard at &+ 1 < end else { throw .incompleteHead }
        if head[at &+ 1] != .lineFeed { throw .bareCarriageReturn }
        break
      }
      if fields.count >= limits.fields { throw .tooManyFields }

      let colon = nameEnd(head, from: at)
      guard colon < end, head[colon] == 0x3A else {
        throw nameFault(head, from: at, to: colon)
      }
      let known = FieldName.find(head, at, colon &- at)
      // A known name is a token by being known.
      if known == .other { try checkName(head, from: at, to: colon) }

      var valueStart = colon &+ 1
      while valueStart < end, FieldSyntax.isWhitespace(head[valueStart]) { valueStart &+= 1 }
      let lineEnd = try lineEnd(head, from: valueStart)
      var valueEnd = lineEnd
      while valueEnd > valueStart, FieldSyntax.isWhitespace(head[valueEnd &- 1]) {
        valueEnd &-= 1
      }
      let field = HeaderField(
        name: ByteRange(at, colon), value: ByteRange(valueStart, valueEnd), known: known,
        isHopByHop: known.isHopByHop)
      if known != .other {
        try facts.note(field, head)
      }
      fields.append(field)
      at = lineEnd &+ 2
    }
    if facts.contains(.connection) { try Connection.apply(head, &fields, &facts) }
    return at &+ 2
  }

  /// The first byte at or after `start` that is a colon or no visible character.
  @inline(__always)
  private static func nameEnd(_ head: Span<UInt8>, from start: Int) -> Int {
    var at = start
    while at &+ 8 <= head.count {
      let word = head.word(at: at)
      let matches = Word.equal(word, 0x3A) | Word.below(word, 0x21)
      if matches != 0 { return at &+ Word.firstIndex(matches) }
      at &+= 8
    }
    while at < head.count, head[at] != 0x3A, head[at] > 0x20 { at &+= 1 }
    return at
  }

  /// The index of the CR that ends the line; checks every byte before it.
  @inline(__always)
  static func lineEnd(_ head: Span<UInt8>, from start: Int) throws(HeadError) -> Int {
    var at = start
    let end = head.count
    while at < end {
      if at &+ 8 <= end {
        let matches = Word.controls(head.word(at: at))
        if matches == 0 {
          at &+= 8
          // Tokens and cookies are longer than most values.
          if at &- start >= 32 {
            while at &+ 32 <= end, !Word.hasControls(head.words(at: at)) { at &+= 32 }
          }
          continue
        }
        at &+= Word.firstIndex(matches)
      }
      let byte = head[at]
      if byte == .carriageReturn {
        guard at &+ 1 < end else { throw .incompleteHead }
        if head[at &+ 1] != .lineFeed { throw .bareCarriageReturn }
        return at
      }
      if byte >= 0x20 && byte != 0x7F || byte == .tab {
        at &+= 1
        continue
      }
      throw fault(byte)
    }
    throw .incompleteHead
  }

  private static func checkName(
    _ head: Span<UInt8>, from start: Int, to end: Int
  ) throws(HeadError) {
    if start == end { throw .emptyFieldName }
    let token = ByteSet.token
    var at = start
    while at < end {
      if !token.contains(head[at]) {
        throw head[at] == 0x7F ? .controlCharacter : .invalidFieldName
      }
      at &+= 1
    }
  }

  /// Why the name that begins at `start` and stops at `end` is followed by no colon.
  private static func nameFault(_ head: Span<UInt8>, from start: Int, to end: Int) -> HeadError {
    guard end < head.count else { return .incompleteHead }
    let byte = head[end]
    if FieldSyntax.isWhitespace(byte) {
      return end == start ? .obsoleteLineFolding : .spaceInFieldName
    }
    if byte == .carriageReturn {
      if end + 1 < head.count, head[end + 1] != .lineFeed { return .bareCarriageReturn }
      return .missingColon
    }
    return fault(byte)
  }

  /// The fault of a control character.
  static func fault(_ byte: UInt8) -> HeadError {
    switch byte {
    case 0: .nulByte
    case .lineFeed: .bareLineFeed
    case .carriageReturn: .bareCarriageReturn
    default: .controlCharacter
    }
  }
}

extension FieldFacts {
  /// Records a known field; refuses repetition where it would be ambiguous.
  @inline(__always)
  mutating func note(_ field: HeaderField, _ head: Span<UInt8>) throws(HeadError) {
    present |= UInt128(1) &<< UInt128(field.known.rawValue)
    switch field.known {
    case .host:
      if host != nil { throw .duplicateHost }
      host = field.value
    case .contentLength:
      if contentLength != nil { throw .duplicateContentLength }
      contentLength = try FieldFacts.parseLength(head, field.value)
    case .transferEncoding:
      if transferEncoding != nil { throw .duplicateTransferEncoding }
      transferEncoding = field.value
    case .upgrade:
      if upgrade != nil { throw .invalidUpgrade }
      upgrade = field.value
    case .expect:
      if expect != nil { throw .unsupportedExpectation }
      expect = field.value
    default: break
    }
  }

  /// Digits only. The bound leaves room for arithmetic in signed integers.
  private static func parseLength(
    _ head: Span<UInt8>, _ range: ByteRange
  ) throws(HeadError) -> UInt64 {
    if range.isEmpty { throw .invalidContentLength }
    var value: UInt64 = 0
    for index in range.range {
      let byte = head[index]
      guard byte.isDigit else {
        throw byte == 0x2C ? .duplicateContentLength : .invalidContentLength
      }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(byte &- 0x30))
      if overflow || carry || sum > UInt64(Int64.max) { throw .invalidContentLength }
      value = sum
    }
    return value
  }

  /// The body's framing if Transfer-Encoding or Content-Length fix it.
  func explicitFraming(_ head: Span<UInt8>, version: HTTPVersion) throws(HeadError) -> BodyFraming?
  {
    guard let transferEncoding else {
      if let contentLength { return .length(contentLength) }
      return nil
    }
    if version == .http10 { throw .transferEncodingInOldVersion }
    if contentLength != nil { throw .contentLengthWithTransferEncoding }
    let value = head.extracting(transferEncoding.range)
    if value.equalsIgnoringCase("chunked") { return .chunked }
    throw FieldFacts.codingFault(value)
  }

  /// A well-formed list of other codings is unsupported; what leaves the framing open is invalid.
  private static func codingFault(_ value: Span<UInt8>) -> HeadError {
    var list = TokenList(value)
    var chunked = 0
    var count = 0
    var lastIsChunked = false
    while let token = list.next() {
      count += 1
      lastIsChunked = value.extracting(token).equalsIgnoringCase("chunked")
      if lastIsChunked { chunked += 1 }
    }
    let isAmbiguous = chunked > 1 || chunked == 1 && (!lastIsChunked || count == 1)
    return list.isInvalid || count == 0 || isAmbiguous
      ? .invalidTransferEncoding : .unsupportedTransferCoding
  }
}
