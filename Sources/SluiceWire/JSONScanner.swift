/// A piece of a JSON text.
public struct JSONToken: Equatable, Sendable {
  public enum Kind: UInt8, Sendable {
    case objectStart, objectEnd, arrayStart, arrayEnd
    /// A member's name; its value is the next token.
    case key
    case string, number, `true`, `false`, null
    /// The text is complete. Given again and again.
    case end
  }

  public var kind: Kind
  /// A string or key has escapes: its content is not what it means, `JSONString` tells that.
  public var hasEscapes = false
  /// The token's bytes, a string's with its quotes.
  public var range: Range<Int>

  /// What is between the quotes of a string or key.
  public var content: Range<Int> { range.lowerBound &+ 1..<range.upperBound &- 1 }
}

/// Why bytes are no JSON text; `JSONScanner.offset` tells where.
public enum JSONError: UInt8, Error, CaseIterable, Sendable {
  case unexpectedEnd, expectedValue, expectedKey, expectedColon, expectedComma, trailingBytes
  case invalidLiteral, invalidNumber, invalidEscape, controlCharacter, tooDeep

  /// A stable name for logs and documentation.
  public var code: StaticString { description.code }
  /// One sentence for a person.
  public var text: StaticString { description.text }

  private var description: (code: StaticString, text: StaticString) {
    switch self {
    case .unexpectedEnd: ("json-unexpected-end", "The JSON text ends too early.")
    case .expectedValue: ("json-expected-value", "A value is missing here.")
    case .expectedKey: ("json-expected-key", "A member's name in quotes is missing here.")
    case .expectedColon: ("json-expected-colon", "A colon is missing behind a member's name.")
    case .expectedComma: ("json-expected-comma", "A comma or the end is missing behind a value.")
    case .trailingBytes: ("json-trailing-bytes", "Something follows the value.")
    case .invalidLiteral: ("json-invalid-literal", "A word is neither true, false nor null.")
    case .invalidNumber: ("json-invalid-number", "A number is malformed.")
    case .invalidEscape: ("json-invalid-escape", "An escape in a string is malformed.")
    case .controlCharacter: ("json-control-character", "A string has a bare control character.")
    case .tooDeep: ("json-too-deep", "Values are nested deeper than allowed.")
    }
  }
}

/// Reads a JSON text (RFC 8259) token by token: strict, without recursion, without allocating.
///
/// Any value may be the root. There is no byte order mark, no comment, no trailing comma. Strings are
/// not checked to be UTF-8 (whoever has the whole text does that, `UTF8Validator`), nor are
/// surrogates in escapes paired, which the grammar does not ask for (`JSONString` does); duplicate
/// keys are the caller's to judge. After an error the scanner stays unusable.
public struct JSONScanner: ~Escapable {
  /// Nothing may be nested deeper, whatever the caller allows; a bit is kept for each level.
  public static let deepest = 512
  /// For callers that have no setting of their own.
  public static let defaultDepth = 64

  private enum Expectation: UInt8 {
    case value, elementOrEnd, keyOrEnd, key, commaOrEnd
  }

  private let bytes: Span<UInt8>
  private let maxDepth: Int
  private var expectation = Expectation.value
  /// A bit for each level: set for objects.
  private var objects = InlineArray<8, UInt64>(repeating: 0)
  /// Containers that are open.
  public private(set) var depth = 0
  /// Where the next token is looked for; behind an error, what is wrong.
  public private(set) var offset = 0

  /// `maxDepth` containers may be open at a time, at most `deepest`.
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>, maxDepth: Int = Self.defaultDepth) {
    self.bytes = bytes
    self.maxDepth = min(maxDepth, Self.deepest)
  }

  /// Whether the innermost open container is an object.
  private var isInObject: Bool {
    let level = depth &- 1
    return objects[level &>> 6] &>> UInt64(level & 63) & 1 == 1
  }

  public mutating func next() throws(JSONError) -> JSONToken {
    skipWhitespace()
    if expectation == .commaOrEnd {
      if let end = try endOrComma() { return end }
      skipWhitespace()
    }
    guard offset < bytes.count else { throw .unexpectedEnd }
    let byte = bytes[offset]
    switch expectation {
    case .keyOrEnd where byte == 0x7D: return close(.objectEnd)
    case .key, .keyOrEnd: return try key()
    case .elementOrEnd where byte == 0x5D: return close(.arrayEnd)
    case .value, .elementOrEnd, .commaOrEnd: return try value(byte)
    }
  }

  /// Passes over the rest of the value that `token` begins; returns the whole value's range.
  public mutating func skip(_ token: JSONToken) throws(JSONError) -> Range<Int> {
    guard token.kind == .objectStart || token.kind == .arrayStart else { return token.range }
    let outside = depth &- 1
    while depth > outside { _ = try next() }
    return token.range.lowerBound..<offset
  }

  /// Behind a value: the end of what contains it, or a comma, which is passed over.
  private mutating func endOrComma() throws(JSONError) -> JSONToken? {
    if depth == 0 {
      guard offset == bytes.count else { throw .trailingBytes }
      return JSONToken(kind: .end, range: offset..<offset)
    }
    guard offset < bytes.count else { throw .unexpectedEnd }
    let (byte, isInObject) = (bytes[offset], isInObject)
    switch byte {
    case 0x2C:
      offset &+= 1
      expectation = isInObject ? .key : .value
      return nil
    case 0x7D where isInObject: return close(.objectEnd)
    case 0x5D where !isInObject: return close(.arrayEnd)
    default: throw .expectedComma
    }
  }

  private mutating func value(_ byte: UInt8) throws(JSONError) -> JSONToken {
    let start = offset
    switch byte {
    case 0x7B: return try open(.objectStart)
    case 0x5B: return try open(.arrayStart)
    case 0x22:
      let hasEscapes = try string()
      expectation = .commaOrEnd
      return JSONToken(kind: .string, hasEscapes: hasEscapes, range: start..<offset)
    case 0x74: return try literal(.true, "true")
    case 0x66: return try literal(.false, "false")
    case 0x6E: return try literal(.null, "null")
    case 0x2D, 0x30...0x39:
      try number(byte)
      expectation = .commaOrEnd
      return JSONToken(kind: .number, range: start..<offset)
    default: throw .expectedValue
    }
  }

  private mutating func open(_ kind: JSONToken.Kind) throws(JSONError) -> JSONToken {
    if depth >= maxDepth { throw .tooDeep }
    let word = depth &>> 6
    let bit: UInt64 = 1 &<< UInt64(depth & 63)
    if kind == .objectStart {
      objects[word] |= bit
      expectation = .keyOrEnd
    } else {
      objects[word] &= ~bit
      expectation = .elementOrEnd
    }
    depth &+= 1
    offset &+= 1
    return JSONToken(kind: kind, range: offset &- 1..<offset)
  }

  private mutating func close(_ kind: JSONToken.Kind) -> JSONToken {
    depth &-= 1
    offset &+= 1
    expectation = .commaOrEnd
    return JSONToken(kind: kind, range: offset &- 1..<offset)
  }

  private mutating func key() throws(JSONError) -> JSONToken {
    let start = offset
    if bytes[start] != 0x22 { throw .expectedKey }
    let hasEscapes = try string()
    let end = offset
    skipWhitespace()
    guard offset < bytes.count else { throw .unexpectedEnd }
    if bytes[offset] != 0x3A { throw .expectedColon }
    offset &+= 1
    expectation = .value
    return JSONToken(kind: .key, hasEscapes: hasEscapes, range: start..<end)
  }

  private mutating func literal(
    _ kind: JSONToken.Kind, _ text: StaticString
  ) throws(JSONError) -> JSONToken {
    let start = offset
    for index in 0..<text.utf8CodeUnitCount {
      guard start &+ index < bytes.count else {
        offset = bytes.count
        throw .unexpectedEnd
      }
      // SAFETY: index is below the text's length.
      if bytes[start &+ index] != text.utf8Start[index] { throw .invalidLiteral }
    }
    offset = start &+ text.utf8CodeUnitCount
    expectation = .commaOrEnd
    return JSONToken(kind: kind, range: start..<offset)
  }
}

// MARK: Strings and numbers

extension JSONScanner {
  @inline(__always)
  private mutating func skipWhitespace() {
    while offset < bytes.count {
      switch bytes[offset] {
      case 0x20, 0x0A, 0x0D, 0x09: offset &+= 1
      default: return
      }
    }
  }

  /// Passes over a string from its first quote to behind its last; true when it has escapes.
  private mutating func string() throws(JSONError) -> Bool {
    var hasEscapes = false
    offset &+= 1
    while true {
      let end = endOfPlain(offset)
      offset = end
      guard offset < bytes.count else { throw .unexpectedEnd }
      let byte = bytes[offset]
      switch byte {
      case 0x22:
        offset &+= 1
        return hasEscapes
      case 0x5C:
        hasEscapes = true
        try escape()
      default: throw .controlCharacter
      }
    }
  }

  /// The first quote, backslash or control character from `start` on, eight bytes at a time.
  @inline(__always)
  private func endOfPlain(_ start: Int) -> Int {
    var at = start
    while at &+ 8 <= bytes.count {
      let word = bytes.word(at: at)
      let matches = Word.below(word, 0x20) | Word.equal(word, 0x22) | Word.equal(word, 0x5C)
      if matches != 0 { return at &+ Word.firstIndex(matches) }
      at &+= 8
    }
    while at < bytes.count, bytes[at] >= 0x20, bytes[at] != 0x22, bytes[at] != 0x5C { at &+= 1 }
    return at
  }

  private mutating func escape() throws(JSONError) {
    guard offset &+ 1 < bytes.count else {
      offset = bytes.count
      throw .unexpectedEnd
    }
    switch bytes[offset &+ 1] {
    case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: offset &+= 2
    case 0x75:
      for index in offset &+ 2..<offset &+ 6 {
        guard index < bytes.count else {
          offset = bytes.count
          throw .unexpectedEnd
        }
        if bytes[index].hexValue == nil { throw .invalidEscape }
      }
      offset &+= 6
    default: throw .invalidEscape
    }
  }

  private mutating func number(_ first: UInt8) throws(JSONError) {
    if first == 0x2D { offset &+= 1 }
    if offset < bytes.count, bytes[offset] == 0x30 {
      offset &+= 1
      // A digit behind a zero would be a leading zero.
      if offset < bytes.count, bytes[offset].isDigit { throw .invalidNumber }
    } else {
      try digits()
    }
    if offset < bytes.count, bytes[offset] == 0x2E {
      offset &+= 1
      try digits()
    }
    if offset < bytes.count, bytes[offset] | 0x20 == 0x65 {
      offset &+= 1
      if offset < bytes.count, bytes[offset] == 0x2B || bytes[offset] == 0x2D { offset &+= 1 }
      try digits()
    }
  }

  /// Passes over one digit or more.
  @inline(__always)
  private mutating func digits() throws(JSONError) {
    guard offset < bytes.count else { throw .unexpectedEnd }
    if !bytes[offset].isDigit { throw .invalidNumber }
    while offset < bytes.count, bytes[offset].isDigit { offset &+= 1 }
  }
}
