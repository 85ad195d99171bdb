extension Configuration {
  /// A load-balanced group of targets.
  public struct Service: Codable, Equatable, Sendable {
    public var targets: [Target] = []
    public var balance = Balance.roundRobin
    /// What `consistent-hash` hashes; required for it, refused for the others.
    public var hash: HashKey?
    /// The Host field that targets get: `preserve` (the client's), `target` or a literal name.
    public var host = HostField.preserve
    public var timeouts = ServiceTimeouts()
    public var connections = Connections()
    public var health = Health()
    public var retries = Retries()
    public init() {}
  }

  /// One address of a service: `http://host:port/base` or `http+unix:///path/to.sock`.
  ///
  /// In the file either the URL alone or `{url, weight}`.
  public struct Target: Equatable, Sendable {
    public var url = ""
    public var weight = 1
    public init() {}
    public init(url: String, weight: Int = 1) {
      self.url = url
      self.weight = weight
    }
  }

  public enum Balance: String, Codable, CaseIterable, Sendable {
    case roundRobin = "round-robin"
    case leastConnections = "least-connections"
    case randomTwoChoices = "random-two-choices"
    case consistentHash = "consistent-hash"
  }

  /// In the file `address`, `path`, `header:NAME` or `cookie:NAME`.
  public enum HashKey: Equatable, Sendable {
    case address
    case path
    case header(String)
    case cookie(String)
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

  /// Passive health: what exchanges tell of a target.
  public struct Health: Codable, Equatable, Sendable {
    /// Failures in a row that eject a target; 0 never ejects.
    public var failures = 3
    /// The first pause of an ejected target; doubles with each ejection in a row.
    public var pause = Timespan.seconds(5)
    public var maxPause = Timespan.seconds(300)
    public init() {}
  }

  public struct Retries: Codable, Equatable, Sendable {
    /// Further targets tried when connecting fails.
    public var connect = 2
    /// Further attempts for an idempotent request whose target failed before its response began; 0 is off.
    public var idempotent = 0
    /// Share of requests, in percent, that may be idempotent retries.
    public var budgetPercent = 20
    public init() {}
  }
}
