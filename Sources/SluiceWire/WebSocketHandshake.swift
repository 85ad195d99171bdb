/// Why a handshake's fields are refused.
public enum WebSocketHandshakeError: UInt8, Error, CaseIterable, Sendable {
  case invalidKey, invalidVersion, unsupportedVersion
  case invalidSubprotocols, duplicateSubprotocol, subprotocolNotOffered
  case invalidExtensions, extensionNotOffered, duplicateExtension, invalidDeflateParameters

  /// A stable name for logs and documentation.
  public var code: StaticString { description.code }
  /// One sentence for a person.
  public var text: StaticString { description.text }

  private var description: (code: StaticString, text: StaticString) {
    switch self {
    case .invalidKey: ("invalid-key", "Sec-WebSocket-Key is not 16 bytes in base64.")
    case .invalidVersion: ("invalid-version", "Sec-WebSocket-Version is not a version.")
    case .unsupportedVersion: ("unsupported-version", "Only version 13 of WebSocket is spoken.")
    case .invalidSubprotocols:
      ("invalid-subprotocols", "Sec-WebSocket-Protocol is not a list of tokens.")
    case .duplicateSubprotocol: ("duplicate-subprotocol", "A subprotocol is offered twice.")
    case .subprotocolNotOffered:
      ("subprotocol-not-offered", "The answer has a subprotocol that was not offered.")
    case .invalidExtensions:
      ("invalid-extensions", "Sec-WebSocket-Extensions is not a list of extensions.")
    case .extensionNotOffered:
      ("extension-not-offered", "The answer has an extension that was not offered.")
    case .duplicateExtension: ("duplicate-extension", "The answer has an extension twice.")
    case .invalidDeflateParameters:
      ("invalid-deflate-parameters", "The answer's permessage-deflate fits no offer.")
    }
  }
}

/// The fields of a WebSocket handshake (RFC 6455 4 and 11.3), each checked by itself; what a head as
/// a whole must have, and the hash of the key, is the caller's business.
///
/// A list may be spread over several fields: join them with commas first.
public enum WebSocketHandshake {
  /// Of subprotocols in one handshake; each is compared with those before it.
  public static let maxSubprotocols = 64

  /// Sec-WebSocket-Key: 16 bytes in base64. What they are is nobody's business, so bits left over
  /// may be set, as some clients do.
  public static func checkKey(_ value: Span<UInt8>) throws(WebSocketHandshakeError) {
    guard value.count == 24, value[22] == 0x3D, value[23] == 0x3D else { throw .invalidKey }
    for index in 0..<22 where Base64.Alphabet.standard.bits(value[index]) == nil {
      throw .invalidKey
    }
  }

  /// Sec-WebSocket-Version of a request: one number up to 255 without leading zeros, and of those
  /// 13 is the only one that is spoken.
  public static func checkVersion(_ value: Span<UInt8>) throws(WebSocketHandshakeError) {
    guard !value.isEmpty, value.count <= 3, value[0] != 0x30 || value.count == 1 else {
      throw .invalidVersion
    }
    var version = 0
    for index in value.indices {
      guard value[index].isDigit else { throw .invalidVersion }
      version = version * 10 + Int(value[index] - 0x30)
    }
    if version > 255 { throw .invalidVersion }
    if version != 13 { throw .unsupportedVersion }
  }

  /// Sec-WebSocket-Protocol of a request: tokens, each once, in order of preference. They can be
  /// walked with `TokenList`.
  public static func checkSubprotocols(_ value: Span<UInt8>) throws(WebSocketHandshakeError) {
    var count = 0
    var list = TokenList(value)
    while let range = list.next() {
      count += 1
      if count > maxSubprotocols { throw .invalidSubprotocols }
      let token = value.extracting(range)
      if contains(value.extracting(0..<range.lowerBound), token) { throw .duplicateSubprotocol }
    }
    if list.isInvalid || count == 0 { throw .invalidSubprotocols }
  }

  /// Sec-WebSocket-Protocol of an answer: one token of those that were offered, in the same case.
  public static func checkSubprotocol(
    _ answer: Span<UInt8>, offered: Span<UInt8>
  ) throws(WebSocketHandshakeError) {
    var list = TokenList(answer)
    guard let range = list.next(), range == 0..<answer.count else { throw .invalidSubprotocols }
    if !contains(offered, answer) { throw .subprotocolNotOffered }
  }

  private static func contains(_ value: Span<UInt8>, _ token: Span<UInt8>) -> Bool {
    var list = TokenList(value)
    while let range = list.next() {
      if value.extracting(range).equals(token) { return true }
    }
    return false
  }
}
