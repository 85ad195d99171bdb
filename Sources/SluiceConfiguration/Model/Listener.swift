extension Configuration {
  /// A bound address and what it accepts.
  public struct Listener: Codable, Equatable, Sendable {
    /// `host:port`, `[v6]:port` or `unix:/path`.
    public var address = ""
    /// Address ranges whose X-Forwarded-*, Forwarded and request-id fields are believed.
    public var trustedProxies: [String] = []
    /// Which forwarding fields targets get.
    public var forwarded = Forwarded()
    /// What an encoded slash (%2F) in a path does.
    public var encodedSlashes = EncodedSlashes.reject
    public var timeouts = ListenerTimeouts()
    public var limits = Limits()
    public init() {}
  }

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
