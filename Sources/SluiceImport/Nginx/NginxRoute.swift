import SluiceConfiguration

/// A route in the making, and what it is made of.
struct NginxRoute {
  var scope: NginxScope
  var place: NginxServer.Place
  var server: NginxServer
  var match: NginxMatch.Path
  var location: NginxLocation?
  var variables: NginxVariableContext
  /// Further conditions, from an `if`.
  var condition: NginxCondition?
  /// What variables have to be, from `if` in a program.
  var decisions: [String: String] = [:]
  /// How paths lead to other locations.
  var rules: [NginxRule] = []
  /// `rewrite … break`.
  var rewrite: NginxRewrite?
  /// The name of the internal routes that it belongs to; nil where callers come.
  var section: String?
  /// Limits of which it is known whether they count, and those that don't.
  var asked: Set<String> = []
  var unlimited: Set<String> = []
  /// What leads to targets stands in an `if`.
  var isWithinIf = false
  /// Nobody but a failure comes here.
  var isOfFailure = false
  var name: String
  var origin: Origin
  var comment: String
  /// The name of the server's routes.
  var whole = ""

  /// As it was before any location and any condition.
  var base: NginxRoute {
    var route = self
    route.scope = server.scope
    route.match = .any
    route.location = nil
    route.condition = nil
    route.decisions = [:]
    route.rules = []
    route.rewrite = nil
    route.isWithinIf = false
    route.asked = []
    route.unlimited = []
    route.origin = server.directive.position
    route.variables = variables.base
    route.name = whole
    route.comment = "server \(whole)"
    return route
  }

  /// Goes on as one of this location.
  mutating func enter(_ location: NginxLocation, _ path: NginxMatch.Path) {
    match = path
    self.location = location
    scope = location.scope
    origin = location.position
    name = "\(name)-\(location.shown)"
    comment = "location \(location.shown)"
    guard case .regex(let regex, _) = location.pattern else { return }
    variables.captures = NginxCondition.groups(in: regex)
    // `$1` is of the expression that was tried last.
    for number in 1...9 {
      variables.hostCaptures.remove("\(number)")
      variables.constants["\(number)"] = nil
    }
  }

  /// Of the methods that are left only these.
  mutating func restrict(to methods: [String]) {
    if case .methods(let left)? = condition {
      condition = .methods(left.filter(methods.contains))
    } else {
      condition = .methods(methods)
    }
  }
}

extension NginxBuilder {
  /// All routes of one server for some of its hosts and listeners.
  func convert(_ server: NginxServer, at place: NginxServer.Place) {
    let serverName =
      server.firstName.isEmpty || server.firstName == "_" ? "default" : server.firstName
    let base = place.isEncrypted ? "\(serverName)-tls" : serverName
    let whole = NginxRoute(
      scope: server.scope, place: place, server: server, match: .any, location: nil,
      variables: variables(of: server, at: place), condition: nil, name: base,
      origin: server.directive.position, comment: "server \(serverName)", whole: base)
    convertByProgram(
      whole, locations(in: server.scope), program(of: server.scope), isHidden: false)
    convertSections()
  }

  /// What is known before a location is found.
  private func variables(
    of server: NginxServer, at place: NginxServer.Place
  ) -> NginxVariableContext {
    var context = NginxVariableContext()
    context.constants["server_name"] = server.firstName
    context.constants["https"] = place.isEncrypted ? "on" : ""
    for host in server.hosts where host.hasPrefix("~") {
      let groups = NginxCondition.groups(in: host)
      if place.hosts.contains(host) {
        context.hostCaptures.formUnion(groups)
      } else {
        // Found in another way, which captures nothing.
        for name in groups { context.constants[name] = "" }
      }
    }
    if server.listens.allSatisfy(\.takesProxyHeader) {
      context.constants["proxy_protocol_addr"] = "${client.peer}"
      context.constants["proxy_protocol_port"] = "${client.port}"
    }
    context.serverConstants = context.constants
    context.serverCaptures = context.hostCaptures
    return context
  }

  /// nginx answers `/a` with a redirect to `/a/` where only a location `/a/` with proxy_pass is.
  ///
  /// - Parameter add: what comes before is the caller's to say.
  func slashRedirects(
    _ all: [NginxLocation], _ found: [NginxMatch], _ rest: NginxRoute,
    _ add: (NginxRoute, NginxAnswer) -> Void
  ) {
    let paths = Set(
      all.compactMap { location -> String? in
        switch location.pattern {
        case .exact(let path), .prefix(let path, _): path
        default: nil
        }
      })
    for match in found {
      let location = all[match.location]
      guard case .prefix(let prefix, _) = location.pattern, prefix.hasSuffix("/"), prefix != "/",
        location.scope.ownPass != nil, !location.isInternal
      else { continue }
      let bare = String(prefix.dropLast())
      if paths.contains(bare) { continue }
      var route = rest
      let path = NginxPath.normal(bare)
      route.match = NginxPath.isPlain(path) ? .path(path) : .regex(NginxPath.literal(path))
      route.location = location
      route.scope = location.scope
      route.origin = location.position
      route.name += "-\(bare)-slash"
      route.comment = "location \(location.shown): nginx adds the slash"
      var answer = NginxAnswer(status: 301, origin: location.position)
      answer.location =
        "${request.scheme}://${request.host}\(NginxPath.normal(prefix))${request.questionMark}${request.query}"
      add(route, answer)
    }
  }

  /// What a location does in the end.
  func finish(_ route: NginxRoute, _ rewrite: NginxRewrite?) {
    guard let location = route.location else { return }
    var route = route
    setByRequest(&route)
    if let question = zoneToAsk(route) { return finish(route, rewrite, asking: question) }
    guard let pass = route.scope.ownPass else {
      if let root = location.scope.own("root").first, !isErrorPage(location, of: route.server) {
        error(
          "root can't be carried over: static files are out, this gateway serves none",
          at: root.position, hint: "put a web server behind it, and write proxy_pass here")
        return
      }
      warning(
        "there is no proxy_pass and no return here: nginx serves files, this gateway answers 404",
        at: location.position)
      return add(
        route, answering: NginxAnswer(status: 404, origin: location.position), isGuarded: true)
    }
    add(route, proxying: pass, rewrite)
  }

  /// Whether a location is only there for a page that `error_page` shows.
  private func isErrorPage(_ location: NginxLocation, of server: NginxServer) -> Bool {
    guard case .exact(let path) = location.pattern else { return false }
    func names(_ directives: [NginxDirective]) -> Bool {
      directives.contains { directive in
        directive.name.text == "error_page" && directive.words.last == path
          || names(directive.block ?? [])
      }
    }
    return server.scope.levels.contains { names($0) }
  }

  /// `limit_except GET { deny all; }`.
  func methodLimit(
    _ directive: NginxDirective
  ) -> (methods: [String], answer: NginxAnswer)? {
    let isDenied =
      directive.block?.count == 1 && directive.block?[0].name.text == "deny"
      && directive.block?[0].words == ["all"]
    guard isDenied, !directive.words.isEmpty else {
      error("limit_except is carried over with 'deny all;' only", at: directive.position)
      return nil
    }
    var methods = directive.words.map { $0.uppercased() }
    if methods.contains("GET") { methods.append("HEAD") }
    return (methods, NginxAnswer(status: 403, origin: directive.position))
  }

  // MARK: Writing

  /// A route that answers itself. What the rewrite phase of nginx answers, nobody is asked about before.
  ///
  /// - Parameter isGuarded: who may and how often is asked before, as it is where nginx serves files.
  func add(_ route: NginxRoute, answering answer: NginxAnswer, isGuarded: Bool = false) {
    var policies = reroute(route)
    if let location = answer.location {
      policies.append(
        .init(
          "redirect",
          .map([
            .init("location", .template(location), origin: answer.origin),
            .init("status", .integer(answer.status)),
          ])))
    } else {
      var mock: [DocumentNode.Entry] = [
        .init("status", .integer(answer.status), origin: answer.origin)
      ]
      if let body = answer.body, !body.isEmpty {
        mock.append(.init("mediaType", .text(answer.mediaType)))
        mock.append(.init("body", .template(body)))
      } else if ![204, 205, 304].contains(answer.status), answer.body == nil {
        mock.append(.init("contentType", .literal("text")))
        mock.append(.init("body", .text("\(answer.status)\n")))
      }
      policies.append(.init("mock", .map(mock)))
    }
    if isGuarded { policies += requestPolicies(route) }
    policies += responsePolicies(route)
    write(route, kind: "http", service: noService(), more: [.init("policies", .map(policies))])
  }

  func write(
    _ route: NginxRoute, kind: String, service: String, more: [DocumentNode.Entry],
    headers: [(String, String)] = []
  ) {
    var match: [DocumentNode.Entry] = []
    switch route.match {
    case .any: break
    case .path(let path): match.append(.init("path", .text(path), origin: route.origin))
    case .prefix(let path): match.append(.init("prefix", .text(path), origin: route.origin))
    case .startsWith(let path):
      match.append(.init("startsWith", .text(path), origin: route.origin))
    case .regex(let regex): match.append(.init("regex", .text(regex), origin: route.origin))
    }
    if !route.place.hosts.isEmpty { match.append(.init("hosts", .texts(route.place.hosts))) }
    if !route.place.listeners.isEmpty {
      match.append(.init("listeners", .texts(route.place.listeners)))
    }
    var fields = headers
    switch route.condition {
    case .methods(let methods)?: match.append(.init("methods", .texts(methods)))
    // A field that is empty is none to nginx.
    case .header(let name, "*")?:
      match.append(.init("headersRegex", .map([.init(name, .text("(?s).+"))])))
    case .header(let name, let value)?: fields.append((name, value))
    case nil: break
    }
    let decisions = route.decisions.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    for (key, values) in [("headers", fields), ("variables", decisions)]
    where !values.isEmpty {
      match.append(.init(key, .map(values.map { .init($0.0, .text($0.1)) })))
    }
    if let section = route.section { match.append(.init("internal", .text(section))) }
    var entries: [DocumentNode.Entry] = [.init("kind", .literal(kind))]
    if !match.isEmpty { entries.append(.init("match", .map(match))) }
    entries.append(.init("service", .text(service)))
    entries += more
    routes.append(
      .init(
        name("route", route.name), .map(entries), origin: route.origin,
        comment: "\(route.comment) (line \(route.origin.line))"))
  }
}
