internal import SluiceConfiguration
internal import SluiceWire

/// Finds the route of a request.
///
/// Precedence, independent of the order in which routes are written but for regexes:
/// 1. Host: an exact name, then `*.suffix` (the longest first, any number of labels), then `name.*`
///    (the same), then regexes in the order in which they are written, then routes without hosts. This
///    is nginx's order. A more specific host wins over a more specific path, but when none of its
///    routes matches, the next level is tried.
/// 2. Path, within a host: an exact path, then the longest prefix, then the longest `startsWith`,
///    then regexes, then routes without a path. Among exact paths and prefixes of one length a literal segment beats `{name}`
///    at the first segment that differs. The length of a prefix is its number of segments; one that
///    ends in a slash is longer than the same without. Regexes are tried in the order in which they are written.
/// 3. More conditions before fewer: `methods` and `listeners` count one each, every header,
///    every query parameter and every variable one.
/// 4. A route that lists HEAD itself before one that answers it because of GET; then by name.
///
/// Routes with a `priority` are tried before all of this, the greater first and equal ones in the order
/// in which they are written, whatever their hosts and paths.
///
/// A candidate whose conditions fail is passed over for the next. The answer is "method not
/// allowed" only when nothing matches and some route failed by its method alone. A regex that gives
/// up at its limit ends the search, because what it would have said decides.
///
/// Compiled once per worker; not thread-safe, because the regexes' memory is reused. `match`
/// allocates nothing, but for routes that ask for variables of the file: each of these is found out at most
/// once for a request, and costs what `CompiledVariable` says. The cost is bounded by the lengths of host and path, by the number of routes
/// that share one host and path, by the number of regexes of the host that begin as the path does
/// (`RegexStart`), and by the number of regexes for hosts, all of which are tried on a host that has no
/// other route; not by the number of routes. Routes with a priority are in tables of their own, where
/// the least specific host may have the route that comes first: there all levels of the host are
/// looked at. Patterns whose `{name}` segments overlap could make one path visit many trie nodes: at
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
  /// Of the routes with a priority.
  private let preferred: RouteTables
  private let hasPreferred: Bool
  let hostRegexes: HostRegexes
  /// What they lead to, in `tables` and in `preferred`.
  private let regexLevels: [Int]
  private let preferredRegexLevels: [Int]

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
      try conditions.append(route.match, regex: regex, regexes, route: name)
      rules.append(rule)
    }
    let hosts = try HostRegexes(rules)
    var builder = RouteTablesBuilder()
    for rule in rules.sorted(by: CompiledRule.precedes) where rule.priority == 0 {
      builder.add(rule)
    }
    let entries = conditions.entries
    let tables = builder.build { entries[Int($0)].isEmpty }
    let first = rules.filter { $0.priority != 0 }.sorted(by: CompiledRule.precedesByPriority)
    var firstBuilder = RouteTablesBuilder()
    for rule in first { firstBuilder.add(rule) }
    // A route alone at its path is not yet the one that comes first.
    let preferred = firstBuilder.build { _ in false }
    let steps = builder.steps + (first.isEmpty ? 0 : firstBuilder.steps)
    guard steps <= Self.maximumSteps else { throw .tooManyOverlaps(steps: steps) }
    hostRegexes = hosts
    regexLevels = hosts.levels(builder.levelIndices)
    preferredRegexLevels = hosts.levels(firstBuilder.levelIndices)
    self.rules = rules
    self.preferred = preferred
    hasPreferred = !first.isEmpty
    self.conditions = conditions
    self.regexes = regexes
    self.tables = tables
  }

  /// Runs of a regex that reached PCRE2's limits.
  var regexLimitExceeded: UInt64 { regexes.limitExceeded &+ hostRegexes.limitExceeded }

  var asksForServerNames: Bool { conditions.asksForServerNames }
  var asksForAddresses: Bool { conditions.asksForAddresses }
  var asksForVariables: Bool { conditions.asksForVariables }
  /// Which; see `RoutedVariables`.
  var variableNames: [String] { conditions.variableNames }

  /// The value of the Allow field for `RouteMatch.methodNotAllowed(allow:)`: the sorted methods of
  /// all routes that would have matched but for their method. Allocates; 405 answers only.
  func allowValue(_ allow: Int) -> [UInt8] {
    conditions.methods.text(MethodSet(truncatingIfNeeded: allow))
  }

  /// - Parameters:
  ///   - host: without port; empty when there is none; in any case, a dot at the end is ignored.
  ///   - path: normalised, without the query.
  ///   - query: without `?`, not decoded.
  ///   - caller: what `asksForServerNames` and `asksForAddresses` want to be told of it.
  func match(
    _ head: borrowing RequestHead, host: Span<UInt8>, path: Span<UInt8>, query: Span<UInt8>,
    listener: Int, caller: RoutedCaller = .unknown
  ) -> RouteMatch {
    var search = Search(method: conditions.methods.bit(head), listener: listener, caller: caller)
    if hasPreferred {
      searchHost(
        preferred, preferredRegexLevels, host, head, path, query, endsAtFirst: false, &search)
    }
    if search.rank == .max {
      searchHost(tables, regexLevels, host, head, path, query, endsAtFirst: true, &search)
    }
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
    let caller: RoutedCaller
    /// Methods of the routes that failed by their method alone.
    var allow: MethodSet = 0
    /// The best route so far; -1 is none.
    var route: Int32 = -1
    /// Its rank, or that of the route whose regex gave up; only a lesser one is of interest.
    var rank: Int32 = .max
    var matchedLength = 0
    /// The regex of the route that came first gave up.
    var isLimited = false

    init(method: MethodSet, listener: Int, caller: RoutedCaller) {
      self.method = method
      self.listener = listener
      self.caller = caller
    }

    /// A regex reached its limits, and nobody knows whether it led to the route of this rank.
    mutating func giveUp(_ best: Int32) {
      if best >= rank { return }
      route = -1
      isLimited = true
      rank = best
    }
  }

  /// Looks through the levels of a host, from the most specific one down.
  ///
  /// - Parameter endsAtFirst: whether a level with a route that holds ends the search, and in it an
  ///   exact path; else only ranks decide.
  private func searchHost(
    _ tables: borrowing RouteTables, _ regexLevels: [Int], _ host: Span<UInt8>,
    _ head: borrowing RequestHead, _ path: Span<UInt8>, _ query: Span<UInt8>, endsAtFirst: Bool,
    _ search: inout Search
  ) {
    var level = tables.level(host)
    var hasStarts = tables.longestStart > 0
    while true {
      if level == 0, hasStarts {
        hasStarts = false
        level = tables.startLevel(host)
      }
      if level == 0 { break }
      searchLevel(tables, level, head, path, query, endsAtFirst: endsAtFirst, &search)
      if endsAtFirst && search.rank != .max { return }
      level = Int(tables.levels[level].fallback)
    }
    for (place, level) in regexLevels.enumerated()
    where level > 0 && tables.levels[level].best < search.rank {
      switch hostRegexes.test(place, host) {
      case .match:
        searchLevel(tables, level, head, path, query, endsAtFirst: endsAtFirst, &search)
      case .noMatch: continue
      case .limit: search.giveUp(tables.levels[level].best)
      }
      if endsAtFirst && search.rank != .max { return }
    }
    searchLevel(tables, 0, head, path, query, endsAtFirst: endsAtFirst, &search)
  }

  private func searchLevel(
    _ tables: borrowing RouteTables, _ index: Int, _ head: borrowing RequestHead,
    _ path: Span<UInt8>, _ query: Span<UInt8>, endsAtFirst: Bool, _ search: inout Search
  ) {
    let level = tables.levels[index]
    if level.best >= search.rank { return }
    if !path.isEmpty, path[0] == UInt8(ascii: "/") {
      if level.hasLiteralPaths {
        let found = tables.paths.value(owner: Int32(index), hash: hash(of: path), key: path)
        if found < -1 {
          search.route = RouteTables.loneRoute(found)
          search.rank = 0
          search.matchedLength = path.count
          return
        }
        if found >= 0 {
          let list = tables.pathLists[Int(found)]
          if take(tables, list, path.count, head, path, query, &search), endsAtFirst { return }
        }
      }
      if walk(tables, level.root, 0, head, path, query, endsAtFirst: endsAtFirst, &search) {
        return
      }
    }
    climb(tables, level.starts, head, path, query, &search)
    climb(tables, level.regexes, head, path, query, &search)
    _ = take(tables, level.anyPath, 0, head, path, query, &search)
  }

  /// Visits the trie below `index`, literal segments first; `offset` bytes lead to it. True when the
  /// search is over: with `endsAtFirst` the first exact path that holds is the best.
  private func walk(
    _ tables: borrowing RouteTables, _ index: Int32, _ offset: Int, _ head: borrowing RequestHead,
    _ path: Span<UInt8>, _ query: Span<UInt8>, endsAtFirst: Bool, _ search: inout Search
  ) -> Bool {
    let node = tables.nodes[Int(index)]
    if node.best >= search.rank { return false }
    if offset == path.count {
      if take(tables, node.exact, offset, head, path, query, &search), endsAtFirst { return true }
    } else {
      let start = offset &+ 1
      if start == path.count {
        if take(tables, node.exactSlash, start, head, path, query, &search), endsAtFirst {
          return true
        }
      } else if node.hasLiterals || node.parameter >= 0 {
        var end = start
        while end < path.count, path[end] != UInt8(ascii: "/") { end &+= 1 }
        if node.hasLiterals {
          let segment = path.extracting(start..<end)
          let child = tables.edges.value(owner: index, hash: hash(of: segment), key: segment)
          if child >= 0,
            walk(tables, child, end, head, path, query, endsAtFirst: endsAtFirst, &search)
          {
            return true
          }
        }
        if node.parameter >= 0, end > start,
          walk(
            tables, node.parameter, end, head, path, query, endsAtFirst: endsAtFirst, &search)
        {
          return true
        }
      }
      _ = take(tables, node.prefixSlash, offset, head, path, query, &search)
    }
    _ = take(tables, node.prefix, offset, head, path, query, &search)
    return false
  }

  /// Takes what the path begins with, the longest first.
  private func climb(
    _ tables: borrowing RouteTables, _ root: Int32, _ head: borrowing RequestHead,
    _ path: Span<UInt8>, _ query: Span<UInt8>, _ search: inout Search
  ) {
    if root < 0 { return }
    var index = tables.starts.deepest(root, path)
    while index >= 0 {
      let node = tables.starts.nodes[Int(index)]
      _ = take(tables, node.list, Int(node.depth), head, path, query, &search)
      index = node.above
    }
  }

  /// Takes the first route of a list whose conditions hold, unless one that is at least as good was
  /// found; notes the methods of those that fail by their method alone. True when one was taken, or its
  /// regex gave up.
  private func take(
    _ tables: borrowing RouteTables, _ list: ListRange, _ length: Int,
    _ head: borrowing RequestHead, _ path: Span<UInt8>, _ query: Span<UInt8>,
    _ search: inout Search
  ) -> Bool {
    for at in list.range {
      let candidate = tables.candidates[at]
      if candidate.rank >= search.rank { return false }
      if takeOne(candidate, length, head, path, query, &search) { return true }
    }
    return false
  }

  private func takeOne(
    _ candidate: RouteTables.Candidate, _ length: Int, _ head: borrowing RequestHead,
    _ path: Span<UInt8>, _ query: Span<UInt8>, _ search: inout Search
  ) -> Bool {
    let route = Int(candidate.route)
    let entry = conditions.entries[route]
    let outcome = conditions.check(
      route, head, query: query, listener: search.listener, search.caller,
      method: search.method, regexes)
    switch outcome {
    case .fails: return false
    case .methodFails:
      // A regex runs only if its route would add a method.
      if entry.methods & ~search.allow == 0 { return false }
      if entry.regex >= 0, regexes.test(Int(entry.regex), path) != .match { return false }
      search.allow |= entry.methods
      return false
    case .holds, .limit:
      var isLimited = outcome == .limit
      if entry.regex >= 0 {
        switch regexes.test(Int(entry.regex), path) {
        case .match: break
        case .noMatch: return false
        case .limit: isLimited = true
        }
      }
      search.route = isLimited ? -1 : candidate.route
      search.isLimited = isLimited
      search.rank = candidate.rank
      search.matchedLength = entry.regex >= 0 ? 0 : length
      return true
    }
  }
}
