import SluiceConfiguration
import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct RouterHostTests {
  @Test func exactBeatsWildcardBeatsNone() throws {
    let router = try router([
      "a-none": { $0.prefix = "/" },
      "b-com": {
        $0.prefix = "/"
        $0.hosts = ["*.com"]
      },
      "c-wild": {
        $0.prefix = "/"
        $0.hosts = ["*.Example.com"]
      },
      "d-exact": {
        $0.prefix = "/"
        $0.hosts = ["api.example.com"]
      },
    ])
    for (host, name) in [
      ("api.example.com", "d-exact"), ("API.Example.COM", "d-exact"),
      ("api.example.com.", "d-exact"), ("x.example.com", "c-wild"), ("x.y.example.com", "c-wild"),
      ("X.API.EXAMPLE.COM.", "c-wild"), ("example.com", "b-com"), ("xexample.com", "b-com"),
      (".example.com", "b-com"), ("com", "a-none"), (".com", "a-none"), ("", "a-none"),
      (".", "a-none"), ("..", "a-none"), ("example.org", "a-none"), ("[::1]", "a-none"),
    ] {
      #expect(router.name("GET /", host: host) == name, "\(host)")
    }
  }

  @Test func hostComesBeforePathAndFallsBack() throws {
    let router = try router([
      "none": { $0.path = "/a/b" },
      "wild": {
        $0.prefix = "/a"
        $0.hosts = ["*.x.com"]
      },
      "wilder": {
        $0.path = "/c"
        $0.hosts = ["*.com"]
      },
      "exact": {
        $0.regex = "/a/b/.*"
        $0.hosts = ["api.x.com"]
      },
    ])
    #expect(router.name("GET /a/b/c", host: "api.x.com") == "exact")
    #expect(router.name("GET /a/b", host: "api.x.com") == "wild")
    #expect(router.name("GET /c", host: "api.x.com") == "wilder")
    #expect(router.name("GET /a/b", host: "y.com") == "none")
    #expect(router.name("GET /z", host: "api.x.com") == "404")
  }

  @Test func oneRouteMayHaveManyHosts() throws {
    let router = try router([
      "r": {
        $0.path = "/"
        $0.hosts = ["a.com", "A.com", "*.a.com", "[::1]"]
      }
    ])
    for host in ["a.com", "b.a.com", "[::1]"] { #expect(router.name("GET /", host: host) == "r") }
    #expect(router.name("GET /", host: "b.com") == "404")
  }

  /// nginx's order: names, `*.name`, `name.*`, regular expressions in the order of the file, the rest.
  @Test func beginningsAndExpressions() throws {
    func route(_ order: Int, _ hosts: [String], path: String = "/") -> Configuration.Route {
      var route = Configuration.Route()
      route.order = order
      route.match.prefix = path
      route.match.hosts = hosts
      return route
    }
    let router = try Router(
      routes: [
        "none": route(0, []), "second": route(3, ["~(www|m)\\..*"]),
        "first": route(2, ["~www\\.a\\.(?<end>org|net)"]), "beginning": route(4, ["www.*"]),
        "longer": route(5, ["WWW.a.*"]), "wild": route(6, ["*.com"]),
        "exact": route(7, ["www.b.com"]), "elsewhere": route(1, ["~.*\\.elsewhere"], path: "/only"),
      ], listeners: testListeners)
    for (host, name) in [
      ("www.b.com", "exact"), ("www.a.com", "wild"), ("www.a.org", "longer"),
      ("WWW.A.ORG.", "longer"), ("www.x", "beginning"), ("www.", "none"), ("www", "none"),
      ("m.a.org", "second"), ("M.a", "second"), ("xm.a", "none"), ("xwww.x", "none"), ("", "none"),
      ("m.elsewhere", "second"), ("x.elsewhere", "none"),
    ] {
      #expect(router.name("GET /", host: host) == name, "\(host)")
      let trace = router.explain(Ask("GET /", host: host))
      #expect(router.answer(trace.match) == router.answer(Ask("GET /", host: host)), "\(host)")
    }
    #expect(router.name("GET /only/x", host: "m.elsewhere") == "elsewhere")
  }

  @Test func expressionsAreTriedInTheOrderOfTheFile() throws {
    for isReversed in [false, true] {
      var (first, second) = (Configuration.Route(), Configuration.Route())
      first.match.hosts = ["~a.*"]
      second.match.hosts = ["~.*b"]
      first.order = isReversed ? 1 : 0
      second.order = isReversed ? 0 : 1
      let router = try Router(
        routes: ["first": first, "second": second], listeners: testListeners)
      #expect(router.name("GET /", host: "ab") == (isReversed ? "second" : "first"))
      #expect(router.name("GET /", host: "ac") == "first")
      #expect(router.name("GET /", host: "cb") == "second")
      #expect(router.name("GET /", host: "c") == "404")
    }
  }

  /// Whether it matches is not known, so that what comes behind it can't be answered with.
  @Test func anExpressionThatGivesUpEndsTheSearchUnlessItCannotWin() throws {
    func route(
      _ hosts: [String], path: String = "/", priority: Int = 0
    ) -> Configuration.Route {
      var route = Configuration.Route()
      route.match.prefix = path
      route.match.hosts = hosts
      route.priority = priority
      return route
    }
    let long = String(repeating: "a", count: 5_000) + "!"
    let endless = "~(a+)+[bc]"
    for (routes, expected) in [
      (["slow": route([endless])], "500"),
      (["slow": route([endless]), "none": route([])], "500"),
      // Names and wildcards come before expressions.
      (["slow": route([endless]), "exact": route([long.uppercased()])], "exact"),
      (["slow": route([endless, long])], "slow"),
      // So does what has a greater priority; with a lesser one nobody knows.
      (["slow": route([endless], priority: 1), "first": route([], priority: 2)], "first"),
      (["slow": route([endless], priority: 2), "second": route([], priority: 1)], "500"),
      (["slow": route([endless]), "first": route([], priority: 1)], "first"),
    ] {
      let router = try Router(routes: routes, listeners: testListeners)
      let ask = Ask("GET /", host: long)
      #expect(router.name("GET /", host: long) == expected, "\(routes.keys.sorted())")
      #expect(router.answer(router.explain(ask).match) == router.answer(ask))
    }
  }

  @Test func anExpressionOfAHostHasToCompile() {
    #expect(throws: RouterError.self) { try router(["r": { $0.hosts = ["~(a"] }]) }
  }

  @Test func whatHostsCapture() throws {
    let captures = try #require(HostCaptures(["a.test", "~(?<Sub>[a-z]+)\\.(x|y)", "~(.*)"]))
    func text(_ name: String, _ host: String) -> String {
      var output = ByteBuffer()
      captures.append(Array(name.utf8), of: Array(host.utf8).span, to: &output)
      return String(decoding: output.copiedBytes(), as: UTF8.self)
    }
    #expect(text("sub", "WWW.x.") == "www" && text("Sub", "www.y") == "www")
    #expect(text("2", "www.y") == "y" && text("3", "www.y") == "")
    #expect(text("1", "other") == "other" && text("sub", "other") == "")
    // Found as a name, so that nothing was captured.
    #expect(text("1", "A.test") == "")
    #expect(HostCaptures(["a.test", "~b.*"]) == nil)
  }

  @Test(arguments: [
    "", ".", "*", "*.", "*..", "*.*.com", "a.*.com", "a*.com", "~", ".*", "..*", "*.a.*",
  ])
  func badHostsAreRefused(host: String) {
    #expect(throws: RouterError.invalidHost(route: "r", host: host)) {
      try router(["r": { $0.hosts = [host] }])
    }
  }
}
