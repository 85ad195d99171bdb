import SluiceConfiguration

/// One route of Kong's file; it becomes one Sluice route for each of its paths and header values.
struct KongRoute {
  struct Path {
    /// Without the tilde of a regular expression.
    var text: String
    var isRegex: Bool
    var origin: Origin
  }

  struct Host {
    /// Without a port.
    var text: String
    /// Whether it had the port of callers with or without TLS; nil for no port.
    var isEncrypted: Bool?
    var origin: Origin
  }

  let object: KongObject
  let origin: Origin
  let name: String
  /// Place in `services`.
  let service: Int
  var protocols: Set<String> = []
  var methods: [(text: String, origin: Origin)] = []
  var hosts: [Host] = []
  var serverNames: [(text: String, origin: Origin)] = []
  var paths: [Path] = []
  var headers: [(name: String, values: [(text: String, origin: Origin)], origin: Origin)] = []
  var strips = true
  var preservesHost = false
  var regexPriority = 0
  var handling = KongPathPlan.Handling.v0
  /// The answer to callers without TLS, if only those with TLS may come.
  var upgradeStatus = 426

  static let known: Set<String> = ["http", "https", "grpc", "grpcs", "ws", "wss"]

  var isWebSocket: Bool { !protocols.isDisjoint(with: ["ws", "wss"]) }
  var isHTTP: Bool { !protocols.isDisjoint(with: ["http", "https", "grpc", "grpcs"]) }
  var isGRPC: Bool { !protocols.isDisjoint(with: ["grpc", "grpcs"]) }
  var isOnlyEncrypted: Bool { protocols.isDisjoint(with: ["http", "grpc", "ws"]) }

  /// A handshake is a GET.
  var takesHandshakes: Bool {
    isWebSocket && (methods.isEmpty || methods.contains { $0.text == "GET" })
  }

  /// The number by which Kong's router orders routes, the greatest first (kong/router/transform.lua):
  /// kinds of conditions, plain hosts, headers, regex, its priority, length.
  func weight(of path: Path?) -> UInt64 {
    let kinds = [
      !methods.isEmpty, !hosts.isEmpty, !headers.isEmpty, !serverNames.isEmpty, path != nil,
    ].count { $0 }
    let isPlain = !hosts.isEmpty && !hosts.contains { $0.text.contains("*") }
    var weight = UInt64(kinds) << 61
    weight |= isPlain ? 1 << 60 : 0
    weight |= UInt64(min(headers.count, 255)) << 52
    if let path {
      weight |=
        path.isRegex
        ? 1 << 51 | UInt64(regexPriority) << 19 : UInt64(path.text.utf8.count & 0x7_ffff)
    }
    return weight
  }
}

/// What becomes of one path of a route, for callers of one kind.
struct KongVariant {
  let route: Int
  let name: String
  let weight: UInt64
  let match: DocumentNode
  let plan: KongPathPlan
  let isWebSocket: Bool
  /// Whether callers are sent to TLS.
  let asksForTLS: Bool
}

/// By which listener callers come, and what becomes of them.
private struct KongEntrance {
  /// Nil for all.
  var isEncrypted: Bool?
  var asksForTLS = false
}

extension KongConversion {
  mutating func readRoutes() {
    var taken: Set<String> = []
    for entity in kong["routes"] {
      let object = entity.object
      object.skip("id", "tags", "created_at", "updated_at", "plugins")
      let written = object.string("name")
      let parent = entity.parent("service")
      let service = parent.flatMap { serviceIndex[$0.name] }
      let name = Self.name(written ?? parent?.name ?? "route", taken: &taken)
      guard let service = service ?? (parent == nil ? noService() : nil) else {
        refuseRoute(object, parent)
        continue
      }
      var route = KongRoute(object: object, origin: object.origin, name: name, service: service)
      read(object, into: &route)
      object.finish()
      // What refers to it must not be a mistake, even if nothing comes of it.
      for key in kong.keys(of: object) where routeIndex[key] == nil {
        routeIndex[key] = routes.count
      }
      if route.preservesHost {
        services[service].preserves = true
      } else {
        services[service].replaces = true
      }
      routes.append(route)
    }
    if let first = routes.first(where: { $0.isHTTP && !$0.isWebSocket && !$0.isGRPC }) {
      report.warning(
        "WebSocket handshakes pass in Kong on routes for http, too; here only on those for ws or wss",
        at: first.origin, hint: "write protocols: [http, https, ws, wss] where there are any")
    }
  }

  private func refuseRoute(_ object: KongObject, _ parent: (name: String, origin: Origin)?) {
    guard let parent else { return }
    let known = kong["services"].compactMap { kong.keys(of: $0.object).first }
    report.error(
      "\(object.title): there is no service '\(KongText.shown(parent.name))'", at: parent.origin,
      hint: Suggestion.hint(for: parent.name, among: known))
  }

  // MARK: The document

  func routeNodes() -> DocumentNode {
    var variants: [KongVariant] = []
    var taken = Set(routes.map(\.name))
    for index in routes.indices where services[routes[index].service].isEnabled {
      variants += self.variants(of: index, taken: &taken)
    }
    // Kong's order; equal ones in the order of the file.
    let order = variants.indices.sorted {
      (variants[$1].weight, $0) < (variants[$0].weight, $1)
    }
    var nodes = DocumentNode.map()
    var priorities = [Int](repeating: 0, count: variants.count)
    for (place, index) in order.enumerated() { priorities[index] = variants.count - place }
    for (variant, priority) in zip(variants, priorities) {
      let route = routes[variant.route]
      nodes.add(
        variant.name, node(variant, priority: variants.count > 1 ? priority : 0),
        origin: route.origin, comment: variant.name == route.name ? nil : "Of \(route.name), too.")
    }
    return nodes
  }

  private func variants(of index: Int, taken: inout Set<String>) -> [KongVariant] {
    let route = routes[index]
    let headers = route.headerConditions()
    var variants: [KongVariant] = []
    let paths: [KongRoute.Path?] = route.paths.isEmpty ? [nil] : route.paths
    for path in paths {
      let plan = KongPathPlan(
        path: path, strips: strips(route, path), handling: route.handling,
        base: services[route.service].path)
      for problem in plan.problems {
        report.diagnostics.add([problem(route, path)])
      }
      for isWebSocket in [false, true]
      where isWebSocket ? route.takesHandshakes : route.isHTTP {
        for entrance in entrances(of: route, isWebSocket: isWebSocket) {
          guard
            let match = match(
              of: route, plan, headers, entrance: entrance, isWebSocket: isWebSocket)
          else { continue }
          let name = variants.isEmpty ? route.name : Self.name(route.name, taken: &taken)
          variants.append(
            KongVariant(
              route: index, name: name, weight: route.weight(of: path), match: match, plan: plan,
              isWebSocket: isWebSocket, asksForTLS: entrance.asksForTLS))
        }
      }
    }
    if variants.isEmpty {
      report.warning(
        "\(route.object.title): nobody gets there: its hosts are for another port than there is",
        at: route.origin)
    }
    // Of one route handshakes go first.
    return variants.filter(\.isWebSocket) + variants.filter { !$0.isWebSocket }
  }

  /// The ways in that a route has for requests, or for handshakes.
  private func entrances(of route: KongRoute, isWebSocket: Bool) -> [KongEntrance] {
    let plain = isWebSocket ? ["ws"] : ["http", "grpc"]
    let takesPlain = !route.protocols.isDisjoint(with: plain)
    guard hasTLS else {
      return [KongEntrance(isEncrypted: nil, asksForTLS: route.isOnlyEncrypted)]
    }
    let encrypted = isWebSocket ? ["wss"] : ["https", "grpcs"]
    guard !route.protocols.isDisjoint(with: encrypted) else {
      return [KongEntrance(isEncrypted: false)]
    }
    let isOneForBoth =
      takesPlain && route.serverNames.isEmpty && route.hosts.allSatisfy { $0.isEncrypted == nil }
    if isOneForBoth { return [KongEntrance(isEncrypted: nil)] }
    return [
      KongEntrance(isEncrypted: true),
      KongEntrance(isEncrypted: false, asksForTLS: !takesPlain),
    ]
  }

  /// Nil when nobody can come this way.
  private func match(
    of route: KongRoute, _ plan: KongPathPlan,
    _ headers: (exact: DocumentNode, regex: DocumentNode),
    entrance: KongEntrance, isWebSocket: Bool
  ) -> DocumentNode? {
    var match = plan.match
    // Without a listener for TLS all callers come without.
    let isEncrypted = entrance.isEncrypted ?? (hasTLS ? nil : false)
    let hosts = route.hosts.filter { host in
      host.isEncrypted.map { $0 == isEncrypted } ?? true
    }
    if !route.hosts.isEmpty {
      if hosts.isEmpty { return nil }
      match.add("hosts", .list(hosts.map { .text($0.text, origin: $0.origin) }))
    }
    if !route.methods.isEmpty && !isWebSocket {
      match.add("methods", .list(route.methods.map { .text($0.text, origin: $0.origin) }))
    }
    var exact = headers.exact
    let asksForHandshake = route.headers.contains {
      $0.name.lowercased() == Self.handshake.key.lowercased()
    }
    if isWebSocket && route.isHTTP && !asksForHandshake {
      exact.add(Self.handshake.key, Self.handshake.value)
    }
    if !exact.isEmpty { match.add("headers", exact) }
    if !headers.regex.isEmpty { match.add("headersRegex", headers.regex) }
    if let isEncrypted = entrance.isEncrypted {
      match.add("listeners", .texts([isEncrypted ? Self.tlsListener : Self.listener]))
      if isEncrypted, !route.serverNames.isEmpty {
        match.add(
          "serverNames", .list(route.serverNames.map { .text($0.text, origin: $0.origin) }))
      }
    }
    return match
  }

  /// What every WebSocket handshake has, by any version of HTTP.
  private static let handshake = DocumentNode.Entry("Sec-WebSocket-Version", .text("*"))

  /// A snippet that strips the whole path away from a service without one of its own means the path to
  /// arrive there.
  private func strips(_ route: KongRoute, _ path: KongRoute.Path?) -> Bool {
    guard route.strips, kong.isSnippet, let path, !path.isRegex, path.text != "/",
      services[route.service].path == "/", route.service != serviceless
    else { return route.strips }
    report.warning(
      "\(route.object.title): Kong would strip \(KongText.shown(path.text)) and ask the service for /; "
        + "here the path goes on as it came",
      at: route.object.has("strip_path") ? route.object.origin(of: "strip_path") : path.origin,
      hint:
        "write strip_path: false and Kong does the same, or _format_version to get what Kong does")
    return false
  }

  private func node(_ variant: KongVariant, priority: Int) -> DocumentNode {
    let route = routes[variant.route]
    let service = services[route.service]
    var node = DocumentNode.map([], origin: route.origin)
    if variant.isWebSocket { node.add("kind", .text("websocket")) }
    if priority > 0 { node.add("priority", .integer(priority)) }
    if !variant.match.isEmpty { node.add("match", variant.match) }
    node.add(
      "service", .text(service.name(preservingHost: route.preservesHost)), origin: route.origin)
    if variant.isWebSocket { node.add("origins", .texts(["*"])) }
    if let path = variant.plan.path { node.add("path", path) }
    var policies: DocumentNode
    if variant.asksForTLS {
      policies = upgradeAnswer(route.upgradeStatus, service)
    } else {
      policies = withoutForeignGroups(self.policies(at: .route(route.name)), variant)
      if let rewrite = variant.plan.rewrite { policies["rewrite"] = rewrite }
      let members = callerPolicies(at: .route(route.name))
      if !policies.isEmpty { node.add("policies", policies) }
      if let consumers = members.consumers {
        node.add("consumers", withoutForeignGroups(consumers, variant))
      }
      if let groups = members.groups {
        node.add("groups", withoutForeignGroups(groups, variant))
      }
      return node
    }
    node.add("policies", policies)
    return node
  }

  /// Kong sends callers to TLS before it asks anything else.
  private func upgradeAnswer(_ status: Int, _ service: KongService) -> DocumentNode {
    var policies = DocumentNode.map()
    for place in [KongPlace.everything, .service(service.name)] {
      for name in placed[place]?.map(\.policy) ?? [] where policies[name] == nil {
        policies.add(name, .boolean(false))
      }
    }
    if status == 426 {
      policies["mock"] = DocumentNode.map([
        .init("status", .integer(426)),
        .init("body", .text("{\"message\":\"Please use HTTPS protocol\"}")),
      ])
    } else {
      policies["redirect"] = DocumentNode.map([
        .init("location", .template("https://${request.hostname}${request.target}")),
        .init("status", .integer(status)),
      ])
    }
    return policies
  }
}
