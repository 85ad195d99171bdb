internal import SluiceConfiguration
internal import SluiceWire

/// A route's match rules, read and ready to be compared.
struct CompiledRule {
  let index: Int
  let name: String
  /// The place in the configuration.
  let order: Int
  /// 0 is none.
  let priority: Int
  /// Not empty; `[.any]` for a route without hosts.
  let hosts: [HostPattern]
  let path: PathRule
  let conditions: Int
  let listsHead: Bool

  init(index: Int, name: String, _ route: Configuration.Route) throws(RouterError) {
    let match = route.match
    self.index = index
    self.name = name
    order = route.order
    priority = route.priority
    path = try Self.pathRule(match, route: name)
    var hosts: [HostPattern] = []
    for text in match.hosts {
      guard let host = HostPattern(text) else { throw .invalidHost(route: name, host: text) }
      if !hosts.contains(host) { hosts.append(host) }
    }
    self.hosts = hosts.isEmpty ? [.any] : hosts
    conditions = RouteConditions.count(match)
    listsHead = match.methods.contains("HEAD")
  }

  private static func pathRule(_ match: Configuration.Match, route: String)
    throws(RouterError) -> PathRule
  {
    let given = [match.path, match.prefix, match.startsWith, match.regex].count { $0 != nil }
    if given > 1 { throw .severalPaths(route: route) }
    if let regex = match.regex { return .regex(regex) }
    guard let text = match.path ?? match.prefix ?? match.startsWith else { return .any }
    guard let pattern = PathPattern(text) else { throw .invalidPath(route: route, path: text) }
    if match.startsWith != nil {
      if pattern.hasParameters { throw .invalidPath(route: route, path: text) }
      return .start(pattern.literalBytes)
    }
    if pattern.segments.count > Router.maximumSegments { throw .tooManySegments(route: route) }
    return match.path != nil ? .exact(pattern) : .prefix(pattern)
  }

  /// The order of precedence within one host pattern: rules 2 to 4 of `Router`.
  static func precedes(_ left: CompiledRule, _ right: CompiledRule) -> Bool {
    if left.path.precedence != right.path.precedence {
      return left.path.precedence < right.path.precedence
    }
    switch (left.path, right.path) {
    case (.exact(let a), .exact(let b)):
      if let first = a.isMoreLiteral(than: b) { return first }
    case (.prefix(let a), .prefix(let b)):
      if a.prefixRank != b.prefixRank { return a.prefixRank > b.prefixRank }
      if let first = a.isMoreLiteral(than: b) { return first }
    case (.start(let a), .start(let b)):
      if a.count != b.count { return a.count > b.count }
    case (.regex, .regex):
      return (left.order, left.name) < (right.order, right.name)
    default: break
    }
    if left.conditions != right.conditions { return left.conditions > right.conditions }
    if left.listsHead != right.listsHead { return left.listsHead }
    return left.name < right.name
  }

  /// The order among routes with a priority.
  static func precedesByPriority(_ left: CompiledRule, _ right: CompiledRule) -> Bool {
    if left.priority != right.priority { return left.priority > right.priority }
    return (left.order, left.name) < (right.order, right.name)
  }
}
