import SluiceConfiguration

extension NginxBuilder {
  /// What `add_header` adds to without `always` (`ngx_http_headers_module`).
  private static let statuses = [200, 201, 204, 206, 301, 302, 303, 304, 307, 308]

  /// What nginx never passes on of a target's response.
  private static let hidden = [
    "Server", "X-Pad", "X-Accel-Expires", "X-Accel-Redirect", "X-Accel-Limit-Rate",
    "X-Accel-Buffering", "X-Accel-Charset",
  ]

  /// What happens to responses of a route. `pass` is nil for what the gateway answers itself.
  func responsePolicies(_ route: NginxRoute, _ pass: NginxPass? = nil) -> [DocumentNode.Entry] {
    var entries: [DocumentNode.Entry] = []
    var headers: [DocumentNode.Entry] = []
    let scope = route.scope
    if pass != nil {
      var hidden = Self.hidden
      for directive in scope.all("proxy_hide_header") { hidden += directive.words }
      let passed = scope.all("proxy_pass_header").flatMap(\.words).map { $0.lowercased() }
      hidden.removeAll { passed.contains($0.lowercased()) }
      for name in passed
      where ["date", "server"].contains(name) == false && name.hasPrefix("x-accel") {
        warning(
          "\(name) has no meaning here",
          at: scope.last("proxy_pass_header")?.position ?? route.origin)
      }
      headers.append(.init("hide", .texts(hidden)))
    }
    if pass?.speaksGRPC == false { headers += cookieChanges(route) }
    let added = expires(scope) + scope.all("add_header").compactMap { addedHeader($0, route) }
    if !added.isEmpty { headers.append(.init("add", .list(added))) }
    if let pass, let locations = redirects(route, pass) {
      headers.append(.init("locations", locations))
    }
    if !headers.isEmpty { entries.append(.init("caller-headers", .map(headers))) }
    if let errors = errorAnswers(route, pass) { entries.append(.init("error-answers", errors)) }
    if pass != nil {
      if let compression = compression(scope) { entries.append(.init("compression", compression)) }
      if let cache = cache(scope) { entries.append(cache) }
    }
    return entries
  }

  /// A field for what the cache did.
  static func tellsOfCache(_ directive: NginxDirective) -> Bool {
    directive.arguments.count > 1
      && ["$upstream_cache_status", "${upstream_cache_status}"].contains(directive.words[1])
  }

  private func addedHeader(_ directive: NginxDirective, _ route: NginxRoute) -> DocumentNode? {
    let count = directive.arguments.count
    guard count == 2 || count == 3 && directive.words.last == "always" else {
      error("add_header takes a name, a value and maybe always", at: directive.position)
      return nil
    }
    let name = directive.arguments[0].text
    if Self.tellsOfCache(directive) {
      warning(
        "\(name) is left out: Cache-Status says what the cache did (RFC 9211)",
        at: directive.position)
      return nil
    }
    // The policy that asks passes it on.
    if route.scope.asksSomebody,
      shownField(directive, answeredFields(route.scope)) != nil
    {
      return nil
    }
    guard let value = text(directive.arguments[1], route.variables) else { return nil }
    if value.isEmpty { return nil }
    if Self.ownFields.contains(name.lowercased()) || name.lowercased() == "date" {
      warning("\(name) is written by the gateway itself", at: directive.position)
      return nil
    }
    if ["cache-control", "last-modified", "etag", "content-type"].contains(name.lowercased()) {
      warning("\(name) is added beside the one of a target", at: directive.position)
    }
    var entries: [DocumentNode.Entry] = [
      .init("name", .text(name), origin: directive.position), .init("value", .template(value)),
    ]
    if count == 2 {
      entries.append(.init("statuses", .list(Self.statuses.map { .integer($0) })))
    }
    return .map(entries, origin: directive.position)
  }

  /// `expires`: Cache-Control in the place of the target's, and Expires where it is a constant.
  private func expires(_ scope: NginxScope) -> [DocumentNode] {
    guard let directive = scope.last("expires"), let word = directive.arguments.last else {
      return []
    }
    let control: String
    var date = ""
    switch word.text {
    case "off": return []
    case "epoch": (control, date) = ("no-cache", "Thu, 01 Jan 1970 00:00:01 GMT")
    case "max": (control, date) = ("max-age=315360000", "Thu, 31 Dec 2037 23:55:55 GMT")
    case let text:
      let isPast = text.hasPrefix("-")
      let time = text.hasPrefix("-") || text.hasPrefix("+") ? String(text.dropFirst()) : text
      guard directive.arguments.count == 1, let value = NginxValue.milliseconds(time) else {
        error(
          "expires can't be carried over in this form", at: word.position,
          hint: "a time, epoch, max or off")
        return []
      }
      if isPast {
        (control, date) = ("no-cache", "Thu, 01 Jan 1970 00:00:01 GMT")
      } else {
        warning(
          "Expires is left out: Cache-Control says the same, and wins over it", at: word.position)
        control = "max-age=\(value / 1_000)"
      }
    }
    return [("Expires", date), ("Cache-Control", control)].map { name, value in
      .map(
        [
          .init("name", .text(name), origin: directive.position), .init("value", .text(value)),
          .init("replaces", .boolean(true)),
          .init("statuses", .list(Self.statuses.map { .integer($0) })),
        ], origin: directive.position)
    }
  }

  // MARK: Location

  /// `proxy_redirect`: beginnings of Location and Refresh that are replaced.
  private func redirects(_ route: NginxRoute, _ pass: NginxPass) -> DocumentNode? {
    var rules: [DocumentNode] = []
    if pass.speaksGRPC { return nil }
    let directives = route.scope.all("proxy_redirect")
    if directives.contains(where: { $0.words == ["off"] }) { return nil }
    if directives.isEmpty || directives.contains(where: { $0.words == ["default"] }) {
      if let rule = defaultRedirect(route, pass) { rules.append(rule) }
    }
    for directive in directives where directive.arguments.count == 2 {
      let rule = textChange(
        from: directive.arguments[0], to: directive.arguments[1], route, alwaysIgnoresCase: false,
        directive)
      if let rule { rules.append(rule) }
    }
    return rules.isEmpty ? nil : .list(rules)
  }

  private func defaultRedirect(_ route: NginxRoute, _ pass: NginxPass) -> DocumentNode? {
    guard case .prefix(let prefix, _)? = route.location?.pattern ?? nil else {
      guard case .exact(let path)? = route.location?.pattern ?? nil else { return nil }
      return defaultRedirect(pass, path)
    }
    return defaultRedirect(pass, prefix)
  }

  private func defaultRedirect(_ pass: NginxPass, _ location: String) -> DocumentNode? {
    if pass.authority.hasPrefix("unix:") || pass.uri?.contains("${") == true { return nil }
    let scheme = pass.isEncrypted ? "https" : "http"
    // Without a URI the path stays, and so does what stands before it.
    let from = "\(scheme)://\(pass.host)\(pass.uri ?? "/")"
    return Self.redirect(from: from, to: pass.uri == nil ? "/" : location, pass.origin)
  }

  private static func redirect(from: String, to: String, _ place: Origin) -> DocumentNode {
    .map(
      [
        .init("from", .text(from), origin: place),
        .init("to", .template(NginxBuilder.absolute(to))),
      ], origin: place)
  }

  // MARK: Failures

  /// `error_page`, and the statuses of limits.
  private func errorAnswers(_ route: NginxRoute, _ pass: NginxPass?) -> DocumentNode? {
    var answers: [DocumentNode] = []
    for directive in route.scope.all("error_page") {
      if let answer = errorAnswer(directive, route) { answers.append(answer) }
    }
    if pass != nil, let status = limitStatus(route.scope) {
      if status != 429 {
        answers.append(
          .map([
            .init("statuses", .list([.integer(429)])), .init("status", .integer(status)),
          ]))
      }
    }
    guard !answers.isEmpty || pass != nil else { return nil }
    var entries: [DocumentNode.Entry] = []
    if pass != nil { entries.append(.init("unreachable", .integer(502))) }
    if !answers.isEmpty { entries.append(.init("answers", .list(answers))) }
    if let intercept = route.scope.last("proxy_intercept_errors"), intercept.words == ["on"] {
      entries.append(.init("intercept", .boolean(true), origin: intercept.position))
    }
    return .map(entries)
  }

  /// What callers get who are too many or too early; nil without limits.
  private func limitStatus(_ scope: NginxScope) -> Int? {
    let kinds = ["limit_req", "limit_conn"].filter { !scope.all($0).isEmpty }
    let statuses = kinds.map { kind in
      scope.last("\(kind)_status")?.arguments.first.flatMap { number($0) } ?? 503
    }
    if Set(statuses).count > 1, let place = scope.last("limit_conn")?.position {
      warning(
        "who is one too many gets \(statuses[0]), as by limit_req: both have one status here",
        at: place, hint: "write the same limit_conn_status and limit_req_status")
    }
    return statuses.first
  }

  /// `error_page code … [=[status]] target`: a URL, or a location that only returns something.
  private func errorAnswer(_ directive: NginxDirective, _ route: NginxRoute) -> DocumentNode? {
    var words = directive.arguments
    guard let target = words.popLast() else {
      error("error_page takes statuses and a target", at: directive.position)
      return nil
    }
    var status: Int?
    var isTargets = false
    if let last = words.last, last.text.hasPrefix("=") {
      words.removeLast()
      status = Int(last.text.dropFirst())
      isTargets = status == nil
    }
    let statuses = words.compactMap { number($0) }.filter { (300...599).contains($0) }
    guard !statuses.isEmpty else {
      error("error_page names no status", at: directive.position)
      return nil
    }
    let list = DocumentNode.list(statuses.map { .integer($0) })
    if target.text.hasPrefix("http://") || target.text.hasPrefix("https://")
      || target.text.hasPrefix("$scheme")
    {
      guard let location = text(target, route.variables) else { return nil }
      return .map(
        [
          .init("statuses", list, origin: directive.position),
          .init("status", .integer(status ?? 302)), .init("body", .text("")),
          .init("location", .template(location)),
        ], origin: directive.position)
    }
    let change = NginxErrorPage(
      statuses: list, status: status, takesTargets: isTargets, target: target)
    return pageAnswer(change, directive, route)
  }

  // MARK: Compression

  private static let everyType = [
    "text/*", "application/*", "image/*", "font/*", "audio/*", "video/*", "message/*", "model/*",
  ]

  private func compression(_ scope: NginxScope) -> DocumentNode? {
    guard scope.isOn("gzip") else { return nil }
    var types = ["text/html"]
    for word in scope.last("gzip_types")?.words ?? [] where !types.contains(word) {
      types += word == "*" ? Self.everyType : [word]
    }
    var entries: [DocumentNode.Entry] = [
      .init("encodings", .texts(["gzip"]), origin: scope.last("gzip")?.position),
      .init("types", .texts(types), origin: scope.last("gzip_types")?.position),
    ]
    let level = scope.last("gzip_comp_level")?.arguments.first.flatMap { number($0) } ?? 1
    entries.append(.init("level", .integer(max(1, min(level, 9)))))
    let least = scope.last("gzip_min_length")?.arguments.first.flatMap { bytes($0) } ?? 20
    entries.append(.init("minSize", .literal(NginxValue.shownBytes(least))))
    return .map(entries)
  }
}
