/// One offer or answer of the extension that compresses messages (RFC 7692).
public struct PermessageDeflate: Equatable, Sendable {
  /// Of offers in one handshake that are read; further ones are fallbacks nobody needs.
  public static let maxOffers = 8

  /// Each message that the server, or the client, sends is compressed for itself (7.1.1).
  public var serverNoContextTakeover = false
  public var clientNoContextTakeover = false
  /// The server's window, 8 to 15 bits; nil when nothing was said, which means 15 (7.1.2.1).
  public var serverMaxWindowBits: UInt8?
  /// The client's window (7.1.2.2); an offer may name the parameter without a value.
  public var clientMaxWindowBits: UInt8?
  public var hasClientMaxWindowBits = false

  public init() {}

  /// Takes the parameter `name` of `list`; false when it is unknown, malformed or given twice, which
  /// makes an offer one to be declined and an answer one to fail (7.1).
  fileprivate mutating func accept(
    _ list: Span<UInt8>, _ name: Range<Int>, _ value: Range<Int>?
  ) -> Bool {
    let name = list.extracting(name)
    if name.equals("server_no_context_takeover") {
      if serverNoContextTakeover || value != nil { return false }
      serverNoContextTakeover = true
    } else if name.equals("client_no_context_takeover") {
      if clientNoContextTakeover || value != nil { return false }
      clientNoContextTakeover = true
    } else if name.equals("server_max_window_bits") {
      guard serverMaxWindowBits == nil, let value else { return false }
      serverMaxWindowBits = Self.windowBits(list.extracting(value))
      return serverMaxWindowBits != nil
    } else if name.equals("client_max_window_bits") {
      if hasClientMaxWindowBits { return false }
      hasClientMaxWindowBits = true
      guard let value else { return true }
      clientMaxWindowBits = Self.windowBits(list.extracting(value))
      return clientMaxWindowBits != nil
    } else {
      return false
    }
    return true
  }

  /// 8 to 15, in decimal without leading zeros.
  private static func windowBits(_ value: Span<UInt8>) -> UInt8? {
    if value.count == 1 { return value[0] == 0x38 || value[0] == 0x39 ? value[0] - 0x30 : nil }
    guard value.count == 2, value[0] == 0x31, value[1] >= 0x30, value[1] <= 0x35 else { return nil }
    return 10 + value[1] - 0x30
  }

  /// Whether a server may give this answer to the offer `offer` (7.1.1 and 7.1.2).
  public func answers(_ offer: PermessageDeflate) -> Bool {
    // What the client demands of the server must be granted; beyond that a server may limit itself.
    if offer.serverNoContextTakeover, !serverNoContextTakeover { return false }
    if let offered = offer.serverMaxWindowBits {
      guard let bits = serverMaxWindowBits, bits <= offered else { return false }
    }
    // The client's window may be limited only if the client said that it can be.
    if hasClientMaxWindowBits {
      guard let bits = clientMaxWindowBits, offer.hasClientMaxWindowBits,
        bits <= offer.clientMaxWindowBits ?? 15
      else { return false }
    }
    return true
  }
}

extension WebSocketHandshake {
  /// What a Sec-WebSocket-Extensions field says of permessage-deflate.
  private struct Extensions {
    /// Nil for one with parameters that are not legal.
    var deflate: [PermessageDeflate?] = []
    var hasOthers = false
  }

  private static func extensions(
    _ value: Span<UInt8>
  ) throws(WebSocketHandshakeError) -> Extensions {
    var result = Extensions()
    var current: PermessageDeflate?
    var isDeflate = false
    var list = WebSocketExtensionList(value)
    while let element = try list.next() {
      switch element {
      case .name(let name):
        if isDeflate { result.deflate.append(current) }
        isDeflate = value.extracting(name).equals("permessage-deflate")
        current = PermessageDeflate()
        if !isDeflate { result.hasOthers = true }
      case .parameter(let name, let parameter):
        if isDeflate, current?.accept(value, name, parameter) == false { current = nil }
      }
    }
    if isDeflate { result.deflate.append(current) }
    return result
  }

  /// Reads the permessage-deflate offers of a request, in order of preference. Other extensions are
  /// left out, because the gateway can't follow their frames, as are offers that a server declines.
  public static func deflateOffers(
    _ value: Span<UInt8>
  ) throws(WebSocketHandshakeError) -> [PermessageDeflate] {
    Array(try extensions(value).deflate.compactMap { $0 }.prefix(PermessageDeflate.maxOffers))
  }

  /// Reads the extensions of an answer to `offers`, what the gateway passed on: nil when the answer
  /// takes none of them.
  public static func deflateAnswer(
    _ value: Span<UInt8>, offers: [PermessageDeflate]
  ) throws(WebSocketHandshakeError) -> PermessageDeflate? {
    let extensions = try extensions(value)
    if extensions.hasOthers { throw .extensionNotOffered }
    guard let first = extensions.deflate.first else { return nil }
    if offers.isEmpty { throw .extensionNotOffered }
    if extensions.deflate.count > 1 { throw .duplicateExtension }
    guard let answer = first, offers.contains(where: { answer.answers($0) }) else {
      throw .invalidDeflateParameters
    }
    return answer
  }
}

extension ByteBuffer {
  /// Appends the extension as a field's value has it.
  public mutating func append(_ deflate: PermessageDeflate) {
    append("permessage-deflate")
    if deflate.serverNoContextTakeover { append("; server_no_context_takeover") }
    if deflate.clientNoContextTakeover { append("; client_no_context_takeover") }
    if let bits = deflate.serverMaxWindowBits {
      append("; server_max_window_bits=")
      append(decimal: UInt64(bits))
    }
    if deflate.hasClientMaxWindowBits { append("; client_max_window_bits") }
    if let bits = deflate.clientMaxWindowBits {
      append("=")
      append(decimal: UInt64(bits))
    }
  }
}
