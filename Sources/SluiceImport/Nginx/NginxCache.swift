import SluiceConfiguration

/// `proxy_cache` and what belongs to it.
extension NginxBuilder {
  func cache(_ scope: NginxScope) -> DocumentNode.Entry? {
    guard let directive = scope.last("proxy_cache"), directive.words.first != "off" else {
      return nil
    }
    var entries = lifetimes(scope)
    entries += stale(scope)
    if !scope.isOn("proxy_cache_lock") { entries.append(.init("collapse", .literal("0s"))) }
    if !scope.all("add_header").contains(where: Self.tellsOfCache) {
      entries.append(.init("status", .text("")))
    }
    let fields = keyFields(scope)
    if !fields.isEmpty {
      entries.append(.init("key", .map([.init("headers", .texts(fields))])))
    }
    checkMethods(scope)
    for word in scope.all("proxy_ignore_headers").flatMap(\.arguments) {
      switch word.text.lowercased() {
      case "set-cookie":
        entries.append(.init("setCookie", .literal("strip"), origin: word.position))
        warning("cookies of targets are left out of what is remembered", at: word.position)
      case let name where name.hasPrefix("x-accel-"): continue
      default:
        warning(
          "\(word.text) of targets is obeyed: less is remembered", at: word.position)
      }
    }
    warning(
      "the cache follows RFC 9111, in memory: Vary, Authorization and cookies count, and its key is host, path and query",
      at: directive.position)
    return .init("cache", .map(entries, origin: directive.position))
  }

  private func lifetimes(_ scope: NginxScope) -> [DocumentNode.Entry] {
    var entries: [DocumentNode.Entry] = []
    for valid in scope.all("proxy_cache_valid") {
      guard let last = valid.arguments.last else { continue }
      guard let time = NginxValue.time(last.text) else {
        if NginxValue.milliseconds(last.text) != 0 {
          error("'\(last.text)' is no time", at: last.position)
        }
        continue
      }
      let statuses = Set(valid.words.dropLast())
      if statuses.isEmpty || statuses.contains("200") || statuses.contains("any") {
        if !entries.contains(where: { $0.key == "ttl" }) {
          entries.append(.init("ttl", .literal(time), origin: valid.position))
        }
      }
      if statuses.contains("404") || statuses.contains("any") {
        if !entries.contains(where: { $0.key == "negativeTtl" }) {
          entries.append(.init("negativeTtl", .literal(time), origin: valid.position))
        }
      }
    }
    return entries
  }

  private func stale(_ scope: NginxScope) -> [DocumentNode.Entry] {
    guard let directive = scope.last("proxy_cache_use_stale") else { return [] }
    var entries: [DocumentNode.Entry] = []
    let words = Set(directive.words)
    if !words.subtracting(["off", "updating"]).isEmpty {
      entries.append(.init("staleIfError", .literal("24h"), origin: directive.position))
    }
    if words.contains("updating"), scope.isOn("proxy_cache_background_update") {
      entries.append(.init("staleWhileRevalidate", .literal("24h"), origin: directive.position))
    }
    return entries
  }

  private func checkMethods(_ scope: NginxScope) {
    for word in scope.last("proxy_cache_methods")?.arguments ?? []
    where !["GET", "HEAD"].contains(word.text.uppercased()) {
      error(
        "responses to \(word.text) are not remembered", at: word.position, hint: "GET and HEAD are")
    }
  }

  /// Variables that are a part of every key here, or can't differ where the others are the same.
  private static let ownKeys: Set<String> = [
    "scheme", "proxy_host", "host", "http_host", "server_name", "server_port", "request_uri", "uri",
    "document_uri", "is_args", "args", "query_string", "request_method", "proxy_port",
  ]

  /// Fields in `proxy_cache_key`; what else makes a difference there has to make one here, and what makes none
  /// there may make one here.
  private func keyFields(_ scope: NginxScope) -> [String] {
    guard let word = scope.last("proxy_cache_key")?.arguments.first,
      let template = template(word)
    else { return [] }
    let names = Set(template.variables)
    var fields: [String] = []
    for name in names.subtracting(Self.ownKeys).sorted() where !name.hasPrefix("arg_") {
      if name.hasPrefix("http_"), !["http_authorization", "http_cookie"].contains(name) {
        fields.append(NginxVariables.fieldName(name))
      } else {
        error(
          "$\(name) in a key of the cache can't be carried over", at: word.position,
          hint: "host, path, query and fields make a key")
      }
    }
    let hasQuery = !names.isDisjoint(with: ["request_uri", "args", "query_string"])
    if names.isDisjoint(with: ["request_uri", "uri", "document_uri"]) || !hasQuery {
      warning(
        "path and query are always a part of the key: less is found again", at: word.position)
    }
    return fields
  }

  // MARK: What is not taken from the cache

  /// What `proxy_cache_bypass` and `proxy_no_cache` say of a route.
  enum CacheBypass: Equatable {
    /// No request of it is answered from the cache.
    case always
    /// A further condition of a route without a cache.
    case condition(NginxCondition)
    /// A variable of the file that is `1`.
    case variable(String)
  }

  func bypasses(_ route: NginxRoute) -> [CacheBypass] {
    let scope = route.scope
    guard let cache = scope.last("proxy_cache"), cache.words.first != "off" else { return [] }
    var found: [CacheBypass] = []
    for name in ["proxy_cache_bypass", "proxy_no_cache"] {
      for directive in scope.all(name) {
        for word in directive.arguments {
          guard let bypass = bypass(word, directive, route) else { continue }
          if !found.contains(bypass) { found.append(bypass) }
        }
      }
    }
    if !found.isEmpty, let place = scope.last("proxy_cache_bypass")?.position {
      warning("what is fetched past the cache is not remembered", at: place)
    }
    return found.contains(.always) ? [.always] : found
  }

  /// Nil for what holds for no request, or with a finding.
  private func bypass(
    _ word: NginxWord, _ directive: NginxDirective, _ route: NginxRoute
  ) -> CacheBypass? {
    if let variable = template(word)?.onlyVariable {
      // It is only there in requests that are never answered from the cache.
      if variable == "http_upgrade" { return nil }
      if route.decisions.isEmpty, variable.hasPrefix("http_") {
        return .condition(.header(NginxVariables.fieldName(variable), "*"))
      }
    }
    guard let text = text(word, route.variables) else { return nil }
    if !text.contains("${") { return text.isEmpty || text == "0" ? nil : .always }
    let name = conditionVariable(text, "(?s)(?!0\\z).+", value: "1", directive)
    // It was asked before.
    if let former = route.decisions[name] { return former == "1" ? .always : nil }
    return .variable(name)
  }
}
