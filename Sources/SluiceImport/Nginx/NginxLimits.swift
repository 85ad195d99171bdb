import SluiceConfiguration

extension NginxBuilder {
  /// The value behind `name=` among some words.
  private func option(_ name: String, of directive: NginxDirective) -> NginxWord? {
    for word in directive.arguments where word.text.hasPrefix("\(name)=") {
      return NginxWord(text: String(word.text.dropFirst(name.count + 1)), position: word.position)
    }
    return nil
  }

  /// What a zone counts by in one place.
  private struct ZoneKey {
    var by: String
    /// Places with the same one count together.
    var budget: String
    var zone: NginxDirective
  }

  /// Nil where nobody is counted, as nginx does with an empty key; and, with a finding, for what can't be
  /// counted by here.
  private func key(
    ofZone zoneName: String, _ kind: String, _ route: NginxRoute, at place: Origin
  ) -> ZoneKey? {
    guard let zone = zones["\(kind)_zone \(zoneName)"], let first = zone.arguments.first else {
      error("there is no \(kind)_zone '\(zoneName)'", at: place)
      return nil
    }
    let word = counted(first).map { NginxWord(text: $0, position: first.position) } ?? first
    guard let template = template(word) else { return nil }
    // What is the same for all requests of this place, and what differs.
    var (text, constant) = ("", "")
    var variable: String?
    for part in template.parts {
      switch part {
      case .text(let piece): text += piece
      case .variable(let name):
        if let value = route.variables.constants[name], !value.contains("${") {
          constant += value
        } else if variable == nil, let found = keyVariable(name, route) {
          variable = found
        } else {
          return variableKey(name: zoneName, zone, word, route)
        }
      }
    }
    if variable == nil, text.isEmpty, constant.isEmpty { return nil }
    if let variable, variable.hasPrefix("header:"), !(text + constant).isEmpty {
      // Who has no such field counts together then, and not by the address.
      return variableKey(name: zoneName, zone, word, route)
    }
    return ZoneKey(
      by: variable ?? "all", budget: budget(of: zoneName, constant), zone: zone)
  }

  /// A key of any other text: a variable of the file stands for it.
  private func variableKey(
    name zoneName: String, _ zone: NginxDirective, _ word: NginxWord, _ route: NginxRoute
  ) -> ZoneKey? {
    guard let text = keyText(word, route) else { return nil }
    // Variables are the file's, and know of no location.
    guard !text.contains("${request.path."), !text.contains("${request.hostname.") else {
      error(
        "limits by what a location or a name captures can't be carried over", at: word.position,
        hint: "by $binary_remote_addr, $server_name, $host, a field or $uri")
      return nil
    }
    let prefix = "${variables."
    var variable = keyNames[text]
    if variable == nil, text.hasPrefix(prefix), text.firstIndex(of: "}") == text.indices.last {
      variable = String(text.dropFirst(prefix.count).dropLast())
    }
    if variable == nil {
      let new = name("condition", "limit-\(zoneName)")
      variables.append(
        .init(
          new, .map([.init("from", .template(text)), .init("otherwise", .template(text))]),
          origin: word.position, comment: "the key of \(zoneName) (line \(word.position.line))"))
      variable = new
    }
    keyNames[text] = variable
    return ZoneKey(
      by: "variable:\(variable ?? "")", budget: budget(of: zoneName, ""), zone: zone)
  }

  /// The text of a key, with this gateway's variables; nil, with a finding, when one of them is none here.
  func keyText(_ word: NginxWord, _ route: NginxRoute) -> String? {
    var context = route.variables
    context.constants["binary_remote_addr"] = "${client.address}"
    return text(word, context)
  }

  /// What `by` says for a variable of nginx that differs from request to request.
  private func keyVariable(_ name: String, _ route: NginxRoute) -> String? {
    switch route.variables.constants[name] ?? "$\(name)" {
    case "$binary_remote_addr", "$remote_addr", "${client.address}": return "address"
    case "$host", "${request.hostname}": return "host"
    case "$http_host", "${request.host}": return "header:Host"
    case let text where text.hasPrefix("$http_"):
      return "header:\(NginxVariables.fieldName(name))"
    default: return nil
    }
  }

  /// What a variable of the file is where it is not nothing: the one other thing that it may be.
  private func counted(_ word: NginxWord) -> String? {
    guard let name = template(word)?.onlyVariable, let definition = definitions[name] else {
      return nil
    }
    var values: Set<String> = []
    for entry in definition.block ?? [] where entry.arguments.count == 1 {
      let text = entry.words[0]
      if text.isEmpty { continue }
      values.insert(text == "$remote_addr" ? "$binary_remote_addr" : text)
    }
    guard values.count == 1, let value = values.first else { return nil }
    return value
  }

  /// One `limit_req`, with its zone.
  private struct RateLimit {
    var limit: Int
    var window: String
    /// Seconds.
    var windowLength: Int
    /// How many come at once at most, the first included.
    var burst: Int
    /// How many of them pass at once.
    var atOnce: Int
    var by: String
    var budget: String
    var origin: Origin
    var rateOrigin: Origin

    /// Seconds that the last of a burst waits, rounded up.
    var longestDelay: Int {
      let (time, isTooLong) = (burst - atOnce).multipliedReportingOverflow(by: windowLength)
      return isTooLong ? .max : time / limit + (time % limit == 0 ? 0 : 1)
    }

    func entries(delays: Bool) -> [DocumentNode.Entry] {
      var entries: [DocumentNode.Entry] = [
        .init("limit", .integer(limit), origin: rateOrigin), .init("window", .literal(window)),
        .init("burst", .integer(burst), origin: origin),
      ]
      if delays, atOnce > 1 { entries.append(.init("atOnce", .integer(atOnce))) }
      entries += [.init("by", .text(by)), .init("budget", .text(budget))]
      return entries
    }
  }

  func rateLimits(_ route: NginxRoute) -> [DocumentNode.Entry] {
    let directives = route.scope.all("limit_req").filter { directive in
      !directive.words.contains {
        $0.hasPrefix("zone=") && route.unlimited.contains("limit_req \($0.dropFirst(5))")
      }
    }
    if isDryRun("limit_req", directives, route.scope) { return [] }
    let limits = directives.compactMap { rateLimit($0, route) }
    guard let first = limits.first else { return [] }
    let most = Configuration.RateLimit.mostOthers + 1
    if limits.count > most {
      error(
        "more than \(most) limit_req in one place can't be carried over", at: limits[most].origin)
    }
    let delays = limits.contains { $0.atOnce < $0.burst }
    var entries = first.entries(delays: delays)
    if delays {
      let longest = limits.map(\.longestDelay).max() ?? 1
      let bound = 366 * 86_400
      entries.append(.init("excess", .literal("delay")))
      // A second more, so that what is rounded takes no place of a burst; `burst` bounds them.
      let most = longest < bound ? longest + 1 : bound
      entries.append(.init("maxDelay", .literal("\(most)s")))
    }
    let others = limits.dropFirst().map { limit in
      DocumentNode.map(limit.entries(delays: delays), origin: limit.origin)
    }
    if !others.isEmpty { entries.append(.init("also", .list(others))) }
    entries.append(.init("hide", .boolean(true)))
    return [.init("rate-limit", .map(entries))]
  }

  private func rateLimit(_ directive: NginxDirective, _ route: NginxRoute) -> RateLimit? {
    guard let name = option("zone", of: directive)?.text,
      let key = key(ofZone: name, "limit_req", route, at: directive.position),
      let rate = option("rate", of: key.zone)
    else { return nil }
    let parts = rate.text.split(separator: "r", maxSplits: 1)
    guard parts.count == 2, let limit = Int(parts[0]), limit > 0, ["/s", "/m"].contains(parts[1])
    else {
      error("'\(rate.text)' is no rate", at: rate.position)
      return nil
    }
    let burst = min(option("burst", of: directive).flatMap { number($0) } ?? 0, 999_999_999)
    var atOnce = burst
    if !directive.words.contains("nodelay") {
      atOnce = min(burst, option("delay", of: directive).flatMap { number($0) } ?? 0)
    }
    return RateLimit(
      limit: limit, window: parts[1] == "/s" ? "1s" : "1m",
      windowLength: parts[1] == "/s" ? 1 : 60, burst: burst + 1, atOnce: atOnce + 1,
      by: key.by, budget: key.budget,
      origin: directive.position, rateOrigin: rate.position)
  }

  /// Such limits are only told of in the log.
  private func isDryRun(
    _ name: String, _ directives: [NginxDirective], _ scope: NginxScope
  ) -> Bool {
    guard !directives.isEmpty, scope.isOn("\(name)_dry_run") else { return false }
    warning(
      "\(name) with \(name)_dry_run refuses nobody, and nobody is counted here",
      at: directives[0].position)
    return true
  }

  /// The name under which a zone counts, with what is the same for all requests of a place, such as the
  /// server's name.
  private func budget(of zone: String, _ constant: String) -> String {
    let text = constant.isEmpty ? zone : "\(zone)-\(constant)"
    // One zone's name may be another one's with what is constant.
    let key = "\(zone)\u{0}\(constant)"
    if let known = budgets[key] { return known }
    let name = name("budget", text)
    budgets[key] = name
    return name
  }

  /// Those that count this route's requests.
  func concurrencyLimits(_ route: NginxRoute) -> [DocumentNode.Entry] {
    let directives = route.scope.all("limit_conn").filter {
      !route.unlimited.contains("limit_conn \($0.words.first ?? "")")
    }
    if isDryRun("limit_conn", directives, route.scope) { return [] }
    let limits = directives.compactMap { connectionLimit($0, route) }
    guard var entries = limits.first else { return [] }
    let others = limits.dropFirst().map { DocumentNode.map($0) }
    if !others.isEmpty { entries.append(.init("also", .list(others))) }
    return [.init("concurrency-limit", .map(entries))]
  }

  /// A limit that counts before anybody is asked who calls, as nginx does, where its keys are known by then.
  func countingFirst(_ limit: DocumentNode.Entry, _ route: NginxRoute) -> DocumentNode.Entry {
    let kind = limit.key == Configuration.ConcurrencyLimit.policyName ? "limit_conn" : "limit_req"
    let directives = route.scope.all(kind)
    let asksCaller = directives.first { directive in
      let zone =
        kind == "limit_conn" ? directive.words.first : option("zone", of: directive)?.text
      guard let zone, let key = zones["\(kind)_zone \(zone)"]?.arguments.first,
        let template = template(key)
      else { return false }
      return dependsOnCaller(template, route)
    }
    if let asksCaller {
      warning(
        "limits count only who was let in: wrong passwords and refused callers are not counted, which nginx counts before it asks",
        at: asksCaller.position, hint: "a key without $remote_user counts all")
      return limit
    }
    var limit = limit
    limit.value["before"] = .literal("identify")
    return limit
  }

  /// The same policies where sessions are connections until they end, as they are to nginx.
  static func keepingSessions(_ policies: [DocumentNode.Entry]) -> [DocumentNode.Entry] {
    policies.map { policy in
      guard policy.key == Configuration.ConcurrencyLimit.policyName else { return policy }
      var policy = policy
      policy.value["sessions"] = .boolean(true)
      return policy
    }
  }

  private func connectionLimit(
    _ directive: NginxDirective, _ route: NginxRoute
  ) -> [DocumentNode.Entry]? {
    guard directive.arguments.count == 2, let count = number(directive.arguments[1]) else {
      error("limit_conn takes a zone and a number", at: directive.position)
      return nil
    }
    guard (1...65_535).contains(count) else {
      error("limit_conn takes a number from 1 to 65535", at: directive.arguments[1].position)
      return nil
    }
    guard
      let key = key(ofZone: directive.words[0], "limit_conn", route, at: directive.position)
    else { return nil }
    return [
      .init("limit", .integer(count), origin: directive.position), .init("by", .text(key.by)),
      .init("budget", .text(key.budget)),
    ]
  }
}
