import SluiceConfiguration

// Plugins that count.

extension KongConversion {
  func rateLimiting(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    let windows = windows(of: config, title: config.title)
    if windows.isEmpty {
      report.error("\(config.title): it needs a limit, as minute: 5", at: plugin.origin)
    }
    node.add("windows", .list(windows))
    node.add("algorithm", .text("calendar-window"))
    let key = limitKey(plugin)
    node.add("by", .text(key, origin: config.origin(of: "limit_by")))
    if config.boolean("hide_client_headers", default: false) {
      node.add("hide", .boolean(true))
    } else {
      node.add("fields", .text("kong"))
    }
    // One route or service of Kong may be several here, which count together. What Kong counts by service
    // it counts for all plugins of the same route or service together, whosever they are
    // (kong/plugins/rate-limiting/policies/init.lua, get_local_key).
    if plugin.consumer == nil && plugin.group == nil || key == "all" {
      if let route = plugin.route.map({ routes[$0].name }) {
        node.add("budget", .text("r.\(route)"))
      } else if let service = plugin.service.map({ services[$0].name }) {
        node.add("budget", .text("s.\(service)"))
      } else if countsByService(plugin) {
        // One for each service: `resolvePlugins` puts them there.
        node.add("budget", .text("g."))
      }
    }
    addRefusal(config, status: "error_code", message: "error_message", to: &node)
    warnAboutStore(config)
    if !key.hasPrefix("header:") {
      config.warn("header_name", because: "says nothing without limit_by: header")
    }
    if !key.hasPrefix("path:") {
      config.warn("path", because: "says nothing without limit_by: path")
    }
    return [policy("rate-limit", node, plugin)]
  }

  private func limitKey(_ plugin: KongPlugin) -> String {
    let config = plugin.config
    switch config.string("limit_by") ?? "consumer" {
    case "consumer": return "consumer"
    case "credential": return "credential"
    case "ip": return "address"
    case "header":
      guard let name = config.string("header_name") else {
        report.error("\(config.title): limit_by header needs header_name", at: plugin.origin)
        return "address"
      }
      return "header:\(name)"
    case "path":
      guard let path = config.string("path") else {
        report.error("\(config.title): limit_by path needs path", at: plugin.origin)
        return "address"
      }
      return "path:\(path)"
    case "service": return "all"
    case let other:
      report.error(
        "\(config.title): limit_by \(KongText.shown(other)) is not there",
        at: config.origin(of: "limit_by"),
        hint: "consumer, credential, ip, service, header and path are")
      return "address"
    }
  }

  /// Whether a plugin for all services counts each for itself.
  func countsByService(_ plugin: KongPlugin) -> Bool {
    guard plugin.name == "rate-limiting", plugin.route == nil, plugin.service == nil,
      case .scalar(let scalar)? = plugin.config.node["limit_by"]?.content
    else { return false }
    return scalar.text == "service"
  }

  /// What may be used in each unit of time: those of the calendar in UTC, in Kong
  /// (kong/tools/timestamp.lua, get_timestamps) and here.
  private func windows(of config: KongObject, title: String) -> [DocumentNode] {
    let units = [
      ("second", 1), ("minute", 60), ("hour", 3_600), ("day", 86_400), ("month", 30 * 86_400),
      ("year", 365 * 86_400),
    ]
    var shorter: (unit: String, limit: Int)?
    return units.compactMap { unit, seconds in
      guard let limit = config.integer(unit, in: 1...1_000_000_000) else { return nil }
      // kong/plugins/rate-limiting/schema.lua, validate_periods_order.
      if let shorter, limit < shorter.limit {
        report.error(
          "\(title): the limit by \(unit) can't be lower than that by \(shorter.unit), in Kong, too",
          at: config.origin(of: unit))
      }
      shorter = (unit, limit)
      return .map(
        [.init("limit", .integer(limit)), .init("window", .literal("\(seconds)s"))],
        origin: config.origin(of: unit))
    }
  }

  /// Where Kong counts.
  private func warnAboutStore(_ config: KongObject) {
    config.warn(
      "policy", unless: "local", because: "is local here: each gateway counts for itself")
    for key in [
      "redis", "redis_host", "redis_port", "redis_password", "redis_username", "redis_ssl",
    ] {
      config.warn(key, unless: "6379", "false", because: "is not used")
    }
    config.skip(
      "redis_ssl_verify", "redis_server_name", "redis_timeout", "redis_database", "fault_tolerant",
      "sync_rate")
  }

  func responseRateLimiting(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    node.add("header", .text(config.string("header_name") ?? "X-Kong-Limit"))
    node.add("calendar", .boolean(true))
    var limits = DocumentNode.map([], origin: config.origin(of: "limits"))
    if let written = config.object("limits") {
      for entry in written.node.entries {
        guard let limit = written.object(entry.key) else { continue }
        let windows = windows(of: limit, title: config.title)
        limit.finish()
        limits.add(entry.key, .list(windows), origin: report.origin(entry.keyPosition))
      }
      written.finish()
    }
    if limits.isEmpty {
      report.error(
        "\(config.title): it needs limits, as {video: {minute: 5}}", at: plugin.origin)
    }
    node.add("limits", limits, origin: config.origin(of: "limits"))
    switch config.string("limit_by") ?? "consumer" {
    case "consumer": node.add("by", .text("consumer"))
    case "credential": node.add("by", .text("credential"))
    case "ip": node.add("by", .text("address"))
    case let other:
      report.error(
        "\(config.title): limit_by \(KongText.shown(other)) is not there",
        at: config.origin(of: "limit_by"), hint: "consumer, credential and ip are")
    }
    if config.boolean("block_on_first_violation", default: false) {
      node.add("refuseAtLimit", .boolean(true))
    }
    if config.boolean("hide_client_headers", default: false) { node.add("hide", .boolean(true)) }
    if plugin.consumer == nil && plugin.group == nil {
      if let route = plugin.route.map({ routes[$0].name }) {
        node.add("budget", .text("r.\(route)"))
      } else if let service = plugin.service.map({ services[$0].name }) {
        node.add("budget", .text("s.\(service)"))
      }
    }
    warnAboutStore(config)
    return [policy("response-limit", node, plugin)]
  }
}
