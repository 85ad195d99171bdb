/// Where in the file a policy is set.
public enum PolicyOrigin: Hashable, Sendable {
  case everything
  case service(String)
  case route(String)
  case group(String)
  case consumer(String)
  case serviceGroup(service: String, group: String)
  case serviceConsumer(service: String, consumer: String)
  case routeGroup(route: String, group: String)
  case routeConsumer(route: String, consumer: String)

  /// Whether it holds for some callers only, so that it is known after the stage `identify`.
  public var dependsOnCaller: Bool {
    switch self {
    case .everything, .service, .route: false
    case .group, .consumer, .serviceGroup, .serviceConsumer, .routeGroup, .routeConsumer: true
    }
  }

  /// For people: `route time`, `consumer alice on route time`.
  public var text: String {
    switch self {
    case .everything: "every route"
    case .service(let name): "service \(name)"
    case .route(let name): "route \(name)"
    case .group(let name): "group \(name)"
    case .consumer(let name): "consumer \(name)"
    case .serviceGroup(let service, let group): "group \(group) on service \(service)"
    case .serviceConsumer(let service, let consumer): "consumer \(consumer) on service \(service)"
    case .routeGroup(let route, let group): "group \(group) on route \(route)"
    case .routeConsumer(let route, let consumer): "consumer \(consumer) on route \(route)"
    }
  }
}

/// A policy that is in force somewhere, and who put it there.
public struct EffectivePolicy: Sendable {
  public let settings: any PolicySettings
  public let origin: PolicyOrigin

  public var name: String { type(of: settings).policyName }
  public var stage: PolicyStage { settings.stage }
}

extension Configuration {
  /// The policies in force on a route, in the order in which a request meets them.
  ///
  /// Of each kind the most specific place decides, and `false` there means none. From the most
  /// specific: route and consumer, route and group, service and consumer, service and group,
  /// consumer, group, route, service, everything. Of several groups the first by name decides.
  public func policies(
    ofRoute name: String, consumer: String? = nil, groups: [String] = []
  ) -> [EffectivePolicy] {
    guard let route = routes[name] else { return [] }
    var decided: Set<String> = []
    var result: [EffectivePolicy] = []
    let places = places(of: route, name, consumer: consumer, groups: groups.sorted())
    for (origin, policies) in places {
      for kind in policies.names where decided.insert(kind).inserted {
        if case .on(let settings) = policies[kind] {
          result.append(EffectivePolicy(settings: settings, origin: origin))
        }
      }
    }
    return result.sorted { knownPolicies.precedes($0, $1) }
  }

  /// Those of the stage `log` that hold for requests that no route matches.
  public var policiesWithoutRoute: [EffectivePolicy] {
    policies.all.map { EffectivePolicy(settings: $0, origin: .everything) }
      .filter { $0.stage == .log }
      .sorted { knownPolicies.precedes($0, $1) }
  }

  private func places(
    of route: Route, _ name: String, consumer: String?, groups: [String]
  ) -> [(PolicyOrigin, Policies)] {
    let service = services[route.service] ?? Service()
    var places: [(PolicyOrigin, Policies?)] = []
    if let consumer {
      places.append((.routeConsumer(route: name, consumer: consumer), route.consumers[consumer]))
    }
    places += groups.map { (.routeGroup(route: name, group: $0), route.groups[$0]) }
    if let consumer {
      let origin = PolicyOrigin.serviceConsumer(service: route.service, consumer: consumer)
      places.append((origin, service.consumers[consumer]))
    }
    places += groups.map {
      (.serviceGroup(service: route.service, group: $0), service.groups[$0])
    }
    if let consumer { places.append((.consumer(consumer), consumers[consumer]?.policies)) }
    places += groups.map { (.group($0), self.groups[$0]?.policies) }
    places += [
      (.route(name), route.policies), (.service(route.service), service.policies),
      (.everything, policies),
    ]
    return places.compactMap { origin, policies in policies.map { (origin, $0) } }
  }

  /// Consumers and groups that have policies of their own, for a route or at all; only for these
  /// callers a request's policies can differ from its route's.
  public var namesWithPolicies: (consumers: Set<String>, groups: Set<String>) {
    var result: (consumers: Set<String>, groups: Set<String>) = ([], [])
    func add(_ consumers: [String: Policies], _ groups: [String: Policies]) {
      result.consumers.formUnion(consumers.lazy.filter { !$0.value.isEmpty }.map(\.key))
      result.groups.formUnion(groups.lazy.filter { !$0.value.isEmpty }.map(\.key))
    }
    for route in routes.values { add(route.consumers, route.groups) }
    for service in services.values { add(service.consumers, service.groups) }
    add(consumers.mapValues(\.policies), groups.mapValues(\.policies))
    return result
  }

  /// Every place that sets policies, with the path of its map in the file.
  var policyPlaces: [(path: [String], origin: PolicyOrigin, policies: Policies)] {
    var result: [(path: [String], origin: PolicyOrigin, policies: Policies)] = []
    result.append((["policies"], .everything, policies))
    for (name, group) in groups {
      result.append((["groups", name, "policies"], .group(name), group.policies))
    }
    for (name, consumer) in consumers {
      result.append((["consumers", name, "policies"], .consumer(name), consumer.policies))
    }
    for (name, service) in services {
      result.append((["services", name, "policies"], .service(name), service.policies))
      result += service.consumers.map {
        (
          ["services", name, "consumers", $0.key],
          .serviceConsumer(service: name, consumer: $0.key), $0.value
        )
      }
      result += service.groups.map {
        (
          ["services", name, "groups", $0.key], .serviceGroup(service: name, group: $0.key),
          $0.value
        )
      }
    }
    for (name, route) in routes {
      result.append((["routes", name, "policies"], .route(name), route.policies))
      result += route.consumers.map {
        (
          ["routes", name, "consumers", $0.key], .routeConsumer(route: name, consumer: $0.key),
          $0.value
        )
      }
      result += route.groups.map {
        (["routes", name, "groups", $0.key], .routeGroup(route: name, group: $0.key), $0.value)
      }
    }
    return result
  }

  /// The file's services, and one for each server of which policies name URLs.
  public var allServices: [String: Service] {
    var services = self.services
    for url in everyPolicy.flatMap(\.settings.urls) {
      guard let name = Self.serviceName(ofURL: url) else { continue }
      var service = Service()
      service.targets = [Target(url: name)]
      services[name] = service
    }
    return services
  }

  /// What such a service is called; no name in the file looks like this.
  public static func serviceName(ofURL url: String) -> String? { TargetURL(url)?.displayName }

  /// Every policy that is set anywhere.
  public var everyPolicy: [EffectivePolicy] {
    policyPlaces.flatMap { place in
      place.policies.all.map { EffectivePolicy(settings: $0, origin: place.origin) }
    }
  }
}
