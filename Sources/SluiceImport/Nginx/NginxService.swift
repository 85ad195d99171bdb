import SluiceConfiguration

extension NginxBuilder {
  /// The service for a proxy_pass with these settings.
  func service(_ pass: NginxPass, _ scope: NginxScope, host: String) -> String {
    let group = upstreams[pass.authority]
    let block = group?.block ?? []
    var entries: [DocumentNode.Entry] = []
    var targets: [DocumentNode] = []
    var facts = NginxTargets()
    if let group {
      var servers: [NginxTarget] = []
      for server in block where server.name.text == "server" {
        guard let target = target(server, pass, &facts) else { continue }
        // One that is listed twice gets as much as both.
        if let same = servers.firstIndex(where: {
          $0.url == target.url && $0.isBackup == target.isBackup
        }) {
          servers[same].weight = min(servers[same].weight + target.weight, 1_000)
        } else {
          servers.append(target)
        }
      }
      targets = servers.map(\.node)
      if targets.isEmpty {
        error("upstream '\(pass.authority)' has no server that is used", at: group.position)
      }
    } else if let url = pass.url(of: pass.authority) {
      targets = [.text(url, origin: pass.origin)]
    } else {
      error("a socket can't be spoken to by TLS", at: pass.origin)
    }
    entries.append(.init("targets", .list(targets), origin: group?.position ?? pass.origin))
    if pass.speaksGRPC { entries.append(.init("protocol", .literal("http2"))) }
    entries += balance(block)
    entries.append(.init("host", .text(host)))
    let connect = scope.last("proxy_connect_timeout")
    entries.append(
      .init(
        "timeouts",
        .map([
          .init(
            "connect", .literal(time(connect, default: "1m") ?? "1m"), origin: connect?.position),
          .init("response", .literal("1m")), .init("idle", .literal("1m")),
        ])))
    entries += connections(block, facts)
    entries += health(facts)
    entries.append(.init("retries", retries(scope, targets.count)))
    if pass.isEncrypted { entries.append(.init("tls", tls(scope, pass))) }
    return service(
      named: pass.authority, .map(entries, origin: group?.position ?? pass.origin),
      comment: group.map { "upstream \(pass.authority) (line \($0.position.line))" })
  }

  /// What the servers of a group say that is the service's here.
  struct NginxTargets {
    var maxFails: Set<Int> = []
    var failTimeout: Set<String> = []
    var maxConnections: Set<Int> = []
    var origin: Origin?
  }

  /// One server of a group.
  private struct NginxTarget {
    var url: String
    /// 0 gets nothing.
    var weight: Int
    var isBackup: Bool
    var addressOrigin: Origin
    var origin: Origin

    var node: DocumentNode {
      if weight == 1, !isBackup { return .text(url, origin: addressOrigin) }
      var entries: [DocumentNode.Entry] = [.init("url", .text(url), origin: addressOrigin)]
      if weight != 1 { entries.append(.init("weight", .integer(weight), origin: origin)) }
      if isBackup { entries.append(.init("backup", .boolean(true), origin: origin)) }
      return .map(entries, origin: addressOrigin)
    }
  }

  private func target(
    _ directive: NginxDirective, _ pass: NginxPass, _ facts: inout NginxTargets
  ) -> NginxTarget? {
    guard let address = directive.arguments.first else {
      error("server takes an address", at: directive.position)
      return nil
    }
    guard let url = pass.url(of: address.text) else {
      error("a socket can't be spoken to by TLS", at: address.position)
      return nil
    }
    facts.origin = facts.origin ?? directive.position
    var weight = 1
    var backup: NginxWord?
    var (fails, pause, most) = (1, "10s", 0)
    for option in directive.arguments.dropFirst() {
      let parts = option.text.split(separator: "=", maxSplits: 1)
      let value = NginxWord(
        text: parts.count == 2 ? String(parts[1]) : "", position: option.position)
      switch parts.first {
      case "weight": weight = number(value) ?? 1
      case "max_fails": fails = number(value) ?? 1
      case "fail_timeout":
        if NginxValue.milliseconds(value.text) == 0 {
          // Nobody is left alone for no time.
          fails = 0
        } else if let time = NginxValue.time(value.text) {
          pause = time
        } else {
          error("'\(value.text)' is no time", at: value.position)
        }
      case "max_conns": most = number(value) ?? 0
      case "down": weight = 0
      case "backup": backup = option
      case "resolve":
        break
      default: error("'\(option.text)' can't be carried over", at: option.position)
      }
    }
    // A backup is what it is while the others are: they say how long they are left alone.
    if weight > 0, backup == nil {
      facts.maxFails.insert(fails)
      facts.failTimeout.insert(pause)
      facts.maxConnections.insert(most)
    }
    return NginxTarget(
      url: url, weight: min(weight, 1_000), isBackup: backup != nil,
      addressOrigin: address.position, origin: directive.position)
  }

  private func balance(_ block: [NginxDirective]) -> [DocumentNode.Entry] {
    for directive in block {
      func entry(_ key: String, _ value: String) -> DocumentNode.Entry {
        .init(key, .text(value), origin: directive.position)
      }
      switch directive.name.text {
      case "least_conn": return [entry("balance", "least-connections")]
      case "random": return [entry("balance", "random-two-choices")]
      case "ip_hash":
        warning(
          "callers are told apart by their whole address, not by the first three bytes of it",
          at: directive.position)
        return [entry("balance", "consistent-hash"), entry("hash", "address")]
      case "hash":
        guard let key = directive.words.first else { continue }
        let hash: String
        switch key {
        case "$remote_addr", "$binary_remote_addr": hash = "address"
        case "$request_uri", "$uri": hash = "path"
        case _ where key.hasPrefix("$http_"):
          hash = "header:\(key.dropFirst(6).replacing("_", with: "-"))"
        case _ where key.hasPrefix("$cookie_"): hash = "cookie:\(key.dropFirst(8))"
        default:
          error(
            "a hash of '\(key)' can't be carried over", at: directive.position,
            hint: "an address, a path, a field or a cookie")
          continue
        }
        if !directive.words.contains("consistent") {
          warning(
            "the hash is a consistent one: callers come to other targets than with nginx",
            at: directive.position)
        }
        return [entry("balance", "consistent-hash"), entry("hash", hash)]
      default: continue
      }
    }
    return []
  }

  private func connections(
    _ block: [NginxDirective], _ facts: NginxTargets
  ) -> [DocumentNode.Entry] {
    var entries: [DocumentNode.Entry] = []
    let most = facts.maxConnections.filter { $0 > 0 }.min() ?? 0
    if most > 0 {
      if facts.maxConnections.count > 1 {
        warning("max_conns is one for all targets: the smallest", at: facts.origin ?? Self.nowhere)
      }
      entries.append(.init("maxPerTarget", .integer(most)))
      // nginx has no queue.
      entries.append(.init("queue", .integer(0)))
    }
    for directive in block {
      guard let word = directive.arguments.first else { continue }
      switch directive.name.text {
      case "keepalive":
        if let number = number(word) {
          entries.append(.init("maxIdle", .integer(number), origin: directive.position))
        }
      case "keepalive_timeout":
        if let time = time(directive) {
          entries.append(.init("idleTimeout", .literal(time), origin: directive.position))
        }
      case "keepalive_time":
        if let time = time(directive) {
          entries.append(.init("maxAge", .literal(time), origin: directive.position))
        }
      default: continue
      }
    }
    return entries.isEmpty ? [] : [.init("connections", .map(entries))]
  }

  static let nowhere = Origin(file: "", line: 1, column: 1)

  /// One for all targets here: the most careful of them.
  private func health(_ facts: NginxTargets) -> [DocumentNode.Entry] {
    let fails = facts.maxFails.min() ?? 1
    if facts.maxFails.count > 1 || facts.failTimeout.count > 1 {
      warning(
        "max_fails and fail_timeout are one for all targets: the smallest and the first",
        at: facts.origin ?? Self.nowhere)
    }
    let pause = facts.failTimeout.sorted().first ?? "10s"
    return [
      .init(
        "health",
        .map([
          .init("failures", .integer(min(fails, 1_000))), .init("pause", .literal(pause)),
          .init("maxPause", .literal(pause)),
        ]))
    ]
  }

  private func retries(_ scope: NginxScope, _ targets: Int) -> DocumentNode {
    let directive = scope.last("proxy_next_upstream")
    let words = Set(directive?.words ?? ["error", "timeout"])
    var tries = max(0, targets - 1)
    if let word = scope.last("proxy_next_upstream_tries")?.arguments.first,
      let most = number(word), most > 0
    {
      tries = min(tries, most - 1)
    }
    if words.contains("off") { tries = 0 }
    tries = min(tries, 10)
    let isTold = !words.isDisjoint(with: ["error", "timeout"])
    var entries: [DocumentNode.Entry] = [
      .init("connect", .integer(isTold ? tries : 0)),
      .init("idempotent", .integer(isTold || words.contains("invalid_header") ? tries : 0)),
      // nginx has no budget: this one is never used up.
      .init("budgetPercent", .integer(max(100, 200 * tries))),
    ]
    let statuses = retriedStatuses(directive)
    if tries > 0, !statuses.isEmpty {
      entries.append(.init("statuses", .list(statuses.map { .integer($0) })))
      entries.append(.init("statusAttempts", .integer(tries)))
    }
    // Alone it makes nothing be tried again.
    let isTried = isTold || words.contains("invalid_header") || !statuses.isEmpty
    if tries > 0, isTried, words.contains("non_idempotent") {
      entries.append(.init("nonIdempotent", .boolean(true), origin: directive?.position))
    }
    if let limit = scope.last("proxy_next_upstream_timeout"),
      limit.arguments.first.flatMap({ NginxValue.milliseconds($0.text) }) != 0,
      let time = time(limit)
    {
      entries.append(.init("within", .literal(time), origin: limit.position))
    }
    return .map(entries, origin: directive?.position)
  }

  private func retriedStatuses(_ directive: NginxDirective?) -> [Int] {
    (directive?.arguments ?? []).compactMap { word in
      switch word.text {
      case "error", "timeout", "off", "invalid_header", "non_idempotent": return nil
      default: break
      }
      guard word.text.hasPrefix("http_"), let status = Int(word.text.dropFirst(5)),
        [403, 404, 429, 500, 502, 503, 504].contains(status)
      else {
        error("'\(word.text)' is no reason to try another target", at: word.position)
        return nil
      }
      return status
    }
  }

  private func tls(_ scope: NginxScope, _ pass: NginxPass) -> DocumentNode {
    var entries: [DocumentNode.Entry] = []
    let verifies = scope.isOn("proxy_ssl_verify")
    entries.append(
      .init("verify", .boolean(verifies), origin: scope.last("proxy_ssl_verify")?.position))
    if !verifies {
      warning(
        "the certificates of targets are not verified, as nginx does by default", at: pass.origin,
        hint: "proxy_ssl_verify on; and proxy_ssl_trusted_certificate")
    }
    if let ca = scope.last("proxy_ssl_trusted_certificate")?.arguments.first {
      entries.append(.init("ca", .text(ca.text), origin: ca.position))
    }
    if let name = scope.last("proxy_ssl_name")?.arguments.first {
      if name.text.contains("$") {
        error("the name of a target's certificate is a fixed one here", at: name.position)
      } else {
        entries.append(.init("serverName", .text(name.text), origin: name.position))
      }
    }
    if let certificate = scope.last("proxy_ssl_certificate")?.arguments.first,
      let key = scope.last("proxy_ssl_certificate_key")?.arguments.first
    {
      entries.append(
        .init(
          "clientCertificate",
          .map([
            .init("certificate", .text(certificate.text), origin: certificate.position),
            .init("key", .text(key.text), origin: key.position),
          ])))
    }
    return .map(entries)
  }
}
