extension Configuration {
  /// Match rules, policies and the destination.
  public struct Route: Codable, Equatable, Sendable {
    public var kind = RouteKind.rest
    public var match = Match()
    /// The name of the service that answers.
    public var service = ""
    public var path = PathRewrite()
    /// Overrides for a `websocket` route.
    public var connection: ConnectionSettings?
    public var timeouts: RouteTimeouts?
    public var maxBodySize: ByteCount?
    public var policies = Policies()
    public init() {}
  }

  /// Which life a route's exchanges lead; picks defaults.
  public enum RouteKind: String, Codable, CaseIterable, Sendable { case rest, http, websocket }

  /// All conditions that are given must hold.
  public struct Match: Codable, Equatable, Sendable {
    /// Exactly one of `path`, `prefix` and `regex`, or none for every path.
    /// Segments written `{name}` in `path` and `prefix` match any one segment.
    public var path: String?
    public var prefix: String?
    /// Matches the whole path (PCRE2 syntax).
    public var regex: String?
    /// `name` or `*.name`; empty is every host.
    public var hosts: [String] = []
    public var methods: [String] = []
    /// Field name → value; `*` is any value.
    public var headers: [String: String] = [:]
    /// Parameter → value; `*` is any value.
    public var query: [String: String] = [:]
    /// Names of listeners; empty is every one.
    public var listeners: [String] = []
    public init() {}
  }

  /// At most one of the two.
  public struct PathRewrite: Codable, Equatable, Sendable {
    /// Removes what `path` or `prefix` matched.
    public var stripPrefix = false
    /// Puts this in the place of what `path` or `prefix` matched.
    public var replacePrefix: String?
    public init() {}
  }

  public struct ConnectionSettings: Codable, Equatable, Sendable {
    /// For the handshake, connect and answer together.
    public var connectTimeout = Timespan.seconds(7)
    /// Without a byte in either direction.
    public var idleTimeout = Timespan.seconds(3_600)
    public init() {}
  }

  /// Overrides of the service's timeouts.
  public struct RouteTimeouts: Codable, Equatable, Sendable {
    public var response: Timespan?
    public var idle: Timespan?
    public var total: Timespan?
    public init() {}
  }

  /// At most one policy of a kind; the order is that of the stages.
  public struct Policies: Codable, Equatable, Sendable {
    public var requestID: RequestID?
    public init() {}

    private enum CodingKeys: String, CodingKey {
      case requestID = "request-id"
    }
  }

  /// Gives every exchange an id that logs, targets and the caller see.
  public struct RequestID: Codable, Equatable, Sendable {
    public var header = "X-Request-Id"
    /// Also puts the id on the response.
    public var echo = true
    public init() {}
  }
}
