import SluiceConfiguration

/// What a variable of the file decides about a whole route: where it leads, and whether a limit counts it.
/// There is a route for each value then.
extension NginxBuilder {
  /// The values that a `map`, `geo` or `split_clients` may give a variable; nil when some of them hold
  /// variables.
  func values(of name: String) -> [String]? {
    guard let definition = definitions[name], let block = definition.block else { return nil }
    var values: [String] = []
    var hasDefault = false
    for entry in block where entry.arguments.count == 1 {
      if ["proxy", "delete", "include"].contains(entry.name.text) { continue }
      guard let text = template(entry.arguments[0])?.constant else { return nil }
      let isDefault = entry.name.text == "default" && !entry.name.isQuoted || entry.name.text == "*"
      hasDefault = hasDefault || isDefault
      if !values.contains(text) { values.append(text) }
    }
    if !hasDefault, !values.contains("") { values.append("") }
    return values
  }

  /// The routes of a location that leads where a variable says; false when it leads to one place.
  func addChoices(
    _ route: NginxRoute, proxying directive: NginxDirective, _ rewrite: NginxRewrite?
  ) -> Bool {
    guard let word = directive.arguments.first, let template = template(word) else { return false }
    // In the address, or the whole URL; what comes behind a slash is the path.
    var chosen: String?
    var before = ""
    parts: for part in template.parts {
      switch part {
      case .text(let text):
        before += text
        if let scheme = before.firstRange(of: "://") {
          if before[scheme.upperBound...].contains(where: { "/?".contains($0) }) { break parts }
        }
      case .variable(let name):
        if route.variables.constants[name] == nil, definitions[name] != nil { chosen = name }
        break parts
      }
    }
    guard let name = chosen, route.variables.constants[name] == nil, let values = values(of: name),
      text(NginxWord(text: "$\(name)", position: word.position), route.variables) != nil
    else { return false }
    guard values.count <= Self.mostVariants else {
      error(
        "$\(name) leads to more than \(Self.mostVariants) places", at: word.position,
        hint: "write a location for each")
      return true
    }
    for value in values {
      var variant = route
      variant.decisions[name] = value
      variant.variables.constants[name] = value
      variant.name += "-\(value)"
      variant.comment += ", $\(name) is '\(value)'"
      if value.isEmpty {
        add(variant, answering: NginxAnswer(status: 500, origin: word.position))
      } else {
        add(variant, proxying: directive, rewrite)
      }
    }
    return true
  }

  /// A limit whose key may be nothing.
  struct ZoneQuestion {
    /// Kind and name of the zone.
    var zone: String
    var key: NginxWord
    var directive: NginxDirective
  }

  /// Variables that are never empty, or, as `$http_host`, not for those that name a host.
  private static let neverEmpty: Set<String> = [
    "binary_remote_addr", "remote_addr", "realip_remote_addr", "remote_port", "host", "http_host",
    "server_port", "scheme", "request_method", "request_uri", "uri", "document_uri", "request",
    "server_protocol", "request_id", "proxy_add_x_forwarded_for",
  ]

  /// The first limit whose key may be nothing, so that some requests are not counted.
  func zoneToAsk(_ route: NginxRoute) -> ZoneQuestion? {
    for kind in ["limit_req", "limit_conn"] {
      for directive in route.scope.all(kind) {
        let zone =
          kind == "limit_conn"
          ? directive.words.first
          : directive.words.first { $0.hasPrefix("zone=") }.map { String($0.dropFirst(5)) }
        guard let zone, !route.asked.contains("\(kind) \(zone)"),
          let key = zones["\(kind)_zone \(zone)"]?.arguments.first,
          let template = template(key), mayBeEmpty(template, route)
        else { continue }
        if dependsOnCaller(template, route) {
          error(
            "a limit by $remote_user can't be carried over: who calls is found out later",
            at: key.position, hint: "by $binary_remote_addr or $http_authorization")
          continue
        }
        return ZoneQuestion(zone: "\(kind) \(zone)", key: key, directive: directive)
      }
    }
    return nil
  }

  /// Whether it depends on the request that a text is nothing. What is constant is known without asking.
  private func mayBeEmpty(_ template: NginxTemplate, _ route: NginxRoute) -> Bool {
    var depends = false
    for part in template.parts {
      guard case .variable(let name) = part else { return false }
      if let constant = route.variables.constants[name], !constant.contains("${") {
        if !constant.isEmpty { return false }
      } else if route.variables.constants[name] == "${client.address}" {
        return false
      } else if Self.neverEmpty.contains(name) {
        return false
      } else {
        depends = true
      }
    }
    return depends
  }

  /// Whether a text holds the caller's name, also by way of variables of the file.
  func dependsOnCaller(_ template: NginxTemplate, _ route: NginxRoute) -> Bool {
    var seen: Set<String> = []
    func depends(_ template: NginxTemplate) -> Bool {
      template.variables.contains { name in
        if let constant = route.variables.constants[name] {
          return constant.contains("${consumer.")
        }
        guard name != "remote_user" else { return true }
        guard seen.insert(name).inserted, let definition = definitions[name] else { return false }
        let words = definition.arguments + (definition.block ?? []).flatMap(\.arguments)
        return words.contains { $0.text != "$\(name)" && self.template($0).map(depends) == true }
      }
    }
    return depends(template)
  }

  /// Asks whether a limit counts, and makes the routes of both answers.
  func finish(
    _ route: NginxRoute, _ rewrite: NginxRewrite?, asking question: ZoneQuestion
  ) {
    var limited = route
    limited.asked.insert(question.zone)
    guard let from = keyText(question.key, route) else { return }
    let name = conditionVariable(from, "(?s).+", value: "1", question.directive)
    var free = limited
    free.unlimited.insert(question.zone)
    if let former = route.decisions[name] {
      return finish(former == "1" ? limited : free, rewrite)
    }
    guard
      countVariant(
        route, at: question.directive.position,
        hint: "a limit whose key may be nothing doubles them: write fewer of these limits here")
    else { return }
    limited.decisions[name] = "1"
    free.decisions[name] = "0"
    free.name += "-unlimited"
    finish(limited, rewrite)
    finish(free, rewrite)
  }
}
