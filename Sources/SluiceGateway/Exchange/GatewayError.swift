import SluiceWire

/// Why the gateway itself answers an exchange instead of a target.
///
/// This is the one table: the answer's status and text, the `code` in logs and metric labels, and
/// the reference page come from here. Codes are stable; texts may be improved.
public enum GatewayError: UInt8, CaseIterable, Sendable, Error {
  case malformedRequest
  case notCached
  case requestTimeout
  case unauthorized
  case revoked
  case forbidden
  case noRoute
  case noSuchSession
  case sessionClosing
  case otherCaller
  case methodNotAllowed
  case lengthRequired
  case bodyTooLarge
  case bodyNotJSON
  case bodyInvalid
  case uriTooLong
  case expectationFailed
  case upgradeRequired
  case websocketVersion
  case invalidHandshake
  case originNotAllowed
  case tooManySessions
  case rateLimited
  case quotaExceeded
  case concurrencyLimited
  case connectRefused
  case protocolNotOffered
  case headTooLarge
  case versionNotSupported
  case transferCodingNotSupported
  case internalError
  case regexLimit
  case reroutedTooOften
  case tlsRequired
  case upstreamRefused
  case upstreamTLSFailed
  case upstreamReset
  case upstreamMalformed
  case upstreamTakesNoWebSockets
  case upstreamBodyTooLarge
  case upstreamBodyUnusable
  case noTargetAvailable
  case targetNotResolved
  case queueFull
  case queueTimeout
  case upstreamConnectTimeout
  case upstreamResponseTimeout
  case exchangeTimeout
  case policyTimeout
  case checkUnavailable
  case overloaded

  /// Whose fault it is; metrics and retries go by it.
  public enum Side: String, Sendable { case downstream, upstream, gateway }

  public struct Row: Sendable {
    public let code: StaticString
    public let status: Int
    public let side: Side
    public let title: StaticString
    /// Seconds for Retry-After, where waiting helps.
    public let retryAfter: Int?
  }

  public var row: Row {
    switch self {
    case .malformedRequest:
      Row("malformed-request", 400, .downstream, "The request is not well-formed HTTP.")
    case .notCached:
      Row("not-cached", 504, .downstream, "Only a stored response was wanted, and there is none.")
    case .requestTimeout:
      Row("request-timeout", 408, .downstream, "The request did not arrive in time.")
    case .unauthorized:
      Row("unauthorized", 401, .downstream, "This needs valid credentials.")
    case .revoked:
      Row("revoked", 401, .downstream, "These credentials, or their owner, are revoked.")
    case .forbidden: Row("forbidden", 403, .downstream, "This caller may not do this.")
    case .noRoute: Row("no-route", 404, .downstream, "No route matches this request.")
    case .noSuchSession:
      Row("no-such-session", 404, .downstream, "No open session that takes tokens has this id.")
    case .sessionClosing: Row("session-closing", 409, .downstream, "The session is closing.")
    case .otherCaller:
      Row(
        "other-caller", 409, .downstream, "These credentials are not those of the session's caller."
      )
    case .methodNotAllowed:
      Row("method-not-allowed", 405, .downstream, "This path exists for other methods.")
    case .lengthRequired:
      Row("length-required", 411, .downstream, "This needs a Content-Length.")
    case .bodyTooLarge:
      Row("body-too-large", 413, .downstream, "The request body is larger than allowed.")
    case .bodyNotJSON:
      Row("body-not-json", 400, .downstream, "The request body is not the JSON that this needs.")
    case .bodyInvalid:
      Row("body-invalid", 400, .downstream, "The request body is not what is asked for here.")
    case .uriTooLong: Row("uri-too-long", 414, .downstream, "The request target is too long.")
    case .expectationFailed:
      Row("expectation-failed", 417, .downstream, "This expectation is not supported.")
    case .upgradeRequired:
      Row("upgrade-required", 426, .downstream, "This route speaks WebSocket only.")
    case .websocketVersion:
      Row("websocket-version", 426, .downstream, "This route speaks version 13 of WebSocket.")
    case .invalidHandshake:
      Row("invalid-handshake", 400, .downstream, "The WebSocket handshake is malformed.")
    case .originNotAllowed:
      Row("origin-not-allowed", 403, .downstream, "Pages of this origin may not connect.")
    case .tooManySessions:
      Row(
        "too-many-sessions", 429, .downstream, "This route's limit of sessions is reached.",
        retryAfter: 5)
    case .rateLimited:
      Row("rate-limited", 429, .downstream, "This caller sends too many requests.")
    case .quotaExceeded:
      Row("quota-exceeded", 429, .downstream, "What this caller may use is used up for now.")
    case .concurrencyLimited:
      Row(
        "concurrency-limited", 429, .downstream, "Too many requests of this caller are under way.",
        retryAfter: 1)
    case .connectRefused:
      Row("connect-refused", 405, .downstream, "CONNECT is not offered here.")
    case .protocolNotOffered:
      Row(
        "protocol-not-offered", 501, .downstream,
        "CONNECT asks for a protocol that is not spoken here.")
    case .headTooLarge:
      Row("head-too-large", 431, .downstream, "The request head is larger than allowed.")
    case .versionNotSupported:
      Row("version-not-supported", 505, .downstream, "This version of HTTP is not supported.")
    case .transferCodingNotSupported:
      Row(
        "transfer-coding-not-supported", 501, .downstream, "This transfer coding is not supported.")
    case .internalError: Row("internal-error", 500, .gateway, "The gateway could not do this.")
    case .regexLimit:
      // Not the caller's fault: the request is well-formed, and the pattern is the operator's.
      Row(
        "regex-limit", 500, .gateway,
        "A regular expression of the configuration gave up on this request.")
    case .reroutedTooOften:
      Row(
        "rerouted-too-often", 500, .gateway,
        "The configuration's routes send this request on and on to each other.")
    case .upstreamRefused:
      Row(
        "upstream-refused", 503, .upstream, "No target accepted a connection, or the request.",
        retryAfter: 1)
    case .tlsRequired:
      Row("tls-required", 400, .downstream, "This port speaks TLS, and the request came without.")
    case .upstreamTLSFailed:
      Row("upstream-tls-failed", 502, .upstream, "TLS with the target could not be set up.")
    case .upstreamReset:
      Row("upstream-reset", 502, .upstream, "The target closed the connection early.")
    case .upstreamMalformed:
      Row("upstream-malformed", 502, .upstream, "The target's response is not well-formed HTTP.")
    case .upstreamTakesNoWebSockets:
      Row(
        "upstream-takes-no-websockets", 502, .upstream,
        "The target speaks HTTP/2 and takes no WebSockets there.")
    case .upstreamBodyTooLarge:
      Row(
        "upstream-body-too-large", 502, .upstream,
        "The target's response is larger than can be changed here.")
    case .upstreamBodyUnusable:
      Row(
        "upstream-body-unusable", 502, .upstream,
        "The target's response can't be changed as it has to be.")
    case .noTargetAvailable:
      Row("no-target-available", 503, .upstream, "No healthy target is available.", retryAfter: 5)
    case .targetNotResolved:
      Row(
        "target-not-resolved", 503, .upstream, "The target's name has no address.", retryAfter: 5)
    case .queueFull:
      Row("queue-full", 503, .gateway, "Too many requests wait for this service.", retryAfter: 1)
    case .queueTimeout:
      Row("queue-timeout", 503, .gateway, "No connection became free in time.", retryAfter: 1)
    case .upstreamConnectTimeout:
      Row("upstream-connect-timeout", 504, .upstream, "The target could not be reached in time.")
    case .upstreamResponseTimeout:
      Row("upstream-response-timeout", 504, .upstream, "The target did not answer in time.")
    case .exchangeTimeout:
      Row("exchange-timeout", 504, .gateway, "The exchange took longer than allowed.")
    case .policyTimeout:
      Row("policy-timeout", 504, .gateway, "A check of this request took longer than allowed.")
    case .checkUnavailable:
      Row(
        "check-unavailable", 503, .upstream,
        "Whether this caller may do this can't be found out now.",
        retryAfter: 1)
    case .overloaded:
      Row("overloaded", 503, .gateway, "The gateway is at its limit.", retryAfter: 1)
    }
  }

  public var code: StaticString { row.code }
  public var status: Int { row.status }

  /// Whether it may be about what a decoder found malformed (`ExchangeRecord.fault`).
  var isAboutForm: Bool {
    switch self {
    case .malformedRequest, .headTooLarge, .uriTooLong, .versionNotSupported,
      .transferCodingNotSupported, .expectationFailed, .upstreamMalformed, .upstreamReset:
      true
    default: false
    }
  }

  /// What a head that could not be parsed is answered with.
  init(_ error: HeadError) {
    switch error {
    case .headTooLarge, .tooManyFields: self = .headTooLarge
    case .targetTooLong: self = .uriTooLong
    case .unsupportedVersion: self = .versionNotSupported
    case .unsupportedTransferCoding: self = .transferCodingNotSupported
    case .unsupportedExpectation: self = .expectationFailed
    default: self = .malformedRequest
    }
  }
}

extension GatewayError.Row {
  fileprivate init(
    _ code: StaticString, _ status: Int, _ side: GatewayError.Side, _ title: StaticString,
    retryAfter: Int? = nil
  ) {
    self.code = code
    self.status = status
    self.side = side
    self.title = title
    self.retryAfter = retryAfter
  }
}
