/// One field line of a head; the ranges index the head's bytes.
public struct HeaderField: Sendable {
  public var name: ByteRange
  /// Without surrounding whitespace.
  public var value: ByteRange
  public var known: FieldName
  /// A standard hop-by-hop field, or one that Connection nominates: never forwarded.
  public var isHopByHop: Bool
}

/// How the end of a message's body is found (RFC 9112 6.3).
public enum BodyFraming: Equatable, Sendable {
  case none
  case length(UInt64)
  case chunked
  /// Responses only: the body ends when the connection does.
  case untilClose
}

/// What a head may be at most.
public struct HeadLimits: Sendable {
  /// Bytes of the head with its final empty line; more than 65,535 counts as 65,535.
  public var bytes = 32_768
  public var fields = 100
  /// Bytes of the request target.
  public var target = 8_192

  public init() {}

  public init(bytes: Int, fields: Int, target: Int) {
    self.bytes = bytes
    self.fields = fields
    self.target = target
  }

  @inline(__always)
  var effectiveBytes: Int { min(bytes, Int(UInt16.max)) }
}

/// Syntax checks for names and values that do not come from a parsed head, such as configured ones.
public enum FieldSyntax {
  /// RFC 9110 5.6.2: not empty, tchar only.
  public static func isToken(_ bytes: Span<UInt8>) -> Bool {
    let token = ByteSet.token
    for index in bytes.indices where !token.contains(bytes[index]) { return false }
    return !bytes.isEmpty
  }

  /// RFC 9110 5.5: visible characters, space, tab and bytes above 0x7F; no whitespace at the ends.
  public static func isValue(_ bytes: Span<UInt8>) -> Bool {
    if !isSafe(bytes) { return false }
    guard !bytes.isEmpty else { return true }
    return !isWhitespace(bytes[0]) && !isWhitespace(bytes[bytes.count - 1])
  }

  @inline(__always)
  static func isWhitespace(_ byte: UInt8) -> Bool { byte == .space || byte == .tab }
}
