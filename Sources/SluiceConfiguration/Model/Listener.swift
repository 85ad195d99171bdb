extension Configuration {
  /// A bound address and what it accepts.
  public struct Listener: Codable, Equatable, Sendable {
    /// `host:port`, `[v6]:port` or `unix:/path`.
    public var address = ""
    /// Address ranges whose X-Forwarded-*, Forwarded and request-id fields are believed.
    public var trustedProxies: [String] = []
    /// Where trusted proxies say who calls.
    public var clientAddress = ClientAddressSource()
    /// Which forwarding fields targets get.
    public var forwarded = Forwarded()
    /// What an encoded slash (%2F) in a path does.
    public var encodedSlashes = EncodedSlashes.reject
    /// What happens to fields of requests whose names have a `_`.
    public var underscores = Underscores.drop
    public var timeouts = ListenerTimeouts()
    public var limits = Limits()
    /// Plain HTTP without.
    public var tls: ListenerTLS?
    public var redirectToHTTPS: RedirectToHTTPS?
    /// HTTP/2 beside HTTP/1.
    public var http2 = HTTP2()
    /// TLS connections that go on to a service undecrypted, by the server's name.
    public var passthrough: Passthrough?
    /// Connections begin with a PROXY header; for trusted proxies only.
    public var proxyProtocol = false
    public init() {}
  }

  /// The field of a request in which trusted proxies say who calls.
  public struct ClientAddressSource: Codable, Equatable, Sendable {
    public static let standardField = "X-Forwarded-For"
    /// What `field` is where nobody is believed.
    public static let noField = "none"
    public var field = Self.standardField
    /// Trusted addresses at the end of the list are passed over.
    public var recursive = true
    public init() {}

    public var isStandard: Bool { field.lowercased() == Self.standardField.lowercased() }
  }

  public struct Passthrough: Codable, Equatable, Sendable {
    /// A service for each name or `*.name`.
    public var names: [String: String] = [:]
    /// Without a byte in either direction.
    public var idleTimeout = Timespan.seconds(3_600)
    public init() {}
  }

  public struct HTTP2: Codable, Equatable, Sendable {
    /// Spoken with callers who ask for it: by ALPN over TLS, by its preface in clear text.
    public var enabled = true
    /// Requests under way at the same time on one connection.
    public var streams = 100
    /// WebSockets may be streams of a connection (RFC 8441); otherwise callers open one for each.
    public var websockets = true
    /// Connections in clear text may also begin by `Upgrade: h2c` (RFC 7540 3.2, which RFC 9113 has given
    /// up). Off, because proxies that pass the field on without understanding it would be bypassed.
    public var upgrade = false
    public init() {}
  }

  public enum Underscores: String, Codable, CaseIterable, Sendable { case drop, pass }

  public enum EncodedSlashes: String, Codable, CaseIterable, Sendable {
    case reject, keep, decode
  }

  public struct Forwarded: Codable, Equatable, Sendable {
    /// X-Forwarded-For, -Proto, -Host, -Port and X-Real-IP.
    public var xForwarded = true
    /// The Forwarded field of RFC 7239.
    public var forwarded = false
    /// Via, with this pseudonym; none when empty.
    public var via = ""
    public init() {}
  }

  public struct ListenerTimeouts: Codable, Equatable, Sendable {
    /// For the PROXY header, and as much again for the TLS handshake.
    public var handshake = Timespan.seconds(10)
    /// For a whole request head, from its first byte (from the accept for the first).
    public var head = Timespan.seconds(10)
    /// Between two pieces of a request body.
    public var body = Timespan.seconds(60)
    /// Between requests on a kept-alive connection.
    public var idle = Timespan.seconds(75)
    /// For the client to take more of a response.
    public var write = Timespan.seconds(60)
    public init() {}
  }

  public struct Limits: Codable, Equatable, Sendable {
    public var head = ByteCount.kibibytes(32)
    public var fields = 100
    public var uri = ByteCount.kibibytes(8)
    /// Open connections per worker.
    public var connections = 8_000
    /// Open connections per client address and worker; 0 is no limit.
    public var connectionsPerAddress = 0
    /// Requests on one connection before it is closed; 0 is no limit.
    public var requestsPerConnection = 0
    public init() {}
  }
}

// MARK: Tables

extension Configuration.Listener {
  static let schema = Schema(
    "Listener", of: Self(), "A bound address and what it accepts.",
    [
      Field(
        "address", .text(.listenAddress),
        "Where it listens: an address and port, or a socket's path.",
        isRequired: true),
      Field(
        "trustedProxies", .list(of: .text(.addressRange)),
        "Peers whose `X-Forwarded-*`, `Forwarded` and request-id fields are believed."),
      Field(
        "clientAddress", .object(Configuration.ClientAddressSource.schema),
        "Where `trustedProxies` say who calls."),
      Field(
        "forwarded", .object(Configuration.Forwarded.schema), "Which forwarding fields targets get."
      ),
      Field(
        "encodedSlashes", .choice(Configuration.EncodedSlashes.self),
        "What `%2F` in a path does: answer 400, stay as it is, or become a `/`."),
      Field(
        "underscores", .choice(Configuration.Underscores.self),
        "What happens to fields of a request with a `_` in their names, which CGI and its kin take for a `-`: targets don't get them, or do."
      ),
      Field(
        "timeouts", .object(Configuration.ListenerTimeouts.schema), "How long clients may take."),
      Field("limits", .object(Configuration.Limits.schema), "How much clients may send and hold."),
      Field("tls", .object(Configuration.ListenerTLS.schema), "Speaks HTTPS; plain HTTP without."),
      Field(
        "redirectToHTTPS", .object(Configuration.RedirectToHTTPS.schema),
        "Sends every caller to https; for a listener without `tls`."),
      Field(
        "http2", .object(Configuration.HTTP2.schema), "HTTP/2 beside HTTP/1; on by default."),
      Field(
        "passthrough", .object(Configuration.Passthrough.schema),
        "TLS connections that go on to a service as they are, by the name that the caller asks for. "
          + "Others are for `tls`; without it they are refused."),
      Field(
        "proxyProtocol", .boolean,
        "Every connection begins with a PROXY header (version 1 or 2) that says who calls; only "
          + "`trustedProxies` may connect."),
    ])
}

extension Configuration.ClientAddressSource {
  static let schema = Schema(
    "ClientAddressSource", of: Self(),
    "The field of a request in which trusted proxies say who calls: an address, or a list of them to which every proxy adds at the end.",
    [
      Field(
        "field", .text(.fieldName),
        "Which field, such as `X-Real-IP` or `CF-Connecting-IP`. Every trusted proxy has to set it itself or to add to it: what a caller sends there is believed otherwise. Of several fields of this name the last one counts first. `none`: the caller is who connects, or whom the PROXY header names, and no peer is believed for any field."
      ),
      Field(
        "recursive", .boolean,
        "Whether addresses of `trustedProxies` at the end are passed over; otherwise the last one is the caller's."
      ),
    ])
}

extension Configuration.Passthrough {
  static let schema = Schema(
    "Passthrough", of: Self(),
    "TLS connections that are not ended here: the caller's first message says for whom it is, and all bytes go on to a target of that service, which speaks TLS itself. Nothing of HTTP applies to them: no routes, policies or limits but the listener's.",
    [
      Field(
        "names", .map(keys: .certificateName, of: .text(.entityReference), atLeast: 1),
        "The service for each server name; `*.example.com` stands for every name below it.",
        isRequired: true),
      Field(
        "idleTimeout", .duration, "How long a connection may be without a byte in either direction."
      ),
    ])
}

extension Configuration.HTTP2 {
  static let schema = Schema(
    "HTTP2", of: Self(), "HTTP/2 beside HTTP/1.",
    [
      Field(
        "enabled", .boolean,
        "Speaks HTTP/2 with callers who ask for it: by ALPN with `tls`, by prior knowledge (its "
          + "preface) in clear text."),
      Field(
        "streams", .integer(1...10_000),
        "Requests that may be under way at the same time on one connection."),
      Field(
        "websockets", .boolean,
        "WebSockets may be streams of a connection (RFC 8441), which browsers then do; otherwise each "
          + "has a connection of its own by HTTP/1.1."),
      Field(
        "upgrade", .boolean,
        "Requests without a body may ask for HTTP/2 in clear text by `Upgrade: h2c` (RFC 7540 3.2). Not "
          + "behind proxies that pass that field on: what comes after it would pass them unseen."),
    ])
}

extension Configuration.Forwarded {
  static let schema = Schema(
    "Forwarded", of: Self(), "Which forwarding fields targets get.",
    [
      Field(
        "xForwarded", .boolean, "`X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and `X-Real-IP`."),
      Field("forwarded", .boolean, "`Forwarded` (RFC 7239)."),
      Field("via", .text(.pseudonym), "`Via` with this pseudonym; none when empty."),
    ])
}

extension Configuration.ListenerTimeouts {
  static let schema = Schema(
    "ListenerTimeouts", of: Self(), "How long clients may take.",
    [
      Field(
        "handshake", .duration, "For the PROXY header, and as much again for the TLS handshake."),
      Field("head", .duration, "For a whole request head, however it drips in."),
      Field("body", .duration, "Between two pieces of a request body."),
      Field("idle", .duration, "Between requests on a kept-alive connection."),
      Field("write", .duration, "For the client to take more of a response."),
    ])
}

extension Configuration.Limits {
  static let schema = Schema(
    "Limits", of: Self(), "How much clients may send and hold.",
    [
      Field("head", .byteCount(.kibibytes(1)...(.mebibytes(1))), "The request head."),
      Field("fields", .integer(1...10_000), "Header fields of a request."),
      Field(
        "uri", .byteCount(ByteCount(256)...(.mebibytes(1))),
        "The request target; at most `head`."),
      Field("connections", .integer(1...10_000_000), "Open connections per worker."),
      Field(
        "connectionsPerAddress", .integer(0...10_000_000),
        "Open connections per client address and worker; of IPv6, per /64. 0 is no limit."),
      Field(
        "requestsPerConnection", .integer(0...1_000_000_000),
        "Requests on one connection before it is closed; 0 is no limit."),
    ])
}
