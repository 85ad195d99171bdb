import SluiceConfiguration
import Testing

@testable import SluiceGateway

/// What routes ask about callers, and header fields by a regex.
@Suite struct RouterCallerTests {
  private func name(_ router: Router, _ edit: (inout Ask) -> Void) -> String {
    var ask = Ask("GET /")
    edit(&ask)
    #expect(router.answer(router.explain(ask).match) == router.answer(ask))
    return switch router.answer(ask) {
    case .route(let name, _): name
    case .notAllowed(let methods): "405 \(methods)"
    case .notFound: "404"
    case .regexLimit: "500"
    }
  }

  @Test func serverNamesAreComparedAsHosts() throws {
    let router = try router([
      "exact": { $0.serverNames = ["api.x.com", "*.y.com", "z.*"] }, "none": { _ in },
    ])
    #expect(router.asksForServerNames)
    for sent in ["api.x.com", "API.X.com.", "a.y.com", "a.b.Y.com", "z.com", "z.a.b"] {
      #expect(name(router) { $0.serverName = sent } == "exact", "\(sent)")
    }
    for sent in ["x.com", "y.com", "z", "z.", "", ".", "x.api.x.com", "\u{0}"] {
      #expect(name(router) { $0.serverName = sent } == "none", "\(sent)")
    }
    #expect(name(router) { _ in } == "none")
    #expect(try !SluiceGatewayTests.router(["a": { _ in }]).asksForServerNames)
  }

  @Test func addressesAreRanges() throws {
    let router = try router(["in": { $0.addresses = ["10.0.0.0/8", "fd00::/8", "192.0.2.1"] }])
    #expect(router.asksForAddresses)
    for sent in ["10.0.0.0", "10.255.255.255", "fd12::1", "192.0.2.1", "::ffff:10.1.1.1"] {
      #expect(name(router) { $0.address = sent } == "in", "\(sent)")
    }
    for sent in ["9.255.255.255", "11.0.0.0", "fe00::", "192.0.2.2"] {
      #expect(name(router) { $0.address = sent } == "404", "\(sent)")
    }
    // A Unix socket has none.
    #expect(name(router) { _ in } == "404")
    #expect(throws: RouterError.invalidAddress(route: "r")) {
      try SluiceGatewayTests.router(["r": { $0.addresses = ["10.0.0.0/8", "x"] }])
    }
  }

  @Test func aFieldMatchesByItsWholeValue() throws {
    let router = try router([
      "r": {
        $0.headersRegex = ["X-Version": "(?i)v[12]", "accept": ".*json.*"]
        $0.methods = ["GET"]
      }
    ])
    let json = (name: "Accept", value: "application/json")
    for value in ["v1", "V2"] {
      #expect(name(router) { $0.headers = [("x-version", value), json] } == "r", "\(value)")
    }
    for value in ["v3", "v12", " v1x", ""] {
      #expect(name(router) { $0.headers = [("x-version", value), json] } == "404", "\(value)")
    }
    // One of several fields is enough.
    #expect(name(router) { $0.headers = [("x-version", "0"), ("x-version", "v1"), json] } == "r")
    #expect(name(router) { $0.headers = [("x-version", "v1")] } == "404")
    #expect(
      name(router) {
        $0.headers = [("x-version", "v1"), json]
        $0.method = "PUT"
      } == "405 GET, HEAD")
    #expect(throws: RouterError.self) {
      try SluiceGatewayTests.router(["r": { $0.headersRegex = ["a": "("] }])
    }
  }

  /// A regex that gives up decides about nothing, and its route might have been the one.
  @Test func aFieldThatIsTooMuchWorkRefusesTheRequest() throws {
    let router = try router([
      "slow": { $0.headersRegex = ["x-a": "(a+)+[bc]"] }, "slower": { _ in },
      "exact": { $0.path = "/exact" },
    ])
    let field = (name: "x-a", value: String(repeating: "a", count: 64))
    #expect(name(router) { $0.headers = [field] } == "500")
    // `name` asks twice, and the trace counts nothing.
    #expect(router.regexLimitExceeded == 2)
    #expect(name(router) { $0.headers = [("x-a", "aab")] } == "slow")
    #expect(name(router) { $0.headers = [("x-a", "aad")] } == "slower")
    #expect(
      name(router) {
        $0.headers = [field]
        $0.path = "/exact"
      } == "exact")
    // A field that matches is enough, whatever another does.
    #expect(name(router) { $0.headers = [field, ("x-a", "ab")] } == "slow")
  }

  @Test func moreConditionsComeFirst() throws {
    let router = try router([
      "a-none": { _ in }, "b-name": { $0.serverNames = ["x"] },
      "c-both": {
        $0.serverNames = ["x"]
        $0.addresses = ["10.0.0.0/8"]
      },
      "d-field": {
        $0.serverNames = ["x"]
        $0.addresses = ["10.0.0.0/8"]
        $0.headersRegex = ["x-a": ".*"]
      },
    ])
    var ask = Ask("GET /")
    for (expected, edit) in [
      ("a-none", { _ in }), ("b-name", { $0.serverName = "x" }),
      ("c-both", { $0.address = "10.0.0.1" }), ("d-field", { $0.headers = [("x-a", "")] }),
    ] as [(String, (inout Ask) -> Void)] {
      edit(&ask)
      #expect(router.answer(ask) == .route(expected, 0))
    }
  }

  @Test func theTraceSaysWhatFailed() throws {
    let router = try router([
      "name": { $0.serverNames = ["x"] }, "address": { $0.addresses = ["10.0.0.0/8"] },
      "field": { $0.headersRegex = ["x-a": "b"] },
    ])
    let verdicts = router.explain(Ask("GET /")).verdicts
    let reasons = Dictionary(uniqueKeysWithValues: verdicts.map { ($0.route, $0.reason) })
    #expect(
      reasons == ["name": .serverName, "address": .address, "field": .header("x-a")])
  }
}
