import SluiceConfiguration
import Testing

@testable import SluiceGateway

@Suite struct RouterRegexTests {
  @Test func regexMatchesTheWholePath() throws {
    let router = try router(["r": { $0.regex = "/a|/a/[0-9]+" }])
    for path in ["/a", "/a/1", "/a/12"] { #expect(router.name("GET \(path)") == "r", "\(path)") }
    for path in ["/a/", "/a/1x", "x/a", "/b/a", "/a/1/2"] {
      #expect(router.name("GET \(path)") == "404", "\(path)")
    }
  }

  @Test func regexesAreTriedInTheOrderOfTheFileWhateverElseTheySay() throws {
    var routes = [
      "a": route {
        $0.regex = "/a.*"
        $0.methods = ["GET"]
      }, "b": route { $0.regex = "/.*" }, "c": route { $0.regex = "/.*" },
    ]
    func winner() throws -> String {
      try Router(routes: routes, listeners: testListeners).name("GET /abc")
    }
    // Written in code, all have the same place; then the name decides.
    #expect(try winner() == "a")
    routes["a"]?.order = 2
    routes["b"]?.order = 1
    routes["c"]?.order = 0
    #expect(try winner() == "c")
    routes["c"]?.order = 3
    #expect(try winner() == "b")
  }

  @Test func orderMeansNothingToPaths() throws {
    var routes = [
      "a": route { $0.prefix = "/a" }, "b": route { $0.prefix = "/a/b" },
      "c": route { $0.path = "/a/b" },
    ]
    for name in ["a", "b", "c"] {
      routes["a"]?.order = name == "a" ? 0 : 1
      routes["b"]?.order = name == "b" ? 0 : 1
      routes["c"]?.order = name == "c" ? 0 : 1
      let router = try Router(routes: routes, listeners: testListeners)
      #expect(router.name("GET /a/b") == "c")
      #expect(router.name("GET /a/b/c") == "b")
    }
  }

  @Test func bytesThatAreNotUTF8AreJustBytes() throws {
    let regexes = RegexSet()
    let pattern = try regexes.add("/.{2}")
    let path: [UInt8] = [0x2F, 0xFF, 0xFE]
    let outcome = regexes.test(pattern, path.span)
    #expect(outcome == .match)
  }

  @Test func patternCannotSwitchUTFOn() {
    #expect(throws: RouterError.self) { try router(["r": { $0.regex = "(*UTF)/a" }]) }
  }

  @Test func backReferencesWork() throws {
    let router = try router(["r": { $0.regex = "/([a-z]+)/\\1" }])
    #expect(router.name("GET /ab/ab") == "r")
    #expect(router.name("GET /ab/ac") == "404")
  }

  @Test func badPatternSaysWhere() {
    #expect(
      throws: RouterError.invalidRegex(
        route: "r", message: "missing closing parenthesis", offset: 3)
    ) {
      try router(["r": { $0.regex = "/(a" }])
    }
  }

  @Test func emptyPatternMatchesNoPath() throws {
    #expect(try router(["r": { $0.regex = "" }]).name("GET /") == "404")
  }

  /// Exponential and polynomial backtracking end at the limit, and nobody gets past a route by it.
  @Test(arguments: [
    "/(a+)+[bc]", "/(a|aa)*[bc]", "/(?:.*?a)*?[bc]", "/([a-z]+)*[0-9]x?", "/.*.*.*.*[0-9]",
  ])
  func catastrophicPatternsAreBounded(pattern: String) throws {
    let router = try router([
      "bad": { $0.regex = pattern },
      "good": { $0.regex = "/a*!?" },
      "rest": { _ in },
    ])
    #expect(router.regexLimitExceeded == 0)
    #expect(router.name("GET /" + String(repeating: "a", count: 2_000) + "!") == "500")
    #expect(router.regexLimitExceeded == 1)
    #expect(router.name("GET /aaa!") == "good")
    #expect(router.regexLimitExceeded == 1)
  }

  /// Where the answer does not depend on the regex, its limit does not either.
  @Test func aLimitMattersOnlyWhereTheRegexDecides() throws {
    let long = "/" + String(repeating: "a", count: 2_000) + "!"
    let router = try router([
      "exact": {
        $0.path = long
        $0.methods = ["PUT"]
      },
      "able": {
        $0.regex = "/a+!"
        $0.headers = ["x": "1"]
      },
      "bad": {
        $0.regex = "/(a+)+[bc]"
        $0.methods = ["GET"]
      },
      "hosted": { $0.hosts = ["example.org"] },
      "rest": { _ in },
    ])
    for (line, headers, expected) in [
      ("PUT \(long)", [], "exact"), ("GET \(long)", [("x", "1")], "able"),
      ("GET \(long)", [], "500"), ("POST \(long)", [], "rest"),
    ] as [(String, [(String, String)], String)] {
      #expect(router.name(line, headers: headers) == expected)
      let ask = Ask(line, headers: headers)
      #expect(router.explain(ask).match == router.find(ask))
    }
    #expect(router.name("GET \(long)", host: "example.org") == "hosted")
    let verdicts = router.explain(Ask("GET \(long)")).verdicts
    #expect(verdicts.contains(RouteVerdict(route: "bad", reason: .regexLimit)))
    #expect(
      verdicts.contains(RouteVerdict(route: "rest", reason: .lowerPrecedence(than: "bad"))))
  }

  @Test func deepRecursionIsBounded() throws {
    let router = try router(["bad": { $0.regex = "/(a(?1)?b?)+" }])
    _ = router.name("GET /" + String(repeating: "a", count: 8_000) + "!")
    #expect(router.regexLimitExceeded == 1)
  }

  @Test func longOrdinaryPathsStayBelowTheLimit() throws {
    let router = try router(["r": { $0.regex = "/files/(.*)\\.(png|jpg)" }])
    let long = "/files/" + String(repeating: "abcdefg/", count: 1_000)
    #expect(router.name("GET \(long)x.png") == "r")
    #expect(router.name("GET \(long)x.gif") == "404")
    #expect(router.regexLimitExceeded == 0)
  }

  @Test func prefixesSpareTheRegexes() throws {
    let router = try router([
      "bad": { $0.regex = "/(a+)+[bc]" },
      "prefix": { $0.prefix = "/" },
    ])
    #expect(router.name("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!") == "prefix")
    #expect(router.regexLimitExceeded == 0)
  }

  @Test func limitIsNamedInTheTraceAndNotCountedTwice() throws {
    let router = try router(["bad": { $0.regex = "/(a+)+[bc]" }])
    let trace = router.explain(Ask("GET /" + String(repeating: "a", count: 100)))
    #expect(trace.verdicts == [RouteVerdict(route: "bad", reason: .regexLimit)])
    #expect(router.regexLimitExceeded == 0)
  }
}
