/// A value found in a JSON text.
public struct JSONValue: Equatable, Sendable {
  public enum Kind: UInt8, Sendable { case object, array, string, number, bool, null }

  public var kind: Kind
  /// A string whose content is not what it means, see `JSONString`.
  public var hasEscapes: Bool
  /// The whole value, a string with its quotes.
  public var range: Range<Int>

  /// What is between the quotes of a string.
  public var content: Range<Int> { range.lowerBound &+ 1..<range.upperBound &- 1 }

  init(_ token: JSONToken, _ range: Range<Int>) {
    kind =
      switch token.kind {
      case .objectStart: .object
      case .arrayStart: .array
      case .string: .string
      case .number: .number
      case .true, .false: .bool
      default: .null
      }
    hasEscapes = token.hasEscapes
    self.range = range
  }
}

/// What a path leads to in one text.
public enum JSONMatch: Equatable, Sendable {
  case found(JSONValue)
  /// The text is JSON and has no such value.
  case missing
  /// A key on the path occurs twice in its object. Readers disagree about which one counts, so a
  /// policy must not decide by either.
  case duplicateKey
  case invalid(JSONError)
}

/// Leads to one value of a JSON text: `$`, then members (`.name`, `['any name']`) and elements
/// (`[0]`). The part of RFC 9535 that names a single node, without counting from the end.
///
/// Made once when the configuration is compiled; looking a value up allocates nothing and reads the
/// whole text, so a match means that the text is valid and unambiguous.
public struct JSONPath: Equatable, Sendable {
  /// Bounds the bits in which a look-up remembers what it saw.
  public static let maxSegments = 32

  struct Segment: Equatable, Sendable {
    /// Of the element; nil for a member.
    var index: Int?
    /// Where the member's name is in `names`.
    var name: Range<Int>
  }

  private(set) var segments: [Segment] = []
  private(set) var names: [UInt8] = []
  /// As it was written.
  public let text: String

  public init(_ text: String) throws(JSONPathError) {
    self.text = text
    var parser = JSONPathParser(text)
    try parser.parse(&segments, &names)
  }

  /// Looks for the value in `bytes`.
  public func value(
    in bytes: Span<UInt8>, maxDepth: Int = JSONScanner.defaultDepth
  ) -> JSONMatch {
    switch place(in: bytes, maxDepth: maxDepth) {
    case .found(let found): .found(found.value)
    case .missing, .blocked: .missing
    case .duplicateKey: .duplicateKey
    case .invalid(let error): .invalid(error)
    }
  }

  func wants(_ key: JSONToken, of level: Int, _ bytes: Span<UInt8>) -> Bool {
    let segment = segments[level]
    if segment.index != nil { return false }
    let content = bytes.extracting(key.content)
    let name = names.span.extracting(segment.name)
    return key.hasEscapes ? JSONString.means(content, name) : content.equals(name)
  }
}

/// Why a text is no path, and where.
public struct JSONPathError: Error, Equatable, Sendable {
  public enum Reason: UInt8, CaseIterable, Sendable {
    case noRoot, unexpectedCharacter, emptyName, invalidName, unterminated, invalidEscape
    case invalidIndex, notOneValue, tooLong

    /// What is wrong and what to do, for a person.
    public var text: StaticString {
      switch self {
      case .noRoot: "a path begins with $"
      case .unexpectedCharacter: "expected .name, ['name'] or [0]"
      case .emptyName: "a name is missing"
      case .invalidName: "such a name has to be written ['…']"
      case .unterminated: "the closing quote or bracket is missing"
      case .invalidEscape: "only \\\\, \\' and \\\" are escapes in a name"
      case .invalidIndex: "an index is a number without leading zeros, counted from the front"
      case .notOneValue: "the path has to lead to one value: no wildcard, range, filter or .."
      case .tooLong: "the path has more than 32 steps"
      }
    }
  }

  public var reason: Reason
  /// In UTF-8 bytes from the start of the path.
  public var offset: Int
}

/// Reads the text of a path.
private struct JSONPathParser {
  private let text: [UInt8]
  private var at = 0

  init(_ text: String) { self.text = Array(text.utf8) }

  private var byte: UInt8? { at < text.count ? text[at] : nil }

  private func error(_ reason: JSONPathError.Reason) -> JSONPathError {
    JSONPathError(reason: reason, offset: at)
  }

  mutating func parse(
    _ segments: inout [JSONPath.Segment], _ names: inout [UInt8]
  ) throws(JSONPathError) {
    guard byte == UInt8(ascii: "$") else { throw error(.noRoot) }
    at += 1
    while let byte {
      if segments.count == JSONPath.maxSegments { throw error(.tooLong) }
      switch byte {
      case UInt8(ascii: "."):
        at += 1
        segments.append(try shorthand(&names))
      case UInt8(ascii: "["):
        at += 1
        segments.append(try bracket(&names))
        guard self.byte == UInt8(ascii: "]") else {
          throw error(self.byte == nil ? .unterminated : notOneValueOr(.unexpectedCharacter))
        }
        at += 1
      default: throw error(.unexpectedCharacter)
      }
    }
  }

  /// RFC 9535 2.5.1.1 member-name-shorthand.
  private mutating func shorthand(_ names: inout [UInt8]) throws(JSONPathError) -> JSONPath.Segment
  {
    let start = at
    while let byte, isNameByte(byte) { at += 1 }
    if at == start {
      throw error(notOneValueOr(byte == nil || byte == 0x5B ? .emptyName : .invalidName))
    }
    if text[start] &- 0x30 < 10 {
      at = start
      throw error(.invalidName)
    }
    if let byte, byte != UInt8(ascii: "."), byte != UInt8(ascii: "[") { throw error(.invalidName) }
    names += text[start..<at]
    return JSONPath.Segment(name: names.count - (at - start)..<names.count)
  }

  private func isNameByte(_ byte: UInt8) -> Bool {
    byte >= 0x80 || byte == UInt8(ascii: "_") || byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26
  }

  private mutating func bracket(_ names: inout [UInt8]) throws(JSONPathError) -> JSONPath.Segment {
    guard let first = byte else { throw error(.unterminated) }
    switch first {
    case UInt8(ascii: "'"), UInt8(ascii: "\""):
      at += 1
      return try quoted(first, &names)
    case 0x30...0x39: return JSONPath.Segment(index: try index(), name: 0..<0)
    case UInt8(ascii: "-"): throw error(.invalidIndex)
    default: throw error(notOneValueOr(.unexpectedCharacter))
    }
  }

  private mutating func index() throws(JSONPathError) -> Int {
    let start = at
    var value = 0
    while let byte, byte &- 0x30 < 10 {
      value = value * 10 + Int(byte - 0x30)
      at += 1
      if value > Int(Int32.max) || at - start > 1 && text[start] == 0x30 {
        at = start
        throw error(.invalidIndex)
      }
    }
    return value
  }

  private mutating func quoted(
    _ quote: UInt8, _ names: inout [UInt8]
  ) throws(JSONPathError) -> JSONPath.Segment {
    let start = names.count
    while let byte {
      at += 1
      if byte == quote { return JSONPath.Segment(name: start..<names.count) }
      if byte != UInt8(ascii: "\\") {
        names.append(byte)
        continue
      }
      guard let escaped = self.byte else { break }
      guard escaped == 0x5C || escaped == 0x27 || escaped == 0x22 else {
        throw error(.invalidEscape)
      }
      names.append(escaped)
      at += 1
    }
    throw error(.unterminated)
  }

  private func notOneValueOr(_ reason: JSONPathError.Reason) -> JSONPathError.Reason {
    switch byte {
    case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: ":"), UInt8(ascii: ","),
      UInt8(ascii: "."):
      .notOneValue
    default: reason
    }
  }
}
