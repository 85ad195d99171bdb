import SluiceConfiguration

/// One step of the rewrite phase that is still to come.
struct NginxItem {
  enum Kind {
    case directive(NginxDirective)
    /// What comes now is the location's.
    case endOfServer
    /// Only these methods go on.
    case limit([String], NginxAnswer)
    case answer(NginxAnswer)
  }

  var kind: Kind
  /// Where it stands: what a `return` finds its type in.
  var scope: NginxScope
  var isOfServer: Bool
}

/// One change of the path on the way to another location.
struct NginxRule: Equatable {
  /// Nil for the end of a block, where the path that changed is looked for.
  var rewrite: NginxRewrite?
  var ends: Bool
}

/// The rewrite phase of nginx, directive by directive.
///
/// Every answer to an `if` makes routes of its own: those for which it holds, and those for which it does
/// not. All their conditions are variables that are `1` or `0`, so that no two of them match the same
/// request and their order means nothing. What `rewrite` does to paths is left to the policy `reroute`.
extension NginxBuilder {
  /// Routes that the conditions of one location may make.
  static let mostVariants = 64

  static let programWords: Set<String> = ["set", "return", "if", "rewrite", "break"]

  /// The server's steps; of a path that has passed them already only the variables.
  func program(of server: NginxScope, onlySets: Bool = false) -> [NginxItem] {
    let words = onlySets ? ["set"] : Self.programWords
    let items = (server.levels.last ?? []).filter { words.contains($0.name.text) }
      .map { NginxItem(kind: .directive($0), scope: server, isOfServer: true) }
    return items.isEmpty
      ? [] : items + [NginxItem(kind: .endOfServer, scope: server, isOfServer: true)]
  }

  /// The location's own steps.
  func program(of location: NginxLocation) -> [NginxItem] {
    let scope = location.scope
    var items = (scope.levels.last ?? []).filter { Self.programWords.contains($0.name.text) }
      .map { NginxItem(kind: .directive($0), scope: scope, isOfServer: false) }
    if let limit = scope.own("limit_except").first.flatMap({ methodLimit($0) }) {
      items.insert(
        NginxItem(
          kind: .limit(limit.methods, limit.answer), scope: scope, isOfServer: false), at: 0)
    }
    return items
  }

  /// Routes for what is left of the phase.
  func run(_ items: ArraySlice<NginxItem>, _ route: NginxRoute) {
    var route = route
    var rest = items
    while let item = rest.popFirst() {
      switch item.kind {
      case .endOfServer: route.endRules()
      case .answer(let answer): return add(route, answering: answer)
      case .limit(let methods, let answer):
        var others = route
        others.name += "-others"
        route.restrict(to: methods)
        run(rest, route)
        return add(others, answering: answer)
      case .directive(let directive):
        guard run(directive, item, &rest, &route) else { return }
      }
    }
    route.endRules()
    if route.location == nil {
      return add(route, answering: NginxAnswer(status: 404, origin: route.origin))
    }
    finish(route, route.rewrite)
  }

  /// False when nothing of the route is left.
  private func run(
    _ directive: NginxDirective, _ item: NginxItem, _ rest: inout ArraySlice<NginxItem>,
    _ route: inout NginxRoute
  ) -> Bool {
    switch directive.name.text {
    case "set": set(directive, &route)
    case "break":
      // What follows in this block is over.
      while let next = rest.first, next.isOfServer == item.isOfServer {
        if case .endOfServer = next.kind { break }
        rest.removeFirst()
      }
    case "return":
      if let answer = answer(directive, item.scope, route.variables) {
        add(route, answering: answer)
      }
      return false
    case "if": return fork(directive, item, rest, &route)
    case "rewrite": return rewrite(directive, item, rest, &route)
    default: break
    }
    return true
  }

  private func set(_ directive: NginxDirective, _ route: inout NginxRoute) {
    guard directive.arguments.count == 2, directive.words[0].hasPrefix("$") else {
      return error("set takes a variable and a value", at: directive.position)
    }
    // As the key of a zone it is the address, whatever its bytes.
    let isAddress = directive.words[1] == "$binary_remote_addr"
    let value = isAddress ? "${client.address}" : text(directive.arguments[1], route.variables)
    if let value {
      route.variables.constants[directive.words[0].dropFirst().lowercased()] = value
    }
  }

  // MARK: Conditions

  /// False when there is nothing else than what the condition holds for.
  private func fork(
    _ directive: NginxDirective, _ item: NginxItem, _ rest: ArraySlice<NginxItem>,
    _ route: inout NginxRoute
  ) -> Bool {
    guard let test = condition(of: directive, route) else { return true }
    let block = directive.block ?? []
    let inner = block.filter { Self.programWords.contains($0.name.text) }.map {
      NginxItem(
        kind: .directive($0), scope: item.scope.inside(block), isOfServer: item.isOfServer)
    }
    let content = block.filter { !Self.programWords.contains($0.name.text) }
    if item.isOfServer, let first = content.first {
      error(
        "'\(first.name.text)' within an if of a server can't be carried over", at: first.position,
        hint: "write it in an if of a location")
    }
    for directive in content where directive.name.text == "location" {
      error("a location is not allowed within an if", at: directive.position)
    }
    var variant = route
    variant.enterIf(content)
    switch test {
    case .known(let holds):
      if !holds { return true }
      variant.name = route.name
      run(inner + rest, variant)
      return false
    case .variable(let name, let holds, let captures):
      guard countVariant(route, at: directive.position) else { return true }
      // It was asked before.
      if let former = route.decisions[name] {
        if former != (holds ? "1" : "0") { return true }
        run(inner + rest, variant)
        return false
      }
      variant.name += "-if"
      variant.decisions[name] = holds ? "1" : "0"
      variant.variables.constants.merge(captures) { $1 }
      route.decisions[name] = holds ? "0" : "1"
      run(inner + rest, variant)
      return true
    }
  }

  /// Counts the routes of one location.
  func countVariant(
    _ route: NginxRoute, at place: Origin,
    hint: String = "use a map instead of one condition after another"
  ) -> Bool {
    let key =
      "\(route.origin.file):\(route.origin.line):\(route.place.listeners):\(route.place.hosts)"
    variants[key, default: 0] += 1
    if variants[key, default: 0] <= Self.mostVariants { return true }
    if variants[key, default: 0] == Self.mostVariants + 1 {
      error(
        "the conditions that come together here make more than \(Self.mostVariants) routes",
        at: place, hint: hint)
    }
    return false
  }

  // MARK: Paths

  /// False when nothing of the route is left.
  private func rewrite(
    _ directive: NginxDirective, _ item: NginxItem, _ rest: ArraySlice<NginxItem>,
    _ route: inout NginxRoute
  ) -> Bool {
    let words = directive.words
    guard words.count == 2 || words.count == 3 else {
      error("rewrite takes a regular expression, a replacement and a flag", at: directive.position)
      return true
    }
    let flag = words.count == 3 ? words[2] : ""
    if ["redirect", "permanent"].contains(flag) || Self.leadsAway(words[1]) {
      return redirect(directive, isPermanent: flag == "permanent", &route)
    }
    guard ["last", "break", ""].contains(flag) else {
      error("'\(flag)' is no flag of rewrite", at: directive.arguments[2].position)
      return true
    }
    guard let change = replacement(directive, route.variables) else { return true }
    if flag == "break", !item.isOfServer {
      return self.change(directive, rest, change, &route)
    }
    route.rules.append(NginxRule(rewrite: change, ends: flag != ""))
    return true
  }

  /// `rewrite … break` in a location, which stays the request's.
  private func change(
    _ directive: NginxDirective, _ rest: ArraySlice<NginxItem>, _ change: NginxRewrite,
    _ route: inout NginxRoute
  ) -> Bool {
    if route.changesPath {
      error(
        "a break for a path that a rewrite before it has changed can't be carried over",
        at: directive.position, hint: "write last, or one rewrite for both")
      return true
    }
    var variant = route
    variant.rewrite = change
    guard !rest.isEmpty, !Self.isOfEveryPath(directive) else {
      route = variant
      // Nothing behind it is looked at.
      run([], route)
      return false
    }
    guard let name = pathVariable(directive, route), countVariant(route, at: change.origin)
    else { return true }
    if let former = route.decisions[name] {
      if former == "0" { return true }
    } else {
      variant.decisions[name] = "1"
      route.decisions[name] = "0"
    }
    variant.name += "-rewrite"
    run([], variant)
    return variant.decisions[name] != route.decisions[name]
  }

  private func redirect(
    _ directive: NginxDirective, isPermanent: Bool, _ route: inout NginxRoute
  ) -> Bool {
    if route.changesPath {
      error(
        "a redirect of a path that a rewrite before it has changed can't be carried over",
        at: directive.position, hint: "write last there, or one rewrite for both")
      return true
    }
    var variant = route
    var isOfAll = Self.isOfEveryPath(directive)
    if !isOfAll {
      guard let name = pathVariable(directive, route),
        let captures = pathCaptures(directive, route), countVariant(route, at: directive.position)
      else { return true }
      if let former = route.decisions[name] {
        if former == "0" { return true }
        isOfAll = true
      } else {
        variant.decisions[name] = "1"
        route.decisions[name] = "0"
      }
      variant.variables.constants.merge(captures) { $1 }
      variant.name += "-rewrite"
    }
    guard
      let answer = redirect(
        directive, isOfAll ? directive.words[0] : nil, isPermanent: isPermanent, variant.variables)
    else { return true }
    add(variant, answering: answer)
    return !isOfAll
  }
}

extension NginxRoute {
  /// What comes now is looked at only by paths that nothing has changed.
  mutating func endRules() {
    if rules.last(where: { $0.rewrite == nil || !$0.ends })?.rewrite != nil {
      rules.append(NginxRule(rewrite: nil, ends: true))
    }
  }

  /// Whether a path may have been changed and the phase goes on with it.
  var changesPath: Bool {
    rules.reversed().prefix { $0.rewrite != nil }.contains { !$0.ends }
  }

  /// What the location of an `if` says, which is a location of its own in nginx: it inherits from the one
  /// around it, also what leads to targets, and nothing from another `if`.
  mutating func enterIf(_ content: [NginxDirective]) {
    guard let location else { return }
    scope = location.scope
    isWithinIf = !content.isEmpty
    if content.isEmpty { return }
    scope = scope.inside(content)
    if scope.ownPass == nil, let pass = location.scope.ownPass {
      scope.levels[scope.levels.count - 1].append(pass)
      isWithinIf = false
    }
  }
}
