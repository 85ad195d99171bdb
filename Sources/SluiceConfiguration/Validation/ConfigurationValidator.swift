/// The rules that more than one value takes part in: references between entities, what excludes
/// what.
///
/// Works on the decoded model for the values and on the tree for their places. Values that hold an
/// error already are left alone.
struct ConfigurationValidator {
  let configuration: Configuration
  let root: SourceNode
  let regexCheck: (String) -> String?
  let tlsCheck: (TLSQuestion) -> [TLSFinding]
  var diagnostics: DiagnosticCollector
  lazy var usesOfAnyCaller = configuration.messageUsesOfAnyCaller

  static func validate(
    _ configuration: Configuration, root: SourceNode, regexCheck: (String) -> String?,
    tlsCheck: @escaping (TLSQuestion) -> [TLSFinding], diagnostics: inout DiagnosticCollector
  ) {
    withoutActuallyEscaping(regexCheck) { regexCheck in
      var validator = ConfigurationValidator(
        configuration: configuration, root: root, regexCheck: regexCheck, tlsCheck: tlsCheck,
        diagnostics: diagnostics)
      validator.checkListeners()
      validator.checkServices()
      validator.checkRoutes()
      validator.checkVariables()
      validator.checkConsumers()
      validator.checkPolicies()
      diagnostics = validator.diagnostics
    }
  }
}

// MARK: Listeners

extension ConfigurationValidator {
  private mutating func checkListeners() {
    var places: [(address: ListenAddress, name: String)] = []
    for entry in root["listeners"]?.entries ?? [] {
      guard let listener = configuration.listeners[entry.key] else { continue }
      checkClientAddress(listener, entry.value["clientAddress"], name: entry.key)
      checkLimits(listener, entry.value["limits"], name: entry.key)
      checkTLS(listener, entry.value, name: entry.key)
      checkProxyProtocol(listener, entry.value, name: entry.key)
      checkPassthrough(listener, entry.value, name: entry.key)
      guard let node = entry.value["address"] else { continue }
      checkAddress(listener.address, node, owner: "listeners.\(entry.key)", &places)
    }
    if let node = root["admin"]?["address"], let admin = configuration.admin {
      checkAddress(admin.address, node, owner: "admin", &places)
      checkExposure(admin, node)
    } else if let node = root.entry("admin"), let admin = configuration.admin {
      checkAddress(admin.address, node.value, owner: "admin", &places)
    }
  }

  /// By name and not by line: of a converted file the lines here are not those of the file.
  private mutating func checkAddress(
    _ text: String, _ node: SourceNode, owner: String,
    _ places: inout [(address: ListenAddress, name: String)]
  ) {
    guard diagnostics.isSound(node), let address = ListenAddress(text) else { return }
    // Every port 0 is a different port in the end.
    if case .ip(_, port: 0) = address { return }
    if let first = places.first(where: { $0.address == address }) {
      diagnostics.error("\(owner) has the address of \(first.name)", at: node.position)
      return
    }
    // The command line may still move one of them, so that whether it fails is not known here.
    if let overlapping = places.first(where: { $0.address.overlaps(address) }) {
      diagnostics.warning(
        "\(owner) has the port of \(overlapping.name), and one of them stands for all addresses:"
          + " they can't be started together", at: node.position,
        hint: "give one of them another port, or each an address of its own")
    }
    places.append((address, owner))
  }

  private mutating func checkExposure(_ admin: Configuration.Admin, _ node: SourceNode) {
    guard diagnostics.isSound(node), let address = ListenAddress(admin.address), !address.isLocal,
      root["admin"]?.entry("token") == nil
    else { return }
    diagnostics.error(
      "admin.address: other machines could reach \(node.shown), and there is no admin.token",
      at: node.position,
      hint: "set admin.token, or use 127.0.0.1, [::1] or a Unix-domain socket")
  }

  private mutating func checkProxyProtocol(
    _ listener: Configuration.Listener, _ node: SourceNode, name: String
  ) {
    guard listener.proxyProtocol, let place = node.entry("proxyProtocol"),
      listener.trustedProxies.isEmpty, diagnostics.isSound(node["trustedProxies"]),
      !listener.address.hasPrefix("unix:")
    else { return }
    diagnostics.error(
      "listeners.\(name).proxyProtocol needs 'trustedProxies': nobody else is let in",
      at: place.keyPosition, hint: "name the load balancers' addresses")
  }

  private mutating func checkClientAddress(
    _ listener: Configuration.Listener, _ node: SourceNode?, name: String
  ) {
    guard let node, diagnostics.isSound(node),
      listener.clientAddress.field.lowercased() == "forwarded"
    else { return }
    diagnostics.error(
      "listeners.\(name).clientAddress.field: Forwarded is no list of addresses",
      at: (node["field"] ?? node).position, hint: "name a field that has nothing but addresses")
  }

  private mutating func checkLimits(
    _ listener: Configuration.Listener, _ node: SourceNode?, name: String
  ) {
    guard let node, diagnostics.isSound(node), listener.limits.uri > listener.limits.head else {
      return
    }
    let place = node["uri"] ?? node["head"] ?? node
    diagnostics.error(
      "listeners.\(name).limits.uri (\(listener.limits.uri.text)) is more than head "
        + "(\(listener.limits.head.text)), which it is part of",
      at: place.position)
  }
}

// MARK: Services

extension ConfigurationValidator {
  private mutating func checkServices() {
    for entry in root["services"]?.entries ?? [] {
      guard let service = configuration.services[entry.key] else { continue }
      checkTargets(service, entry.value["targets"], name: entry.key)
      checkHash(service, entry.value, name: entry.key)
      checkProtocol(service, entry.value, name: entry.key)
      checkTLS(service, entry.value, name: entry.key)
      checkHealth(service, entry.value, name: entry.key)
      checkRetries(service, entry.value, name: entry.key)
    }
  }

  private mutating func checkTargets(
    _ service: Configuration.Service, _ node: SourceNode?, name: String
  ) {
    guard let node, diagnostics.isSound(node), !service.targets.isEmpty else { return }
    if service.targets.allSatisfy({ $0.weight == 0 }) {
      diagnostics.error(
        "services.\(name): every target has weight 0, so none gets a request", at: node.position)
    } else if service.targets.allSatisfy({ $0.weight == 0 || $0.backup }) {
      diagnostics.error(
        "services.\(name): every target with a weight is a backup", at: node.position,
        hint: "a backup is for when others fail: leave 'backup' out of one")
    }
    var places: [TargetURL: Position] = [:]
    for (target, element) in zip(service.targets, node.elements) {
      guard let url = TargetURL(target.url) else { continue }
      if let first = places[url] {
        diagnostics.error(
          "services.\(name) has this target already on line \(first.line)", at: element.position,
          hint: "a larger share is written as {url: …, weight: 2}")
      } else {
        places[url] = element.position
      }
    }
  }

  private mutating func checkProtocol(
    _ service: Configuration.Service, _ node: SourceNode, name: String
  ) {
    guard service.protocol == .auto, let entry = node.entry("protocol"),
      diagnostics.isSound(node["targets"]),
      !service.targets.contains(where: { TargetURL($0.url)?.isEncrypted == true })
    else { return }
    diagnostics.error(
      "services.\(name).protocol: auto has no effect: no target is https", at: entry.keyPosition,
      hint: "without TLS nothing tells what a target speaks: write http1 or http2")
  }

  private mutating func checkHash(
    _ service: Configuration.Service, _ node: SourceNode, name: String
  ) {
    let hash = node.entry("hash")
    guard diagnostics.isSound(node["balance"]) else { return }
    if service.balance == .consistentHash, hash == nil, let balance = node["balance"] {
      diagnostics.error(
        "services.\(name): consistent-hash needs 'hash'", at: balance.position,
        hint: "hash: address, path, consumer, header:NAME, cookie:NAME, query:NAME or capture:NAME")
    } else if service.balance != .consistentHash, let hash {
      diagnostics.error(
        "services.\(name): 'hash' has no effect with balance \(service.balance.rawValue)",
        at: hash.keyPosition, hint: "set balance: consistent-hash, or remove it")
    }
    for key in ["hashFallback", "hashCookiePath"] where service.balance != .consistentHash {
      guard let entry = node.entry(key) else { continue }
      diagnostics.error(
        "services.\(name): '\(key)' has no effect with balance \(service.balance.rawValue)",
        at: entry.keyPosition, hint: "set balance: consistent-hash, or remove it")
    }
    if service.balance == .consistentHash, let entry = node.entry("hashCookiePath") {
      let hashesCookie = [service.hash, service.hashFallback].contains {
        if case .field(.cookie)? = $0 { true } else { false }
      }
      if !hashesCookie {
        diagnostics.error(
          "services.\(name): 'hashCookiePath' has no effect: no cookie is hashed",
          at: entry.keyPosition, hint: "set hash: cookie:NAME, or remove it")
      }
    }
  }
}
