import SluiceConfiguration

/// Internal routes that are still to be made: the locations of a server for paths that a `rewrite` or an
/// `error_page` makes.
struct NginxSection {
  enum Kind: Hashable {
    /// What the server itself rewrites has been passed.
    case rewritten
    /// nginx begins with the server's own rewrites again.
    case failed
    /// One `@name`.
    case named(String)
  }

  var kind: Kind
  var name: String
  /// As the routes of callers begin, without a location.
  var whole: NginxRoute
}

extension NginxBuilder {
  /// The name of the internal routes of this kind, which are made when the server is done.
  func section(_ kind: NginxSection.Kind, of route: NginxRoute) -> String {
    var whole = route.base
    // They are asked for by name, and what a name captures needs the host.
    whole.place.listeners = []
    if whole.variables.hostCaptures.isEmpty { whole.place.hosts = [] }
    let hasProgram = !program(of: whole.server.scope).isEmpty
    let kind = kind == .failed && !hasProgram ? .rewritten : kind
    let key =
      "\(whole.server.directive.position) \(route.base.place.listeners) \(route.base.place.hosts) \(route.base.place.isEncrypted) \(kind)"
    if let name = sectionNames[key] { return name }
    let suffix =
      switch kind {
      case .rewritten: "inner"
      case .failed: "failed"
      case .named(let name): String(name.dropFirst())
      }
    let name = name("section", "\(whole.name)-\(suffix)")
    sectionNames[key] = name
    whole.section = name
    whole.name = name
    whole.isOfFailure = kind != .rewritten || route.isOfFailure
    sections.append(NginxSection(kind: kind, name: name, whole: whole))
    return name
  }

  /// Makes those that were asked for; they may ask for others.
  func convertSections() {
    while let section = sections.popLast() {
      let scope = section.whole.server.scope
      let all = locations(in: scope)
      switch section.kind {
      case .named(let name):
        guard let location = all.first(where: { $0.pattern == .named(name) }) else { continue }
        var route = section.whole
        route.enter(location, .any)
        run((program(of: scope, onlySets: true) + program(of: location))[...], route)
      case .rewritten:
        convertByProgram(
          section.whole, all, program(of: scope, onlySets: true), isHidden: true)
      case .failed: convertByProgram(section.whole, all, program(of: scope), isHidden: true)
      }
    }
  }

  /// The routes of a server.
  ///
  /// - Parameter isHidden: internal locations are found, because no caller is.
  func convertByProgram(
    _ whole: NginxRoute, _ all: [NginxLocation], _ first: [NginxItem], isHidden: Bool
  ) {
    if hasReturn(first) {
      // No location is ever come to.
      return run(first[...], whole)
    }
    let found = matches(all)
    slashRedirects(all, found, whole) { route, answer in
      run(
        (first + [NginxItem(kind: .answer(answer), scope: route.scope, isOfServer: false)])[...],
        route)
    }
    for match in found {
      let location = all[match.location]
      var route = whole
      route.enter(location, match.path)
      if location.isInternal, !isHidden {
        add(route, answering: NginxAnswer(status: 404, origin: route.origin))
      } else {
        run((first + program(of: location))[...], route)
      }
    }
    if !found.contains(where: { $0.path == .any }) {
      var rest = whole
      rest.comment = "\(whole.comment), for what no location matches: nginx has no file there"
      rest.name = "\(whole.name)-other"
      run(first[...], rest)
    }
  }

  private func hasReturn(_ items: [NginxItem]) -> Bool {
    items.contains {
      if case .directive(let directive) = $0.kind { directive.name.text == "return" } else { false }
    }
  }

  /// The policy that leads paths to other locations.
  func reroute(_ route: NginxRoute) -> [DocumentNode.Entry] {
    var rules = route.rules
    while rules.last?.rewrite == nil, !rules.isEmpty { rules.removeLast() }
    guard let first = rules.first?.rewrite else { return [] }
    let nodes = rules.map { rule -> DocumentNode in
      guard let rewrite = rule.rewrite else { return .map([]) }
      var entries: [DocumentNode.Entry] = [
        .init("regex", .text(rewrite.regex), origin: rewrite.origin),
        .init("path", .template(rewrite.path)),
      ]
      if let query = rewrite.query { entries.append(.init("query", .template(query))) }
      if !rule.ends { entries.append(.init("ends", .boolean(false))) }
      return .map(entries, origin: rewrite.origin)
    }
    return [
      .init(
        "reroute",
        .map([
          .init("to", .text(section(.rewritten, of: route)), origin: first.origin),
          .init("rules", .list(nodes)),
        ]))
    ]
  }
}
