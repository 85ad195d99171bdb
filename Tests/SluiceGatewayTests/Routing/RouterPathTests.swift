import SluiceConfiguration
import Testing

@testable import SluiceGateway

@Suite struct RouterPathTests {
  @Test func exactPathMatchesItselfOnly() throws {
    let router = try router(["r": { $0.path = "/time" }, "s": { $0.path = "/a/" }])
    #expect(router.name("GET /time") == "r")
    for path in ["/time/", "/Time", "/tim", "/timeout", "/time/x", "/", "*", "time", "//time"] {
      #expect(router.name("GET \(path)") == "404", "\(path)")
    }
    #expect(router.name("GET /a/") == "s")
    #expect(router.name("GET /a") == "404")
    #expect(router.name("GET /a/b") == "404")
  }

  @Test func prefixMatchesAtSegmentBorders() throws {
    let router = try router(["r": { $0.prefix = "/time" }])
    for path in ["/time", "/time/", "/time/x", "/time/x/y/"] {
      #expect(router.answer(Ask("GET \(path)")) == .route("r", 5), "\(path)")
    }
    for path in ["/timeout", "/tim", "/", "/x/time", "time/", "/Time"] {
      #expect(router.name("GET \(path)") == "404", "\(path)")
    }
  }

  @Test func prefixWithSlashMatchesBelowOnly() throws {
    let router = try router(["r": { $0.prefix = "/api/" }])
    #expect(router.answer(Ask("GET /api/")) == .route("r", 4))
    #expect(router.answer(Ask("GET /api/x")) == .route("r", 4))
    #expect(router.name("GET /api") == "404")
    #expect(router.name("GET /apis/") == "404")
  }

  @Test func rootPrefixMatchesEveryPath() throws {
    let router = try router(["r": { $0.prefix = "/" }])
    #expect(router.answer(Ask("GET /")) == .route("r", 0))
    #expect(router.answer(Ask("GET /a/b")) == .route("r", 0))
    #expect(router.name("OPTIONS *") == "404")
  }

  @Test func routeWithoutPathMatchesTheAsterisk() throws {
    let router = try router(["r": { $0.methods = ["OPTIONS"] }])
    #expect(router.answer(Ask("OPTIONS *")) == .route("r", 0))
  }

  @Test func parameterIsExactlyOneSegment() throws {
    let router = try router([
      "path": { $0.path = "/users/{id}/posts" }, "slash": { $0.path = "/users/{id}/" },
      "prefix": { $0.prefix = "/t/{tenant}" },
    ])
    #expect(router.answer(Ask("GET /users/7/posts")) == .route("path", 14))
    #expect(router.answer(Ask("GET /users/7/")) == .route("slash", 9))
    for path in ["/users//posts", "/users/7/8/posts", "/users/7/posts/", "/users/7", "/users//"] {
      #expect(router.name("GET \(path)") == "404", "\(path)")
    }
    #expect(router.answer(Ask("GET /t/acme/x")) == .route("prefix", 7))
    #expect(router.answer(Ask("GET /t/acme")) == .route("prefix", 7))
    #expect(router.name("GET /t/") == "404")
    #expect(router.name("GET /t") == "404")
  }

  @Test func literalBeatsParameterAtTheFirstDifference() throws {
    let router = try router([
      "a": { $0.path = "/{x}/b/c" }, "b": { $0.path = "/a/{y}/{z}" }, "c": { $0.path = "/a/{y}/c" },
    ])
    #expect(router.name("GET /a/b/c") == "c")
    #expect(router.name("GET /a/b/d") == "b")
    #expect(router.name("GET /x/b/c") == "a")
  }

  @Test func deadEndsAreLeftAgain() throws {
    let router = try router([
      "deep": { $0.path = "/a/b/c/d" }, "other": { $0.path = "/a/{x}/c/e" },
      "last": { $0.path = "/{x}/b/c/f" },
    ])
    #expect(router.name("GET /a/b/c/d") == "deep")
    #expect(router.name("GET /a/b/c/e") == "other")
    #expect(router.name("GET /a/b/c/f") == "last")
    #expect(router.name("GET /a/b/c/g") == "404")
  }

  @Test func longestPrefixWins() throws {
    let router = try router([
      "root": { $0.prefix = "/" }, "a": { $0.prefix = "/a" }, "a-slash": { $0.prefix = "/a/" },
      "any-b": { $0.prefix = "/{x}/b" }, "a-any": { $0.prefix = "/a/{x}" },
      "any-slash": { $0.prefix = "/{x}/" },
    ])
    #expect(router.name("GET /a") == "a")
    #expect(router.name("GET /a/") == "a-slash")
    #expect(router.name("GET /a/b") == "a-any")
    #expect(router.name("GET /z/b/c") == "any-b")
    #expect(router.name("GET /z/c") == "any-slash")
    #expect(router.name("GET /z") == "root")
  }

  @Test func exactBeatsPrefixBeatsRegexBeatsNoPath() throws {
    let routes: [String: (inout Configuration.Match) -> Void] = [
      "d-exact": { $0.path = "/a/{x}" }, "c-prefix": { $0.prefix = "/a/b" },
      "b-regex": { $0.regex = "/a/.*" }, "a-any": { _ in },
    ]
    let all = try router(routes)
    #expect(all.name("GET /a/b") == "d-exact")
    #expect(all.name("GET /a/b/c") == "c-prefix")
    #expect(all.name("GET /a/x/c") == "b-regex")
    #expect(all.name("GET /x") == "a-any")
  }

  @Test func literalsAreNormalisedLikePaths() throws {
    let router = try router([
      "cafe": { $0.path = "/café" }, "space": { $0.path = "/a b" }, "tilde": { $0.path = "/%7ex" },
    ])
    #expect(router.name("GET /caf%C3%A9") == "cafe")
    #expect(router.name("GET /a%20b") == "space")
    #expect(router.name("GET /~x") == "tilde")
  }

  @Test(arguments: [
    "", "a", "/a//b", "//", "/a/../b", "/.", "/%2e", "/a/{}", "/a/{x", "/a/x}", "/a/b{x}", "/{a b}",
    "/%zz", "/a\\b", "/%00", "/\u{7}",
  ])
  func badPathsAreRefused(path: String) {
    #expect(throws: RouterError.invalidPath(route: "r", path: path)) {
      try router(["r": { $0.path = path }])
    }
    #expect(throws: RouterError.invalidPath(route: "r", path: path)) {
      try router(["r": { $0.prefix = path }])
    }
  }

  @Test func onePathRuleAtMost() {
    #expect(throws: RouterError.severalPaths(route: "r")) {
      try router([
        "r": {
          $0.path = "/a"
          $0.regex = "/a"
        }
      ])
    }
  }

  @Test func segmentsAreLimited() throws {
    let most = String(repeating: "/{x}", count: Router.maximumSegments)
    let router = try router(["r": { $0.path = most }])
    #expect(router.name("GET " + String(repeating: "/y", count: 64)) == "r")
    #expect(router.name("GET " + String(repeating: "/y", count: 65)) == "404")
    #expect(throws: RouterError.tooManySegments(route: "r")) {
      try SluiceGatewayTests.router(["r": { $0.path = most + "/x" }])
    }
  }

  /// All combinations of a literal and a parameter make every node match one path.
  @Test(arguments: [(7, true), (10, false)])
  func overlapsAreBounded(depth: Int, accepted: Bool) throws {
    var routes: [String: Configuration.Route] = [:]
    for bits in 0..<(1 << depth) {
      let segments = (0..<depth).map { bits >> (depth - 1 - $0) & 1 == 0 ? "/a" : "/{x}" }
      routes[String(bits)] = route { $0.prefix = segments.joined() }
    }
    guard accepted else {
      #expect(throws: RouterError.tooManyOverlaps(steps: (1 << (depth + 1)) - 1)) {
        try Router(routes: routes, listeners: [])
      }
      return
    }
    let router = try Router(routes: routes, listeners: [])
    #expect(router.name("GET " + String(repeating: "/a", count: depth) + "/z") == "0")
    #expect(router.name("GET /b" + String(repeating: "/a", count: depth - 1)) == "64")
    #expect(router.name("GET " + String(repeating: "/b", count: depth)) == "127")
  }
}
