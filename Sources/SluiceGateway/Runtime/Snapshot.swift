import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// The compiled configuration in force on one worker.
///
/// Exchanges hold what they need of it (their route, service and listener), so one that began before
/// a reload finishes on the snapshot it began with.
final class Snapshot {
  /// What callers' requests are looked for in.
  let main: RouteSection
  /// Internal routes by the name that policies send requests on to.
  let sections: [String: RouteSection]
  /// All of them.
  let routes: [CompiledRoute]
  /// The `websocket` routes by name.
  let sessionRoutes: [String: CompiledRoute]
  let services: [String: UpstreamService]
  /// For templates.
  let variables: [String: CompiledVariable]
  /// Nil when nothing is configured yet.
  let policies: PolicyCompiler?
  /// Who logs exchanges that no route matched.
  let unrouted: PolicyChain?

  /// Nothing is configured yet.
  init() {
    main = RouteSection(Router.empty, [])
    sections = [:]
    routes = []
    sessionRoutes = [:]
    services = [:]
    variables = [:]
    policies = nil
    unrouted = nil
  }

  /// Throws what `Router` throws. Services that did not change are those of `former`, with all they
  /// count; the others take over the targets that are still there.
  init(
    _ configuration: Configuration, tls: TLSMaterial, worker: Worker, former: Snapshot?
  ) throws(RouterError) {
    variables = configuration.variables.mapValues { CompiledVariable($0) }
    var services: [String: UpstreamService] = [:]
    for (name, settings) in configuration.allServices {
      let context = tls.services[name]
      if let kept = former?.services[name], kept.settings == settings, kept.tls === context {
        services[name] = kept
        continue
      }
      services[name] = UpstreamService(
        name: name, settings: settings, tls: context, worker: worker,
        former: former?.services[name])
    }
    self.services = services
    let policies = PolicyCompiler(
      configuration, worker: worker, services: services, former: former?.policies)
    self.policies = policies
    let counters = former?.countersByRoute() ?? [:]
    let usesOfAnyCaller = configuration.messageUsesOfAnyCaller
    func compile(_ name: String, _ settings: Configuration.Route) -> CompiledRoute {
      guard let service = services[settings.service] else {
        preconditionFailure("the configuration was not validated")
      }
      return CompiledRoute(
        name: name, settings: settings,
        messages: configuration.messageUses(ofRoute: name, ofAnyCaller: usesOfAnyCaller),
        sessions: configuration.sessions,
        policies: policies, service: service, counters: counters[name] ?? RouteCounters())
    }
    let tokenRoutes = configuration.tokenRoutes
    let listeners = configuration.listeners.keys.sorted()
    var all: [CompiledRoute] = []
    var sections: [String: RouteSection] = [:]
    for (name, own) in configuration.routesBySection.sorted(by: { $0.key < $1.key }) {
      let router = try Router(
        routes: name.isEmpty ? own.merging(tokenRoutes) { $1 } : own, listeners: listeners)
      let routes = router.routeNames.map { route in
        if name.isEmpty, let settings = tokenRoutes[route], let service = services[settings.service]
        {
          return CompiledRoute(tokens: route, service, counters: counters[route] ?? RouteCounters())
        }
        guard let settings = own[route] else {
          preconditionFailure("the router has a route of its own")
        }
        return compile(route, settings)
      }
      all += routes
      sections[name] = RouteSection(router, routes, variables)
    }
    main = sections.removeValue(forKey: "") ?? RouteSection(Router.empty, [])
    self.sections = sections
    routes = all
    unrouted = policies.chainOfNoRoute()
    sessionRoutes = Dictionary(
      uniqueKeysWithValues: routes.lazy.filter { $0.kind == .websocket }.map { ($0.name, $0) })
  }

  private func countersByRoute() -> [String: RouteCounters] {
    Dictionary(uniqueKeysWithValues: routes.lazy.map { ($0.name, $0.counters) })
  }

  /// Runs of the regexes of routes and variables that reached PCRE2's limits.
  var regexLimitExceeded: UInt64 {
    let ofVariables = variables.values.reduce(0) { $0 &+ $1.regexLimitExceeded }
    return sections.values.reduce(main.router.regexLimitExceeded &+ ofVariables) {
      $0 &+ $1.router.regexLimitExceeded
    }
  }
}

/// Routes that are looked for together.
final class RouteSection {
  let router: Router
  /// By the router's index.
  let routes: [CompiledRoute]
  let variables: RoutedVariables

  init(
    _ router: Router, _ routes: [CompiledRoute], _ variables: [String: CompiledVariable] = [:]
  ) {
    self.router = router
    self.routes = routes
    self.variables = RoutedVariables(router.variableNames, variables)
  }

  func match(
    _ head: borrowing RequestHead, path: Span<UInt8>, of exchange: Exchange
  ) -> RouteMatch {
    guard let query = exchange.internalRedirect?.query else {
      return match(head, path, head.span(head.query ?? .empty), exchange)
    }
    return match(head, path, query.span, exchange)
  }

  private func match(
    _ head: borrowing RequestHead, _ path: Span<UInt8>, _ query: Span<UInt8>, _ exchange: Exchange
  ) -> RouteMatch {
    router.match(
      head, host: head.span(head.host ?? .empty), path: path, query: query,
      listener: exchange.listener.index, caller: exchange.routedCaller(self))
  }
}

extension Configuration {
  /// Callers' own are those of the empty name, which is always there.
  var routesBySection: [String: [String: Route]] {
    var sections: [String: [String: Route]] = ["": [:]]
    for (name, route) in routes { sections[route.match.internal ?? "", default: [:]][name] = route }
    return sections
  }
}
