import SluiceConfiguration

/// A service with what its routes need to know.
struct KongService {
  let origin: Origin
  /// As the Sluice file calls it.
  let name: String
  let isEnabled: Bool
  /// What stands in front of paths, as Kong joins it: `/` or longer.
  let path: String
  /// Everything but `host`, which depends on the route.
  let node: DocumentNode
  /// What targets get as Host from routes that don't preserve the caller's.
  let host: DocumentNode
  var comment: String?
  /// Whether routes of either kind lead to it.
  var preserves = false
  var replaces = false

  func name(preservingHost: Bool) -> String {
    preservingHost && replaces ? "\(name).preserve-host" : name
  }
}

extension KongConversion {
  mutating func readServices() {
    var taken: Set<String> = []
    let upstreams = readUpstreams()
    for entity in kong["services"] {
      let object = entity.object
      let text = kong.keys(of: object).first ?? "service"
      let name = Self.name(text, taken: &taken)
      for key in kong.keys(of: object) where serviceIndex[key] == nil {
        serviceIndex[key] = services.count
      }
      let service = service(object, name: name, upstreams)
      services.append(service)
    }
  }

  /// What routes lead to that have no service: nobody. Where no plugin answers, Kong says 503, "no Service
  /// found with those values" (kong/init.lua, `Kong.access`, behind the plugins), and so does a service whose
  /// only target is a socket on which nobody can listen.
  mutating func noService() -> Int {
    if let serviceless { return serviceless }
    var taken = Set(services.map(\.name))
    let node = DocumentNode.map([
      .init("targets", .texts(["http+unix:///dev/null"])),
      .init("retries", .map([.init("connect", .integer(0))])),
    ])
    services.append(
      KongService(
        origin: report.origin(.start),
        name: Self.name("no-service", taken: &taken), isEnabled: true, path: "/",
        node: node, host: .literal("target"),
        comment:
          "Of routes without a service: nobody can listen there, and who gets here is answered 503."
      ))
    serviceless = services.count - 1
    return services.count - 1
  }

  /// Where a service is, from `url` or its parts.
  private struct Location {
    var scheme = "http"
    var host = ""
    var port: Int?
    var path = "/"
    var isURL = false
    var origin: Origin
  }

  private func location(_ object: KongObject) -> Location {
    var location = Location(origin: object.origin)
    if let url = object.text("url") {
      location.origin = url.origin
      location.isURL = true
      if url.isReference {
        report.error("\(object.title): url can't be a reference", at: url.origin)
      }
      guard let separator = url.text.firstRange(of: "://") else {
        if !url.isReference {
          report.error("\(object.title): url has no scheme", at: url.origin)
        }
        return location
      }
      location.scheme = url.text[..<separator.lowerBound].lowercased()
      let rest = url.text[separator.upperBound...]
      let slash = rest.firstIndex(of: "/") ?? rest.endIndex
      split(rest[..<slash], into: &location)
      if slash < rest.endIndex { location.path = String(rest[slash...]) }
    }
    if let scheme = object.string("protocol") {
      // Targets of WebSockets are asked by HTTP; the routes say that they are.
      let plain = ["ws": "http", "wss": "https"][scheme]
      if let plain, location.isURL, location.scheme != plain {
        report.warning(
          "\(object.title): \(scheme) is not what the url says, which counts, as in Kong",
          at: object.origin(of: "protocol"))
      } else {
        location.scheme = plain ?? scheme
        location.origin = object.origin(of: "protocol")
      }
    }
    if let host = object.string("host") {
      location.host = host
      location.origin = object.origin(of: "host")
    }
    if let port = object.integer("port", in: 0...65_535) { location.port = port }
    if let path = object.string("path") { location.path = path }
    return location
  }

  private func split(_ authority: Substring, into location: inout Location) {
    if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
      location.host = String(authority[..<colon])
      location.port = Int(authority[authority.index(after: colon)...])
      if location.port == nil {
        report.error("the port of the url is no number", at: location.origin)
      }
    } else {
      location.host = String(authority)
    }
  }

  private mutating func service(
    _ object: KongObject, name: String, _ upstreams: [String: KongUpstream]
  ) -> KongService {
    object.skip("id", "name", "tags", "created_at", "updated_at", "routes", "plugins")
    let isEnabled = object.boolean("enabled", default: true)
    let location = location(object)
    var node = DocumentNode.map([], origin: object.origin)
    var host = DocumentNode.literal("target")
    let isEncrypted = ["https", "grpcs"].contains(location.scheme)
    switch location.scheme {
    case "http", "https": break
    case "grpc", "grpcs": node.add("protocol", .text("http2"), origin: location.origin)
    default:
      report.error(
        "\(object.title): the protocol \(KongText.shown(location.scheme)) is not spoken to targets",
        at: location.origin, hint: "http and https are")
    }
    if location.host.isEmpty {
      report.error("\(object.title): it has no host", at: object.origin, hint: "write url or host")
    }
    if let upstream = upstreams[location.host] {
      node.add("targets", upstream.targets(isEncrypted ? "https" : "http"), origin: location.origin)
      for entry in upstream.settings.entries { node.add(entry.key, entry.value) }
      if let header = upstream.host { host = header }
    } else {
      // Kong's default; only in a url it depends on the protocol.
      let port = location.port ?? (location.isURL && location.scheme == "https" ? 443 : 80)
      if location.port == nil, isEncrypted, port == 80 {
        report.warning(
          "\(object.title): its port is 80, as in Kong, where only a url with https means 443",
          at: location.origin, hint: "write port: 443")
      }
      let url = "\(isEncrypted ? "https" : "http")://\(location.host):\(port)"
      node.add("targets", .list([.text(url, origin: location.origin)]), origin: location.origin)
    }
    addTimeouts(object, to: &node)
    let retries = object.integer("retries", default: 5, in: 0...32_767)
    if retries != 2 {
      if retries > 10 {
        report.warning(
          "\(object.title): retries are 10 at most", at: object.origin(of: "retries"))
      }
      node.add("retries", .map([.init("connect", .integer(min(retries, 10)))]))
    }
    addTLS(object, isEncrypted: isEncrypted, to: &node)
    let path = path(location.path, of: object)
    object.finish()
    return KongService(
      origin: object.origin, name: name, isEnabled: isEnabled, path: path, node: node, host: host)
  }

  private func path(_ path: String, of object: KongObject) -> String {
    guard path.hasPrefix("/") else {
      if !path.isEmpty {
        report.error("\(object.title): path must start with /", at: object.origin(of: "path"))
      }
      return "/"
    }
    // What templates would read.
    if path.contains("$") || path.contains("?") || path.contains("#") {
      report.error(
        "\(object.title): path has a character that none may have",
        at: object.has("path") ? object.origin(of: "path") : object.origin(of: "url"))
      return "/"
    }
    return path
  }

  private func addTimeouts(_ object: KongObject, to node: inout DocumentNode) {
    let range = 1...2_147_483_646
    let connect = object.integer("connect_timeout", default: 60_000, in: range)
    let read = object.integer("read_timeout", default: 60_000, in: range)
    object.warn(
      "write_timeout", unless: "60000",
      because: "is not there: a target that does not read is found by the timeouts of the response")
    node.add(
      "timeouts",
      .map([
        .init("connect", Self.duration(connect)), .init("response", Self.duration(read)),
        .init("idle", Self.duration(read)),
      ]))
  }

  /// Milliseconds.
  static func duration(_ milliseconds: Int) -> DocumentNode {
    milliseconds % 1_000 == 0
      ? .literal("\(milliseconds / 1_000)s") : .literal("\(milliseconds)ms")
  }

  private mutating func addTLS(
    _ object: KongObject, isEncrypted: Bool, to node: inout DocumentNode
  ) {
    let identity = clientIdentity(object)
    let authorities = authorityText(object)
    object.warn("tls_verify_depth", because: "is not limited")
    let isVerified = object.boolean("tls_verify", default: false)
    object.refuse("tls_sans", because: "are not compared")
    guard isEncrypted else {
      for key in ["client_certificate", "ca_certificates", "tls_verify"] where object.has(key) {
        report.error(
          "\(object.title): \(key) is for https and grpcs, in Kong, too", at: object.origin(of: key)
        )
      }
      return
    }
    var settings = DocumentNode.map()
    if isVerified {
      if let authorities { settings.add("ca", authorities) }
    } else {
      if !object.has("tls_verify") {
        report.warning(
          "\(object.title): Kong does not verify its certificate unless tls_verify is true, and so it "
            + "is here", at: object.origin, hint: "write tls_verify: true")
      }
      settings.add("verify", .boolean(false))
    }
    if let identity { settings.add("clientCertificate", identity) }
    if !settings.isEmpty { node.add("tls", settings) }
  }

  mutating func serviceNodes() -> DocumentNode {
    var nodes = DocumentNode.map()
    for service in services where service.isEnabled {
      let policies = policies(at: .service(service.name))
      for preservingHost in [false, true] {
        guard preservingHost ? service.preserves : service.replaces || !service.preserves else {
          continue
        }
        var node = service.node
        if !preservingHost { node.add("host", service.host) }
        if !policies.isEmpty { node.add("policies", policies) }
        let members = callerPolicies(at: .service(service.name))
        if let consumers = members.consumers { node.add("consumers", consumers) }
        if let groups = members.groups { node.add("groups", groups) }
        nodes.add(
          service.name(preservingHost: preservingHost), node, origin: service.origin,
          comment: service.comment)
      }
    }
    return nodes
  }
}

/// A group of targets that services name as their host.
struct KongUpstream {
  var addresses: [(address: String, weight: Int, origin: Origin)]
  var settings: DocumentNode
  /// What targets get as Host; theirs unless set.
  var host: DocumentNode?

  /// Weights go to 65535 in Kong and to 1000 here.
  func targets(_ scheme: String) -> DocumentNode {
    let most = addresses.map(\.weight).max() ?? 0
    return .list(
      addresses.map { address, weight, origin in
        let scaled = most > 1_000 && weight > 0 ? max(1, weight * 1_000 / most) : weight
        return .map(
          [
            .init("url", .text("\(scheme)://\(address)", origin: origin)),
            .init("weight", .integer(scaled)),
          ], origin: origin)
      })
  }
}

extension KongConversion {
  fileprivate func readUpstreams() -> [String: KongUpstream] {
    var upstreams: [String: KongUpstream] = [:]
    var ids: [String: String] = [:]
    for entity in kong["upstreams"] {
      guard let name = entity.object.string("name") else {
        report.error("an upstream needs a name", at: entity.object.origin)
        continue
      }
      for key in kong.keys(of: entity.object) { ids[key] = name }
      upstreams[name] = upstream(entity.object)
    }
    for entity in kong["targets"] {
      let object = entity.object
      object.skip("id", "tags", "created_at", "updated_at")
      let target = object.string("target") ?? ""
      let weight = object.integer("weight", default: 100, in: 0...65_535)
      let parent = entity.parent("upstream")
      object.finish()
      if target.isEmpty { report.error("a target needs an address", at: object.origin) }
      guard let parent, let name = ids[parent.name] else {
        report.error("\(object.title): there is no such upstream", at: object.origin)
        continue
      }
      // Kong's own port for targets without one.
      let hasPort = target.hasPrefix("[") ? target.contains("]:") : target.contains(":")
      upstreams[name]?.addresses.append(
        (hasPort ? target : "\(target):8000", weight, object.origin))
    }
    for (name, upstream) in upstreams.sorted(by: { $0.key < $1.key })
    where upstream.addresses.isEmpty {
      report.error(
        "upstream \(KongText.shown(name)): it has no targets", at: upstream.settings.origin!)
    }
    return upstreams
  }

  private func upstream(_ object: KongObject) -> KongUpstream {
    object.skip("id", "tags", "created_at", "updated_at", "slots", "targets")
    var settings = DocumentNode.map([], origin: object.origin)
    let hashOn = object.string("hash_on") ?? "none"
    let algorithm =
      object.string("algorithm") ?? (hashOn == "none" ? "round-robin" : "consistent-hashing")
    switch algorithm {
    case "round-robin": break
    case "least-connections": settings.add("balance", .text("least-connections"))
    case "latency":
      report.warning(
        "\(object.title): the algorithm latency is not there; random-two-choices comes nearest",
        at: object.origin(of: "algorithm"))
      settings.add("balance", .text("random-two-choices"))
    case "consistent-hashing":
      settings.add("balance", .text("consistent-hash"))
      addHash(hashOn, object, to: &settings)
    case "sticky-sessions": addStickySessions(object, to: &settings)
    default:
      report.error(
        "\(object.title): there is no algorithm \(KongText.shown(algorithm))",
        at: object.origin(of: "algorithm"))
    }
    object.skip(
      "hash_on_header", "hash_on_cookie", "hash_on_cookie_path", "hash_on_query_arg",
      "hash_on_uri_capture", "hash_fallback", "hash_fallback_header", "hash_fallback_query_arg",
      "hash_fallback_uri_capture", "sticky_sessions_cookie", "sticky_sessions_cookie_path")
    object.refuse("client_certificate", because: "is a certificate in Kong's file")
    object.warn("use_srv_name", unless: "false", because: "is not there")
    settings.add("health", KongHealth.settings(of: object))
    let host = object.string("host_header").map {
      DocumentNode.text($0, origin: object.origin(of: "host_header"))
    }
    object.finish()
    return KongUpstream(addresses: [], settings: settings, host: host)
  }
}
