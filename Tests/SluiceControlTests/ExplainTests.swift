import SluiceConfiguration
import SluiceGateway
import Testing

@testable import SluiceControl

@Suite struct ExplainTests {
  private static func report(
    _ method: String, _ url: String, _ headers: [String] = [], listener: String? = nil
  ) throws -> ExplanationReport {
    let path = Repository.path("examples/services/sluice.yaml")
    let configuration = try #require(try ConfigurationFile(path).read().configuration)
    let request = try ExplainedURL.request(
      method: method, url: url, headers: headers, listener: listener, in: configuration)
    return ExplanationReport(
      try RouteExplanation.explain(request, in: configuration), url: url, in: configuration)
  }

  @Test func theMoreSpecificRouteAndItsRewriting() throws {
    let report = try Self.report(
      "GET", "http://api.example.com/orders//./7?full=1", ["X-Channel: beta"], listener: "public")
    #expect(
      report.text() == """
        GET http://api.example.com/orders//./7?full=1
          listener  public
          host      api.example.com
          path      /orders/7?full=1

        route orders-beta (rest)
          service   orders, least-connections
          targets   http://orders-large.internal:8080 (weight 4)
                    http://orders-small.internal:8080
          they get  GET /v2/orders/7?full=1
          policies  request-id (entry, every route)

        other routes
          orders   matches too, but orders-beta comes first
          account  other path: /accounts/{id}
          reports  other path: /reports and below
          ledger   other path: regex /ledger/[0-9]{4}/.*

        """)
  }

  @Test func aMethodThatIsNotOffered() throws {
    let text = try Self.report("DELETE", "/accounts/7").text()
    #expect(
      text.contains(
        """
        the gateway answers 405 method-not-allowed: This path exists for other methods.
          Allow: GET, HEAD, PATCH

        routes
          account      other method: GET, PATCH

        """))
  }

  @Test func everyConditionHasItsReason() throws {
    func reason(_ route: String, _ report: ExplanationReport) -> String? {
      report.others.first { $0.route == route }?.text
    }
    let beta = try Self.report("GET", "http://api.example.com/orders", listener: "public")
    #expect(reason("orders-beta", beta) == "header: X-Channel does not have the wanted value")
    let outside = try Self.report("GET", "/reports/a?format=csv", listener: "public")
    #expect(reason("reports", outside) == "other listener: internal")
    #expect(reason("orders", outside) == "other host: api.example.com, *.shop.example.com")
    let bare = try Self.report("GET", "/reports/a", listener: "internal")
    #expect(reason("reports", bare) == "query: format is missing")
  }

  @Test func sharesOfSeveralServicesAreShown() throws {
    let text = Configuration.Split.example
    let configuration = try #require(ConfigurationFile.read(text: text, file: "a").configuration)
    let request = try ExplainedURL.request(
      method: "GET", url: "/time", headers: [], listener: nil, in: configuration)
    let report = ExplanationReport(
      try RouteExplanation.explain(request, in: configuration), url: "/time", in: configuration)
    #expect(report.text().contains("  split     time 95, time-next 5\n"))
    #expect(report.json().contains("\"weight\" : 95"))
  }

  @Test func theTargetsBasePathIsInFront() throws {
    let report = try Self.report("GET", "/ledger/2024/%7Ejoe?x=%2f")
    #expect(report.targets.map(\.requestTarget) == ["{base path}/ledger/2024/~joe?x=%2f"])
  }

  /// Base paths and wanted values come from `${env:…}` and `${file:…}`.
  @Test(arguments: ["/?token=wrong", "/?token=S3CR3T"])
  func secretsAreNotExplained(url: String) throws {
    let text = """
      version: 1
      listeners: {web: {address: "127.0.0.1:0"}}
      services:
        one: {targets: ["http://a.test/S3CR3T", "http+unix:///run/a.sock"]}
      routes:
        all: {match: {prefix: /}, service: one}
        key: {match: {prefix: /, headers: {X-Key: S3CR3T}}, service: one}
        token: {match: {prefix: /, query: {token: S3CR3T, other: S3CR3T}}, service: one}
      """
    let configuration = try #require(ConfigurationFile.read(text: text, file: "").configuration)
    let request = try ExplainedURL.request(
      method: "GET", url: url, headers: [], listener: nil, in: configuration)
    let report = ExplanationReport(
      try RouteExplanation.explain(request, in: configuration), url: "/", in: configuration)
    #expect(report.targets.map(\.url) == ["http://a.test", "http+unix:///run/a.sock"])
    let others = report.others.map(\.text)
    #expect(others.contains("header: X-Key does not have the wanted value"))
    #expect(others.contains { $0.hasPrefix("query: ") && $0.hasSuffix("have the wanted value") })
    // What the request itself said is no secret.
    if !url.hasSuffix("S3CR3T") {
      #expect(!report.text().contains("S3CR3T"))
      #expect(!report.json().contains("S3CR3T"))
    }
  }

  private static let ways = """
    version: 1
    listeners: {web: {address: "127.0.0.1:8080", trustedProxies: [127.0.0.1]}}
    services: {one: {targets: ["http://a.test"]}, two: {targets: ["http://b.test"]}}
    variables:
      kind: {from: "${request.header.X-Kind}", values: {a: first}, patterns: [{regex: "b(.*)", value: "$1"}]}
      place: {ranges: {"192.0.2.0/24": near}, otherwise: far}
      who: {from: "${client.certificate.subject}${variables.kind}", otherwise: "someone"}
    routes:
      first: {match: {prefix: /, variables: {kind: first}}, service: one}
      second: {match: {prefix: /, variables: {kind: x, place: near}}, service: two}
      third: {match: {prefix: /, variables: {who: nobody}}, service: two}
      old:
        match: {prefix: /old}
        service: one
        policies:
          reroute: {to: new, rules: [{regex: "/old/(.*)", path: "/new/$1", query: "from=old&${request.query}"}]}
      round:
        match: {prefix: /round}
        service: one
        policies: {reroute: {to: circle, rules: [{path: /a}]}}
      circle:
        match: {internal: circle}
        service: one
        policies: {reroute: {to: circle, rules: [{path: /a}]}}
      new:
        match: {internal: new, prefix: /new}
        service: two
        policies: {error-answers: {answers: [{statuses: [503], to: spare}]}}
      newer: {match: {internal: new, prefix: /new/er}, service: two}
      spare: {match: {internal: spare}, service: one}
    """

  private static func way(
    _ url: String, _ headers: String..., from address: String = "127.0.0.1"
  ) throws -> ExplanationReport {
    let result = ConfigurationFile.read(text: ways, file: "")
    let configuration = try #require(result.configuration, "\(result.diagnostics)")
    let request = try ExplainedURL.request(
      method: "GET", url: url, headers: headers, listener: nil, address: address,
      in: configuration)
    return ExplanationReport(
      try RouteExplanation.explain(request, in: configuration), url: url, in: configuration)
  }

  @Test func variablesAreComputed() throws {
    let first = try Self.way("/x", "X-Kind: A")
    #expect(first.route == "first")
    #expect(Set(first.variables.map(\.name)) == ["kind", "place", "who"])
    #expect(first.variables.first { $0.name == "kind" }?.value == "first")
    #expect(first.variables.first { $0.name == "place" }?.value == "far")
    #expect(first.unknown == ["client.certificate.subject"])
    #expect(first.text().contains("kind: 'first'"))
    #expect(first.text().contains("${client.certificate.subject}: taken for empty"))
    // By the address that a trusted proxy tells.
    #expect(try Self.way("/x", "X-Kind: bx").route == nil)
    let second = try Self.way("/x", "X-Kind: bx", "X-Forwarded-For: 192.0.2.7")
    #expect(second.route == "second")
    #expect(try Self.way("/x", "X-Kind: bx", from: "192.0.2.7").route == "second")
    #expect(
      try Self.way("/x", "X-Kind: bx", "X-Forwarded-For: 192.0.2.7", from: "127.0.0.2").route
        == nil)
  }

  @Test func waysAreFollowed() throws {
    let report = try Self.way("/old/a/b?q=1")
    #expect(report.route == "new" && report.path == "/old/a/b")
    #expect(
      report.ways == [.init(route: "old", internal: "new", path: "/new/a/b", query: "from=old&q=1")]
    )
    #expect(report.targets.map(\.requestTarget) == ["/new/a/b?from=old&q=1"])
    #expect(report.failuresTo == ["spare"])
    #expect(Set(report.others.map(\.route)) == ["newer"])
    #expect(report.text().contains("route old goes on inside, among new"))
    #expect(try Self.way("/old/er/x").route == "newer")
    // A rule that does not match leaves the request where it is.
    let stays = try Self.way("/old")
    #expect(stays.route == "old" && stays.ways.isEmpty)
    let circle = try Self.way("/round")
    #expect(circle.answer?.code == "rerouted-too-often" && circle.ways.count == 11)
    #expect(try Self.way("/old/../old/%2e%2e/x").route == nil)
  }

  @Test(arguments: [
    ("/a b", "The request line is not method, target and version."),
    ("/a%2Fb", "The path contains an encoded slash."),
    ("/../x", "The path leads above the root."),
  ])
  func aMalformedRequestIsRefusedAsByTheGateway(url: String, detail: String) throws {
    let report = try Self.report("GET", url)
    #expect(report.route == nil)
    #expect(report.answer?.code == "malformed-request")
    #expect(report.answer?.detail == detail)
  }

  @Test func aWebSocketRouteNeedsAHandshake() throws {
    let configuration = try #require(
      ConfigurationFile.read(text: Quickstart.text, file: "").configuration)
    // A ws: URL stands for a whole handshake.
    for (scheme, isHandshake) in [("http", false), ("ws", true)] {
      let request = try ExplainedURL.request(
        method: "GET", url: "\(scheme)://localhost:8080/stocks", headers: [], listener: nil,
        in: configuration)
      let report = ExplanationReport(
        try RouteExplanation.explain(request, in: configuration), url: "", in: configuration)
      #expect(report.route == "stocks")
      #expect(report.answer?.code == (isHandshake ? nil : "upgrade-required"))
      #expect(report.targets.isEmpty != isHandshake)
    }
  }

  @Test(arguments: [
    ("orders", []), ("ftp://x/", []), ("http://", []), ("/", ["no colon"]),
  ])
  func mistakesOnTheCommandLine(url: String, headers: [String]) throws {
    #expect(throws: ExplainedURL.Mistake.self) { try Self.report("GET", url, headers) }
  }

  @Test func theListenerIsTheOneWithThePort() throws {
    #expect(try Self.report("GET", "http://x:8080/").listener == "public")
    #expect(try Self.report("GET", "http://x:9/").listener == "internal")
    #expect(throws: ExplainedURL.Mistake.self) { try Self.report("GET", "/", listener: "none") }
  }
}
