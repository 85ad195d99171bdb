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
    case "$server_name", "$host", "$http_host": return ("route", zone)
    case let text where text.hasPrefix("$http_"):
      return ("header:\(text.dropFirst(6).replacing("_", with: "-"))", zone)
    default:
      error(
        "limits by '\(first.text)' can't be carried over", at: first.position,
        hint: "by $binary_remote_addr, $server_name or a field")
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
    // The same text for all of them.
    return value.contains("$") ? value : "$server_name"
  }

  func rateLimits(_ route: NginxRoute) -> [DocumentNode.Entry] {
    let directives = route.scope.all("limit_req").filter { directive in
      !directive.words.contains { route.unlimited.contains("limit_req \($0.dropFirst(5))") }
    }
    guard let directive = directives.first else { return [] }
    if directives.count > 1 {
      error(
        "a second limit_req in one place can't be carried over", at: directives[1].position)
    }
    guard let name = option("zone", of: directive)?.text,
      let (key, zone) = key(ofZone: name, "limit_req", at: directive.position),
      let rate = option("rate", of: zone)
    else { return [] }
    let parts = rate.text.split(separator: "r", maxSplits: 1)
    guard parts.count == 2, let limit = Int(parts[0]), limit > 0, ["/s", "/m"].contains(parts[1])
    else {
      error("'\(rate.text)' is no rate", at: rate.position)
      return []
    }
    let burst = option("burst", of: directive).flatMap { number($0) } ?? 0
    if burst > 0, !directive.words.contains("nodelay") {
      warning(
        "requests of a burst are not delayed, as with nodelay", at: directive.position)
    }
    return [
      .init(
        "rate-limit",
        .map([
          .init("limit", .integer(limit), origin: rate.position),
          .init("window", .literal(parts[1] == "/s" ? "1s" : "1m")),
          .init("burst", .integer(burst + 1), origin: directive.position),
          .init("by", .text(key)), .init("budget", .text(self.budget(name))),
          .init("hide", .boolean(true)),
        ]))
    ]
  }

  private func budget(_ zone: String) -> String {
    String(zone.map { $0.isLetter || $0.isNumber || "-_".contains($0) ? $0 : "-" }.prefix(64))
  }

  /// Those that count this route's requests.
  func connectionLimits(_ route: NginxRoute) -> [NginxDirective] {
    route.scope.all("limit_conn").filter {
      !route.unlimited.contains("limit_conn \($0.words.first ?? "")")
    }
  }

  func connectionLimit(_ directive: NginxDirective) -> (key: String, count: Int)? {
    guard directive.arguments.count == 2, let count = number(directive.arguments[1]), count > 0,
      let (key, _) = key(ofZone: directive.words[0], "limit_conn", at: directive.position)
    else { return nil }
    return (key, count)
  }

  func concurrencyLimits(_ route: NginxRoute) -> [DocumentNode.Entry] {
    let directives = connectionLimits(route)
    guard let directive = directives.first else { return [] }
    if directives.count > 1 {
      error("a second limit_conn in one place can't be carried over", at: directives[1].position)
    }
    guard let (key, count) = connectionLimit(directive) else { return [] }
    return [
      .init(
        "concurrency-limit",
        .map([
          .init("limit", .integer(count), origin: directive.position), .init("by", .text(key)),
        ]))
    ]
  }
}
