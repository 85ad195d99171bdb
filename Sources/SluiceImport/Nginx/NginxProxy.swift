import SluiceConfiguration

/// `proxy_pass`, taken apart.
struct NginxPass {
  var isEncrypted: Bool
  /// `grpc_pass`.
  var speaksGRPC = false
  /// `host[:port]` or `unix:/path` as written; the name of an upstream, maybe.
  var authority: String
  /// Nil without a URI part. A template of this gateway.
  var uri: String?
  /// nginx takes a URI with variables as it is: it replaces all of the path.
  var replacesPath = false
  var origin: Origin

  /// What nginx calls `$proxy_host`.
  var host: String {
    if authority.hasPrefix("unix:") { return "localhost" }
    let port = isEncrypted ? ":443" : ":80"
    return authority.hasSuffix(port) ? String(authority.dropLast(port.count)) : authority
  }

  /// The URL of one target.
  func url(of address: String) -> String? {
    if address.hasPrefix("unix:") {
      let path = address.dropFirst(5)
      return isEncrypted ? nil : "http+unix://\(path.hasSuffix(":") ? path.dropLast() : path)"
    }
    return "\(isEncrypted ? "https" : "http")://\(address)"
  }
}

extension NginxBuilder {
  /// A route to targets; two of them where callers may upgrade.
  func add(_ route: NginxRoute, proxying directive: NginxDirective, _ rewrite: NginxRewrite?) {
    guard let word = directive.arguments.first, directive.arguments.count == 1 else {
      return error("\(directive.name.text) takes one URL", at: directive.position)
    }
    if addChoices(route, proxying: directive, rewrite) { return }
    var route = route
    route.scope.speaksGRPC = directive.name.text == "grpc_pass"
    guard let pass = pass(word, route) else { return }
    // Failures and what a page is asked for are no handshakes.
    let upgrades = takesUpgrades(route.scope) && !route.isOfFailure
    checkSending(route)
    guard let changes = pathPolicies(route, pass, rewrite) else { return }
    var policies = reroute(route) + changes
    let (host, headers) = targetHeaders(route, pass)
    let service = service(pass, route.scope, host: host)
    if let headers { policies.append(.init("target-headers", headers)) }
    policies += requestPolicies(route)
    policies += responsePolicies(route, pass)
    if upgrades {
      var socket = route
      socket.name += "-websocket"
      socket.comment += ", WebSocket"
      write(
        socket, kind: "websocket", service: service,
        more: sessionSettings(route) + Self.section(of: Self.keepingSessions(policies)),
        headers: [("Upgrade", "websocket")])
    }
    writeRequests(route, service, policies)
  }

  private static func section(of policies: [DocumentNode.Entry]) -> [DocumentNode.Entry] {
    policies.isEmpty ? [] : [.init("policies", .map(policies))]
  }

  /// What can't be said of the way in which targets are spoken to.
  private func checkSending(_ route: NginxRoute) {
    let scope = route.scope
    if let version = scope.last("proxy_http_version"), version.words.first != "1.1" {
      warning("targets are spoken to by HTTP/1.1", at: version.position)
    }
    for name in ["proxy_pass_request_headers", "proxy_pass_request_body"] {
      if let directive = scope.last(name), directive.words != ["on"] {
        if name == "proxy_pass_request_body", isAsked(route) {
          warning(
            "auth_request sends no body; requests that callers send here themselves keep theirs",
            at: directive.position)
          continue
        }
        error(
          "\(name) \(directive.words.joined(separator: " ")) can't be carried over",
          at: directive.position)
      }
    }
  }

  /// What changes method and path; nil, with a finding, for what can't be carried over.
  private func pathPolicies(
    _ route: NginxRoute, _ pass: NginxPass, _ rewrite: NginxRewrite?
  ) -> [DocumentNode.Entry]? {
    var policies: [DocumentNode.Entry] = []
    if let method = route.scope.last("proxy_method")?.arguments.first {
      policies.append(
        .init("request-transform", .map([.init("method", .text(method.text.uppercased()))])))
    }
    if let rewrite {
      var entries: [DocumentNode.Entry] = [
        .init("regex", .text(rewrite.regex), origin: rewrite.origin),
        .init("path", .template(rewrite.path)),
      ]
      if let query = rewrite.query { entries.append(.init("query", .template(query))) }
      policies.append(.init("rewrite", .map(entries)))
      // Without variables the URI is ignored behind a break.
      if pass.replacesPath, pass.uri != nil {
        error(
          "proxy_pass with variables in its path and a rewrite can't be carried over",
          at: pass.origin)
      }
    } else if route.isWithinIf, pass.uri != nil, !pass.replacesPath {
      error("proxy_pass within an if has no URI", at: pass.origin, hint: "leave it out")
    } else if let uri = pass.uri, pass.replacesPath || !leavesPath(uri, route) {
      guard let entry = mapping(uri, pass, route) else { return nil }
      policies.append(entry)
    }
    return policies
  }

  /// The route for plain requests, and those that go past its cache.
  private func writeRequests(
    _ route: NginxRoute, _ service: String, _ policies: [DocumentNode.Entry]
  ) {
    let own = readTimeouts(route.scope) + bodyLimit(route.scope)
    let pastCache = own + Self.section(of: policies.filter { $0.key != "cache" })
    for bypass in bypasses(route) {
      var past = route
      past.name += "-past-cache"
      past.comment += ", past the cache"
      switch bypass {
      case .always: return write(route, kind: "http", service: service, more: pastCache)
      case .variable(let name): past.decisions[name] = "1"
      case .condition(let condition):
        guard route.condition == nil else {
          error(
            "proxy_cache_bypass beside an if can't be carried over", at: route.origin,
            hint: "write a location without proxy_cache")
          continue
        }
        past.condition = condition
      }
      write(past, kind: "http", service: service, more: pastCache)
    }
    write(route, kind: "http", service: service, more: own + Self.section(of: policies))
  }

  /// The route's, so that locations that differ in nothing else share their connections to targets.
  private func readTimeouts(_ scope: NginxScope) -> [DocumentNode.Entry] {
    guard let directive = scope.last("proxy_read_timeout"), let time = time(directive) else {
      return []
    }
    return [
      .init(
        "timeouts",
        .map([.init("response", .literal(time)), .init("idle", .literal(time))]),
        origin: directive.position)
    ]
  }

  private func bodyLimit(_ scope: NginxScope) -> [DocumentNode.Entry] {
    let directive = scope.last("client_max_body_size")
    let most = directive?.arguments.first.flatMap { bytes($0) } ?? 1 << 20
    if most == 0 { return [] }
    return [
      .init(
        "maxBodySize", .literal(NginxValue.shownBytes(most)), origin: directive?.position,
        comment: directive == nil ? "nginx's default" : nil)
    ]
  }

  // MARK: The URL

  private func pass(_ word: NginxWord, _ route: NginxRoute) -> NginxPass? {
    let context = route.variables
    guard var text = text(word, context) else { return nil }
    let speaksGRPC = route.scope.speaksGRPC
    if speaksGRPC {
      // Without a scheme it is a name.
      let isEncrypted = text.hasPrefix("grpcs://")
      let address = text.hasPrefix("grpc") ? text.drop { $0 != ":" }.dropFirst(3) : text[...]
      guard !address.contains("/") || address.hasPrefix("unix:") else {
        error("grpc_pass takes an address without a path", at: word.position)
        return nil
      }
      text = "\(isEncrypted ? "https" : "http")://\(address)"
    }
    let isEncrypted: Bool
    var rest: Substring
    if text.hasPrefix("http://") {
      isEncrypted = false
      rest = text.dropFirst(7)
    } else if text.hasPrefix("https://") {
      isEncrypted = true
      rest = text.dropFirst(8)
    } else {
      error("proxy_pass takes an http:// or https:// URL", at: word.position)
      return nil
    }
    var authority: Substring
    if rest.hasPrefix("unix:") {
      let path = rest.dropFirst(5).prefix { $0 != ":" }
      authority = rest[..<path.endIndex]
      rest = rest[path.endIndex...].dropFirst()
    } else {
      authority = rest.prefix { $0 != "/" && $0 != "?" }
      // `http://group$request_uri`: a variable may follow at once.
      if let variable = authority.firstRange(of: "${") {
        let isPath = ["${request.target}", "${request.path"].contains {
          authority[variable.lowerBound...].hasPrefix($0)
        }
        authority = isPath ? authority[..<variable.lowerBound] : authority.prefix(0)
      }
      rest = rest[authority.endIndex...]
    }
    guard !authority.isEmpty else {
      error(
        "an address of a target that comes from the request can't be carried over",
        at: word.position, hint: "write an upstream and a location for each")
      return nil
    }
    var uri: String? = rest.isEmpty ? nil : String(rest)
    // The request as it came is what a target gets without a URI, too.
    let asItCame = ["${request.target}", "${request.path}${request.questionMark}${request.query}"]
    if let text = uri, asItCame.contains(text) {
      if text == asItCame[0], route.section != nil {
        error(
          "$request_uri is the first path, not the one that led here, which can't be carried over",
          at: word.position, hint: "leave it out, or write $uri$is_args$args")
      }
      uri = nil
    }
    return NginxPass(
      isEncrypted: isEncrypted, speaksGRPC: speaksGRPC, authority: String(authority), uri: uri,
      replacesPath: word.text.contains("$"), origin: word.position)
  }

  /// The URI part is what it replaces.
  private func leavesPath(_ uri: String, _ route: NginxRoute) -> Bool {
    switch route.location?.pattern {
    case .exact(let path)?, .prefix(let path, _)?: path == uri
    default: false
    }
  }

  /// What the URI part of proxy_pass makes of the path.
  private func mapping(_ uri: String, _ pass: NginxPass, _ route: NginxRoute) -> DocumentNode.Entry?
  {
    if uri.contains("?") && !pass.replacesPath {
      error("a query in proxy_pass can't be carried over", at: pass.origin)
      return nil
    }
    if pass.replacesPath {
      // Query included.
      let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
      var path = String(parts[0])
      var query = parts.count == 2 ? String(parts[1]) : ""
      if let mark = path.firstRange(of: "${request.questionMark}") {
        query = String(path[mark.upperBound...])
        path = String(path[..<mark.lowerBound])
      }
      let target = "${request.target}"
      if path.hasSuffix(target), parts.count == 1 {
        path = "\(path.dropLast(target.count))${request.path}"
        query = "${request.query}"
      }
      // A slash too many is none.
      if !path.hasPrefix("/") { path = "/\(path)" }
      return .init(
        "rewrite",
        .map([
          .init("path", .template(path), origin: pass.origin), .init("query", .template(query)),
        ]))
    }
    switch route.location?.pattern {
    case .exact?:
      return .init("rewrite", .map([.init("path", .text(uri), origin: pass.origin)]))
    case .prefix(let prefix, _)?:
      let literal = NginxPath.literal(NginxPath.normal(prefix))
      return .init(
        "rewrite",
        .map([
          .init("regex", .text("\(literal)(.*)"), origin: pass.origin),
          .init("path", .template("\(uri)$1")),
        ]))
    case .regex?, .named?, nil:
      error(
        "proxy_pass with a URI needs a location that is a prefix or exact", at: pass.origin,
        hint: "leave the URI out, or use what the location's regular expression captures")
      return nil
    }
  }

  // MARK: WebSocket

  /// Upgrade is passed on, with a Connection that may say so: a constant or what a map makes of it.
  private func takesUpgrades(_ scope: NginxScope) -> Bool {
    let fields = scope.all("proxy_set_header")
    func value(_ name: String) -> String? {
      fields.last { $0.words.first?.lowercased() == name }?.words.dropFirst().first?.lowercased()
    }
    guard let upgrade = value("upgrade"), upgrade == "$http_upgrade" || upgrade == "websocket",
      let connection = value("connection")
    else { return false }
    return connection.contains("upgrade") || connection.hasPrefix("$")
  }

  private func sessionSettings(_ route: NginxRoute) -> [DocumentNode.Entry] {
    let scope = route.scope
    let read = scope.last("proxy_read_timeout")
    let connect = scope.last("proxy_connect_timeout")
    let connection: [DocumentNode.Entry] = [
      .init(
        "connectTimeout", .literal(time(connect, default: "1m") ?? "1m"),
        origin: connect?.position),
      .init("idleTimeout", .literal(time(read, default: "1m") ?? "1m"), origin: read?.position),
    ]
    let place = scope.all("proxy_set_header").first?.position ?? route.origin
    warning(
      "pages of any origin may connect, and messages may be of any size, as with nginx: see origins and messages.maxSize",
      at: place, hint: "sluice convert, then write the origins of your pages")
    return [
      .init("origins", .texts(["*"]), comment: "nginx asks for no origin."),
      .init("connection", .map(connection)),
      .init(
        "messages",
        .map([
          .init("maxSize", .literal("1024GiB")), .init("maxSizeFromUpstream", .literal("1024GiB")),
        ])),
    ]
  }

  // MARK: Fields for targets

  /// Framing and connections are the gateway's to write.
  static let ownFields: Set<String> = [
    "connection", "upgrade", "content-length", "transfer-encoding", "te", "trailer", "keep-alive",
    "proxy-connection", "expect", "sec-websocket-key", "sec-websocket-version",
    "sec-websocket-extensions", "sec-websocket-accept",
  ]

  /// The service's `host` where one setting says it, and the policy for the rest.
  private func targetHeaders(
    _ route: NginxRoute, _ pass: NginxPass
  ) -> (host: String, policy: DocumentNode?) {
    var context = route.variables
    context.constants["proxy_host"] = pass.host
    context.constants["proxy_port"] =
      pass.authority.contains(":")
      ? String(pass.authority.split(separator: ":").last ?? "") : pass.isEncrypted ? "443" : "80"
    var host = pass.host
    var entries: [DocumentNode.Entry] = []
    let answered = answeredFields(route.scope)
    for directive in route.scope.all("proxy_set_header") {
      guard directive.arguments.count == 2 else {
        error("proxy_set_header takes a name and a value", at: directive.position)
        continue
      }
      // The policy that asks passes it on.
      if self.answered(directive, answered) != nil { continue }
      let name = directive.arguments[0].text
      let lower = name.lowercased()
      if lower == "connection" || lower == "upgrade" {
        checkConnection(lower, directive)
        continue
      }
      if Self.ownFields.contains(lower) {
        warning("\(name) is written by the gateway itself", at: directive.position)
        continue
      }
      guard let value = text(directive.arguments[1], context) else { continue }
      if lower == "host" {
        switch value {
        case "${request.host}": host = "preserve"
        case _ where value.contains("${"):
          entries.append(.init("Host", .template(value), origin: directive.position))
        case "": warning("Host is never left out", at: directive.position)
        default: host = value
        }
        continue
      }
      entries.removeAll { $0.key.lowercased() == lower }
      entries.append(.init(name, .template(value), origin: directive.position))
    }
    var policy: [DocumentNode.Entry] = [.init("forwarded", .literal("caller"))]
    if !entries.isEmpty { policy.append(.init("set", .map(entries))) }
    return (host, .map(policy))
  }

  private func checkConnection(_ name: String, _ directive: NginxDirective) {
    let value = directive.words[1].lowercased()
    if name == "connection", value == "upgrade" {
      warning(
        "nginx sends Connection: upgrade with every request; here only a WebSocket handshake has it",
        at: directive.position)
    }
    let known = [
      "upgrade", "close", "keep-alive", "", "$http_upgrade", "websocket", "$http_connection",
    ]
    if known.contains(value) { return }
    let isMap = value.hasPrefix("$") && definitions[String(value.dropFirst())]?.name.text == "map"
    if !isMap {
      warning("\(directive.words[0]) is written by the gateway itself", at: directive.position)
    }
  }
}
