import SluiceConfiguration
import Testing

@testable import SluiceGateway

/// Random routes and requests against the documented rule, written down as plainly as possible.
@Suite struct RouterModelTests {
  @Test(arguments: 0..<60 as Range<UInt64>)
  func routerTraceAndModelAgree(seed: UInt64) throws {
    var random = SplitMix(state: seed)
    let routes = random.routes(count: 1 + Int(seed % 5) * 6)
    let router = try Router(routes: routes, listeners: testListeners)
    let model = RouterModel(routes: routes)
    for _ in 0..<60 {
      let ask = random.ask()
      let answer = router.answer(ask)
      #expect(answer == model.answer(ask), "\(ask)")
      let trace = router.explain(ask)
      #expect(router.answer(trace.match) == answer, "\(ask)")
      #expect(trace.verdicts.map(\.route).sorted() == router.routeNames)
    }
  }

  @Test(arguments: 0..<10 as Range<UInt64>)
  func answersDoNotDependOnTheOrderOfRoutes(seed: UInt64) throws {
    var random = SplitMix(state: seed &+ 1_000)
    let routes = random.routes(count: 24)
    let asks = (0..<40).map { _ in random.ask() }
    let expected = try Router(routes: routes, listeners: testListeners)
    for capacity in [0, 50, 500] {
      var shuffled: [String: Configuration.Route] = [:]
      shuffled.reserveCapacity(capacity)
      for (name, route) in routes.shuffled(using: &random) { shuffled[name] = route }
      let router = try Router(routes: shuffled, listeners: testListeners)
      #expect(router.routeNames == expected.routeNames)
      for ask in asks { #expect(router.find(ask) == expected.find(ask), "\(ask)") }
    }
  }

  /// The generator reaches every kind of answer, so that agreement means something.
  @Test func requestsReachEveryKindOfRoute() throws {
    var seen: [String: Int] = [:]
    for seed in 0..<60 as Range<UInt64> {
      var random = SplitMix(state: seed)
      let routes = random.routes(count: 1 + Int(seed % 5) * 6)
      let router = try Router(routes: routes, listeners: testListeners)
      for _ in 0..<60 {
        let kind =
          switch router.answer(random.ask()) {
          case .notFound: "404"
          case .regexLimit: "500"
          case .notAllowed: "405"
          case .route(let name, _): name.prefix { $0.isLetter }.description
          }
        seen[kind, default: 0] += 1
      }
    }
    for kind in ["404", "405", "path", "param", "prefix", "regex", "any"] {
      #expect(seen[kind, default: 0] > 50, "\(kind): \(seen)")
    }
  }
}

/// The rules of `Router`'s documentation over strings, by looking at every route.
struct RouterModel {
  var routes: [String: Configuration.Route]

  static let regexes: [String: @Sendable (String) -> Bool] = [
    "/a/.*": { $0.hasPrefix("/a/") },
    "/.*b": { $0.hasPrefix("/") && $0.hasSuffix("b") },
    "/(a|b)/c?": { ["/a/", "/a/c", "/b/", "/b/c"].contains($0) },
    "(?:/a/b).*": { $0.hasPrefix("/a/b") },
    "/long-segment(?:/.*)?": { $0 == "/long-segment" || $0.hasPrefix("/long-segment/") },
  ]

  func answer(_ ask: Ask) -> Answer {
    var best: (key: Key, name: String, length: Int)?
    var allow: Set<String> = []
    for (name, route) in routes {
      let match = route.match
      let hosts = match.hosts.isEmpty ? [""] : match.hosts
      for host in hosts where hostMatches(host, ask.host) {
        guard let length = pathLength(match, ask.path), conditionsHold(match, ask) else { continue }
        guard methodHolds(match, ask.method) else {
          allow.formUnion(match.methods)
          continue
        }
        let key = key(name, match, host)
        if best == nil || key < best!.key { best = (key, name, length) }
      }
    }
    if let best { return .route(best.name, best.length) }
    if allow.isEmpty { return .notFound }
    if allow.contains("GET") { allow.insert("HEAD") }
    return .notAllowed(allow.sorted().joined(separator: ", "))
  }

  /// Smaller comes first.
  struct Key: Comparable {
    var numbers: [Int]
    var name: String

    static func < (left: Key, right: Key) -> Bool {
      if left.numbers != right.numbers {
        return left.numbers.lexicographicallyPrecedes(right.numbers)
      }
      return left.name < right.name
    }
  }

  private func key(_ name: String, _ match: Configuration.Match, _ host: String) -> Key {
    var numbers = [hostRank(host)]
    if let path = match.path {
      numbers += [0] + parameterFlags(path)
    } else if let prefix = match.prefix {
      let segments = prefix.split(separator: "/").count
      numbers += [1, -segments, prefix.hasSuffix("/") ? 0 : 1] + parameterFlags(prefix)
    } else if match.regex != nil {
      return Key(numbers: numbers + [2], name: name)
    } else {
      numbers += [3]
    }
    let conditions =
      match.headers.count + match.headersRegex.count + match.query.count
      + (match.methods.isEmpty ? 0 : 1) + (match.listeners.isEmpty ? 0 : 1)
      + (match.serverNames.isEmpty ? 0 : 1) + (match.addresses.isEmpty ? 0 : 1)
    numbers += [-conditions, match.methods.contains("HEAD") ? 0 : 1]
    return Key(numbers: numbers, name: name)
  }

  static let hostRegexes: [String: @Sendable (String) -> Bool] = [
    "~.*x\\.com": { $0.hasSuffix("x.com") }, "~a\\..*": { $0.hasPrefix("a.") },
  ]

  /// Regexes in the order of the file, which is that of the first route that has one.
  private func hostRank(_ host: String) -> Int {
    if host.isEmpty { return 5_000 }
    if host.hasPrefix("~") {
      let places = routes.sorted { ($0.value.order, $0.key) < ($1.value.order, $1.key) }
        .flatMap(\.value.match.hosts)
      return 3_000 + (places.firstIndex(of: host) ?? 0)
    }
    if host.hasSuffix("*") { return 2_000 - host.count }
    return host.hasPrefix("*") ? 1_000 - host.count : 0
  }

  private func parameterFlags(_ path: String) -> [Int] {
    path.split(separator: "/").map { $0.hasPrefix("{") ? 1 : 0 }
  }

  func hostMatches(_ pattern: String, _ host: String) -> Bool {
    let host = host.lowercased()
    if pattern.isEmpty { return true }
    if let regex = Self.hostRegexes[pattern] { return regex(host) }
    if pattern.hasSuffix(".*") {
      let start = String(pattern.dropLast())
      return host.hasPrefix(start) && host.count > start.count
    }
    guard pattern.hasPrefix("*") else { return host == pattern }
    let suffix = String(pattern.dropFirst())
    return host.hasSuffix(suffix) && host.count > suffix.count
  }

  func pathLength(_ match: Configuration.Match, _ path: String) -> Int? {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    if let wanted = match.path {
      let pattern = wanted.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
      return segmentsMatch(Array(pattern), Array(parts)) ? path.utf8.count : nil
    }
    if let prefix = match.prefix {
      var pattern = Array(
        prefix.split(separator: "/", omittingEmptySubsequences: false).dropFirst())
      let endsInSlash = pattern.last == ""
      if endsInSlash { pattern.removeLast() }
      guard parts.count >= pattern.count + (endsInSlash ? 1 : 0) else { return nil }
      let covered = Array(parts.prefix(pattern.count))
      guard segmentsMatch(pattern, covered) else { return nil }
      return covered.reduce(0) { $0 + 1 + $1.utf8.count }
    }
    if let start = match.startsWith { return path.hasPrefix(start) ? start.utf8.count : nil }
    if let regex = match.regex { return Self.regexes[regex]!(path) ? 0 : nil }
    return 0
  }

  private func segmentsMatch(_ pattern: [Substring], _ parts: [Substring]) -> Bool {
    pattern.count == parts.count
      && zip(pattern, parts).allSatisfy { $0.hasPrefix("{") ? !$1.isEmpty : $0 == $1 }
  }

  func methodHolds(_ match: Configuration.Match, _ method: String) -> Bool {
    match.methods.isEmpty || match.methods.contains(method)
      || method == "HEAD" && match.methods.contains("GET")
  }

  func conditionsHold(_ match: Configuration.Match, _ ask: Ask) -> Bool {
    if !match.listeners.isEmpty, !match.listeners.contains(testListeners[ask.listener]) {
      return false
    }
    for (name, value) in match.headers {
      guard ask.headers.contains(where: { $0.name == name && (value == "*" || $0.value == value) })
      else { return false }
    }
    for (name, pattern) in match.headersRegex {
      // The only pattern is [12]+.
      guard pattern == "[12]+",
        ask.headers.contains(where: {
          $0.name == name && !$0.value.isEmpty && $0.value.allSatisfy { "12".contains($0) }
        })
      else { return false }
    }
    if !match.serverNames.isEmpty {
      guard let name = ask.serverName, !name.isEmpty,
        match.serverNames.contains(where: { hostMatches($0, name) })
      else { return false }
    }
    if !match.addresses.isEmpty {
      guard let address = ask.address,
        match.addresses.contains(where: { address.hasPrefix($0.prefix { $0 != "." } + ".") })
      else { return false }
    }
    let parameters = ask.query.split(separator: "&").map { $0.split(separator: "=") }
    for (name, value) in match.query {
      guard parameters.contains(where: { $0[0] == name && (value == "*" || $0[1] == value) })
      else { return false }
    }
    return true
  }
}

/// SplitMix64, so that a failing seed fails again.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func pick<T>(_ values: [T]) -> T { values.randomElement(using: &self)! }
  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

  mutating func path(_ segments: [String], most: Int) -> String {
    let count = Int.random(in: 0...most, using: &self)
    let path = (0..<count).map { _ in "/" + pick(segments) }.joined()
    return path.isEmpty || chance(25) ? path + "/" : path
  }

  mutating func routes(count: Int) -> [String: Configuration.Route] {
    var routes: [String: Configuration.Route] = [:]
    for index in 0..<count {
      var match = Configuration.Match()
      let kind = pick(["path", "param", "param", "prefix", "prefix", "regex", "any"])
      switch kind {
      case "path": match.path = path(["a", "b", "long-segment"], most: 3)
      case "param": match.path = path(["a", "b", "{x}", "{y}"], most: 3)
      case "prefix": match.prefix = path(["a", "b", "{x}", "long-segment"], most: 3)
      case "regex": match.regex = pick(RouterModel.regexes.keys.sorted())
      default: break
      }
      // Routes that match everything would hide the rest.
      let isBroad = kind == "any" || match.prefix == "/"
      if chance(isBroad ? 80 : 50) {
        let hosts =
          ["x.com", "a.x.com", "b.a.x.com", "*.x.com", "*.a.x.com", "*.com"]
          + ["a.*", "a.x.*", "b.*"] + RouterModel.hostRegexes.keys.sorted()
        match.hosts = Array(hosts.shuffled(using: &self).prefix(chance(30) ? 2 : 1))
      }
      if chance(isBroad ? 80 : 35) {
        let methods = ["GET", "HEAD", "POST", "PURGE"].shuffled(using: &self)
        match.methods = Array(methods.prefix(chance(30) ? 2 : 1))
      }
      if chance(20) { match.headers["x-v"] = pick(["1", "2", "*"]) }
      if chance(10) { match.headers["accept"] = pick(["1", "*"]) }
      if chance(10) { match.headersRegex["x-v"] = "[12]+" }
      if chance(10) { match.serverNames = [pick(["x.com", "*.x.com", "a.*"])] }
      if chance(10) { match.addresses = [pick(["10.0.0.0/8", "11.0.0.0/8"])] }
      if chance(20) { match.query["q"] = pick(["1", "2", "*"]) }
      if chance(20) { match.listeners = [pick(testListeners)] }
      var route = Configuration.Route()
      route.match = match
      let prefix = kind == "param" && !(match.path!.contains("{")) ? "path" : kind
      routes["\(prefix)\(Int.random(in: 10..<100, using: &self))-\(index)"] = route
    }
    return routes
  }

  mutating func ask() -> Ask {
    var ask = Ask("\(pick(["GET", "HEAD", "POST", "PURGE", "PUT"])) /")
    ask.path = path(["a", "b", "c", "long-segment"], most: 4)
    if chance(5) { ask.path = pick(["*", "", "//", "/a//b", "a"]) }
    ask.host = pick(["", "x.com", "X.COM", "a.x.com", "b.a.x.com", "c.b.A.x.com", "y.com", "com"])
    if chance(50) { ask.query = "q=\(pick(["1", "2", "3"]))" }
    if chance(10) { ask.query += "&q=1" }
    for _ in 0..<Int.random(in: 0...2, using: &self) {
      ask.headers.append((name: pick(["x-v", "accept", "x-w"]), value: pick(["1", "2", "21"])))
    }
    if chance(60) { ask.serverName = pick(["", "x.com", "A.x.com", "a.y"]) }
    if chance(80) { ask.address = pick(["10.1.2.3", "11.0.0.1", "12.0.0.1"]) }
    ask.listener = Int.random(in: 0...1, using: &self)
    return ask
  }
}
