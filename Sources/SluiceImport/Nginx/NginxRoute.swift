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
    let all = locations(in: server.scope)
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
      context.constants["proxy_protocol_addr"] = "${client.address}"
      context.constants["proxy_protocol_port"] = "${client.port}"
    }
    context.serverConstants = context.constants
    context.serverCaptures = context.hostCaptures
    let serverName =
      server.firstName.isEmpty || server.firstName == "_" ? "default" : server.firstName
    let base = place.isEncrypted ? "\(serverName)-tls" : serverName
    // What the server itself rewrites comes before any location.
    var hosts = place
    defer { convertSections() }
    let whole = NginxRoute(
      scope: server.scope, place: place, server: server, match: .any, location: nil,
      variables: context, condition: nil, name: base, origin: server.directive.position,
      comment: "server \(serverName)", whole: base)
    if needsProgram(whole, all) {
      return convertByProgram(whole, all, program(of: server.scope), isHidden: false)
    }
    let steps = rewriteSteps(of: server.scope, whole)
    for step in steps {
      switch step {
      case .answer(.host(let name)?, let answer):
        var route = whole
        route.place.hosts = [name]
        add(route, answering: answer)
        hosts.hosts.removeAll { $0 == name }
        if !place.hosts.isEmpty, hosts.hosts.isEmpty { return }
      case .unless(.host(let name), let answer):
        var route = whole
        route.place.hosts = hosts.hosts.filter { $0 != name }
        let isOnly = !hosts.hosts.isEmpty && route.place.hosts.isEmpty
        if !isOnly { add(route, answering: answer) }
        let mayCome =
          hosts.hosts.isEmpty
          || hosts.hosts.contains { $0 == name || $0.hasPrefix("~") || $0.contains("*") }
        if !mayCome { return }
        hosts.hosts = [name]
      default: continue
      }
    }
    let others = steps.filter {
      switch $0 {
      case .answer(.host?, _), .unless(.host, _): false
      default: true
      }
    }
    var rest = whole
    rest.place = hosts
    if let end = others.first(where: { $0.endsAll }), all.isEmpty || others.first == end,
      !others.contains(where: \.isOfSomePaths)
    {
      if case .answer(_, let answer) = end { return add(rest, answering: answer) }
    }
    let inOrder =
      others.contains(where: \.isOfSomePaths)
      || all.contains { $0.scope.own("rewrite").contains(where: rewritesSome) }
    for (index, step) in others.enumerated() where step.isOfSomePaths {
      addSome(step, of: rest, after: others[..<index].filter { !$0.isOfSomePaths })
    }
    let former = others.filter { !$0.isOfSomePaths }
    let found = matches(all, inOrder: inOrder)
    slashRedirects(all, found, rest, inOrder: inOrder) { route, answer in
      follow(former + [.answer(nil, answer)], route)
    }
    for match in found {
      let location = all[match.location]
      var route = rest
      route.enter(location, match.path)
      add(route, after: former)
    }
    if !found.contains(where: { $0.path == .any }) {
      rest.comment = "server \(serverName), for what no location matches: nginx has no file there"
      rest.name = "\(base)-other"
      follow(former + [.answer(nil, NginxAnswer(status: 404, origin: rest.origin))], rest)
    }
  }

  /// nginx answers `/a` with a redirect to `/a/` where only a location `/a/` with proxy_pass is.
  ///
  /// - Parameter add: what comes before is the caller's to say.
  func slashRedirects(
    _ all: [NginxLocation], _ found: [NginxMatch], _ rest: NginxRoute, inOrder: Bool,
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
      let isPlain = NginxPath.isPlain(path) && !inOrder
      route.match = isPlain ? .path(path) : .regex(NginxPath.literal(path))
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

  /// The routes of one location: those of its conditions, then its own.
  private func add(_ route: NginxRoute, after former: [NginxStep]) {
    guard let location = route.location else { return }
    if location.isInternal {
      return add(route, answering: NginxAnswer(status: 404, origin: route.origin))
    }
    follow(former + ownSteps(route, location), route)
  }

  private func ownSteps(_ route: NginxRoute, _ location: NginxLocation) -> [NginxStep] {
    // What limit_except denies never comes to the location's own conditions, but to the server's.
    let limit = location.scope.own("limit_except").first.flatMap { methodStep($0) }
    return (limit.map { [$0] } ?? []) + rewriteSteps(of: location.scope, route)
  }

  /// The routes of some steps, and of what they leave.
  private func follow(
    _ steps: [NginxStep], _ route: NginxRoute, _ jump: NginxRewrite? = nil
  ) {
    var route = route
    var rewrite = jump
    // Behind the route that has conditions, because regular expressions are tried in this order.
    var others: [(route: NginxRoute, answer: NginxAnswer)] = []
    defer { for other in others { add(other.route, answering: other.answer) } }
    for step in steps {
      switch step {
      case .set(let name, let value): route.variables.constants[name] = value
      case .answer(let condition?, let answer):
        var variant = route
        if case .methods(let methods) = condition {
          variant.restrict(to: methods)
        } else if route.condition == nil {
          variant.condition = condition
        } else {
          refuseSecondCondition(answer)
        }
        variant.name += "-if"
        add(variant, answering: answer)
      case .answer(nil, let answer): return add(route, answering: answer)
      case .only(let methods, let answer):
        var other = route
        other.name += "-others"
        route.restrict(to: methods)
        if case .methods(let left)? = other.condition {
          other.condition = .methods(left.filter { !methods.contains($0) })
        }
        // In front of those before, which leave these only; nothing where they leave none.
        if other.condition != .methods([]) { others.insert((other, answer), at: 0) }
      case .unless(let condition, let answer):
        var other = route
        other.name += "-others"
        if route.condition != nil { refuseSecondCondition(answer) }
        route.condition = condition
        others.insert((other, answer), at: 0)
      case .rewrite(let found):
        if rewrite == nil {
          rewrite = found
        } else {
          error(
            "a second rewrite for one location can't be carried over", at: found.origin,
            hint: "write a location for each")
        }
      case .answerSome, .jump: addSome(step, of: route, after: [])
      }
    }
    // Every method is answered by one of the others.
    if case .methods(let methods)? = route.condition, methods.isEmpty { return }
    finish(route, rewrite)
  }

  private func refuseSecondCondition(_ answer: NginxAnswer) {
    error(
      "a condition for what another leaves can't be carried over", at: answer.origin,
      hint: "write the one about the method last")
  }

  /// The routes of paths that a `rewrite` matches, behind steps that come before it.
  private func addSome(_ step: NginxStep, of route: NginxRoute, after former: [NginxStep]) {
    switch step {
    case .answerSome(let regex, let answer):
      guard let variant = some(of: route, regex, at: answer.origin) else { return }
      follow(former + [.answer(nil, answer)], variant)
    case .jump(let regex, let rewrite):
      guard let variant = some(of: route, regex, at: rewrite.origin) else { return }
      add(variant, jumping: rewrite, after: former)
    default: return
    }
  }

  /// The part of a route whose paths a `rewrite` matches.
  private func some(of route: NginxRoute, _ regex: String, at place: Origin) -> NginxRoute? {
    guard let pattern = self.regex(regex, at: place) else { return nil }
    var variant = route
    var gate: String?
    switch (route.location?.pattern, route.match) {
    case (.regex(let text, let ignoresCase)?, _):
      // Its groups must not count.
      guard
        let inner = self.regex(text, ignoresCase: ignoresCase, captures: false, at: route.origin)
      else { return nil }
      let parent = route.location?.parent.map { NginxPath.literal(NginxPath.normal($0)) }
      gate = (parent.map { "(?=\($0))" } ?? "") + inner
    case (_, .regex(let text)): gate = text
    case (_, .any): break
    case (_, .path), (_, .prefix), (_, .startsWith): return nil
    }
    variant.match = .regex(gate.map { "(?=(?:\($0))\\z)\(pattern)" } ?? pattern)
    variant.variables.captures = NginxCondition.groups(in: regex)
    variant.name += "-rewrite"
    variant.origin = place
    variant.comment = "rewrite \(regex)"
    return variant
  }

  /// `rewrite … last`: the routes of the location that it leads to, for paths that the expression matches.
  private func add(
    _ route: NginxRoute, jumping rewrite: NginxRewrite, after former: [NginxStep]
  ) {
    let all = locations(in: route.server.scope)
    guard let location = destination(of: rewrite, all) else { return }
    var variant = route
    variant.location = location
    variant.scope = location.scope
    variant.comment += ", location \(location.shown)"
    var path = rewrite.path
    for number in 1...9 { path = path.replacing("$\(number)", with: "${request.path.\(number)}") }
    variant.variables.constants["uri"] = path
    variant.variables.constants["document_uri"] = path
    if let query = rewrite.query { variant.variables.constants["args"] = query }
    var jump = rewrite
    jump.isJump = true
    follow(former + ownSteps(variant, location), variant, jump)
  }

  /// What a location does in the end.
  func finish(_ route: NginxRoute, _ rewrite: NginxRewrite?) {
    guard let location = route.location else { return }
    if let question = zoneToAsk(route) { return finish(route, rewrite, asking: question) }
    guard let pass = route.scope.ownPass else {
      if let root = location.scope.own("root").first, !isErrorPage(location, of: route.server) {
        error(
          "root can't be carried over: static files are out, this gateway serves none",
          at: root.position, hint: "put a web server behind it, and write proxy_pass here")
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
  func methodStep(_ directive: NginxDirective) -> NginxStep? {
    let isDenied =
      directive.block?.count == 1 && directive.block?[0].name.text == "deny"
      && directive.block?[0].words == ["all"]
    guard isDenied, !directive.words.isEmpty else {
      error("limit_except is carried over with 'deny all;' only", at: directive.position)
      return nil
    }
    var methods = directive.words.map { $0.uppercased() }
    if methods.contains("GET") { methods.append("HEAD") }
    return .only(methods, NginxAnswer(status: 403, origin: directive.position))
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
    case .host, nil: break
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
