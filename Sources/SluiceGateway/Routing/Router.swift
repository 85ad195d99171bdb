internal import SluiceConfiguration
internal import SluiceWire

/// Finds the route of a request.
///
/// Precedence, independent of the order in which routes are written but for regexes:
/// 1. Host: an exact name, then `*.suffix` (the longest first, any number of labels), then
///    `beginning.*` (the longest first), then regexes in the order in which they are written, then routes
///    without hosts. This is nginx's order. A more specific host wins over a more specific path, but when none of its
///    routes matches, the next level is tried.
/// 2. Path, within a host: an exact path, then the longest prefix, then the longest `startsWith`,
///    then regexes, then routes without a path. Among exact paths and prefixes of one length a literal segment beats `{name}`
///    at the first segment that differs. The length of a prefix is its number of segments; one that
///    ends in a slash is longer than the same without. Regexes are tried in the order in which they are written.
/// 3. More conditions before fewer: `methods` and `listeners` count one each, every header and
///    every query parameter one.
/// 4. A route that lists HEAD itself before one that answers it because of GET; then by name.
///
/// Routes with a `priority` are tried before all of this, one by one.
///
/// A candidate whose conditions fail is passed over for the next. The answer is "method not
/// allowed" only when nothing matches and some route failed by its method alone. A regex that gives
/// up at its limit ends the search, because what it would have said decides.
///
/// Compiled once per worker; not thread-safe, because the regexes' memory is reused. `match`
/// allocates nothing. Its cost is bounded by the lengths of host and path, by the number of routes
/// that share one host and path, and by the number of regexes of the host; not by the number of
/// routes, unless they have a `priority`, a `startsWith` or hosts that are `beginning.*` or regexes: each of
/// those costs a comparison. Patterns whose `{name}` segments overlap could make one path visit many trie nodes: at
/// most `maximumSteps`, or the routes are refused.
final class Router {
  /// Segments of a path that a route may have.
  static let maximumSegments = 64
  /// Trie nodes that one request may visit.
  static let maximumSteps = 1_024

  /// By index, sorted.
  let routeNames: [String]
  let rules: [CompiledRule]
  let conditions: RouteConditions
  let regexes: RegexSet
  private let tables: RouteTables
  /// Routes with a priority, in their order; they are in no table.
  private let preferred: [CompiledRule]
  /// Hosts that are in no table, in the order in which they are tried.
  let looseHosts: LooseHosts

  /// Matches nothing.
  static var empty: Router {
    do throws(RouterError) {
      return try Router(routes: [:], listeners: [])
    } catch {
      preconditionFailure("no routes have no mistakes: \(error)")
    }
  }

  /// - Parameter listeners: names; a request carries the index of its own.
  init(routes: [String: Configuration.Route], listeners: [String]) throws(RouterError) {
    routeNames = routes.keys.sorted()
    let methodNames = routes.values.flatMap { $0.match.methods }
    guard let methods = MethodTable(methodNames) else { throw .tooManyMethods }
    var conditions = RouteConditions(methods: methods, listeners: listeners)
    var rules: [CompiledRule] = []
    let regexes = RegexSet()
    for (index, name) in routeNames.enumerated() {
      guard let route = routes[name] else { continue }
      let rule = try CompiledRule(index: index, name: name, route)
      var regex: Int32 = -1
      if case .regex(let pattern) = rule.path {
        do { regex = Int32(try regexes.add(pattern)) } catch {
          throw .invalidRegex(route: name, message: error.message, offset: error.offset)
        }
      }
      try conditions.append(route.match, regex: regex, route: name)
      rules.append(rule)
    }
    let hosts = try LooseHosts(rules)
    var builder = RouteTablesBuilder()
    for rule in rules.sorted(by: CompiledRule.precedes) where rule.priority == 0 {
      for host in rule.hosts {
        builder.add(route: Int32(rule.index), host: host, path: rule.path)
      }
    }
    let entries = conditions.entries
    let tables = builder.build { entries[Int($0)].isEmpty }
    guard builder.steps <= Self.maximumSteps else {
      throw .tooManyOverlaps(steps: builder.steps)
    }
    looseHosts = hosts.placed(builder.levelIndices)
    self.rules = rules
    preferred = rules.filter { $0.priority != 0 }.sorted(by: CompiledRule.isPreferred)
    self.conditions = conditions
    self.regexes = regexes
    self.tables = tables
  }

  /// Runs of a regex that reached PCRE2's limits.
  var regexLimitExceeded: UInt64 { regexes.limitExceeded &+ looseHosts.limitExceeded }

  /// The value of the Allow field for `RouteMatch.methodNotAllowed(allow:)`: the sorted methods of
  /// all routes that would have matched but for their method. Allocates; 405 answers only.
  func allowValue(_ allow: Int) -> [UInt8] {
    conditions.methods.text(MethodSet(truncatingIfNeeded: allow))
  }

  /// - Parameters:
  ///   - host: without port; empty when there is none; in any case, a dot at the end is ignored.
  ///   - path: normalised, without the query.
  ///   - query: without `?`, not decoded.
  func match(
    _ head: borrowing RequestHead, host: Span<UInt8>, path: Span<UInt8>, query: Span<UInt8>,
    listener: Int
  ) -> RouteMatch {
    var search = Search(method: conditions.methods.bit(head), listener: listener)
    if !preferred.isEmpty { searchPreferred(head, host, path, query, &search) }
    var level = Int32(tables.level(host))
    // The last level is that of routes without hosts.
    while level > 0, search.route < 0, !search.isLimited {
      searchLevel(Int(level), head, path, query, &search)
      level = tables.levels[Int(level)].fallback
    }
    if !looseHosts.isEmpty { searchLooseHosts(head, host, path, query, &search) }
    if search.route < 0, !search.isLimited { searchLevel(0, head, path, query, &search) }
    if search.route >= 0 {
      return .route(index: Int(search.route), matchedLength: search.matchedLength)
    }
    if search.isLimited { return .regexLimit }
    if search.allow == 0 { return .notFound }
    return .methodNotAllowed(allow: Int(truncatingIfNeeded: search.allow))
  }

  /// What one `match` knows so far.
  private struct Search {
    let method: MethodSet
    let listener: Int
    /// Methods of the routes that failed by their method alone.
    var allow: MethodSet = 0
    /// The best route so far; -1 is none.
    var route: Int32 = -1
    /// The `prefixRank` of `route` while prefixes are compared.
    var rank: Int32 = -1
    var matchedLength = 0
    /// A regex gave up before a route was found.
    var isLimited = false

    init(method: MethodSet, listener: Int) {
      self.method = method
      self.listener = listener
    }
  }

  private func searchPreferred(
    _ head: borrowing RequestHead, _ host: Span<UInt8>, _ path: Span<UInt8>, _ query: Span<UInt8>,
    _ search: inout Search
  ) {
    for rule in preferred {
      guard let length = rule.path.matchedLength(path) else { continue }
      switch looseHosts.test(rule, host) {
      case .match: break
      case .noMatch: continue
      case .limit:
        search.isLimited = true
        return
      }
      if takeOne(Int32(rule.index), head, path, query, &search) {
        search.matchedLength = length
        return
      }
    }
  }

  private func searchLooseHosts(
    _ head: borrowing RequestHead, _ host: Span<UInt8>, _ path: Span<UInt8>, _ query: Span<UInt8>,
    _ search: inout Search
  ) {
    for place in looseHosts.levels.indices where search.route < 0 && !search.isLimited {
      switch looseHosts.test(place, host) {
      case .match: searchLevel(looseHosts.levels[place], head, path, query, &search)
      case .noMatch: continue
      case .limit: search.isLimited = true
      }
    }
  }

  private func searchLevel(
    _ index: Int, _ head: borrowing RequestHead, _ path: Span<UInt8>, _ query: Span<UInt8>,
    _ search: inout Search
  ) {
    let level = tables.levels[index]
    if !path.isEmpty, path[0] == UInt8(ascii: "/") {
      if level.hasLiteralPaths {
        let found = tables.paths.value(owner: Int32(index), hash: hash(of: path), key: path)
        if found < -1 {
          search.route = RouteTables.loneRoute(found)
          search.matchedLength = path.count
          return
        }
        if found >= 0, take(tables.pathLists[Int(found)], head, path, query, &search) {
          search.matchedLength = path.count
          return
        }
      }
      _ = walk(level.root, 0, 0, head, path, query, &search)
      if search.route >= 0 { return }
    }
    if takeStart(level.starts, head, path, query, &search) { return }
    if take(level.regexes, head, path, query, &search) { return }
    _ = take(level.anyPath, head, path, query, &search)
  }

  /// Visits the trie below `index`, literal segments first; `offset` bytes in `depth` segments lead
  /// to it. True when an exact path was found, which ends the search: the first found is the best.
  ///
  /// Prefixes are looked at on the way back, so the longest come first; a shorter one cannot
  /// replace one that was taken, and among equally long ones the first wins.
  private func walk(
    _ index: Int32, _ offset: Int, _ depth: Int32, _ head: borrowing RequestHead,
    _ path: Span<UInt8>, _ query: Span<UInt8>, _ search: inout Search
  ) -> Bool {
    let node = tables.nodes[Int(index)]
    if !node.hasExact, node.bestPrefix <= search.rank { return false }
    if offset == path.count {
      if take(node.exact, head, path, query, &search) {
        search.matchedLength = offset
        return true
      }
    } else {
      let start = offset &+ 1
      if start == path.count {
        if take(node.exactSlash, head, path, query, &search) {
          search.matchedLength = start
          return true
        }
      } else if node.hasLiterals || node.parameter >= 0 {
        var end = start
        while end < path.count, path[end] != UInt8(ascii: "/") { end &+= 1 }
        if node.hasLiterals {
          let segment = path.extracting(start..<end)
          let child = tables.edges.value(owner: index, hash: hash(of: segment), key: segment)
          if child >= 0, walk(child, end, depth &+ 1, head, path, query, &search) { return true }
        }
        if node.parameter >= 0, end > start,
          walk(node.parameter, end, depth &+ 1, head, path, query, &search)
        {
          return true
        }
      }
      takePrefix(node.prefixSlash, 2 &* depth &+ 1, offset, head, path, query, &search)
    }
    takePrefix(node.prefix, 2 &* depth, offset, head, path, query, &search)
    return false
  }

  private func takePrefix(
    _ list: ListRange, _ rank: Int32, _ length: Int, _ head: borrowing RequestHead,
    _ path: Span<UInt8>, _ query: Span<UInt8>, _ search: inout Search
  ) {
    if rank > search.rank, take(list, head, path, query, &search) {
      search.rank = rank
      search.matchedLength = length
    }
  }

  /// Takes the first route of a list whose conditions hold; notes the methods of those that fail by
  /// their method alone. True when the search is over.
  private func take(
    _ list: ListRange, _ head: borrowing RequestHead, _ path: Span<UInt8>, _ query: Span<UInt8>,
    _ search: inout Search
  ) -> Bool {
    for at in list.range
    where takeOne(tables.candidates[at], head, path, query, &search) { return true }
    return false
  }

  private func takeStart(
    _ list: ListRange, _ head: borrowing RequestHead, _ path: Span<UInt8>, _ query: Span<UInt8>,
    _ search: inout Search
  ) -> Bool {
    for at in list.range {
      let route = tables.candidates[at]
      guard let length = rules[Int(route)].path.matchedLength(path) else { continue }
      if takeOne(route, head, path, query, &search) {
        search.matchedLength = length
        return true
      }
    }
    return false
  }

  private func takeOne(
    _ route: Int32, _ head: borrowing RequestHead, _ path: Span<UInt8>, _ query: Span<UInt8>,
    _ search: inout Search
  ) -> Bool {
    let entry = conditions.entries[Int(route)]
    let outcome = conditions.check(
      Int(route), head, query: query, listener: search.listener, method: search.method)
    switch outcome {
    case .fails: return false
    case .methodFails:
      // A regex runs only if its route would add a method.
      if entry.methods & ~search.allow == 0 { return false }
      if entry.regex >= 0, regexes.test(Int(entry.regex), path) != .match { return false }
      search.allow |= entry.methods
      return false
    case .holds:
      if entry.regex >= 0 {
        switch regexes.test(Int(entry.regex), path) {
        case .match: break
        case .noMatch: return false
        case .limit:
          search.isLimited = true
          return true
        }
      }
      search.route = route
      return true
    }
  }
}
