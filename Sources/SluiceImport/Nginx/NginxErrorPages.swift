import SluiceConfiguration

/// One `error_page` that leads to a location.
struct NginxErrorPage {
  var statuses: DocumentNode
  /// `=200`.
  var status: Int?
  /// `=` without a status: that of what answers.
  var takesTargets: Bool
  var target: NginxWord
}

extension NginxBuilder {
  /// A text where the location only returns one, else another route.
  func pageAnswer(
    _ page: NginxErrorPage, _ directive: NginxDirective, _ route: NginxRoute
  ) -> DocumentNode? {
    // nginx looks at a failure of a failure's page with recursive_error_pages only.
    if route.isOfFailure { return nil }
    if let status = page.status, [204, 205, 304].contains(status) {
      return .map([
        .init("statuses", page.statuses, origin: page.target.position),
        .init("status", .integer(status)), .init("body", .text("")),
      ])
    }
    let all = locations(in: route.server.scope)
    let word = page.target.text
    if word.hasPrefix("@") {
      guard let location = all.first(where: { $0.pattern == .named(word) }) else {
        error("there is no location '\(word)'", at: page.target.position)
        return nil
      }
      return constant(location, page, route) ?? way(.named(word), nil, page, route)
    }
    if let name = template(page.target)?.onlyVariable,
      answeredFields(route.scope)[name] != nil
    {
      error(
        "an error_page that auth_request's answer names can't be carried over",
        at: page.target.position,
        hint: "write where to, as https://auth.example.com/?rd=$scheme://$http_host$request_uri")
      return nil
    }
    guard word.hasPrefix("/") else {
      error(
        "an error_page is a path, a location @name or a URL", at: page.target.position)
      return nil
    }
    guard let text = text(page.target, route.variables) else { return nil }
    let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let path = String(parts[0])
    if !path.contains("${"), let location = location(ofPage: path, all) {
      if let answer = constant(location, page, route) { return answer }
      if isStatic(location) {
        warning(
          "the page '\(word)' is a static file: callers get what the gateway says itself",
          at: page.target.position)
        return nil
      }
    }
    let query = parts.count == 2 ? String(parts[1]) : nil
    return way(.failed, (NginxPath.normalTemplate(path), query), page, route)
  }

  private func way(
    _ kind: NginxSection.Kind, _ target: (path: String, query: String?)?, _ page: NginxErrorPage,
    _ route: NginxRoute
  ) -> DocumentNode {
    var entries: [DocumentNode.Entry] = [
      .init("statuses", page.statuses, origin: page.target.position),
      .init("to", .text(section(kind, of: route)), origin: page.target.position),
    ]
    if let target {
      entries.append(.init("path", .template(target.path)))
      if let query = target.query { entries.append(.init("query", .template(query))) }
    }
    if let status = page.status { entries.append(.init("status", .integer(status))) }
    if page.takesTargets { entries.append(.init("ownStatus", .boolean(true))) }
    return .map(entries, origin: page.target.position)
  }

  /// What a location says that does nothing else than to return a text without variables.
  private func constant(
    _ location: NginxLocation, _ page: NginxErrorPage, _ route: NginxRoute
  ) -> DocumentNode? {
    let own = location.scope.levels.last ?? []
    let known: Set<String> = ["return", "internal", "default_type", "access_log", "log_not_found"]
    guard own.allSatisfy({ known.contains($0.name.text) }),
      let directive = location.scope.own("return").first
    else { return nil }
    let before = diagnostics
    var context = route.base.variables
    context.captures = []
    guard let answer = answer(directive, location.scope, context),
      answer.body?.contains("${") != true,
      answer.location == nil || answer.status < 300
        || page.takesTargets || page.status == answer.status
    else {
      diagnostics = before
      return nil
    }
    var entries: [DocumentNode.Entry] = [
      .init("statuses", page.statuses, origin: page.target.position)
    ]
    // What nginx refuses or redirects has a status of its own; without a `=` another stays what it was.
    let isMeant = answer.status >= 300 && (answer.body == nil || answer.location != nil)
    if let status = isMeant || page.takesTargets ? answer.status : page.status {
      entries.append(.init("status", .integer(status)))
    }
    entries.append(.init("body", .text(answer.body ?? "")))
    entries.append(.init("mediaType", .text(answer.mediaType)))
    if let location = answer.location { entries.append(.init("location", .template(location))) }
    return .map(entries, origin: page.target.position)
  }

  /// Files would be served there.
  private func isStatic(_ location: NginxLocation) -> Bool {
    let own = location.scope.levels.last ?? []
    return location.scope.ownPass == nil
      && !own.contains { Self.programWords.contains($0.name.text) }
  }

  /// The location of a path, where no regular expression could decide it.
  private func location(ofPage path: String, _ all: [NginxLocation]) -> NginxLocation? {
    var best: (length: Int, location: NginxLocation, skips: Bool)?
    for location in all {
      switch location.pattern {
      case .exact(let text) where text == path: return location
      case .prefix(let text, let skips) where path.hasPrefix(text):
        if text.utf8.count > best?.length ?? -1 { best = (text.utf8.count, location, skips) }
      default: continue
      }
    }
    let hasRegexes = all.contains { if case .regex = $0.pattern { true } else { false } }
    return hasRegexes && best?.skips != true ? nil : best?.location
  }
}

extension NginxPath {
  /// The same with `${…}` in it, which stay.
  static func normalTemplate(_ path: String) -> String {
    var result = ""
    var rest = Substring(path)
    while let start = rest.firstRange(of: "${") {
      result += normal(String(rest[..<start.lowerBound]))
      guard let end = rest[start.upperBound...].firstIndex(of: "}") else { break }
      result += rest[start.lowerBound...end]
      rest = rest[end...].dropFirst()
    }
    return result + normal(String(rest))
  }
}
