import SluiceConfiguration

extension NginxBuilder {
  /// `proxy_cookie_domain`, `proxy_cookie_path` and `proxy_cookie_flags`, as settings of `caller-headers`.
  func cookieChanges(_ route: NginxRoute) -> [DocumentNode.Entry] {
    let domains = cookieChanges("proxy_cookie_domain", route)
    let paths = cookieChanges("proxy_cookie_path", route)
    var flags =
      isOff("proxy_cookie_flags", route)
      ? [] : route.scope.all("proxy_cookie_flags").compactMap { cookieFlags($0) }
    if let more = flagsBehindPaths(route) {
      if flags.isEmpty {
        flags = [more]
      } else {
        error(
          "attributes in proxy_cookie_path beside proxy_cookie_flags can't be carried over",
          at: more.origin ?? route.origin, hint: "write all of them as proxy_cookie_flags")
      }
    }
    return [("cookieDomains", domains), ("cookiePaths", paths), ("cookieFlags", flags)]
      .filter { !$0.1.isEmpty }.map { .init($0.0, .list($0.1)) }
  }

  private func isOff(_ name: String, _ route: NginxRoute) -> Bool {
    route.scope.all(name).contains { $0.words == ["off"] }
  }

  private func cookieChanges(_ name: String, _ route: NginxRoute) -> [DocumentNode] {
    if isOff(name, route) { return [] }
    return route.scope.all(name).compactMap { directive in
      guard directive.arguments.count == 2 else {
        error("\(name) takes what to look for and what comes instead", at: directive.position)
        return nil
      }
      var to = directive.arguments[1]
      if name == "proxy_cookie_path" { to.text = String(to.text.prefix { $0 != ";" }) }
      return textChange(
        from: directive.arguments[0], to: to, route,
        alwaysIgnoresCase: name == "proxy_cookie_domain", directive)
    }
  }

  /// A text, or with `~` an expression, and what comes in its place.
  func textChange(
    from: NginxWord, to: NginxWord, _ route: NginxRoute, alwaysIgnoresCase: Bool,
    _ directive: NginxDirective
  ) -> DocumentNode? {
    var context = route.variables
    let key: DocumentNode.Entry
    if from.text.hasPrefix("~") {
      let ignoresCase = from.text.hasPrefix("~*") && !alwaysIgnoresCase
      let regex = String(from.text.dropFirst(ignoresCase ? 2 : 1))
      guard
        let whole = wholeRegex(
          regex, ignoresCase: ignoresCase || alwaysIgnoresCase, at: from.position)
      else { return nil }
      context.constants.merge(Self.groupReferences(in: regex)) { $1 }
      key = .init("regex", .text(whole), origin: from.position)
    } else if from.text.contains("$") {
      error(
        "\(directive.name.text) looks for fixed texts and expressions here", at: from.position)
      return nil
    } else {
      let isDotted = alwaysIgnoresCase && from.text.hasPrefix(".")
      key = .init(
        "from", .text(isDotted ? String(from.text.dropFirst()) : from.text), origin: from.position)
    }
    guard var value = text(to, context) else { return nil }
    if directive.name.text == "proxy_redirect" { value = Self.absolute(value) }
    return .map([key, .init("to", .template(value))], origin: directive.position)
  }

  /// `proxy_cookie_path / "/; secure"`, the way before there was `proxy_cookie_flags`.
  private func flagsBehindPaths(_ route: NginxRoute) -> DocumentNode? {
    var found: DocumentNode?
    for directive in route.scope.all("proxy_cookie_path") where directive.arguments.count == 2 {
      let attributes = directive.words[1].split(separator: ";").dropFirst().map {
        String($0.drop { $0 == " " }.prefix { $0 != " " })
      }.filter { !$0.isEmpty }
      if attributes.isEmpty { continue }
      let place = directive.position
      let flags = NginxDirective(
        name: directive.name,
        arguments: [NginxWord(text: "~", position: place)]
          + attributes.map { NginxWord(text: $0, position: directive.arguments[1].position) })
      guard let node = cookieFlags(flags) else { continue }
      if directive.words[0] != "/" || found != nil {
        error(
          "attributes for some paths of cookies can't be carried over", at: place,
          hint: "write proxy_cookie_flags")
      }
      found = node
    }
    return found
  }

  private func cookieFlags(_ directive: NginxDirective) -> DocumentNode? {
    guard let cookie = directive.arguments.first, directive.arguments.count > 1 else {
      error("proxy_cookie_flags takes a cookie and flags", at: directive.position)
      return nil
    }
    // An expression of nothing is found in every name.
    let name = cookie.text == "~" ? "*" : cookie.text
    var entries: [DocumentNode.Entry] = []
    if name.hasPrefix("~") {
      guard let whole = wholeRegex(String(name.dropFirst()), ignoresCase: true, at: cookie.position)
      else { return nil }
      entries.append(.init("regex", .text(whole), origin: cookie.position))
    } else if name.contains("$") {
      error("the name of a cookie is a fixed one here", at: cookie.position)
      return nil
    } else {
      entries.append(.init("cookie", .text(name), origin: cookie.position))
    }
    for flag in directive.arguments.dropFirst() {
      let entry: (String, DocumentNode)
      switch flag.text.lowercased() {
      case "secure": entry = ("secure", .boolean(true))
      case "nosecure": entry = ("secure", .boolean(false))
      case "httponly": entry = ("httpOnly", .boolean(true))
      case "nohttponly": entry = ("httpOnly", .boolean(false))
      case "samesite=strict": entry = ("sameSite", .text("strict"))
      case "samesite=lax": entry = ("sameSite", .text("lax"))
      case "samesite=none": entry = ("sameSite", .text("none"))
      case "nosamesite": entry = ("sameSite", .text("remove"))
      default:
        error("'\(flag.text)' is no flag of a cookie", at: flag.position)
        continue
      }
      if entries.contains(where: { $0.key == entry.0 }) {
        error("the cookie has this flag already", at: flag.position)
        continue
      }
      entries.append(.init(entry.0, entry.1, origin: flag.position))
    }
    return entries.count > 1 ? .map(entries, origin: directive.position) : nil
  }
}
