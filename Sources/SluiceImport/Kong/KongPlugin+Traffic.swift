import SluiceConfiguration

// Which plugin becomes what, and the plugins about amounts, origins and answers.

extension KongConversion {
  /// The policies that a plugin becomes.
  mutating func translate(_ plugin: KongPlugin) -> [KongPolicy] {
    defer { plugin.config.finish() }
    switch plugin.name {
    case "key-auth": return authentication(keyAuth(plugin), plugin)
    case "basic-auth": return authentication(basicAuth(plugin), plugin)
    case "jwt": return authentication(jwt(plugin), plugin)
    case "hmac-auth": return authentication(hmacAuth(plugin), plugin)
    case "acl": return acl(plugin)
    case "ip-restriction": return ipRestriction(plugin)
    case "cors": return entry(cors(plugin), plugin)
    case "bot-detection": return entry(botDetection(plugin), plugin)
    case "grpc-web": return entry(grpcWeb(plugin), plugin)
    case "rate-limiting": return rateLimiting(plugin)
    case "response-ratelimiting": return responseRateLimiting(plugin)
    case "request-size-limiting": return requestSizeLimiting(plugin)
    case "request-termination": return requestTermination(plugin)
    case "redirect": return redirect(plugin)
    case "correlation-id": return entry(correlationID(plugin), plugin)
    case "proxy-cache": return proxyCache(plugin)
    case "request-transformer": return requestTransformer(plugin)
    case "response-transformer": return responseTransformer(plugin)
    case "prometheus": return prometheus(plugin)
    case "file-log": return fileLog(plugin)
    case "http-log": return httpLog(plugin)
    case "tcp-log", "udp-log", "syslog", "loggly", "kafka-log":
      return instead(plugin, "set file-log or http-log; the access log goes to standard output")
    case "opentelemetry", "zipkin", "datadog", "statsd", "statsd-advanced":
      return instead(plugin, "the gateway has metrics and logs of its own")
    default:
      plugin.config.skip(all: true)
      return unknown(plugin)
    }
  }

  /// A plugin that only watches.
  private func instead(_ plugin: KongPlugin, _ reason: String) -> [KongPolicy] {
    plugin.config.skip(all: true)
    report.warning(
      "plugin \(plugin.name) is not carried over: \(reason)", at: plugin.origin)
    return []
  }

  static let carried: Set<String> = [
    "key-auth", "basic-auth", "jwt", "hmac-auth", "acl", "ip-restriction", "cors", "rate-limiting",
    "request-size-limiting", "request-termination", "redirect", "correlation-id", "proxy-cache",
    "request-transformer", "response-transformer", "prometheus", "bot-detection", "grpc-web",
    "response-ratelimiting", "file-log", "http-log",
  ]

  /// Bundled plugins that only watch, and that something else of the gateway's stands in for.
  static let replaced: Set<String> = [
    "tcp-log", "udp-log", "syslog", "loggly", "kafka-log", "opentelemetry", "zipkin", "datadog",
    "statsd", "statsd-advanced",
  ]

  /// Bundled plugins that close something, limit something or change what is answered.
  static let deciding: Set<String> = [
    "oauth2", "oauth2-introspection", "openid-connect", "ldap-auth", "ldap-auth-advanced",
    "session",
    "mtls-auth", "key-auth-enc", "vault-auth", "saml", "jwt-signer", "header-cert-auth", "opa",
    "tls-handshake-modifier", "tls-metadata-headers",
    "rate-limiting-advanced", "service-protection", "request-validator", "oas-validation",
    "json-threat-protection", "xml-threat-protection", "injection-protection", "acme",
    "grpc-gateway", "pre-function", "post-function", "request-transformer-advanced",
    "response-transformer-advanced", "proxy-cache-advanced", "exit-transformer", "route-by-header",
    "forward-proxy", "canary", "mocking", "aws-lambda", "azure-functions", "degraphql",
    "graphql-proxy-cache-advanced", "graphql-rate-limiting-advanced", "upstream-oauth",
    "websocket-size-limit", "websocket-validator", "jq", "upstream-timeout", "standard-webhooks",
    "request-callout", "ai-proxy",
  ]

  private func unknown(_ plugin: KongPlugin) -> [KongPolicy] {
    if Self.deciding.contains(plugin.name) {
      report.error(
        "plugin \(plugin.name) is not carried over, and requests would be answered otherwise "
          + "without it", at: plugin.origin,
        hint: Self.hints[plugin.name] ?? "take it out to go on without it")
    } else if let hint = Suggestion.hint(
      for: plugin.name, among: Self.carried.union(Self.deciding).sorted())
    {
      // Whoever mistyped acl did not mean to open the door.
      report.error(
        "there is no plugin \(KongText.shown(plugin.name))", at: plugin.origin, hint: hint)
    } else {
      report.warning(
        "plugin \(KongText.shown(plugin.name)) is not known and not carried over: what it does is not "
          + "done here", at: plugin.origin)
    }
    return []
  }

  private static let hints = [
    "openid-connect": "convert without it, and add the policy jwt with jwks",
    "oauth2-introspection": "convert without it, and add the policy introspection",
    "oauth2": "convert without it, and add jwt or introspection",
    "request-validator": "convert without it, and add the policy json-schema",
    "canary": "convert without it, and add the policy split",
    "opa": "convert without it, and add the policy forward-auth",
    "mocking": "convert without it, and add the policy mock",
    "rate-limiting-advanced": "convert without it, and add the policy rate-limit",
  ]

  /// Who calls is found out before anything can depend on it.
  private func authentication(_ policies: [KongPolicy], _ plugin: KongPlugin) -> [KongPolicy] {
    entry(policies, plugin)
  }

  private func entry(_ policies: [KongPolicy], _ plugin: KongPlugin) -> [KongPolicy] {
    guard plugin.consumer != nil || plugin.group != nil else { return policies }
    report.error(
      "plugin \(plugin.name) can't be for a consumer or a group: it runs before they are known",
      at: plugin.origin)
    return []
  }

  private func requestSizeLimiting(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    let size = config.integer("allowed_payload_size", default: 128, in: 0...1_000_000_000)
    let unit = config.string("size_unit") ?? "megabytes"
    let suffix: String
    switch unit {
    case "megabytes": suffix = "MiB"
    case "kilobytes": suffix = "KiB"
    case "bytes": suffix = "B"
    default:
      suffix = "B"
      report.error(
        "\(config.title): size_unit is bytes, kilobytes or megabytes",
        at: config.origin(of: "size_unit"))
    }
    node.add("maxSize", .literal(suffix == "B" ? "\(size)" : "\(size)\(suffix)"))
    if config.boolean("require_content_length", default: false) {
      node.add("requireLength", .boolean(true))
    }
    return [policy("request-size-limit", node, plugin)]
  }

  private func requestTermination(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    let status = config.integer("status_code", default: 503, in: 100...599)
    node.add("status", .integer(status), origin: config.origin(of: "status_code"))
    if let trigger = config.string("trigger") {
      node.add("trigger", .text(trigger), origin: config.origin(of: "trigger"))
    }
    config.refuse(
      "echo", unless: "false", because: "is not there: what callers send is not sent back",
      hint: "take it out to go on without it")
    // kong/plugins/request-termination/schema.lua
    if config.has("message"), config.has("body") || config.has("content_type") {
      report.error(
        "\(config.title): message can't be used with body or content_type, in Kong, too",
        at: config.origin(of: "message"))
    } else if config.has("content_type"), !config.has("body") {
      report.error(
        "\(config.title): content_type needs a body, in Kong, too",
        at: config.origin(of: "content_type"))
    }
    if let body = config.text("body") {
      let type = (config.string("content_type") ?? "application/json").lowercased()
      let known = ["application/json": "json", "text/plain": "text", "text/html": "html"]
      if let known = known[String(type.prefix { $0 != ";" })] {
        node.add("contentType", .text(known))
      } else {
        node.add("mediaType", .text(type), origin: config.origin(of: "content_type"))
      }
      node.add("body", body.node)
    } else if ![204, 205, 304].contains(status),
      let message = config.string("message") ?? Self.terminations[status]
    {
      node.add("body", .text("{\"message\":\(Self.json(message))}"))
    }
    return [policy("mock", node, plugin)]
  }

  /// What Kong says without a `message` (kong/plugins/request-termination/handler.lua); nothing with other
  /// statuses.
  private static let terminations = [
    401: "Unauthorized", 404: "Not found", 405: "Method not allowed",
    500: "An unexpected error occurred", 502: "Bad Gateway", 503: "Service unavailable",
  ]

  /// As a JSON text.
  static func json(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default:
        if scalar.value < 0x20 {
          let digits = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }

  private func redirect(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    if let location = config.text("location") {
      if !location.isReference && location.text.contains("${") {
        report.error("\(config.title): ${ can't be written in a location", at: location.origin)
      }
      let keepsPath = config.boolean("keep_incoming_path", default: false)
      node.add("location", keepsPath ? locationWithPath(location, config) : location.node)
    } else {
      report.error("\(config.title): it needs a location", at: plugin.origin)
    }
    node.add("status", .integer(config.integer("status_code", default: 301, in: 300...308)))
    return [policy("redirect", node, plugin)]
  }

  /// The location's scheme and host, with the path and query of the request in the place of its own.
  private func locationWithPath(_ location: KongText, _ config: KongObject) -> DocumentNode {
    guard !location.isReference, let scheme = location.text.firstRange(of: "://") else {
      report.error(
        "\(config.title): keep_incoming_path needs a location with scheme and host",
        at: location.origin)
      return location.node
    }
    let end =
      location.text[scheme.upperBound...].firstIndex { "/?#".contains($0) }
      ?? location.text.endIndex
    let base = DocumentWriter.escapingEvery(String(location.text[..<end]))
    return .template("\(base)${request.target}", origin: location.origin)
  }

  private func correlationID(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    node.add("header", .text(config.string("header_name") ?? "Kong-Request-ID"))
    node.add("echo", .boolean(config.boolean("echo_downstream", default: false)))
    config.skip("generator")
    report.warning(
      "\(config.title): ids are the gateway's own, in its own form; Kong keeps those that callers send",
      at: plugin.origin, hint: "trustedProxies of the listener may send ids")
    return [policy("request-id", node, plugin)]
  }

  /// Statuses and types; what HTTP lets nobody store is not stored.
  private func addStored(
    _ codes: [String], _ config: KongObject, to node: inout DocumentNode
  ) {
    let storable = [
      "200", "203", "204", "300", "301", "308", "404", "405", "410", "414", "451", "501",
    ]
    for code in codes where !storable.contains(code) {
      report.warning(
        "\(config.title): responses with \(KongText.shown(code)) are stored only if their target says so",
        at: config.origin(of: "response_code"))
    }
    let statuses = codes.compactMap { code -> DocumentNode? in
      guard let status = Int(code), (200...599).contains(status) else {
        report.error(
          "\(config.title): response_code has statuses from 200 to 599, not '\(KongText.shown(code))'",
          at: config.origin(of: "response_code"))
        return nil
      }
      return .integer(status)
    }
    node.add("statuses", .list(statuses), origin: config.origin(of: "response_code"))
    let types =
      config.strings("content_type")
      ?? ["text/plain", "application/json"].map { ($0, config.origin) }
    node.add(
      "types", .list(types.map { .text($0.text, origin: $0.origin) }),
      origin: config.origin(of: "content_type"))
  }

  private func proxyCache(_ plugin: KongPlugin) -> [KongPolicy] {
    let config = plugin.config
    var node = DocumentNode.map([], origin: plugin.origin)
    let ttl = config.integer("cache_ttl", default: 300, in: 1...31_536_000)
    node.add("ttl", .literal("\(ttl)s"))
    let codes = config.strings("response_code")?.map(\.text) ?? ["200", "301", "404"]
    if codes.contains("404") { node.add("negativeTtl", .literal("\(ttl)s")) }
    addStored(codes, config, to: &node)
    var key = DocumentNode.map()
    if let headers = config.strings("vary_headers"), !headers.isEmpty {
      key.add("headers", .list(headers.map { .text($0.text, origin: $0.origin) }))
    }
    if let names = config.strings("vary_query_params"), !names.isEmpty {
      report.warning(
        "\(config.title): parameters that vary_query_params does not name are not sent on here",
        at: config.origin(of: "vary_query_params"))
      key.add("queryOnly", .list(names.map { .text($0.text, origin: $0.origin) }))
    }
    if !key.isEmpty { node.add("key", key) }
    if config.boolean("cache_control", default: false) {
      node.add("callerControl", .boolean(true))
    } else {
      report.warning(
        "\(config.title): responses that their target forbids to store are not stored here",
        at: plugin.origin)
    }
    let methods = config.strings("request_method")?.map(\.text) ?? ["GET", "HEAD"]
    if Set(methods) != ["GET", "HEAD"] {
      report.warning(
        "\(config.title): request_method is not looked at: GET and HEAD are answered from the cache",
        at: config.origin(of: "request_method"))
    }
    config.refuse("ignore_uri_case", unless: "false", because: "is not there")
    config.warn("storage_ttl", because: "is not there")
    config.warn("strategy", unless: "memory", because: "is the memory here")
    config.skip("memory")
    node.add("fields", .text("kong"))
    if let headers = config.object("response_headers") {
      if !headers.boolean("X-Cache-Status", default: true) { node.add("status", .text("")) }
      headers.warn("X-Cache-Key", unless: "false", because: "is not there: keys are not told")
      headers.warn("age", unless: "true", because: "is always there")
      headers.finish()
    }
    return [policy("cache", node, plugin)]
  }
}
