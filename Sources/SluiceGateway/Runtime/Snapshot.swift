import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// The compiled configuration in force on one worker.
///
/// Exchanges hold what they need of it (their route, service and listener), so one that began before
/// a reload finishes on the snapshot it began with.
final class Snapshot {
  let router: Router
  /// By the router's index.
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
    router = Router.empty
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
    let tokenRoutes = configuration.tokenRoutes
    router = try Router(
      routes: configuration.routes.merging(tokenRoutes) { $1 },
      listeners: configuration.listeners.keys.sorted())
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
    var routes: [CompiledRoute] = []
    routes.reserveCapacity(router.routeNames.count)
    for name in router.routeNames {
      if let settings = tokenRoutes[name], let service = services[settings.service] {
        routes.append(
          CompiledRoute(tokens: name, service, counters: counters[name] ?? RouteCounters()))
        continue
      }
      guard let settings = configuration.routes[name], let service = services[settings.service]
      else { preconditionFailure("the configuration was not validated") }
      routes.append(
        CompiledRoute(
          name: name, settings: settings,
          messages: configuration.messageUses(ofRoute: name), sessions: configuration.sessions,
          policies: policies,
          service: service,
          counters: counters[name] ?? RouteCounters()))
    }
    self.routes = routes
    unrouted = policies.chainOfNoRoute()
    sessionRoutes = Dictionary(
      uniqueKeysWithValues: routes.lazy.filter { $0.kind == .websocket }.map { ($0.name, $0) })
  }

  private func countersByRoute() -> [String: RouteCounters] {
    Dictionary(uniqueKeysWithValues: routes.lazy.map { ($0.name, $0.counters) })
  }

  func match(
    _ head: borrowing RequestHead, path: Span<UInt8>, of exchange: Exchange
  ) -> RouteMatch {
    router.match(
      head, host: head.span(head.host ?? .empty), path: path,
      query: head.span(head.query ?? .empty), listener: exchange.listener.index,
      caller: exchange.routedCaller(router))
  }
}
