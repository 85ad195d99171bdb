/// Field names known by number, so that the request path compares numbers instead of text.
///
/// A name added here gets a case, a line in `text` and a line in `candidate`; a test checks that the
/// three agree.
public enum FieldName: UInt8, Sendable, CaseIterable {
  case other = 0
  case host, connection, contentLength, transferEncoding, upgrade, te, trailer, keepAlive
  case proxyConnection, proxyAuthenticate, proxyAuthorization, expect, xForwardedFor
  case xForwardedProto, xForwardedHost, xForwardedPort, forwarded, xRealIP, via, xRequestID
  case date, server, cookie, authorization, contentType, accept, acceptEncoding, acceptLanguage
  case acceptRanges, accessControlRequestMethod, accessControlRequestHeaders
  case accessControlAllowOrigin, age, allow, altSvc, cacheControl, contentEncoding
  case contentLanguage, contentLocation, contentRange, etag, expires, ifMatch, ifModifiedSince
  case ifNoneMatch, ifRange, ifUnmodifiedSince, lastModified, location, maxForwards, origin
  case pragma, priority, range, referer, retryAfter, secWebSocketAccept, secWebSocketExtensions
  case secWebSocketKey, secWebSocketProtocol, secWebSocketVersion, setCookie
  case sluiceConnectionID
  case strictTransportSecurity, traceparent, tracestate, userAgent, vary, wwwAuthenticate
  case xAPIKey, xCorrelationID, xForwardedPrefix

  /// The lower-case name; empty for `other`.
  public var text: StaticString {
    switch self {
    case .other: ""
    case .host: "host"
    case .connection: "connection"
    case .contentLength: "content-length"
    case .transferEncoding: "transfer-encoding"
    case .upgrade: "upgrade"
    case .te: "te"
    case .trailer: "trailer"
    case .keepAlive: "keep-alive"
    case .proxyConnection: "proxy-connection"
    case .proxyAuthenticate: "proxy-authenticate"
    case .proxyAuthorization: "proxy-authorization"
    case .expect: "expect"
    case .xForwardedFor: "x-forwarded-for"
    case .xForwardedProto: "x-forwarded-proto"
    case .xForwardedHost: "x-forwarded-host"
    case .xForwardedPort: "x-forwarded-port"
    case .forwarded: "forwarded"
    case .xRealIP: "x-real-ip"
    case .via: "via"
    case .xRequestID: "x-request-id"
    case .date: "date"
    case .server: "server"
    case .cookie: "cookie"
    case .authorization: "authorization"
    case .contentType: "content-type"
    case .accept: "accept"
    case .acceptEncoding: "accept-encoding"
    case .acceptLanguage: "accept-language"
    case .acceptRanges: "accept-ranges"
    case .accessControlRequestMethod: "access-control-request-method"
    case .accessControlRequestHeaders: "access-control-request-headers"
    case .accessControlAllowOrigin: "access-control-allow-origin"
    case .age: "age"
    case .allow: "allow"
    case .altSvc: "alt-svc"
    case .cacheControl: "cache-control"
    case .contentEncoding: "content-encoding"
    case .contentLanguage: "content-language"
    case .contentLocation: "content-location"
    case .contentRange: "content-range"
    case .etag: "etag"
    case .expires: "expires"
    case .ifMatch: "if-match"
    case .ifModifiedSince: "if-modified-since"
    case .ifNoneMatch: "if-none-match"
    case .ifRange: "if-range"
    case .ifUnmodifiedSince: "if-unmodified-since"
    case .lastModified: "last-modified"
    case .location: "location"
    case .maxForwards: "max-forwards"
    case .origin: "origin"
    case .pragma: "pragma"
    case .priority: "priority"
    case .range: "range"
    case .referer: "referer"
    case .retryAfter: "retry-after"
    case .secWebSocketAccept: "sec-websocket-accept"
    case .secWebSocketExtensions: "sec-websocket-extensions"
    case .secWebSocketKey: "sec-websocket-key"
    case .secWebSocketProtocol: "sec-websocket-protocol"
    case .secWebSocketVersion: "sec-websocket-version"
    case .setCookie: "set-cookie"
    case .sluiceConnectionID: "sluice-connection-id"
    case .strictTransportSecurity: "strict-transport-security"
    case .traceparent: "traceparent"
    case .tracestate: "tracestate"
    case .userAgent: "user-agent"
    case .vary: "vary"
    case .wwwAuthenticate: "www-authenticate"
    case .xAPIKey: "x-api-key"
    case .xCorrelationID: "x-correlation-id"
    case .xForwardedPrefix: "x-forwarded-prefix"
    }
  }

  /// Interns a name, ignoring ASCII case.
  @inline(__always)
  public init(_ name: Span<UInt8>) {
    for index in name.indices where name[index] < 0x20 {
      self = .other
      return
    }
    self = FieldName.find(name, 0, name.count)
  }

  /// Interns `bytes[start ..< start + count]`, which must hold no control characters.
  static func find(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> FieldName {
    if count < 2 || count > FieldName.longest { return .other }
    let candidate = FieldName.candidate(
      count, bytes[start] | 0x20, bytes[start &+ count &- 2] | 0x20)
    if candidate == .other { return .other }
    return candidate.matches(bytes, start, count) ? candidate : .other
  }

  /// Whether `bytes[start ..< start + count]` is this name, ignoring case.
  ///
  /// Setting bit 5 of every byte lowers the letters. Of other bytes only a carriage return would become
  /// one that a name holds.
  @inline(__always)
  private func matches(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> Bool {
    let text = self.text
    if text.utf8CodeUnitCount != count { return false }
    if count >= 8 {
      // Whole words, the last one overlapping the one before it.
      let source = UnsafeRawPointer(text.utf8Start)
      var at = 0
      while true {
        let word = bytes.word(at: start &+ at)
        // SAFETY: at + 8 is at most the text's length, which equals count.
        let wanted = UInt64(littleEndian: source.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        if word | Word.spaces != wanted { return false }
        if at &+ 8 == count { return true }
        at = min(at &+ 8, count &- 8)
      }
    }
    let source = UnsafeRawPointer(text.utf8Start)
    if count >= 4 {
      // Two halves that may overlap.
      let last = count &- 4
      // SAFETY: both loads end within the text, whose length equals count; `bytes` checks its own.
      let wanted = (
        UInt32(littleEndian: source.loadUnaligned(as: UInt32.self)),
        UInt32(littleEndian: source.loadUnaligned(fromByteOffset: last, as: UInt32.self))
      )
      let spaces = UInt32(truncatingIfNeeded: Word.spaces)
      return bytes.halfWord(at: start) | spaces == wanted.0
        && bytes.halfWord(at: start &+ last) | spaces == wanted.1
    }
    var at = 0
    while at < count {
      // SAFETY: at is below the text's length, which equals count.
      if bytes[start &+ at] | 0x20 != text.utf8Start[at] { return false }
      at &+= 1
    }
    return true
  }

  private static let longest = 30

  /// The only name that these three can belong to; letters are lower-case.
  ///
  /// The factors are chosen so that no two names share a value: the switch is one look-up in a table.
  /// When a new name collides, the compiler warns of a case that is handled already: then try other
  /// factors below 256, or a wider mask.
  @inline(__always)
  private static func candidate(_ count: Int, _ first: UInt8, _ beforeLast: UInt8) -> FieldName {
    let key = (count &* 9 &+ Int(first) &* 107 &+ Int(beforeLast) &* 185) & 255
    switch key {
    case 5: return .secWebSocketVersion
    case 6: return .retryAfter
    case 7: return .ifModifiedSince
    case 13: return .cacheControl
    case 14: return .secWebSocketProtocol
    case 16: return .altSvc
    case 21: return .age
    case 25: return .ifUnmodifiedSince
    case 26: return .xForwardedPort
    case 33: return .wwwAuthenticate
    case 40: return .contentLocation
    case 55: return .authorization
    case 63: return .maxForwards
    case 66: return .range
    case 68: return .server
    case 69: return .contentRange
    case 70: return .proxyAuthenticate
    case 76: return .setCookie
    case 78: return .via
    case 89: return .keepAlive
    case 90: return .xRealIP
    case 93: return .traceparent
    case 95: return .accessControlAllowOrigin
    case 96: return .contentLanguage
    case 98: return .te
    case 103: return .secWebSocketExtensions
    case 106: return .upgrade
    case 111: return .contentEncoding
    case 115: return .expires
    case 116: return .etag
    case 117: return .xRequestID
    case 118: return .xAPIKey
    case 120: return .cookie
    case 124: return .origin
    case 129: return .acceptLanguage
    case 144: return .acceptEncoding
    case 147: return .transferEncoding
    case 149: return .xForwardedProto
    case 150: return .lastModified
    case 151: return .proxyConnection
    case 153: return .xCorrelationID
    case 154: return .ifRange
    case 163: return .location
    case 166: return .sluiceConnectionID
    case 167: return .secWebSocketKey
    case 170: return .tracestate
    case 171: return .xForwardedPrefix
    case 177: return .accept
    case 178: return .proxyAuthorization
    case 179: return .contentLength
    case 181: return .secWebSocketAccept
    case 182: return .ifMatch
    case 183: return .host
    case 184: return .trailer
    case 189: return .contentType
    case 191: return .userAgent
    case 196: return .date
    case 198: return .strictTransportSecurity
    case 199: return .accessControlRequestMethod
    case 203: return .pragma
    case 211: return .xForwardedHost
    case 216: return .vary
    case 226: return .referer
    case 227: return .ifNoneMatch
    case 230: return .xForwardedFor
    case 236: return .priority
    case 239: return .allow
    case 240: return .forwarded
    case 242: return .connection
    case 248: return .expect
    case 251: return .accessControlRequestHeaders
    case 253: return .acceptRanges
    default: return .other
    }
  }
}

extension FieldName {
  /// Fields that belong to one connection and are never forwarded as they came.
  ///
  /// RFC 9110 7.6.1 and, for the Proxy-Auth fields and Trailer, RFC 2616 13.5.1.
  public var isHopByHop: Bool {
    switch self {
    case .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .te,
      .trailer, .transferEncoding, .upgrade:
      true
    default: false
    }
  }
}
