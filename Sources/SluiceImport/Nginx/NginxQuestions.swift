import SluiceConfiguration

/// `auth_request`: another service is asked whether a request may go on.
extension NginxBuilder {
  /// What asks, where something does.
  func authRequest(_ route: NginxRoute) -> DocumentNode.Entry? {
    guard let directive = route.scope.last("auth_request"), let path = directive.arguments.first,
      path.text != "off"
    else { return nil }
    guard let asked = askedLocation(path, route) else { return nil }
    checkAsked(asked, route)
    checkAnswer(asked.scope, locations(in: route.server.scope))
    guard let pass = asked.scope.own("proxy_pass").first?.arguments.first,
      let text = text(pass, route.variables),
      let url = NginxPass.reading(text, origin: pass.position)
    else {
      error(Self.needsLocation, at: path.position)
      return nil
    }
    warning(
      "the service that is asked gets X-Forwarded-Method and X-Forwarded-Uri beside what the file says, Host is its own, and its answers below 500 are the caller's",
      at: directive.position)
    let service = service(url, asked.scope, host: url.host)
    var entries: [DocumentNode.Entry] = [
      .init("service", .text(service), origin: directive.position),
      .init("path", .text(url.uri ?? path.text)),
    ]
    let read = asked.scope.last("proxy_read_timeout")
    if let time = time(read, default: "1m") {
      entries.append(.init("timeout", .literal(time), origin: read?.position))
    }
    let set = askedFields(asked, route)
    if !set.isEmpty { entries.append(.init("set", .map(set))) }
    let fields = answeredFields(route.scope)
    let passed = route.scope.all("proxy_set_header").compactMap { answered($0, fields) }
    if !passed.isEmpty {
      entries.append(
        .init(
          "targetHeaders",
          .map(passed.map { .init($0.name, .text($0.field), origin: $0.origin) })))
    }
    let shown = route.scope.all("add_header").compactMap { shownField($0, fields) }
    if !shown.isEmpty { entries.append(.init("callerHeaders", .texts(shown))) }
    return .init("forward-auth", .map(entries))
  }

  private static let needsLocation =
    "auth_request needs a location with that path and a proxy_pass"

  /// The location that nginx finds for a path; nil, with a finding, where that is not plain.
  private func askedLocation(_ path: NginxWord, _ route: NginxRoute) -> NginxLocation? {
    let all = locations(in: route.server.scope)
    var (exact, prefix): (NginxLocation?, NginxLocation?)
    var (hasRegex, hasNestedRegex) = (false, false)
    for location in all {
      switch location.pattern {
      case .exact(path.text): exact = exact ?? location
      case .prefix(path.text, _): prefix = prefix ?? location
      case .regex:
        hasRegex = true
        if location.parent != nil { hasNestedRegex = true }
      case .exact, .prefix, .named: break
      }
    }
    guard let asked = exact ?? prefix else {
      error(Self.needsLocation, at: path.position)
      return nil
    }
    let hint = "write location = \(path.text) { … } in the server"
    guard asked.parent == nil else {
      error(
        "auth_request asks a location within another one, which can't be carried over",
        at: path.position, hint: hint)
      return nil
    }
    if case .prefix(_, let skipsRegexes) = asked.pattern,
      hasRegex && !skipsRegexes || hasNestedRegex
    {
      error(
        "a regular expression may be what nginx finds for '\(path.text)', and not the location on line \(asked.position.line)",
        at: path.position, hint: hint)
      return nil
    }
    return asked
  }

  /// What may answer in the place of who is asked, or ask something else, is reported: nginx goes through
  /// the rewrite phase of the server and of the location for this request, too.
  private func checkAsked(_ asked: NginxLocation, _ route: NginxRoute) {
    let own = Self.programWords.union([
      "proxy_method", "limit_except", "limit_req", "limit_conn",
    ])
    for directive in asked.scope.levels.last ?? [] where own.contains(directive.name.text) {
      error(
        "\(directive.name.text) in a location that auth_request asks can't be carried over",
        at: directive.position,
        hint:
          "leave only proxy_pass and its fields there, and write the rest where the callers come")
    }
    if let method = asked.scope.last("proxy_method"), asked.scope.own("proxy_method").isEmpty {
      error(
        "proxy_method can't be carried over to a location that auth_request asks",
        at: method.position, hint: "write it in the locations that need it")
    }
    if let fields = asked.scope.last("proxy_pass_request_headers"), fields.words != ["on"] {
      error(
        "proxy_pass_request_headers \(fields.words.joined(separator: " ")) can't be carried over",
        at: fields.position, hint: "write proxy_set_header NAME \"\" for what is not to be sent")
    }
    for directive in route.server.scope.levels.last ?? [] {
      switch directive.name.text {
      case "return": break
      case "rewrite": if !mayRewrite(directive, asked) { continue }
      case "if": if asksSameOfAll(directive) { continue }
      default: continue
      }
      error(
        "\(directive.name.text) of a server holds for what auth_request asks, too, which can't be carried over",
        at: directive.position, hint: "write it in the locations for callers")
    }
  }

  /// What nginx makes of the answer before it decides by it, wherever that is written. Not `allow`, `deny` and
  /// passwords, which it does not look at for what it asks itself, and nothing that changes fields or bodies,
  /// which nobody sees.
  private func checkAnswer(_ scope: NginxScope, _ locations: [NginxLocation]) {
    let intercepts = scope.isOn("proxy_intercept_errors")
    for page in scope.all("error_page")
    where changesDecision(page, intercepts: intercepts, locations) {
      error(
        "error_page makes another decision of the answer to auth_request, which can't be carried over",
        at: page.position,
        hint: "write it in the locations for callers, or without '=' and for a path")
    }
    if let cache = scope.last("proxy_cache"), cache.words != ["off"] {
      warning(
        "answers to auth_request are not remembered: the service is asked about every request, and nobody passes while it can't be reached",
        at: cache.position, hint: "write proxy_cache off in the location that is asked")
    }
  }

  /// What nginx itself may make of a request to a target without limits: the body is too large, or there is
  /// no answer.
  private static let ownFailures: Set<Int> = [413, 500, 502, 504]

  /// Whether an `error_page` may make another decision of an answer. A path and a name keep its status, but
  /// for `=`. Targets' own statuses count with `proxy_intercept_errors` only, and what lets nobody pass and is
  /// no refusal either is 500 in any case.
  private func changesDecision(
    _ page: NginxDirective, intercepts: Bool, _ locations: [NginxLocation]
  ) -> Bool {
    guard let target = page.words.last else { return false }
    let codes = page.words.dropLast().compactMap { Int($0) }
      .filter { intercepts || Self.ownFailures.contains($0) }
    if codes.isEmpty { return false }
    func decides(_ status: Int) -> Bool {
      (200..<300).contains(status) || status == 401 || status == 403
    }
    var status: Int?
    if !target.hasPrefix("/") && !target.hasPrefix("@") {
      // A redirect, whatever stands behind '='.
      status = 302
    } else if let option = page.words.dropLast().last, option.hasPrefix("=") {
      status = Int(option.dropFirst()) ?? constantStatus(target, locations)
    } else {
      return false
    }
    // What a target will say is not known.
    return status.map { decides($0) || codes.contains(where: decides) } ?? true
  }

  /// The status that a location answers with, where it only returns one.
  private func constantStatus(_ target: String, _ locations: [NginxLocation]) -> Int? {
    let location = locations.first { $0.pattern == .exact(target) || $0.pattern == .named(target) }
    guard let scope = location?.scope, scope.own("if").isEmpty, scope.own("rewrite").isEmpty else {
      return nil
    }
    return scope.own("return").first?.words.first.flatMap { Int($0) }
  }

  /// Whether a condition of a server comes out for what is asked as it did for the caller's request, and
  /// only answers: whoever it answers never gets to be asked about.
  private func asksSameOfAll(_ directive: NginxDirective) -> Bool {
    guard (directive.block ?? []).allSatisfy({ $0.name.text == "return" }) else { return false }
    // The condition's expression may hold dollar signs of its own: only its first word is a variable.
    guard let word = directive.words.first else { return false }
    let name = word.drop { $0 == "(" || $0 == "$" }.prefix {
      $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber)
    }
    return word.contains("$") && !word.contains("{") && isSameOfAll(String(name))
  }

  /// Whether a variable has one value for a request and what is asked about it: it is made of what both share.
  private func isSameOfAll(_ name: String, _ seen: Set<String> = []) -> Bool {
    guard let definition = definitions[name] else {
      let same: Set<String> = [
        "host", "scheme", "https", "remote_addr", "binary_remote_addr", "server_name",
        "server_port", "request_method", "request_uri", "request_id", "ssl_client_verify",
      ]
      return same.contains(name) || name.hasPrefix("http_") || name.hasPrefix("cookie_")
    }
    if seen.contains(name) { return false }
    let words = definition.arguments + (definition.block ?? []).flatMap(\.arguments)
    return words.allSatisfy { word in
      // An expression of a map is no text with variables.
      if word.text == "$\(name)" || word.text.hasPrefix("~") { return true }
      guard let template = template(word) else { return false }
      return template.variables.allSatisfy { isSameOfAll($0, seen.union([name])) }
    }
  }

  /// Whether a server's rewrite may change the path that is asked, as far as its expression can be read here.
  private func mayRewrite(_ directive: NginxDirective, _ asked: NginxLocation) -> Bool {
    let path: String
    switch asked.pattern {
    case .exact(let text), .prefix(let text, _): path = text
    case .regex, .named: return true
    }
    guard let word = directive.words.first, let expression = try? Regex(word) else { return true }
    return path.firstMatch(of: expression) != nil
  }

  /// Whether an `auth_request` leads to this route's location.
  func isAsked(_ route: NginxRoute) -> Bool {
    func leadsHere(_ directives: [NginxDirective], _ path: String) -> Bool {
      directives.contains {
        $0.name.text == "auth_request" && $0.words == [path] || leadsHere($0.block ?? [], path)
      }
    }
    switch route.location?.pattern {
    case .exact(let path)?, .prefix(let path, _)?: return leadsHere(http, path)
    case .regex?, .named?, nil: return false
    }
  }

  /// What the location that is asked says its target gets beside the caller's fields.
  private func askedFields(_ asked: NginxLocation, _ route: NginxRoute) -> [DocumentNode.Entry] {
    var entries: [DocumentNode.Entry] = []
    // Nothing is answered yet.
    var context = route.variables
    for name in answeredFields(route.scope).keys { context.constants[name] = "" }
    for directive in asked.scope.all("proxy_set_header") where directive.arguments.count == 2 {
      let name = directive.words[0]
      let lower = name.lowercased()
      // Host is the service's; there is no body, and connections are the gateway's.
      if lower == "host" || Self.ownFields.contains(lower) { continue }
      guard let value = text(directive.arguments[1], context) else { continue }
      entries.removeAll { $0.key.lowercased() == lower }
      entries.append(.init(name, .template(value), origin: directive.position))
    }
    return entries
  }

  /// Variables that `auth_request_set` takes out of an answer, with the names of its fields; none where
  /// nobody is asked.
  func answeredFields(_ scope: NginxScope) -> [String: String] {
    var fields: [String: String] = [:]
    guard scope.asksSomebody else { return fields }
    for directive in scope.all("auth_request_set") where directive.arguments.count == 2 {
      let (name, value) = (directive.words[0], directive.words[1])
      guard name.hasPrefix("$") else {
        error("auth_request_set takes a variable and a value", at: directive.position)
        continue
      }
      if let field = Self.fieldOfAnswer(value) { fields[name.dropFirst().lowercased()] = field }
    }
    return fields
  }

  /// The field that `$upstream_http_name` reads.
  private static func fieldOfAnswer(_ text: String) -> String? {
    for prefix in ["$upstream_http_", "${upstream_http_"] where text.hasPrefix(prefix) {
      let rest = text.dropFirst(prefix.count)
      let name = prefix.hasSuffix("{upstream_http_") && rest.hasSuffix("}") ? rest.dropLast() : rest
      let isWhole = name.utf8.allSatisfy { byte in
        byte == 0x5F || (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
      }
      if isWhole, !name.isEmpty { return name.lowercased().replacing("_", with: "-") }
    }
    return nil
  }

  /// Variables of `auth_request_set` that are made of the request: they are what `set` would make of them.
  /// Where nobody is asked all of them are nothing, whatever a caller says.
  func setByRequest(_ route: inout NginxRoute) {
    let asks = route.scope.asksSomebody
    for directive in route.scope.all("auth_request_set") where directive.arguments.count == 2 {
      let (word, value) = (directive.words[0], directive.words[1])
      guard word.hasPrefix("$") else { continue }
      let name = word.dropFirst().lowercased()
      if !asks {
        if route.variables.constants[name] == nil { route.variables.constants[name] = "" }
      } else if Self.fieldOfAnswer(value) == nil,
        let text = text(directive.arguments[1], route.variables)
      {
        route.variables.constants[name] = text
      }
    }
  }

  /// A field for targets that has the value of one of the answer's.
  func answered(
    _ directive: NginxDirective, _ fields: [String: String]
  ) -> (name: String, field: String, origin: Origin)? {
    guard directive.arguments.count == 2,
      let variable = template(directive.arguments[1])?.onlyVariable, let field = fields[variable]
    else { return nil }
    return (directive.words[0], field, directive.position)
  }

  /// A field for callers that has the value of the answer's of the same name.
  func shownField(_ directive: NginxDirective, _ fields: [String: String]) -> String? {
    guard directive.arguments.count >= 2,
      let variable = template(directive.arguments[1])?.onlyVariable, let field = fields[variable],
      directive.words[0].lowercased() == field
    else { return nil }
    return directive.words[0]
  }
}

extension NginxPass {
  /// A URL without variables.
  static func reading(_ text: String, origin: Origin) -> NginxPass? {
    let isEncrypted = text.hasPrefix("https://")
    guard isEncrypted || text.hasPrefix("http://"), !text.contains("${") else { return nil }
    let rest = text.dropFirst(isEncrypted ? 8 : 7)
    let authority = rest.prefix { $0 != "/" }
    let uri = rest[authority.endIndex...]
    return authority.isEmpty
      ? nil
      : NginxPass(
        isEncrypted: isEncrypted, authority: String(authority),
        uri: uri.isEmpty ? nil : String(uri), origin: origin)
  }
}
