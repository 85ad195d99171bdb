/// Collects routes and lays them out as `RouteTables`.
///
/// Routes have to come in order of precedence, which gives each its rank; every list then is in that
/// order, too.
struct RouteTablesBuilder {
  private typealias Candidate = RouteTables.Candidate

  private struct Node {
    var literals: [[UInt8]: Int] = [:]
    var parameter: Int?
    var exact: [Candidate] = []
    var exactSlash: [Candidate] = []
    var prefix: [Candidate] = []
    var prefixSlash: [Candidate] = []
  }

  private struct Level {
    var root: Int
    var best: Int32 = .max
    var literalPaths: [[UInt8]: [Candidate]] = [:]
    var starts: [[UInt8]: [Candidate]] = [:]
    var regexes: [[UInt8]: [Candidate]] = [:]
    var anyPath: [Candidate] = []
  }

  private(set) var levelIndices: [HostPattern: Int] = [.any: 0]
  private var levels = [Level(root: 0)]
  private var nodes = [Node()]
  private var candidates: [Candidate] = []
  private var count: Int32 = 0

  /// Adds the next route, for all of its hosts.
  mutating func add(_ rule: CompiledRule) {
    let route = Candidate(route: Int32(rule.index), rank: count)
    count += 1
    for host in rule.hosts { add(route, host: host, path: rule.path) }
  }

  private mutating func add(_ route: Candidate, host: HostPattern, path: PathRule) {
    let level = levelIndex(host)
    levels[level].best = min(levels[level].best, route.rank)
    switch path {
    case .exact(let pattern) where !pattern.hasParameters:
      levels[level].literalPaths[pattern.literalBytes, default: []].append(route)
    case .exact(let pattern):
      let node = descend(from: levels[level].root, pattern.segments)
      if pattern.endsInSlash {
        nodes[node].exactSlash.append(route)
      } else {
        nodes[node].exact.append(route)
      }
    case .prefix(let pattern):
      let node = descend(from: levels[level].root, pattern.segments)
      if pattern.endsInSlash {
        nodes[node].prefixSlash.append(route)
      } else {
        nodes[node].prefix.append(route)
      }
    case .start(let bytes): levels[level].starts[bytes, default: []].append(route)
    case .regex(let pattern):
      levels[level].regexes[RegexStart.bytes(of: pattern), default: []].append(route)
    case .any: levels[level].anyPath.append(route)
    }
  }

  private mutating func levelIndex(_ host: HostPattern) -> Int {
    if let index = levelIndices[host] { return index }
    nodes.append(Node())
    levels.append(Level(root: nodes.count - 1))
    levelIndices[host] = levels.count - 1
    return levels.count - 1
  }

  private mutating func descend(from root: Int, _ segments: [PathPattern.Segment]) -> Int {
    var node = root
    for segment in segments {
      let next: Int?
      switch segment {
      case .literal(let bytes): next = nodes[node].literals[bytes]
      case .parameter: next = nodes[node].parameter
      }
      if let next {
        node = next
        continue
      }
      nodes.append(Node())
      switch segment {
      case .literal(let bytes): nodes[node].literals[bytes] = nodes.count - 1
      case .parameter: nodes[node].parameter = nodes.count - 1
      }
      node = nodes.count - 1
    }
    return node
  }

  /// How many trie nodes one request may visit at worst; known after `build`.
  private(set) var steps = 0

  /// - Parameter isUnconditional: whether host and path alone decide about this route.
  mutating func build(_ isUnconditional: (Int32) -> Bool) -> RouteTables {
    var tables = RouteTables(
      hosts: ByteTable(capacity: levels.count),
      levels: [],
      paths: ByteTable(capacity: levels.reduce(0) { $0 + $1.literalPaths.count }),
      pathLists: [],
      edges: ByteTable(capacity: nodes.reduce(0) { $0 + $1.literals.count }),
      nodes: nodes.map { _ in RouteTables.Node() })
    let stepsBelow = layOutNodes(&tables)
    layOutLevels(&tables, isUnconditional)
    layOutHosts(&tables)
    tables.candidates = candidates
    var total = levels.map { stepsBelow[$0.root] }
    // A level's fallback is shorter, so it is added up before the level that leads to it.
    let order = levelIndices.sorted { $0.key.precedence(place: 0) > $1.key.precedence(place: 0) }
    for (_, level) in order where tables.levels[level].fallback >= 0 {
      total[level] += total[Int(tables.levels[level].fallback)]
    }
    steps = 0
    var stepsOfStarts = 0
    var stepsOfRegexes = 0
    for (host, level) in levelIndices {
      switch host {
      case .start: stepsOfStarts = max(stepsOfStarts, total[level])
      // All of them may match one host.
      case .regex: stepsOfRegexes += total[level]
      case .exact, .wildcard, .any: steps = max(steps, total[level])
      }
    }
    steps += stepsOfStarts + stepsOfRegexes
    return tables
  }

  /// Children have greater indices than their parent, so one pass backwards sums up subtrees.
  private mutating func layOutNodes(_ tables: inout RouteTables) -> [Int] {
    var steps = [Int](repeating: 1, count: nodes.count)
    for index in nodes.indices.reversed() {
      let node = nodes[index]
      var laid = RouteTables.Node()
      laid.parameter = Int32(node.parameter ?? -1)
      laid.hasLiterals = !node.literals.isEmpty
      laid.exact = list(node.exact)
      laid.exactSlash = list(node.exactSlash)
      laid.prefix = list(node.prefix)
      laid.prefixSlash = list(node.prefixSlash)
      let lists = [node.exact, node.exactSlash, node.prefix, node.prefixSlash]
      laid.best = lists.compactMap(\.first?.rank).min() ?? .max
      for child in Array(node.literals.values) + (node.parameter.map { [$0] } ?? []) {
        laid.best = min(laid.best, tables.nodes[child].best)
      }
      steps[index] += (node.literals.values.map { steps[$0] }.max() ?? 0)
      steps[index] += node.parameter.map { steps[$0] } ?? 0
      for (bytes, child) in node.literals {
        tables.edges.insert(
          owner: Int32(index), hash: hash(of: bytes.span), key: bytes, value: Int32(child))
      }
      tables.nodes[index] = laid
    }
    return steps
  }

  private mutating func layOutLevels(
    _ tables: inout RouteTables, _ isUnconditional: (Int32) -> Bool
  ) {
    for (index, level) in levels.enumerated() {
      var laid = RouteTables.Level(root: Int32(level.root))
      laid.best = level.best
      laid.hasLiteralPaths = !level.literalPaths.isEmpty
      laid.starts = tables.starts.plant(level.starts.map { ($0.key, list($0.value)) })
      laid.regexes = tables.starts.plant(level.regexes.map { ($0.key, list($0.value)) })
      laid.anyPath = list(level.anyPath)
      for (bytes, routes) in level.literalPaths {
        let value: Int32
        if routes.count == 1 && isUnconditional(routes[0].route) {
          value = RouteTables.loneRoute(routes[0].route)
        } else {
          value = Int32(tables.pathLists.count)
          tables.pathLists.append(list(routes))
        }
        tables.paths.insert(
          owner: Int32(index), hash: hash(of: bytes.span), key: bytes, value: value)
      }
      tables.levels.append(laid)
    }
  }

  private func layOutHosts(_ tables: inout RouteTables) {
    for (pattern, index) in levelIndices {
      switch pattern {
      case .any, .regex: continue
      case .exact(let name):
        tables.hosts.insert(
          owner: RouteTables.exactHost, hash: HostHash.of(name), key: name, value: Int32(index))
        tables.levels[index].fallback = fallback(name)
      case .wildcard(let suffix):
        tables.hosts.insert(
          owner: RouteTables.wildcardHost, hash: HostHash.of(suffix), key: suffix,
          value: Int32(index))
        tables.longestSuffix = max(tables.longestSuffix, suffix.count)
        tables.levels[index].fallback = fallback(suffix)
      case .start(let start):
        tables.hosts.insert(
          owner: RouteTables.startHost, hash: HostHash.of(start.reversed()), key: start,
          value: Int32(index))
        tables.longestStart = max(tables.longestStart, start.count)
        tables.levels[index].fallback = shorterStart(start)
      }
    }
  }

  /// The level of the longest start of a host that is shorter than this.
  private func shorterStart(_ start: [UInt8]) -> Int32 {
    for at in start.indices.dropLast().reversed() where start[at] == UInt8(ascii: ".") {
      if let level = levelIndices[.start(Array(start[...at]))] { return Int32(level) }
    }
    return 0
  }

  /// The level of the longest wildcard that covers `name` (or is shorter than the suffix `name`).
  private func fallback(_ name: [UInt8]) -> Int32 {
    for at in name.indices.dropFirst() where name[at] == UInt8(ascii: ".") {
      if let level = levelIndices[.wildcard(Array(name[at...]))] { return Int32(level) }
    }
    return 0
  }

  private mutating func list(_ routes: [Candidate]) -> ListRange {
    candidates += routes
    return ListRange(start: candidates.count - routes.count, count: routes.count)
  }
}
