import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// What a route's settings compile to; one per worker.
final class CompiledRoute {
  let name: String
  let nameBytes: [UInt8]
  let kind: Configuration.RouteKind
  let service: UpstreamService
  /// The service's base path is in front of what this makes of the path.
  let rewrite: Rewrite
  let maxBodySize: UInt64?
  let connectTimeout: Int64
  let responseTimeout: Int64
  let idleTimeout: Int64
  let totalTimeout: Int64?
  /// Of a `websocket` route; nil for the others.
  let session: CompiledSession?
  /// What every caller's requests meet; nil for none.
  let policies: PolicyChain?
  /// For callers about whom something of their own is said; nil when there are none.
  let callerPolicies: CallerPolicies?
  let counters: RouteCounters

  enum Rewrite {
    case none
    case strip
    case replace([UInt8])
  }

  /// For calls of the gateway's own.
  init(calling service: UpstreamService, timeout: Timespan) {
    name = ""
    nameBytes = []
    kind = .http
    self.service = service
    rewrite = .none
    maxBodySize = nil
    session = nil
    connectTimeout = min(service.settings.timeouts.connect, timeout).nanoseconds
    responseTimeout = timeout.nanoseconds
    idleTimeout = timeout.nanoseconds
    totalTimeout = timeout.nanoseconds
    policies = nil
    callerPolicies = nil
    counters = RouteCounters()
  }

  init(
    name: String, settings: Configuration.Route, policies: PolicyCompiler,
    service: UpstreamService, counters: RouteCounters
  ) {
    self.name = name
    nameBytes = Array(name.utf8)
    kind = settings.kind
    self.service = service
    self.counters = counters
    rewrite = Rewrite(settings.path)
    session = kind == .websocket ? CompiledSession(settings) : nil
    maxBodySize = settings.maxBodySize.map { UInt64($0.bytes) }
    let timeouts = service.settings.timeouts
    if kind == .websocket {
      let connection = settings.connection ?? Configuration.ConnectionSettings()
      connectTimeout = connection.connectTimeout.nanoseconds
      responseTimeout = connection.connectTimeout.nanoseconds
      idleTimeout = connection.idleTimeout.nanoseconds
    } else {
      connectTimeout = timeouts.connect.nanoseconds
      responseTimeout = (settings.timeouts?.response ?? timeouts.response).nanoseconds
      idleTimeout = (settings.timeouts?.idle ?? timeouts.idle).nanoseconds
    }
    totalTimeout = (settings.timeouts?.total ?? timeouts.total)?.nanoseconds
    self.policies = policies.chain(ofRoute: name)
    callerPolicies =
      policies.hasCallerPolicies ? CallerPolicies(route: name, compiler: policies) : nil
  }
}
