import SluiceConfiguration

// Plugins that find out who calls and whether they may.

extension KongConversion {
  /// What every plugin of authentication has; `anonymous` is a policy of its own.
  private func addCommon(
    _ plugin: KongPlugin, to node: inout DocumentNode, _ policies: inout [KongPolicy]
  ) {
    let config = plugin.config
    node.add("hide", .boolean(config.boolean("hide_credentials", default: false)))
    if let anonymous = config.string("anonymous"), !anonymous.isEmpty {
      if let consumer = consumerIndex[anonymous] {
        policies.append(
          KongPolicy(
            policy: "anonymous",
            // Whoever fails is anonymous in Kong, with whatever.
            node: .map([
              .init("consumer", .text(consumers[consumer].name)),
              .init("wrongCredentials", .boolean(true)),
            ]), origin: config.origin(of: "anonymous"), plugin: plugin.name))
      } else {
        report.error(
          "\(config.title): there is no consumer '\(KongText.shown(anonymous))'",
          at: config.origin(of: "anonymous"))
      }
    }
  }

  private func addRealm(_ plugin: KongPlugin, standard: String?, to node: inout DocumentNode) {
    if let realm = plugin.config.string("realm") ?? standard { node.add("realm", .text(realm)) }
  }

  private func addPreflight(_ plugin: KongPlugin, to node: inout DocumentNode) {
    if !plugin.config.boolean("run_on_preflight", default: true) {
      node.add("preflight", .boolean(false), origin: plugin.config.origin(of: "run_on_preflight"))
    }
  }

  func keyAuth(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var policies: [KongPolicy] = []
    var node = DocumentNode.map([], origin: plugin.origin)
    if let names = config.strings("key_names") {
      node.add("names", .list(names.map { .text($0.text, origin: $0.origin) }))
    }
    if !config.boolean("key_in_header", default: true) { node.add("header", .boolean(false)) }
    if !config.boolean("key_in_query", default: true) { node.add("query", .boolean(false)) }
    if config.boolean("key_in_body", default: false) {
      node.add("body", .boolean(true), origin: config.origin(of: "key_in_body"))
    }
    config.refuse("identity_realms", because: "are Konnect's")
    addCommon(plugin, to: &node, &policies)
    addRealm(plugin, standard: nil, to: &node)
    addPreflight(plugin, to: &node)
    policies.append(policy("key-auth", node, plugin))
    return policies
  }

  func basicAuth(_ plugin: KongPlugin) -> [KongPolicy] {
    var policies: [KongPolicy] = []
    var node = DocumentNode.map([], origin: plugin.origin)
    plugin.config.refuse("brute_force_protection", because: "is not there")
    addCommon(plugin, to: &node, &policies)
    addRealm(plugin, standard: "service", to: &node)
    policies.append(policy("basic-auth", node, plugin))
    return policies
  }

  func jwt(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var policies: [KongPolicy] = []
    var node = DocumentNode.map([], origin: plugin.origin)
    let headers = config.strings("header_names") ?? [("authorization", plugin.origin)]
    node.add("header", .text(headers.first?.text ?? ""))
    if headers.count > 1 {
      node.add(
        "headers", .list(headers.dropFirst().map { .text($0.text, origin: $0.origin) }),
        origin: config.origin(of: "header_names"))
    }
    let query = config.strings("uri_param_names") ?? [("jwt", plugin.origin)]
    node.add("query", .list(query.map { .text($0.text, origin: $0.origin) }))
    if let cookies = config.strings("cookie_names"), !cookies.isEmpty {
      node.add("cookies", .list(cookies.map { .text($0.text, origin: $0.origin) }))
    }
    if let claim = config.string("key_claim_name") { node.add("keyClaim", .text(claim)) }
    node.add("keyInHeader", .boolean(true))
    let claims = config.strings("claims_to_verify") ?? []
    node.add("require", .list(claims.map { .text($0.text, origin: $0.origin) }))
    if !claims.contains(where: { $0.text == "exp" }) {
      report.warning(
        "\(config.title): Kong does not look at exp and nbf unless claims_to_verify names them; here "
          + "a token that is over is refused", at: plugin.origin)
    }
    node.add("leeway", .literal("0s"))
    let longest = config.integer("maximum_expiration", default: 0, in: 0...31_536_000)
    if longest > 0 {
      if !claims.contains(where: { $0.text == "exp" }) {
        report.error(
          "\(config.title): maximum_expiration needs exp in claims_to_verify, in Kong, too",
          at: config.origin(of: "maximum_expiration"))
      }
      node.add(
        "maxLifetime", .literal("\(longest)s"), origin: config.origin(of: "maximum_expiration"))
    }
    config.skip("secret_is_base64")
    addCommon(plugin, to: &node, &policies)
    node["hide"] = nil
    config.refuse("hide_credentials", because: "is no setting of this plugin")
    addRealm(plugin, standard: nil, to: &node)
    addPreflight(plugin, to: &node)
    policies.append(policy("jwt", node, plugin))
    return policies
  }

  func hmacAuth(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var policies: [KongPolicy] = []
    var node = DocumentNode.map([], origin: plugin.origin)
    let known = ["hmac-sha256", "hmac-sha384", "hmac-sha512"]
    let algorithms = config.strings("algorithms") ?? []
    for algorithm in algorithms where !(known + ["hmac-sha1"]).contains(algorithm.text) {
      report.error(
        "\(config.title): \(KongText.shown(algorithm.text)) is not there", at: algorithm.origin)
    }
    if algorithms.isEmpty || algorithms.contains(where: { $0.text == "hmac-sha1" }) {
      report.warning(
        "\(config.title): hmac-sha1 is refused here", at: config.origin(of: "algorithms"),
        hint: "callers have to sign with hmac-sha256 or better")
    }
    let kept = algorithms.filter { known.contains($0.text) }
    if !kept.isEmpty {
      node.add("algorithms", .list(kept.map { .text($0.text, origin: $0.origin) }))
    }
    let enforced = config.strings("enforce_headers")?.map(\.text) ?? []
    let checksBody = config.boolean("validate_request_body", default: false)
    var required = enforced
    if !required.contains("date") && !required.contains("x-date") { required.append("date") }
    if checksBody && !required.contains("digest") { required.append("digest") }
    if required != enforced {
      report.warning(
        "\(config.title): every signature has to cover \(required.joined(separator: ", ")) here",
        at: config.origin(of: "enforce_headers"))
    }
    node.add("require", .texts(required))
    let skew = config.integer("clock_skew", default: 300, in: 1...1_000_000)
    node.add("clockSkew", .literal("\(skew)s"))
    if checksBody { node.add("body", .boolean(true)) }
    addCommon(plugin, to: &node, &policies)
    addRealm(plugin, standard: nil, to: &node)
    policies.append(policy("hmac-auth", node, plugin))
    return policies
  }

  func acl(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    let includesGroups = config.boolean("include_consumer_groups", default: false)
    for (key, former) in [("allow", "whitelist"), ("deny", "blacklist")] {
      guard let names = config.strings(key) ?? config.strings(former), !names.isEmpty else {
        continue
      }
      var elements = names.map { DocumentNode.text($0.text, origin: $0.origin) }
      if includesGroups {
        elements += groups.filter { group in names.contains { $0.text == group.text } }
          .filter { group in !names.contains { $0.text == group.name } }
          .map { .text($0.name) }
      }
      node.add(key, .list(elements), origin: config.origin(of: key))
    }
    config.warn(
      "hide_groups_header", unless: "false",
      because: "is not there: targets see X-Consumer-Groups")
    config.refuse(
      "always_use_authenticated_groups", unless: "false",
      because: "is for groups that other plugins bring")
    return [policy("acl", node, plugin)]
  }

  func ipRestriction(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    for (key, former) in [("allow", "whitelist"), ("deny", "blacklist")] {
      guard let ranges = config.strings(key) ?? config.strings(former), !ranges.isEmpty else {
        continue
      }
      node.add(
        key, .list(ranges.map { .text($0.text, origin: $0.origin) }),
        origin: config.origin(of: key))
    }
    if node.isEmpty {
      report.error("\(config.title): it needs allow or deny", at: plugin.origin)
    }
    addRefusal(config, status: "status", message: "message", to: &node)
    return [policy("ip-restriction", node, plugin)]
  }

  /// What Kong says to whom it refuses, where the file has something of its own for that.
  func addRefusal(
    _ config: KongObject, status: String, message: String, to node: inout DocumentNode
  ) {
    var refusal = DocumentNode.map()
    if let code = config.integer(status, in: 100...599) {
      if code < 400 {
        report.error(
          "\(config.title): \(status) is the status of a refusal, from 400 to 599",
          at: config.origin(of: status))
      }
      refusal.add("status", .integer(code), origin: config.origin(of: status))
    }
    if let text = config.string(message) {
      refusal.add(
        "body", .text("{\"message\":\(Self.json(text))}"), origin: config.origin(of: message))
    }
    if !refusal.isEmpty { node.add("refusal", refusal) }
  }

  func policy(_ name: String, _ node: DocumentNode, _ plugin: KongPlugin) -> KongPolicy {
    KongPolicy(policy: name, node: node, origin: plugin.origin, plugin: plugin.name)
  }
}
