/// Walks a Sec-WebSocket-Extensions field (RFC 6455 9.1): extensions, each with its parameters.
///
/// A quoted value must be a token too (9.1); one with backslashes is refused, because nobody writes
/// a token that way.
public struct WebSocketExtensionList: ~Escapable {
  public enum Element: Equatable, Sendable {
    /// An extension begins.
    case name(Range<Int>)
    /// A parameter of the extension named last; the value without its quotes.
    case parameter(Range<Int>, value: Range<Int>?)
  }

  private let bytes: Span<UInt8>
  private var at = 0
  /// Behind an extension or a parameter: what may follow is `;`, `,` or the end.
  private var isBehindElement = false

  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) { self.bytes = bytes }

  /// The next element, nil at the end.
  public mutating func next() throws(WebSocketHandshakeError) -> Element? {
    skipWhitespace()
    if isBehindElement, at < bytes.count, bytes[at] == 0x3B {
      at &+= 1
      skipWhitespace()
      return try parameter()
    }
    if isBehindElement, at < bytes.count, bytes[at] != 0x2C { throw .invalidExtensions }
    // Empty list elements are no error (RFC 9110 5.6.1).
    while at < bytes.count, bytes[at] == 0x2C || FieldSyntax.isWhitespace(bytes[at]) { at &+= 1 }
    if at == bytes.count { return nil }
    isBehindElement = true
    return .name(try token())
  }

  private mutating func parameter() throws(WebSocketHandshakeError) -> Element {
    let name = try token()
    skipWhitespace()
    guard at < bytes.count, bytes[at] == 0x3D else { return .parameter(name, value: nil) }
    at &+= 1
    skipWhitespace()
    guard at < bytes.count, bytes[at] == 0x22 else { return .parameter(name, value: try token()) }
    at &+= 1
    let value = try token()
    guard at < bytes.count, bytes[at] == 0x22 else { throw .invalidExtensions }
    at &+= 1
    return .parameter(name, value: value)
  }

  private mutating func token() throws(WebSocketHandshakeError) -> Range<Int> {
    let start = at
    let token = ByteSet.token
    while at < bytes.count, token.contains(bytes[at]) { at &+= 1 }
    if at == start { throw .invalidExtensions }
    return start..<at
  }

  private mutating func skipWhitespace() {
    while at < bytes.count, FieldSyntax.isWhitespace(bytes[at]) { at &+= 1 }
  }
}
