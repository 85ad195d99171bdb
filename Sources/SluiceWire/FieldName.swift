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
    self = FieldName.find(name, 0, name.count)
  }

  /// Interns `bytes[start ..< start + count]`.
  @inline(__always)
  static func find(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> FieldName {
    if count < 2 || count > FieldName.longest { return .other }
    let candidate = FieldName.candidate(
      count, bytes[start] | 0x20, bytes[start &+ count &- 2] | 0x20)
    if candidate == .other { return .other }
    return candidate.matches(bytes, start, count) ? candidate : .other
  }

  /// Whether the name is this one; `count` was compared by `candidate`.
  ///
  /// Setting bit 5 lowers letters; what else it would make equal (a control character to "-") is
  /// told apart by the second test of every byte that is not a letter.
  @inline(__always)
  private func matches(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> Bool {
    let text = self.text
    if text.utf8CodeUnitCount != count { return false }
    var at = 0
    while at < count {
      // SAFETY: at is below the text's length, which equals count.
      let wanted = text.utf8Start[at]
      let byte = bytes[start &+ at]
      if byte != wanted && (byte | 0x20 != wanted || byte &- 0x41 >= 26) { return false }
      at &+= 1
    }
    return true
  }

  private static let longest = 30

  /// The only name with this length, first and second to last letter (lower-case).
  @inline(__always)
  private static func candidate(_ count: Int, _ first: UInt8, _ last: UInt8) -> FieldName {
    switch (UInt32(truncatingIfNeeded: count) << 16) | UInt32(first) << 8 | UInt32(last) {
    case 0x027474: .te
    case 0x036167: .age
    case 0x037669: .via
    case 0x046474: .date
    case 0x046561: .etag
    case 0x046873: .host
    case 0x047672: .vary
    case 0x05616F: .allow
    case 0x057267: .range
    case 0x066170: .accept
    case 0x066369: .cookie
    case 0x066563: .expect
    case 0x066F69: .origin
    case 0x06706D: .pragma
    case 0x067365: .server
    case 0x076176: .altSvc
    case 0x076565: .expires
    case 0x077265: .referer
    case 0x077465: .trailer
    case 0x077564: .upgrade
    case 0x086963: .ifMatch
    case 0x086967: .ifRange
    case 0x086C6F: .location
    case 0x087074: .priority
    case 0x096665: .forwarded
    case 0x097865: .xAPIKey
    case 0x097869: .xRealIP
    case 0x0A636F: .connection
    case 0x0A6B76: .keepAlive
    case 0x0A7369: .setCookie
    case 0x0A7474: .tracestate
    case 0x0A756E: .userAgent
    case 0x0B7265: .retryAfter
    case 0x0B746E: .traceparent
    case 0x0C6370: .contentType
    case 0x0C6D64: .maxForwards
    case 0x0C7869: .xRequestID
    case 0x0D6165: .acceptRanges
    case 0x0D616F: .authorization
    case 0x0D636F: .cacheControl
    case 0x0D6367: .contentRange
    case 0x0D6963: .ifNoneMatch
    case 0x0D6C65: .lastModified
    case 0x0E6374: .contentLength
    case 0x0F616E: .acceptEncoding
    case 0x0F6167: .acceptLanguage
    case 0x0F786F: .xForwardedFor
    case 0x10636E: .contentEncoding
    case 0x106367: .contentLanguage
    case 0x10636F: .contentLocation
    case 0x10706F: .proxyConnection
    case 0x107774: .wwwAuthenticate
    case 0x107869: .xCorrelationID
    case 0x107873: .xForwardedHost
    case 0x107872: .xForwardedPort
    case 0x116963: .ifModifiedSince
    case 0x117365: .secWebSocketKey
    case 0x11746E: .transferEncoding
    case 0x117874: .xForwardedProto
    case 0x127074: .proxyAuthenticate
    case 0x127869: .xForwardedPrefix
    case 0x136963: .ifUnmodifiedSince
    case 0x13706F: .proxyAuthorization
    case 0x147370: .secWebSocketAccept
    case 0x15736F: .secWebSocketVersion
    case 0x16736F: .secWebSocketProtocol
    case 0x18736E: .secWebSocketExtensions
    case 0x197374: .strictTransportSecurity
    case 0x1B6169: .accessControlAllowOrigin
    case 0x1D616F: .accessControlRequestMethod
    case 0x1E6172: .accessControlRequestHeaders
    default: .other
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
