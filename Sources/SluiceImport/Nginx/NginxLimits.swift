import SluiceConfiguration

extension NginxBuilder {
  /// The value behind `name=` among some words.
  private func option(_ name: String, of directive: NginxDirective) -> NginxWord? {
    for word in directive.arguments where word.text.hasPrefix("\(name)=") {
      return NginxWord(text: String(word.text.dropFirst(name.count + 1)), position: word.position)
    }
    return nil
  }

  /// What a zone counts by; nil, with a finding, for what can't be counted by here.
  private func key(ofZone name: String, _ kind: String, at place: Origin) -> (
    key: String, zone: NginxDirective
  )? {
    guard let zone = zones["\(kind)_zone \(name)"], let first = zone.arguments.first else {
      error("there is no \(kind)_zone '\(name)'", at: place)
      return nil
    }
    let text = counted(first) ?? first.text
    switch text {
    case "$binary_remote_addr", "$remote_addr": return ("address", zone)
    case "$server_name": return ("route", zone)
    case "$host": return ("host", zone)
    case "$http_host": return ("header:Host", zone)
    case let text where text.hasPrefix("$http_"):
      return ("header:\(text.dropFirst(6).replacing("_", with: "-"))", zone)
    // The same text for every request of every server.
    case let text where !text.contains("$"): return ("all", zone)
    default:
      error(
        "limits by '\(first.text)' can't be carried over", at: first.position,
        hint: "by $binary_remote_addr, $server_name, $host or a field")
      return nil
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
      !directive.words.contains { route.unlimited.contains("limit_req \($0.dropFirst(5))") }
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
      let (key, zone) = key(ofZone: name, "limit_req", at: directive.position),
      let rate = option("rate", of: zone)
    else { return nil }
    let parts = rate.text.split(separator: "r", maxSplits: 1)
    guard parts.count == 2, let limit = Int(parts[0]), limit > 0, ["/s", "/m"].contains(parts[1])
    else {
      error("'\(rate.text)' is no rate", at: rate.position)
      return nil
    }
    let isOfServer = key == "route"
    let burst = min(option("burst", of: directive).flatMap { number($0) } ?? 0, 999_999_999)
    var atOnce = burst
    if !directive.words.contains("nodelay") {
      atOnce = min(burst, option("delay", of: directive).flatMap { number($0) } ?? 0)
    }
    return RateLimit(
      limit: limit, window: parts[1] == "/s" ? "1s" : "1m",
      windowLength: parts[1] == "/s" ? 1 : 60, burst: burst + 1, atOnce: atOnce + 1,
      // A server has many routes.
      by: isOfServer ? "all" : key,
      budget: budget(isOfServer ? "\(name)-\(route.server.firstName)" : name),
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

  private func budget(_ zone: String) -> String {
    String(zone.map { $0.isLetter || $0.isNumber || "-_".contains($0) ? $0 : "-" }.prefix(64))
  }

  /// Those that count this route's requests.
  func connectionLimits(_ route: NginxRoute) -> [NginxDirective] {
    let directives = route.scope.all("limit_conn").filter {
      !route.unlimited.contains("limit_conn \($0.words.first ?? "")")
    }
    return isDryRun("limit_conn", directives, route.scope) ? [] : directives
  }

  func connectionLimit(_ directive: NginxDirective) -> (key: String, count: Int)? {
    guard directive.arguments.count == 2, let count = number(directive.arguments[1]), count > 0,
      let (key, _) = key(ofZone: directive.words[0], "limit_conn", at: directive.position)
    else { return nil }
    return (key, count)
  }

  func concurrencyLimits(_ route: NginxRoute) -> [DocumentNode.Entry] {
    var limits: [(by: String, node: [DocumentNode.Entry], count: Int)] = []
    for directive in connectionLimits(route) {
      guard let (key, count) = connectionLimit(directive) else { continue }
      let node: [DocumentNode.Entry] = [
        .init("limit", .integer(count), origin: directive.position), .init("by", .text(key)),
      ]
      // Of two zones with one key the stricter one decides.
      if let same = limits.firstIndex(where: { $0.by == key }) {
        if count < limits[same].count { limits[same] = (key, node, count) }
      } else {
        limits.append((key, node, count))
      }
    }
    guard let first = limits.first else { return [] }
    var entries = first.node
    let others = limits.dropFirst().map { DocumentNode.map($0.node) }
    if !others.isEmpty { entries.append(.init("also", .list(others))) }
    return [.init("concurrency-limit", .map(entries))]
  }
}
