extension ConfigurationValidator {
  mutating func checkRoutes() {
    let services = root["services"]?.entries.map(\.key) ?? []
    let listeners = root["listeners"]?.entries.map(\.key) ?? []
    let names = (services: Set(services), listeners: Set(listeners))
    var places: [MatchKey: (name: String, line: Int)] = [:]
    for entry in root["routes"]?.entries ?? [] {
      guard let route = configuration.routes[entry.key] else { continue }
      let node = entry.value
      if let service = node["service"], diagnostics.isSound(service),
        !names.services.contains(route.service)
      {
        unknownName(service, route.service, "service", of: services, "routes.\(entry.key).service")
      }
      for (name, element) in soundElements(route.match.listeners, node["match"]?["listeners"])
      where !names.listeners.contains(name) {
        unknownName(
          element, name, "listener", of: listeners, "routes.\(entry.key).match.listeners")
      }
      checkVariables(route, node, name: entry.key)
      checkPaths(route, node, name: entry.key)
      checkKind(route, node, name: entry.key)
      checkUnique(route, entry, &places)
    }
  }

  /// The values with their places; none when one of them is wrong.
  private func soundElements(
    _ values: [String], _ node: SourceNode?
  ) -> [(String, SourceNode)] {
    guard let node, diagnostics.isSound(node) else { return [] }
    return Array(zip(values, node.elements))
  }

  mutating func unknownName(
    _ node: SourceNode, _ name: String, _ word: String, of known: [String], _ path: String
  ) {
    var hint = node.mayBeShown ? Suggestion.hint(for: name, among: known) : nil
    if hint == nil, !known.isEmpty, known.count <= 10 {
      hint = "known \(word)s: \(known.joined(separator: ", "))"
    }
    diagnostics.error("\(path): no \(word) is named \(node.shown)", at: node.position, hint: hint)
  }
}

// MARK: Variables

extension ConfigurationValidator {
  /// They are looked at before there is a route or a caller.
  private mutating func checkVariables(
    _ route: Configuration.Route, _ node: SourceNode, name: String
  ) {
    for entry in node["match"]?["variables"]?.entries ?? [] where diagnostics.isSound(entry.value) {
      let path = "routes.\(name).match.variables"
      if configuration.variables[entry.key] == nil {
        diagnostics.error(
          "\(path): there is no variable \(quoted(entry.key)) in the file", at: entry.keyPosition,
          hint: Suggestion.hint(for: entry.key, among: configuration.variables.keys.sorted()))
        continue
      }
      if needsRoute(entry.key) {
        diagnostics.error(
          "\(path).\(entry.key) depends on more than the request itself", at: entry.keyPosition,
          hint: "routes are found before it is known who calls and what a path's parts are called")
      }
    }
  }
}

// MARK: Paths

extension ConfigurationValidator {
  private mutating func checkPaths(
    _ route: Configuration.Route, _ node: SourceNode, name: String
  ) {
    let match = node["match"]
    let given = ["path", "prefix", "startsWith", "regex"].compactMap { match?.entry($0) }
    if let first = given.first {
      for entry in given.dropFirst() {
        diagnostics.error(
          "routes.\(name).match has both '\(first.key)' and '\(entry.key)'", at: entry.keyPosition,
          hint: "a route has one of path, prefix, startsWith and regex")
      }
    }
    checkRegex(route.match.regex, match?["regex"], "routes.\(name).match.regex")
    for entry in match?["headersRegex"]?.entries ?? [] {
      checkRegex(
        route.match.headersRegex[entry.key], entry.value,
        "routes.\(name).match.headersRegex.\(entry.key)")
    }
    checkServerNames(route, match, name: name)
    for (index, place) in (match?["hosts"]?.elements ?? []).enumerated()
    where index < route.match.hosts.count && route.match.hosts[index].hasPrefix("~") {
      checkRegex(
        String(route.match.hosts[index].dropFirst()), place, "routes.\(name).match.hosts[\(index)]")
    }
    checkRewrite(route, node["path"], given.map(\.key), name: name)
  }

  /// The text may come from a reference, and is not shown then.
  mutating func checkRegex(_ regex: String?, _ place: SourceNode?, _ path: String) {
    guard let regex, let place, diagnostics.isSound(place), let problem = regexCheck(regex) else {
      return
    }
    // The compiler's message may quote the pattern.
    let reason = place.mayBeShown ? ": \(problem)" : ""
    diagnostics.error(
      "\(path): \(place.shown) is not a regular expression\(reason)", at: place.position)
  }

  /// Names come by TLS.
  private mutating func checkServerNames(
    _ route: Configuration.Route, _ match: SourceNode?, name: String
  ) {
    guard !route.match.serverNames.isEmpty, let entry = match?.entry("serverNames"),
      diagnostics.isSound(entry.value), diagnostics.isSound(match?["listeners"])
    else { return }
    let names = route.match.listeners
    let listeners = configuration.listeners.filter { names.isEmpty || names.contains($0.key) }
    if listeners.contains(where: { $0.value.tls != nil }) { return }
    diagnostics.error(
      "routes.\(name).match.serverNames: no listener of this route has 'tls', so it never matches",
      at: entry.keyPosition, hint: "give a listener tls, or use hosts")
  }

  private mutating func checkRewrite(
    _ route: Configuration.Route, _ node: SourceNode?, _ given: [String], name: String
  ) {
    guard let node, diagnostics.isSound(node) else { return }
    let strip = route.path.stripPrefix ? node.entry("stripPrefix") : nil
    let replace = node.entry("replacePrefix")
    guard let entry = strip ?? replace else { return }
    if strip != nil, let replace {
      diagnostics.error(
        "routes.\(name).path has both 'stripPrefix' and 'replacePrefix'", at: replace.keyPosition,
        hint: "remove one of them")
    }
    if given.contains("regex") {
      diagnostics.error(
        "routes.\(name).path.\(entry.key) has no prefix to work on: the route matches by regex",
        at: entry.keyPosition)
    } else if given.isEmpty {
      diagnostics.error(
        "routes.\(name).path.\(entry.key) needs 'path', 'prefix' or 'startsWith' in the route's match",
        at: entry.keyPosition)
    }
  }
}

// MARK: The two profiles

extension ConfigurationValidator {
  private mutating func checkKind(_ route: Configuration.Route, _ node: SourceNode, name: String) {
    guard diagnostics.isSound(node["kind"]) else { return }
    guard route.kind == .websocket else {
      for key in ["connection", "messages", "origins"] {
        guard let entry = node.entry(key) else { continue }
        diagnostics.error(
          "routes.\(name).\(key) is for kind: websocket, and this route is "
            + route.kind.rawValue,
          at: entry.keyPosition,
          hint: key == "connection"
            ? "set kind: websocket, or use timeouts" : "set kind: websocket")
      }
      return
    }
    checkMessages(route, node, name: name)
    checkReconnect(route, node, name: name)
    for (key, instead) in [
      ("response", "connection.connectTimeout"), ("idle", "connection.idleTimeout"),
      ("total", nil),
    ] {
      guard let entry = node["timeouts"]?.entry(key) else { continue }
      diagnostics.warning(
        "routes.\(name).timeouts.\(key) is for requests and has no effect on a websocket route",
        at: entry.keyPosition, hint: instead.map { "use \($0)" })
    }
    if let entry = node.entry("maxBodySize") {
      diagnostics.warning(
        "routes.\(name).maxBodySize is for requests and has no effect on a websocket route",
        at: entry.keyPosition)
    }
    if let methods = node["match"]?["methods"], diagnostics.isSound(methods),
      !route.match.methods.isEmpty, !route.match.methods.contains("GET")
    {
      diagnostics.warning(
        "routes.\(name).match.methods: a WebSocket handshake is a GET, so this route never matches",
        at: methods.position)
    }
  }
}

// MARK: Routes that hide each other

extension ConfigurationValidator {
  /// Equal for two routes that match exactly the same requests.
  private struct MatchKey: Hashable {
    var priority: Int
    var path: String
    var hosts: Set<String>
    var methods: Set<String>
    var headers: [String: String]
    var headersRegex: [String: String]
    var serverNames: Set<String>
    var addresses: Set<String>
    var query: [String: String]
    var variables: [String: String]
    var section: String?
    var listeners: Set<String>

    init(_ route: Configuration.Route) {
      let match = route.match
      priority = route.priority
      if let path = match.path {
        self.path = "path " + Self.withoutNames(path)
      } else if let prefix = match.prefix {
        path = "prefix " + Self.withoutNames(prefix)
      } else if let start = match.startsWith {
        path = "startsWith " + start
      } else {
        path = match.regex.map { "regex " + $0 } ?? ""
      }
      hosts = Set(match.hosts.map { $0.hasPrefix("~") ? $0 : $0.lowercased() })
      methods = Set(match.methods)
      headers = Dictionary(
        match.headers.map { ($0.key.lowercased(), $0.value) },
        uniquingKeysWith: { first, _ in first })
      headersRegex = Dictionary(
        match.headersRegex.map { ($0.key.lowercased(), $0.value) },
        uniquingKeysWith: { first, _ in first })
      serverNames = Set(match.serverNames.map { $0.lowercased() })
      addresses = Set(match.addresses)
      query = match.query
      variables = match.variables
      section = match.internal
      listeners = Set(match.listeners)
    }

    private static func withoutNames(_ path: String) -> String {
      path.split(separator: "/", omittingEmptySubsequences: false)
        .map { $0.hasPrefix("{") ? "{}" : $0 }.joined(separator: "/")
    }
  }

  private mutating func checkUnique(
    _ route: Configuration.Route, _ entry: SourceNode.Entry,
    _ places: inout [MatchKey: (name: String, line: Int)]
  ) {
    guard diagnostics.isSound(entry.value["match"]), diagnostics.isSound(entry.value) else {
      return
    }
    let key = MatchKey(route)
    let line = entry.keyPosition.line
    if let first = places[key] {
      diagnostics.error(
        "routes.\(entry.key) on line \(line) matches exactly what routes.\(first.name) on line "
          + "\(first.line) matches",
        at: entry.keyPosition, hint: "give one of them a further condition, or remove it")
    } else {
      places[key] = (entry.key, line)
    }
  }
}
