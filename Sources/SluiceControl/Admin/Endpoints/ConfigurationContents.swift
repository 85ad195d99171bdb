import SluiceConfiguration
import SluiceGateway
import SluiceReactor

/// The answer to `POST /reload`.
struct ReloadContent: Encodable, Sendable {
  var difference: ConfigurationDifference
  var warnings: [DiagnosticContent] = []

  static let example = ReloadContent(difference: PlanContent.exampleDifference)
}

/// A reload as listeners at `/events` see it.
struct ReloadEventContent: Encodable {
  var result: String
  var difference: ConfigurationDifference?
  var reason: String?

  init(_ difference: ConfigurationDifference) {
    result = "success"
    self.difference = difference
  }

  init(_ refusal: GatewayProcess.ReloadRefusal) {
    result = "refused"
    switch refusal {
    case .invalid(let diagnostics):
      reason = "the configuration has \(diagnostics.count { $0.severity == .error }) mistakes"
    case .refused(let error): reason = error.text
    case .noFile: reason = "the configuration did not come from a file"
    case .unreadable(let error): reason = "the file can't be read: \(error.reason)"
    }
  }
}

/// One of `GET /routes`. Values that conditions want may be secrets: only their names are here.
public struct RouteContent: Codable, Sendable {
  struct Match: Codable, Sendable {
    var path: String?
    var prefix: String?
    var startsWith: String?
    var regex: String?
    var hosts: [String]
    var methods: [String]
    var headers: [String]
    var query: [String]
    var listeners: [String]
  }

  public struct Sessions: Codable, Sendable {
    public var open = 0
    public var opened: UInt64 = 0
    public var closed: UInt64 = 0
    public var messagesFromClient: UInt64 = 0
    public var messagesFromUpstream: UInt64 = 0
    public var bytesFromClient: UInt64 = 0
    public var bytesFromUpstream: UInt64 = 0
    public var backlogBytes = 0
  }

  public var name: String
  public var kind: String
  public var service: String
  var match: Match
  /// Requests that ended; handshakes that succeeded are none.
  public var requests: UInt64
  /// Answers that the gateway made itself, and responses it cut short.
  public var errors: UInt64
  public var sessions: Sessions
}

extension RouteContent {
  static func list(_ configuration: Configuration, _ reports: [WorkerReport]) -> [RouteContent] {
    let totals = Dictionary(
      RouteTotals.sums(of: reports).map { ($0.name, $0.totals) }, uniquingKeysWith: { $1 })
    return configuration.routes.sorted { $0.key < $1.key }.map { name, route in
      let counted = totals[name] ?? RouteTotals()
      return RouteContent(
        name: name, kind: route.kind.rawValue, service: route.service, match: Match(route.match),
        requests: counted.buckets.reduce(0, +), errors: counted.errors.reduce(0, +),
        sessions: counted.sessions.map(Sessions.init) ?? Sessions())
    }
  }

  static let example = RouteContent(
    name: "stocks", kind: "websocket", service: "stocks-service",
    match: Match(
      {
        var match = Configuration.Match()
        match.path = "/stocks"
        return match
      }()), requests: 12, errors: 0, sessions: Sessions(open: 3, opened: 12, closed: 9))
}

extension RouteContent.Sessions {
  init(_ totals: SessionTotals) {
    open = totals.open
    opened = totals.opened
    closed = totals.closed.reduce(0, +)
    messagesFromClient = totals.messagesFromClient
    messagesFromUpstream = totals.messagesFromUpstream
    bytesFromClient = totals.bytesFromClient
    bytesFromUpstream = totals.bytesFromUpstream
    backlogBytes = totals.backlog
  }
}

extension RouteContent.Match {
  init(_ match: Configuration.Match) {
    path = match.path
    prefix = match.prefix
    startsWith = match.startsWith
    regex = match.regex
    hosts = match.hosts
    methods = match.methods
    headers = match.headers.keys.sorted()
    query = match.query.keys.sorted()
    listeners = match.listeners
  }
}

/// One of `GET /services`.
struct ServiceContent: Codable, Sendable {
  struct Target: Codable, Sendable {
    /// Without a base path, which may be a secret.
    var url: String
    /// Share of the workers that send requests there, 0 to 1.
    var healthy: Double
    var busyConnections: Int
    var idleConnections: Int
    var connecting: Int
    /// Requests that wait for a connection.
    var queue: Int
    /// Under way, those that wait included.
    var inProgress: Int
    /// Absent without active checks.
    var check: Check?
  }

  struct Check: Codable, Sendable {
    /// `healthy`, `unhealthy`, or `unknown` before the first result.
    var state: String
    var passed: UInt64
    var failed: UInt64
    /// What the last one that failed has found.
    var lastFailure: String?

    init(_ check: WorkerReport.Check) {
      state = check.isHealthy.map { $0 ? "healthy" : "unhealthy" } ?? "unknown"
      passed = check.passed
      failed = check.failed
      lastFailure = check.lastFailure
    }
  }

  var name: String
  var balance: String
  var targets: [Target]

  static func list(_ configuration: Configuration, _ reports: [WorkerReport]) -> [ServiceContent] {
    var targets: [String: [Target]] = [:]
    for (key, totals) in TargetTotals.sums(of: reports) {
      targets[key.service, default: []].append(
        Target(
          url: key.url, healthy: Double(totals.healthyWorkers) / Double(max(1, totals.workers)),
          busyConnections: totals.open - totals.idle, idleConnections: totals.idle,
          connecting: totals.connecting, queue: totals.waiting, inProgress: totals.inFlight,
          check: totals.check.map(Check.init)))
    }
    return configuration.services.sorted { $0.key < $1.key }.map { name, service in
      ServiceContent(
        name: name, balance: service.balance.rawValue, targets: targets[name] ?? [])
    }
  }

  static let example = ServiceContent(
    name: "stocks-service", balance: "round-robin",
    targets: [
      Target(
        url: "http://stocks.internal:9000", healthy: 1, busyConnections: 3, idleConnections: 1,
        connecting: 0, queue: 0, inProgress: 3)
    ])
}
