import SluiceConfiguration

extension NginxBuilder {
  /// `proxy_cookie_domain`, `proxy_cookie_path` and `proxy_cookie_flags`, as settings of `caller-headers`.
  func cookieChanges(_ route: NginxRoute) -> [DocumentNode.Entry] {
    let domains = cookieChanges("proxy_cookie_domain", route)
    let paths = cookieChanges("proxy_cookie_path", route)
    let flags =
      isOff("proxy_cookie_flags", route)
      ? [] : route.scope.all("proxy_cookie_flags").compactMap { cookieFlags($0) }
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
      let from = directive.arguments[0]
      if from.text.hasPrefix("~") || from.text.contains("$") {
        error("\(name) is carried over with fixed texts to look for", at: from.position)
        return nil
      }
      guard let to = text(directive.arguments[1], route.variables) else { return nil }
      let isDotted = name == "proxy_cookie_domain" && from.text.hasPrefix(".")
      return .map(
        [
          .init(
            "from", .text(isDotted ? String(from.text.dropFirst()) : from.text),
            origin: from.position), .init("to", .template(to)),
        ], origin: directive.position)
    }
  }

  private func cookieFlags(_ directive: NginxDirective) -> DocumentNode? {
    guard let cookie = directive.arguments.first, directive.arguments.count > 1 else {
      error("proxy_cookie_flags takes a cookie and flags", at: directive.position)
      return nil
    }
    // An expression of nothing is found in every name.
    let name = cookie.text == "~" ? "*" : cookie.text
    if name.hasPrefix("~") || name.contains("$") {
      error("proxy_cookie_flags is carried over for one name, or ~ for all", at: cookie.position)
      return nil
    }
    var entries: [DocumentNode.Entry] = [.init("cookie", .text(name), origin: cookie.position)]
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
