import SluiceConfiguration

/// One route of Kong's file; it becomes one Sluice route for each of its paths and header values.
struct KongRoute {
  struct Path {
    /// Without the tilde of a regular expression.
    var text: String
    var isRegex: Bool
    var origin: Origin
  }

  let object: KongObject
  let origin: Origin
  let name: String
  /// Place in `services`.
  let service: Int
  var methods: [(text: String, origin: Origin)] = []
  var hosts: [(text: String, origin: Origin)] = []
  var paths: [Path] = []
  var headers: [(name: String, values: [(text: String, origin: Origin)], origin: Origin)] = []
  var strips = true
  var preservesHost = false
  var regexPriority = 0
  var handling = KongPathPlan.Handling.v0
  /// The answer to callers without TLS, if only those with TLS may come.
  var upgradeStatus: Int?
  var isWebSocket = false
  var isHTTP = true

  /// A handshake is a GET.
  var takesHandshakes: Bool {
    isWebSocket && (methods.isEmpty || methods.contains { $0.text == "GET" })
  }

  /// The number by which Kong's router orders routes, the greatest first (kong/router/transform.lua):
  /// kinds of conditions, plain hosts, headers, regex, its priority, length.
  func weight(of path: Path?) -> UInt64 {
    let kinds = [!methods.isEmpty, !hosts.isEmpty, !headers.isEmpty, path != nil].count { $0 }
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

/// What becomes of one path of a route.
struct KongVariant {
  let route: Int
  let name: String
  let weight: UInt64
  let match: DocumentNode
  let plan: KongPathPlan
  let isWebSocket: Bool
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
      guard let service else {
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
    if let first = routes.first(where: { $0.isHTTP && !$0.isWebSocket }) {
      report.warning(
        "WebSocket handshakes pass in Kong on routes for http, too; here only on those for ws or wss",
        at: first.origin, hint: "write protocols: [http, https, ws, wss] where there are any")
    }
  }

  private func refuseRoute(_ object: KongObject, _ parent: (name: String, origin: Origin)?) {
    guard let parent else {
      report.error(
        "\(object.title): it has no service", at: object.origin,
        hint: "a route that only answers itself needs one here, too")
      return
    }
    let known = kong["services"].compactMap { kong.keys(of: $0.object).first }
    report.error(
      "\(object.title): there is no service '\(KongText.shown(parent.name))'", at: parent.origin,
      hint: Suggestion.hint(for: parent.name, among: known))
  }

  private func read(_ object: KongObject, into route: inout KongRoute) {
    readProtocols(object, into: &route)
    route.methods = object.strings("methods") ?? []
    route.hosts = object.strings("hosts") ?? []
    for host in route.hosts {
      if host.text.hasSuffix("*") {
        report.error(
          "\(object.title): a host with its wildcard at the end is not there", at: host.origin,
          hint: "name the hosts")
      } else if host.text.contains(":") {
        report.error(
          "\(object.title): hosts are without a port here", at: host.origin,
          hint: "leave the port out; the route then answers on every port")
      }
    }
    for (text, origin) in object.strings("paths") ?? [] {
      let hasTilde = text.hasPrefix("~")
      let path = hasTilde ? String(text.dropFirst()) : text
      // Formats before 3.0 have no tilde, and Kong guesses in the same way.
      let isRegex = hasTilde || kong.isBeforeTilde && Self.looksLikeRegex(path)
      if !isRegex && !path.hasPrefix("/") {
        report.error("\(object.title): a path starts with / or ~", at: origin)
      }
      route.paths.append(.init(text: path, isRegex: isRegex, origin: origin))
    }
    readHeaders(object, into: &route)
    route.strips = object.boolean("strip_path", default: true)
    route.preservesHost = object.boolean("preserve_host", default: false)
    route.regexPriority = object.integer("regex_priority", default: 0, in: 0...Int(UInt32.max))
    let handling = object.string("path_handling") ?? "v0"
    if let known = KongPathPlan.Handling(rawValue: handling) {
      route.handling = known
    } else {
      report.error(
        "\(object.title): path_handling is v0 or v1", at: object.origin(of: "path_handling"))
    }
    object.refuse("snis", because: "are not looked at", hint: "hosts are, for callers of HTTP")
    object.refuse("sources", because: "are for routes of TCP")
    object.refuse("destinations", because: "are for routes of TCP")
    object.refuse("expression", because: "is for another router of Kong")
    object.refuse("priority", because: "is for another router of Kong")
    object.warn(
      "request_buffering", unless: "true", because: "is not there: bodies are always streamed")
    object.warn(
      "response_buffering", unless: "true", because: "is not there: bodies are always streamed")
    if route.methods.isEmpty && route.hosts.isEmpty && route.paths.isEmpty && route.headers.isEmpty
    {
      report.error(
        "\(object.title): it needs one of methods, hosts, headers and paths", at: object.origin)
    }
  }

  private static func looksLikeRegex(_ path: String) -> Bool {
    !path.utf8.allSatisfy {
      (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
        || "-._~/%".utf8.contains($0)
    }
  }

  private func readProtocols(_ object: KongObject, into route: inout KongRoute) {
    let protocols =
      object.strings("protocols") ?? [("http", object.origin), ("https", object.origin)]
    let names = Set(protocols.map(\.text))
    for (name, origin) in protocols where !["http", "https", "ws", "wss"].contains(name) {
      report.error(
        "\(object.title): the protocol \(KongText.shown(name)) is not carried over", at: origin,
        hint: "http, https, ws and wss are")
    }
    route.isHTTP = names.contains("http") || names.contains("https")
    route.isWebSocket = names.contains("ws") || names.contains("wss")
    let status = object.integer("https_redirect_status_code", default: 426, in: 301...426)
    if !["301", "302", "307", "308", "426"].contains("\(status)") {
      report.error(
        "\(object.title): https_redirect_status_code is 301, 302, 307, 308 or 426",
        at: object.origin(of: "https_redirect_status_code"))
    }
    if !names.contains("http") && !names.contains("ws") {
      route.upgradeStatus = status
      report.warning(
        "\(object.title): it is for callers with TLS, and the file has no certificate here: everybody "
          + "is answered with \(status)", at: object.origin(of: "protocols"),
        hint: "convert, give a listener tls, and take the answer out of the route")
    }
  }

  private func readHeaders(_ object: KongObject, into route: inout KongRoute) {
    guard let headers = object.object("headers") else { return }
    for entry in headers.node.entries {
      let origin = report.origin(entry.keyPosition)
      let values = headers.strings(entry.key) ?? []
      for value in values {
        if value.text.hasPrefix("~*") {
          report.error(
            "\(object.title): a regular expression for a header is not there", at: value.origin)
        } else if value.text == "*" {
          report.error("\(object.title): the value * stands for any here", at: value.origin)
        } else if value.text.contains(where: { $0.isLetter }) {
          report.warning(
            "\(object.title): the value is compared exactly; Kong makes no difference between upper "
              + "and lower case", at: value.origin)
        }
      }
      if values.isEmpty {
        report.error("\(object.title): the header has no value", at: origin)
      }
      route.headers.append((entry.key, values, origin))
    }
    headers.finish()
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
    var conditions: [[DocumentNode.Entry]] = [[]]
    for header in route.headers {
      let entries = header.values.map {
        DocumentNode.Entry(
          header.name, DocumentNode.text($0.text, origin: $0.origin), origin: header.origin)
      }
      conditions = conditions.flatMap { before in entries.map { before + [$0] } }
      if conditions.count > 64 {
        report.error(
          "\(route.object.title): more than 64 combinations of header values", at: header.origin)
        return []
      }
    }
    var variants: [KongVariant] = []
    let paths: [KongRoute.Path?] = route.paths.isEmpty ? [nil] : route.paths
    for path in paths {
      let plan = KongPathPlan(
        path: path, strips: strips(route, path), handling: route.handling,
        base: services[route.service].path)
      for problem in plan.problems {
        report.diagnostics.add([problem(route, path)])
      }
      for condition in conditions {
        for isWebSocket in [false, true]
        where isWebSocket ? route.takesHandshakes : route.isHTTP {
          var match = plan.match
          if !route.hosts.isEmpty {
            match.add("hosts", .list(route.hosts.map { .text($0.text, origin: $0.origin) }))
          }
          if !route.methods.isEmpty && !isWebSocket {
            match.add("methods", .list(route.methods.map { .text($0.text, origin: $0.origin) }))
          }
          var headers = condition
          if isWebSocket && route.isHTTP { headers.append(Self.handshake) }
          if !headers.isEmpty { match.add("headers", .map(headers)) }
          let name =
            variants.isEmpty ? route.name : Self.name(route.name, taken: &taken)
          // Of one route handshakes go first.
          let weight = route.weight(of: path)
          variants.append(
            KongVariant(
              route: index, name: name, weight: weight, match: match, plan: plan,
              isWebSocket: isWebSocket))
          if isWebSocket && route.isHTTP { variants.swapAt(variants.count - 1, variants.count - 2) }
        }
      }
    }
    return variants
  }

  /// What every WebSocket handshake has, by any version of HTTP.
  private static let handshake = DocumentNode.Entry("Sec-WebSocket-Version", .text("*"))

  /// A snippet that strips the whole path away from a service without one of its own means the path to
  /// arrive there.
  private func strips(_ route: KongRoute, _ path: KongRoute.Path?) -> Bool {
    guard route.strips, kong.isSnippet, let path, !path.isRegex, path.text != "/",
      services[route.service].path == "/"
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
    if let status = route.upgradeStatus {
      policies = upgradeAnswer(status, service)
    } else {
      policies = self.policies(at: .route(route.name))
      if let rewrite = variant.plan.rewrite { policies["rewrite"] = rewrite }
      let members = callerPolicies(at: .route(route.name))
      if !policies.isEmpty { node.add("policies", policies) }
      if let consumers = members.consumers { node.add("consumers", consumers) }
      if let groups = members.groups { node.add("groups", groups) }
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
        .init("location", .template("https://${request.host}${request.path}")),
        .init("status", .integer(status)),
      ])
    }
    return policies
  }
}
