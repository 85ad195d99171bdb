import SluiceConfiguration
import Testing

@testable import SluiceGateway

/// `priority` and `startsWith`.
@Suite struct RouterPriorityTests {
  @Test func startsWithKnowsNoSegments() throws {
    let router = try router(["r": { $0.startsWith = "/time" }, "s": { $0.startsWith = "/a/" }])
    for path in ["/time", "/time/", "/timeout", "/time/x"] {
      #expect(router.answer(Ask("GET \(path)")) == .route("r", 5), "\(path)")
    }
    #expect(router.answer(Ask("GET /a/")) == .route("s", 3))
    #expect(router.answer(Ask("GET /a/b")) == .route("s", 3))
    for path in ["/tim", "/Time", "/x/time", "/a", "/ab", "time"] {
      #expect(router.name("GET \(path)") == "404", "\(path)")
    }
  }

  @Test func startsWithComesBetweenPrefixAndRegex() throws {
    let router = try router([
      "prefix": { $0.prefix = "/a" }, "longer": { $0.startsWith = "/a/b" },
      "start": { $0.startsWith = "/b" }, "long": { $0.startsWith = "/b/c" },
      "regex": { $0.regex = "/.*" },
    ])
    for (path, name) in [
      ("/a/b/c", "prefix"), ("/ab", "regex"), ("/b", "start"), ("/b/cd", "long"), ("/x", "regex"),
    ] { #expect(router.name("GET \(path)") == name, "\(path)") }
  }

  @Test func aPathThatFailsByItsMethodAloneSaysSo() throws {
    let router = try router([
      "r": {
        $0.startsWith = "/a"
        $0.methods = ["PUT"]
      }
    ])
    #expect(router.name("GET /ab") == "405 PUT")
    #expect(router.name("GET /b") == "404")
  }

  @Test func priorityComesBeforeEverythingElse() throws {
    var routes: [String: Configuration.Route] = [
      "exact": route {
        $0.hosts = ["a.test"]
        $0.path = "/a/b"
      },
      "first": route { $0.regex = "/a/.*" },
      "second": route { $0.prefix = "/a" },
      "third": route { $0.methods = ["PUT"] },
      "early": route { $0.hosts = ["*.test"] },
    ]
    routes["first"]?.priority = 3
    routes["second"]?.priority = 2
    routes["third"]?.priority = 1
    routes["early"]?.priority = 1
    routes["third"]?.order = 1
    let router = try Router(routes: routes, listeners: testListeners)
    #expect(router.answer(Ask("GET /a/b", host: "A.test.")) == .route("first", 0))
    #expect(router.answer(Ask("GET /a", host: "a.test")) == .route("second", 2))
    #expect(router.name("PUT /x", host: "a.test") == "early")
    #expect(router.name("PUT /x", host: "other") == "third")
    #expect(router.name("GET /x", host: "other") == "405 PUT")
  }

  /// Tables and list against the loop over all routes.
  @Test(arguments: 0..<60 as Range<UInt64>)
  func routerAndTraceAgree(seed: UInt64) throws {
    var random = SplitMix(state: seed &+ 7_000)
    var routes = random.routes(count: 1 + Int(seed % 5) * 6)
    for (place, name) in routes.keys.sorted().enumerated() {
      let number = random.next()
      routes[name]?.priority = number % 3 == 0 ? Int(number / 3 % 4) : 0
      routes[name]?.order = place
      if number % 5 == 0, let prefix = routes[name]?.match.prefix, !prefix.contains("{") {
        routes[name]?.match.startsWith = prefix
        routes[name]?.match.prefix = nil
      }
    }
    let router = try Router(routes: routes, listeners: testListeners)
    for _ in 0..<60 {
      let ask = random.ask()
      let trace = router.explain(ask)
      #expect(router.answer(trace.match) == router.answer(ask), "\(ask)")
      #expect(trace.verdicts.map(\.route).sorted() == router.routeNames)
    }
  }
}
