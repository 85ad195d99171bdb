import SluiceConfiguration
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

  @Test(arguments: ["", ".", "*", "*.", "*..", "*.*.com", "a.*.com", "a*.com"])
  func badHostsAreRefused(host: String) {
    #expect(throws: RouterError.invalidHost(route: "r", host: host)) {
      try router(["r": { $0.hosts = [host] }])
    }
  }
}
