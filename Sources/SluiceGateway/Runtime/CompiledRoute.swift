import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// What a route's settings compile to; one per worker.
///
/// Every request reads the first properties, none the last: with thousands of routes in use each line of
/// the processor's cache has to be fetched, so what is read together stands together.
final class CompiledRoute {
  let counters: RouteCounters
  /// What every caller's requests meet; nil for none.
  let policies: PolicyChain?
  let service: UpstreamService
  /// Of a `websocket` route; nil for the others.
  let session: CompiledSession?
  let kind: Configuration.RouteKind
  let maxBodySize: UInt64?
  /// The service's base path is in front of what this makes of the path.
  let rewrite: Rewrite
  let totalTimeout: Int64?
  let responseTimeout: Int64
  let connectTimeout: Int64
  let idleTimeout: Int64
  /// For callers about whom something of their own is said; nil when there are none.
  let callerPolicies: CallerPolicies?
  /// Keeps what is stored for this route apart from all else, also from what was stored before the
  /// route led elsewhere.
  let cacheScope: CacheScope
  let name: String
  let nameBytes: [UInt8]
  /// Of log lines: the route and its service.
  let logText: [UInt8]
  /// What new credentials for its sessions meet; nil when there can be none.
  let refresh: PolicyChain?
  /// Whether callers may show such.
  let takesTokens: Bool
  /// Nil for calls of the gateway's own.
  let consumers: ConsumerDirectory?
  /// A policy leads here: the route itself has another service, or may have.
  let isAside: Bool
  /// The `{name}` segments of its path, by their places.
  let pathNames: [(index: Int, name: [UInt8])]
  /// The route's regex, if it has groups that templates may name.
  let captures: RouteCaptures?
  /// The regexes among its hosts, if they have groups.
  let hostCaptures: HostCaptures?
  /// Nil of the gateway's own calls.
  private let settings: Configuration.Route?

  enum Rewrite {
    case none
    case strip
    case replace([UInt8])
  }

  /// For calls of the gateway's own.
  convenience init(calling service: UpstreamService, timeout: Timespan) {
    self.init("", service, timeout, policies: nil, counters: RouteCounters())
  }

  /// For requests about sessions; `service` is never asked.
  convenience init(tokens name: String, _ service: UpstreamService, counters: RouteCounters) {
    self.init(
      name, service, .seconds(60),
      policies: PolicyChain(requests: [(SessionTokenLookUp(), "token")]), counters: counters)
  }

  private init(
    _ name: String, _ service: UpstreamService, _ timeout: Timespan, policies: PolicyChain?,
    counters: RouteCounters
  ) {
    self.name = name
    nameBytes = Array(name.utf8)
    logText = AccessLogLine.members(ofRoute: nameBytes, service: service.nameBytes)
    kind = .http
    self.service = service
    rewrite = .none
    maxBodySize = nil
    session = nil
    connectTimeout = min(service.settings.timeouts.connect, timeout).nanoseconds
    responseTimeout = timeout.nanoseconds
    idleTimeout = timeout.nanoseconds
    totalTimeout = timeout.nanoseconds
    self.policies = policies
    callerPolicies = nil
    refresh = nil
    takesTokens = false
    consumers = nil
    self.counters = counters
    cacheScope = .none
    pathNames = []
    captures = nil
    hostCaptures = nil
    isAside = false
    settings = nil
  }

  convenience init(
    name: String, settings: Configuration.Route, messages: Configuration.MessageUses,
    sessions: Configuration.Sessions, policies: PolicyCompiler,
    service: UpstreamService, counters: RouteCounters
  ) {
    let chain = policies.chain(ofRoute: name)
    let takesTokens = settings.connection?.refresh != nil
    let stage = chain?.identifyStage
    self.init(
      settings, name, service, counters,
      Parts(
        policies: chain,
        callerPolicies: policies.hasCallerPolicies
          ? CallerPolicies(route: name, compiler: policies) : nil,
        session: settings.kind == .websocket ? CompiledSession(settings, messages, sessions) : nil,
        refresh: takesTokens || stage?.renews == true
          ? stage.map { SessionToken.chain(identifying: $0) } : nil,
        takesTokens: takesTokens, consumers: policies.consumers, isAside: false))
  }

  /// The same route to another service. Counters, policies and limits of sessions are shared.
  convenience init(_ route: CompiledRoute, to service: UpstreamService) {
    guard var settings = route.settings else { preconditionFailure("a call has no other way") }
    settings.service = service.name
    self.init(
      settings, route.name, service, route.counters,
      Parts(
        policies: route.policies, callerPolicies: route.callerPolicies, session: route.session,
        refresh: route.refresh, takesTokens: route.takesTokens, consumers: route.consumers,
        isAside: true))
  }

  /// What does not depend on the service.
  private struct Parts {
    let policies: PolicyChain?
    let callerPolicies: CallerPolicies?
    let session: CompiledSession?
    let refresh: PolicyChain?
    let takesTokens: Bool
    let consumers: ConsumerDirectory?
    let isAside: Bool
  }

  private init(
    _ settings: Configuration.Route, _ name: String, _ service: UpstreamService,
    _ counters: RouteCounters, _ parts: Parts
  ) {
    self.name = name
    self.settings = settings
    policies = parts.policies
    callerPolicies = parts.callerPolicies
    session = parts.session
    refresh = parts.refresh
    takesTokens = parts.takesTokens
    consumers = parts.consumers
    isAside = parts.isAside
    nameBytes = Array(name.utf8)
    logText = AccessLogLine.members(ofRoute: nameBytes, service: service.nameBytes)
    let pattern = settings.match.path ?? settings.match.prefix ?? ""
    pathNames = pattern.dropFirst().split(separator: "/").enumerated().compactMap {
      $1.hasPrefix("{") ? ($0, Array($1.dropFirst().dropLast().utf8)) : nil
    }
    captures = settings.match.regex.flatMap { RouteCaptures($0) }
    hostCaptures = HostCaptures(settings.match.hosts)
    let destination = service.settings
    cacheScope = CacheScope(
      "\(name) \(settings.service) \(destination.targets.map(\.url)) \(destination.host) \(settings.path)"
    )
    kind = settings.kind
    self.service = service
    self.counters = counters
    rewrite = Rewrite(settings.path)
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
  }
}
