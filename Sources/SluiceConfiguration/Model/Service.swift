extension Configuration {
  /// A load-balanced group of targets.
  public struct Service: Codable, Equatable, Sendable {
    public var targets: [Target] = []
    /// What targets are spoken to in; `auto` leaves it to ALPN, and so to `https` targets.
    public var `protocol` = TargetProtocol.http1
    public var balance = Balance.roundRobin
    /// What `consistent-hash` hashes; required for it, refused for the others.
    public var hash: HashKey?
    /// What is hashed where `hash` finds nothing.
    public var hashFallback: HashKey?
    /// Gives callers without the cookie that is hashed one, for this path.
    public var hashCookiePath: String?
    /// The Host field that targets get: `preserve` (the client's), `target` or a literal name.
    public var host = HostField.preserve
    public var timeouts = ServiceTimeouts()
    public var connections = Connections()
    public var health = Health()
    public var retries = Retries()
    /// For `https` targets; without, they are verified by the system's authorities.
    public var tls: ServiceTLS?
    /// Tells targets by a PROXY header who calls; then every exchange has a connection of its own.
    public var proxyProtocol: ProxyProtocol?
    public var policies = Policies()
    /// Policies of this service for one consumer or group.
    public var consumers: [String: Policies] = [:]
    public var groups: [String: Policies] = [:]
    public init() {}
  }

  public enum TargetProtocol: String, Codable, CaseIterable, Sendable { case http1, http2, auto }

  public enum ProxyProtocol: String, Codable, CaseIterable, Sendable { case v1, v2 }

  /// One address of a service: `http://host:port/base`, the same with `https`, or `http+unix:///path/to.sock`.
  ///
  /// In the file either the URL alone or `{url, weight, backup}`.
  public struct Target: Equatable, Sendable {
    public var url = ""
    public var weight = 1
    /// Gets requests only when every target that is none is left alone or was tried.
    public var backup = false
    public init() {}
    public init(url: String, weight: Int = 1, backup: Bool = false) {
      self.url = url
      self.weight = weight
      self.backup = backup
    }
  }

  public enum Balance: String, Codable, CaseIterable, Sendable {
    case roundRobin = "round-robin"
    case leastConnections = "least-connections"
    case randomTwoChoices = "random-two-choices"
    case consistentHash = "consistent-hash"
  }

  /// In the file `address`, `path`, `consumer`, `header:NAME`, `cookie:NAME`, `query:NAME` or `capture:NAME`.
  public enum HashKey: Equatable, Sendable {
    case address
    case path
    case consumer
    case field(FieldKey)
    case parameter(String)
    /// A named segment of the route's path, or a group of its regular expression.
    case capture(String)
  }

  public enum HostField: Equatable, Sendable {
    case preserve
    case target
    case literal(String)
  }

  public struct ServiceTimeouts: Codable, Equatable, Sendable {
    public var connect = Timespan.seconds(5)
    /// From the end of the request head to the response head.
    public var response = Timespan.seconds(30)
    /// Between two pieces of a response body.
    public var idle = Timespan.seconds(60)
    /// For the whole exchange; none unless set.
    public var total: Timespan?
    public init() {}
  }

  public struct Connections: Codable, Equatable, Sendable {
    /// Connections to one target, divided among the workers; 0 is no limit.
    public var maxPerTarget = 0
    /// Idle connections kept per target and worker.
    public var maxIdle = 128
    public var idleTimeout = Timespan.seconds(60)
    /// A connection is not reused after this age; none unless set.
    public var maxAge: Timespan?
    /// Exchanges that may wait for a connection, per target and worker.
    public var queue = 1_000
    public var queueTimeout = Timespan.seconds(5)
    public init() {}
  }

  /// Health: what exchanges tell of a target, and, with `check`, what the gateway asks it.
  ///
  /// A service's only target (of those with a weight) is never ejected: that could only turn a
  /// possible answer into a certain 503. When all of several targets are ejected, requests get 503
  /// at once until the first pause ends.
  public struct Health: Codable, Equatable, Sendable {
    /// Failures in a row that eject a target; 0 never ejects.
    public var failures = 3
    /// The first pause of an ejected target; doubles with each ejection in a row.
    public var pause = Timespan.seconds(5)
    public var maxPause = Timespan.seconds(300)
    /// Active checks; none unless set. Unlike failures they take a service's only target out, too.
    public var check: HealthCheck?
    public init() {}
  }

  public struct Retries: Codable, Equatable, Sendable {
    /// Further targets tried when connecting fails.
    public var connect = 2
    /// Further attempts for an idempotent request whose target failed before its response began; 0
    /// is off.
    public var idempotent = 0
    /// How many retries there may be in a hundred requests, beside those of connecting.
    public var budgetPercent = 20
    /// Statuses of responses after which another target is tried.
    public var statuses: [Int] = []
    /// Further targets tried for these.
    public var statusAttempts = 1
    /// Requests that are not idempotent are sent again, too.
    public var nonIdempotent = false
    /// No further attempt begins later than so long after the request; no limit unless set.
    public var within: Timespan?
    /// Of calls of gRPC: the statuses, answered before any message, after which a call is made again.
    public var grpc: [GRPCRetryStatus] = []
    /// Further attempts for such a call.
    public var grpcAttempts = 1
    public init() {}
  }

  /// A status that a call may be made again after.
  public enum GRPCRetryStatus: String, Codable, CaseIterable, Sendable {
    case cancelled, unavailable, aborted, unknown
    case deadlineExceeded = "deadline-exceeded"
    case resourceExhausted = "resource-exhausted"
    case `internal`
  }
}

// MARK: Tables

extension Configuration.Service {
  static let schema = Schema(
    "Service", of: Self(), "A load-balanced group of targets.",
    [
      Field(
        "targets",
        .list(of: .textOrObject(.targetURL, Configuration.Target.schema), atLeast: 1),
        "Where requests go: URLs, or objects with a weight or that are backups.", isRequired: true),
      Field(
        "protocol", .choice(Configuration.TargetProtocol.self),
        "What targets are spoken to in: `http1`, `http2` (by prior knowledge, or over TLS by ALPN) or, "
          + "over TLS, `auto`: HTTP/2 where the target speaks it. WebSockets go by HTTP/2 where the target "
          + "announces that it takes them (RFC 8441); with `auto` others get a connection of HTTP/1.1 for each, "
          + "with `http2` they are refused."),
      Field("balance", .choice(Configuration.Balance.self), "How a target is picked."),
      Field(
        "hash", .text(.hashKey),
        "What `consistent-hash` hashes; required for it, refused otherwise. Requests without it go anywhere."
      ),
      Field(
        "hashFallback", .text(.hashKey), "What is hashed for requests without that."),
      Field(
        "hashCookiePath", .text(.plainPath),
        "With `cookie:NAME` in `hash` or `hashFallback`: gives callers without the cookie (and without what comes before it) one of a random value, for this path, so that they come back to the target that they get now."
      ),
      Field(
        "host", .text(.hostField),
        "The `Host` field that targets get: the client's, the target's or this one."),
      Field(
        "timeouts", .object(Configuration.ServiceTimeouts.schema), "How long targets may take."),
      Field(
        "connections", .object(Configuration.Connections.schema), "The pool of connections."),
      Field(
        "health", .object(Configuration.Health.schema),
        "When a failing target is left alone, and how targets are checked."),
      Field("retries", .object(Configuration.Retries.schema), "When another target is tried."),
      Field("tls", .object(Configuration.ServiceTLS.schema), "How `https` targets are spoken to."),
      Field(
        "proxyProtocol", .choice(Configuration.ProxyProtocol.self),
        "Begins every connection with a PROXY header that says who calls; connections are not "
          + "reused then."),
      Field(
        "policies", .policies(.anywhere), "Policies for every route to this service."),
      Field(
        "consumers", .map(keys: .entityReference, of: .policies(.caller), atLeast: 0),
        "Policies of this service for one consumer, by its name."),
      Field(
        "groups", .map(keys: .entityName, of: .policies(.caller), atLeast: 0),
        "Policies of this service for one group, by its name."),
    ])
}

extension Configuration.Target {
  static let schema = Schema(
    "Target", of: Self(), "One address of a service. The URL alone means weight 1.",
    [
      Field(
        "url", .text(.targetURL), "`http[s]://host[:port][/base]` or `http+unix:///path/to.sock`.",
        isRequired: true),
      Field(
        "weight", .integer(0...1_000), "Its share of the requests; 0 gets none.",
        defaultValue: .integer(Self().weight)),
      Field(
        "backup", .boolean,
        "Gets requests only while all other targets are left alone because they fail, and those that failed on all others.",
        defaultValue: .boolean(Self().backup)),
    ])
}

extension Configuration.ServiceTimeouts {
  static let schema = Schema(
    "ServiceTimeouts", of: Self(), "How long targets may take.",
    [
      Field("connect", .duration, "To connect."),
      Field("response", .duration, "From the end of the request head to the response head."),
      Field("idle", .duration, "Between two pieces of a response body."),
      Field("total", .duration, "For the whole exchange; no limit unless set."),
    ])
}

extension Configuration.Connections {
  static let schema = Schema(
    "Connections", of: Self(), "The pool of connections to the targets.",
    [
      Field(
        "maxPerTarget", .integer(0...1_000_000),
        "Connections to one target, divided among the workers; 0 is no limit."),
      Field(
        "maxIdle", .integer(0...1_000_000), "Idle connections kept per target and worker."),
      Field("idleTimeout", .duration, "How long an idle connection is kept."),
      Field("maxAge", .duration, "Older connections are not reused; no limit unless set."),
      Field(
        "queue", .integer(0...1_000_000),
        "Exchanges that may wait for a connection, per target and worker."),
      Field("queueTimeout", .duration, "How long an exchange waits for a connection."),
    ])
}

extension Configuration.Health {
  static let schema = Schema(
    "Health", of: Self(),
    "What requests tell of a target, and what `check` asks it. Failures never eject a service's only "
      + "target.",
    [
      Field(
        "failures", .integer(0...1_000), "Failures in a row that eject a target; 0 never ejects."),
      Field(
        "pause", .duration, "How long a target is left alone; doubles with each ejection."),
      Field("maxPause", .duration, "The longest such pause."),
      Field(
        "check", .object(Configuration.HealthCheck.schema),
        "What the gateway asks every target again and again; nothing unless set."),
    ])
}

extension Configuration.Retries {
  static let schema = Schema(
    "Retries", of: Self(), "When another target is tried.",
    [
      Field("connect", .integer(0...10), "Further targets tried when connecting fails."),
      Field(
        "idempotent", .integer(0...10),
        "Further attempts for an idempotent request that failed before its response; 0 is off."
      ),
      Field(
        "budgetPercent", .integer(0...2_000),
        "How many such attempts, and those that follow a status, there may be in a hundred requests."
      ),
      Field(
        "statuses", .list(of: .integer(400...599)),
        "Responses with one of these statuses are dropped, and another target is asked, as long as there is one that was not, the request is idempotent and what has gone of its body is not more than 64 KiB; the last response is passed on. Those of 500 and more, and 429, count as failures of the target."
      ),
      Field("statusAttempts", .integer(1...10), "Further targets that are asked after a status."),
      Field(
        "nonIdempotent", .boolean,
        "Sends POST, PATCH and the like again as well, whatever their target has done with them: what they ask for may then happen twice."
      ),
      Field(
        "within", .duration,
        "No further attempt of any kind begins later than so long after the request; no limit unless set."
      ),
      Field(
        "grpc", .list(of: .choice(Configuration.GRPCRetryStatus.self)),
        "Calls of gRPC that were answered with one of these statuses and nothing else are made again, as "
          + "long as the call's messages so far have not more than 64 KiB."),
      Field(
        "grpcAttempts", .integer(1...10), "Further attempts for such a call."),
    ])
}
