import SluiceConfiguration
import Testing

@testable import SluiceGateway

/// Tables of routes with a priority against the definition: a list that is looked through from the
/// first to the last.
@Suite struct RouterPreferenceTests {
  @Test(arguments: 0..<200 as Range<UInt64>)
  func tablesAndListAgree(seed: UInt64) throws {
    var random = SplitMix(state: seed &+ 90_000)
    let routes = random.preferredRoutes(count: 1 + Int(seed % 6) * 8)
    let router = try Router(routes: routes, listeners: testListeners)
    for _ in 0..<60 {
      let ask = random.ask()
      #expect(router.answer(ask) == PreferenceList.answer(routes, ask), "\(ask)")
    }
  }

  /// The generator reaches every kind of answer, with and without a priority.
  @Test func requestsReachEveryKindOfRoute() throws {
    var seen: [String: Int] = [:]
    for seed in 0..<200 as Range<UInt64> {
      var random = SplitMix(state: seed &+ 90_000)
      let routes = random.preferredRoutes(count: 1 + Int(seed % 6) * 8)
      let router = try Router(routes: routes, listeners: testListeners)
      for _ in 0..<60 {
        switch router.answer(random.ask()) {
        case .notFound: seen["404", default: 0] += 1
        case .regexLimit: seen["500", default: 0] += 1
        case .notAllowed: seen["405", default: 0] += 1
        case .route(let name, _):
          let match = routes[name]!.match
          let kind =
            match.startsWith != nil ? "start" : name.prefix { $0.isLetter }.description
          let kept = routes[name]!.priority == 0 ? "" : " first"
          seen[kind + kept, default: 0] += 1
        }
      }
    }
    for kind in [
      "404", "405", "start first", "path first", "param first", "prefix first",
      "regex first", "any first", "regex", "prefix",
    ] { #expect(seen[kind, default: 0] > 50, "\(kind): \(seen)") }
  }

  @Test func ofTwoLevelsTheGreaterPriorityDecides() throws {
    var routes: [String: Configuration.Route] = [
      "exact": route {
        $0.hosts = ["a.b.test"]
        $0.startsWith = "/a"
      },
      "suffix": route {
        $0.hosts = ["*.test"]
        $0.startsWith = "/a/b"
      },
      "start": route {
        $0.hosts = ["a.b.*"]
        $0.startsWith = "/a/b/c"
      },
      "any": route { $0.startsWith = "/" },
    ]
    for (name, priority) in [("exact", 1), ("suffix", 2), ("start", 3), ("any", 0)] {
      routes[name]?.priority = priority
    }
    let first = try Router(routes: routes, listeners: testListeners)
    for (path, name) in [
      ("/a/b/c", "start"), ("/a/b/d", "suffix"), ("/a/c", "exact"), ("/", "any"),
    ] {
      #expect(first.name("GET \(path)", host: "A.b.Test.") == name, "\(path)")
    }
    routes["any"]?.priority = 4
    let last = try Router(routes: routes, listeners: testListeners)
    #expect(last.name("GET /a/b/c", host: "a.b.test") == "any")
  }

  /// Of routes with a priority only those are looked at whose host and path may fit: a regex that gives
  /// up on such paths is not asked about others.
  @Test func aRegexIsTriedOnlyWhereItCanMatch() throws {
    var routes: [String: Configuration.Route] = [
      "slow": route { $0.regex = "(?:/slow/(?:a+)+[bc]).*" },
      "other": route { $0.startsWith = "/" },
    ]
    routes["slow"]?.priority = 2
    routes["other"]?.priority = 1
    let router = try Router(routes: routes, listeners: testListeners)
    let tail = String(repeating: "a", count: 64)
    #expect(router.name("GET /slow/\(tail)") == "500")
    #expect(router.regexLimitExceeded == 1)
    #expect(router.name("GET /slop/\(tail)") == "other")
    #expect(router.regexLimitExceeded == 1)
  }
}

/// The definition: routes with a priority one by one, the greater first and equal ones in the order of
/// the file; then the others by `RouterModel`.
private enum PreferenceList {
  static func answer(_ routes: [String: Configuration.Route], _ ask: Ask) -> Answer {
    let model = RouterModel(routes: routes.filter { $0.value.priority == 0 })
    let first = routes.filter { $0.value.priority != 0 }.sorted { left, right in
      left.value.priority != right.value.priority
        ? left.value.priority > right.value.priority : left.value.order < right.value.order
    }
    var allow: Set<String> = []
    for (name, route) in first {
      let match = route.match
      guard match.hosts.isEmpty || match.hosts.contains(where: { model.hostMatches($0, ask.host) }),
        let length = model.pathLength(match, ask.path), model.conditionsHold(match, ask)
      else { continue }
      if model.methodHolds(match, ask.method) { return .route(name, length) }
      allow.formUnion(match.methods)
    }
    let rest = model.answer(ask)
    switch rest {
    case .notAllowed(let methods): allow.formUnion(methods.split(separator: ", ").map(String.init))
    case .notFound: break
    default: return rest
    }
    if allow.isEmpty { return .notFound }
    if allow.contains("GET") { allow.insert("HEAD") }
    return .notAllowed(allow.sorted().joined(separator: ", "))
  }
}

extension SplitMix {
  /// Routes of which most have a priority, few enough of them that they collide.
  fileprivate mutating func preferredRoutes(count: Int) -> [String: Configuration.Route] {
    var routes = routes(count: count)
    for (place, name) in routes.keys.sorted().shuffled(using: &self).enumerated() {
      routes[name]?.order = place
      if chance(75) { routes[name]?.priority = Int.random(in: 1...8, using: &self) }
      guard chance(60), let prefix = routes[name]?.match.prefix, !prefix.contains("{") else {
        continue
      }
      routes[name]?.match.prefix = nil
      let whole = Array(prefix)
      routes[name]?.match.startsWith = String(
        whole.prefix(Int.random(in: 1...whole.count, using: &self)))
    }
    // Regexes without a priority are tried in the order of the file, which `RouterModel` takes for that
    // of names.
    for (name, route) in routes where route.priority == 0 && route.match.startsWith != nil {
      routes[name]?.priority = 1
    }
    for (name, route) in routes where route.priority == 0 { routes[name]?.order = 0 }
    return routes
  }
}
