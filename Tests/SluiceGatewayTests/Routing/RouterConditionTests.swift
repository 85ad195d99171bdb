import SluiceConfiguration
import Testing

@testable import SluiceGateway

@Suite struct RouterConditionTests {
  @Test func methodsDecideBetween404And405() throws {
    let router = try router([
      "get": {
        $0.path = "/a"
        $0.methods = ["GET"]
      },
      "purge": {
        $0.prefix = "/a"
        $0.methods = ["PURGE", "DELETE"]
        $0.headers = ["x-admin": "*"]
      },
    ])
    #expect(router.name("GET /a") == "get")
    #expect(router.name("HEAD /a") == "get")
    #expect(router.name("POST /a") == "405 GET, HEAD")
    #expect(router.name("get /a") == "405 GET, HEAD")
    #expect(router.name("OPTIONS /a") == "405 GET, HEAD")
    #expect(router.name("PURGE /a") == "405 GET, HEAD")
    #expect(router.name("PURGE /a", headers: [("X-Admin", "1")]) == "purge")
    #expect(router.name("PUT /a", headers: [("X-Admin", "1")]) == "405 DELETE, GET, HEAD, PURGE")
    #expect(router.name("PUT /a/b") == "404")
    #expect(router.name("PUT /b") == "404")
  }

  @Test func anyMatchBeatsMethodNotAllowed() throws {
    let router = try router([
      "a": {
        $0.path = "/a"
        $0.hosts = ["h"]
        $0.methods = ["POST"]
      }, "z": { _ in },
    ])
    #expect(router.name("POST /a", host: "h") == "a")
    #expect(router.name("GET /a", host: "h") == "z")
  }

  @Test func regexAddsToAllowOnlyWhenItMatches() throws {
    let router = try router([
      "r": {
        $0.regex = "/[0-9]+"
        $0.methods = ["PUT"]
      }
    ])
    #expect(router.name("GET /12") == "405 PUT")
    #expect(router.name("GET /x") == "404")
  }

  @Test func routeThatListsHeadComesBeforeOneThatImpliesIt() throws {
    let router = try router([
      "a": {
        $0.path = "/"
        $0.methods = ["GET"]
      },
      "b": {
        $0.path = "/"
        $0.methods = ["HEAD"]
      },
    ])
    #expect(router.name("GET /") == "a")
    #expect(router.name("HEAD /") == "b")
  }

  @Test func fieldsMatchByNameAndValue() throws {
    let router = try router([
      "value": {
        $0.path = "/"
        $0.headers = ["X-Version": "v2"]
      },
      "known": {
        $0.path = "/"
        $0.headers = ["Accept": "text/html"]
      },
      "any": {
        $0.path = "/any"
        $0.headers = ["X-Version": "*", "cookie": "*"]
      },
    ])
    #expect(router.name("GET /", headers: [("x-VERSION", "v2")]) == "value")
    #expect(router.name("GET /", headers: [("x-version", "v1"), ("X-Version", "v2")]) == "value")
    #expect(router.name("GET /", headers: [("x-version", "V2")]) == "404")
    #expect(router.name("GET /", headers: [("x-version2", "v2")]) == "404")
    #expect(router.name("GET /", headers: [("ACCEPT", "*/*"), ("accept", "text/html")]) == "known")
    #expect(router.name("GET /", headers: [("accept", "text/html2")]) == "404")
    #expect(router.name("GET /any", headers: [("x-version", ""), ("Cookie", "a=b")]) == "any")
    #expect(router.name("GET /any", headers: [("x-version", "1")]) == "404")
  }

  @Test(arguments: [
    ("v=2", true), ("a=1&v=2", true), ("v=1&v=2", true), ("v=%32", true), ("%76=2&x", true),
    ("", false), ("v", false), ("v=", false), ("v=22", false), ("v=2%", false), ("w=2", false),
    ("v=2=", false), ("vv=2", false), ("V=2", false), ("=2", false), ("&&v=2&", true),
    ("v=%3", false), ("x=v=2", false),
  ])
  func queryParametersMatch(query: String, matches: Bool) throws {
    let router = try router([
      "r": {
        $0.path = "/"
        $0.query = ["v": "2"]
      }
    ])
    #expect(router.name("GET /?\(query)") == (matches ? "r" : "404"))
  }

  @Test func queryValuesMayBeAnythingOrEncoded() throws {
    let router = try router([
      "any": {
        $0.path = "/any"
        $0.query = ["q": "*"]
      },
      "text": {
        $0.path = "/text"
        $0.query = ["a b": "c&d é%"]
      },
    ])
    for query in ["q", "q=", "q=1", "a&q"] { #expect(router.name("GET /any?\(query)") == "any") }
    #expect(router.name("GET /any?qq=1") == "404")
    #expect(router.name("GET /text?a+b=c%26d%20%c3%A9%") == "text")
    #expect(router.name("GET /text?a%20b=c%26d+%C3%A9%25") == "text")
    #expect(router.name("GET /text?a b=c&d é%") == "404")
  }

  @Test func listenersMatchByIndex() throws {
    let router = try router([
      "web": {
        $0.path = "/"
        $0.listeners = ["web"]
      },
      "zall": { $0.path = "/" },
    ])
    #expect(router.name("GET /", listener: 0) == "web")
    #expect(router.name("GET /", listener: 1) == "zall")
    #expect(router.name("GET /", listener: 2) == "zall")
    #expect(throws: RouterError.unknownListener(route: "r", listener: "nowhere")) {
      try SluiceGatewayTests.router(["r": { $0.listeners = ["nowhere"] }])
    }
  }

  @Test func moreThan64ListenersAreToldApart() throws {
    let names = (0..<130).map { "l\($0)" }
    var routes: [String: Configuration.Route] = [:]
    for index in [0, 63, 64, 127, 128, 129] {
      routes["r\(index)"] = route {
        $0.path = "/"
        $0.listeners = [names[index]]
      }
    }
    let router = try Router(routes: routes, listeners: names)
    for index in [0, 63, 64, 127, 128, 129] {
      #expect(router.name("GET /", listener: index) == "r\(index)")
    }
    #expect(router.name("GET /", listener: 1) == "404")
  }

  @Test func moreConditionsComeFirstThenTheName() throws {
    let router = try router([
      "a": { $0.path = "/" },
      "b": {
        $0.path = "/"
        $0.methods = ["GET", "POST", "PUT"]
      },
      "c": {
        $0.path = "/"
        $0.headers = ["x": "1", "y": "1"]
      },
      "d": {
        $0.path = "/"
        $0.query = ["q": "1"]
        $0.listeners = ["web", "internal"]
      },
      "e": {
        $0.path = "/"
        $0.query = ["r": "1"]
      },
    ])
    #expect(router.name("GET /?q=1&r=1", headers: [("x", "1"), ("y", "1")]) == "c")
    #expect(router.name("GET /?q=1&r=1", headers: [("x", "1")]) == "d")
    #expect(router.name("GET /?r=1") == "b")
    #expect(router.name("PATCH /?r=1") == "e")
    #expect(router.name("PATCH /") == "a")
  }

  @Test func failedConditionsFallThroughPathLevels() throws {
    let post: (inout Configuration.Match) -> Void = { $0.methods = ["POST"] }
    let router = try router([
      "exact": {
        $0.path = "/a/b"
        post(&$0)
      },
      "param": {
        $0.path = "/a/{x}"
        $0.methods = ["PUT"]
      },
      "long": {
        $0.prefix = "/a/b"
        $0.methods = ["DELETE"]
      },
      "short": {
        $0.prefix = "/a"
        $0.methods = ["PATCH"]
      },
    ])
    #expect(router.name("POST /a/b") == "exact")
    #expect(router.name("PUT /a/b") == "param")
    #expect(router.answer(Ask("DELETE /a/b")) == .route("long", 4))
    #expect(router.answer(Ask("PATCH /a/b")) == .route("short", 2))
    #expect(router.name("GET /a/b") == "405 DELETE, PATCH, POST, PUT")
  }

  @Test func methodsAreLimited() throws {
    let most = (0..<64).map { "M\($0)" }
    let router = try router(["r": { $0.methods = most }])
    #expect(router.name("M63 /") == "r")
    #expect(router.name("M64 /") == "405 " + most.sorted().joined(separator: ", "))
    #expect(throws: RouterError.tooManyMethods) {
      try SluiceGatewayTests.router(["r": { $0.methods = most + ["M64"] }])
    }
  }
}
