import SluiceConfiguration
import SluiceGateway
import SluiceWire
import Testing

@testable import SluiceControl

/// From a request to an endpoint and its parameters.
@Suite struct AdminRouterTests {
  private let router = AdminRouter()

  private func problem(_ method: String, _ path: String) -> AdminProblem? {
    do throws(AdminProblem) {
      _ = try router.match(method: method, path: path)
      return nil
    } catch {
      return error
    }
  }

  /// The template with something in its braces.
  static func path(of endpoint: AdminEndpoint) -> String {
    endpoint.path.replacing("{id}", with: "AbCdEfGhIjKlMnOpQrStUv")
  }

  @Test func everyEndpointIsFound() throws {
    for endpoint in AdminEndpoint.all {
      let match = try router.match(
        method: endpoint.method.rawValue, path: Self.path(of: endpoint))
      #expect(match.endpoint.path == endpoint.path)
      #expect(match.endpoint.method == endpoint.method)
      #expect(match.pathValues.isEmpty == !endpoint.path.contains("{"))
    }
  }

  @Test func noTwoEndpointsAreTheSame() {
    let names = AdminEndpoint.all.map { "\($0.method.rawValue) \($0.path)" }
    #expect(Set(names).count == names.count)
  }

  @Test func pathValuesHaveTheirNames() throws {
    let match = try router.match(method: "POST", path: "/connections/abc/messages")
    #expect(match.pathValues == ["id": "abc"])
  }

  /// `close` is a word of the API and nobody's id.
  @Test func literalsWinOverIds() throws {
    #expect(try router.match(method: "POST", path: "/connections/close").pathValues.isEmpty)
    #expect(problem("GET", "/connections/close")?.allow == "POST")
  }

  @Test(arguments: ["/", "", "/connection", "/connections/", "/connections/a/b", "/livez/x", "//"])
  func otherPathsAreMissing(path: String) {
    #expect(problem("GET", path)?.code == .noSuchResource)
  }

  @Test(arguments: [
    ("POST", "/livez", "GET, HEAD"), ("PUT", "/drain", "GET, HEAD, POST, DELETE"),
    ("POST", "/connections/x", "GET, HEAD, DELETE"), ("GET", "/reload", "POST"),
    ("HEAD", "/events", "GET"), ("get", "/livez", "GET, HEAD"),
  ])
  func otherMethodsAreRefused(method: String, path: String, allow: String) {
    let problem = problem(method, path)
    #expect(problem?.code == .methodNotAllowed)
    #expect(problem?.allow == allow)
  }

  @Test func headIsGetWithoutBody() throws {
    #expect(try router.match(method: "HEAD", path: "/config").endpoint.method == .get)
  }

  // MARK: Parameters

  private func request(
    _ path: String, _ query: String?, method: String = "GET", body: [UInt8] = []
  ) throws(AdminProblem) -> AdminRequest {
    let match = try router.match(method: method, path: path)
    return try AdminRequest(
      LocalRequest(method: method, path: path, query: query, body: body), match.endpoint,
      pathValues: match.pathValues)
  }

  private func refusal(_ path: String, _ query: String, method: String = "GET") -> AdminProblem? {
    do throws(AdminProblem) {
      _ = try request(path, query, method: method)
      return nil
    } catch {
      return error
    }
  }

  @Test func aFilterIsMadeOfAllParameters() throws {
    let filter = try request(
      "/connections",
      "route=r&service=s&target=http%3A%2F%2Ft%3A1&consumer=al+ice&address=10.0.0.0/8"
        + "&label=tenant%3Aacme&label=plan:a:b&minAge=1m&maxAge=1h&idleFor=250ms"
    ).filter
    var expected = SessionFilter()
    expected.route = "r"
    expected.service = "s"
    expected.target = "http://t:1"
    expected.consumer = "al ice"
    expected.address = .init("10.0.0.0/8")
    expected.labels = ["tenant": "acme", "plan": "a:b"]
    expected.minAge = 60_000_000_000
    expected.maxAge = 3_600_000_000_000
    expected.idleFor = 250_000_000
    #expect(filter == expected)
  }

  @Test(arguments: [
    "address=10.0.0.1/8", "address=x", "label=x", "label=:x", "minAge=5", "minAge=-1s", "limit=0",
    "limit=1001", "limit=01", "limit=1e1", "sort=age", "cursor=x", "count=all", "route=",
    "route=a&route=b", "limit=1&limit=1",
  ])
  func wrongValuesAreRefused(query: String) {
    let problem = refusal("/connections", query)
    #expect(problem?.code == .invalidParameter)
    #expect(problem?.detail?.contains(query.prefix { $0 != "=" }) == true)
  }

  @Test(arguments: [("/connections", "routes=x"), ("/livez", "x"), ("/connections/abc", "id=abc")])
  func unknownParametersAreRefused(path: String, query: String) {
    #expect(refusal(path, query)?.code == .unknownParameter)
  }

  @Test(arguments: [
    (999, false), (1_000, true), (1_003, true), (1_004, false), (1_005, false), (1_006, false),
    (1_007, true), (1_014, true), (1_015, false), (2_999, false), (3_000, true), (4_999, true),
    (5_000, false),
  ])
  func onlyCodesThatMayBeSentAreTaken(code: Int, isLegal: Bool) throws {
    var ending: SessionEndRequest?
    do throws(AdminProblem) {
      ending = try request("/connections/x", "code=\(code)", method: "DELETE").ending(.admin)
    } catch {
      #expect(error.code == .invalidParameter)
    }
    #expect((ending?.code == UInt16(code)) == isLegal)
  }

  @Test(arguments: [
    (String(repeating: "a", count: 123), true), (String(repeating: "é", count: 62), false),
  ])
  func reasonsFitTheFrame(reason: String, fits: Bool) throws {
    let asked = try request("/connections/x", "reason=\(reason)", method: "DELETE")
    let ending = try? asked.ending(.admin)
    #expect((ending?.reason == reason) == fits)
  }

  @Test func bodiesAreForThoseThatTakeOne() {
    func code(_ path: String, _ method: String, _ body: [UInt8]) -> AdminProblem.Code? {
      do throws(AdminProblem) {
        _ = try request(path, nil, method: method, body: body)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code("/plan", "POST", []) == .bodyMissing)
    #expect(code("/plan", "POST", [1]) == nil)
    #expect(code("/reload", "POST", []) == nil)
    #expect(code("/drain", "POST", [1]) == .invalidParameter)
  }

  // MARK: Access

  private func mayAsk(
    _ access: AdminAccess, host: String? = nil, authorization: String? = nil,
    _ path: String = "/config", more: [(name: String, value: String)] = []
  ) -> AdminProblem.Code? {
    let fields = more + (authorization.map { [(name: "Authorization", value: $0)] } ?? [])
    do throws(AdminProblem) {
      let endpoint = try router.match(method: "GET", path: path).endpoint
      try access.check(
        LocalRequest(method: "GET", host: host, path: path, fields: fields), endpoint)
      return nil
    } catch {
      return error.code
    }
  }

  @Test func withoutATokenOnlyLocalNamesAreAnswered() {
    let access = AdminAccess(.init())
    #expect(mayAsk(access, host: "localhost") == nil)
    #expect(mayAsk(access) == nil)
    #expect(mayAsk(access, host: "evil.test") == .hostNotLocal)
  }

  @Test(arguments: [
    ("Origin", "https://evil.test", false), ("origin", "null", false), ("ORIGIN", "", false),
    ("Origin", "http://127.0.0.1:9901", false), ("Sec-Fetch-Site", "cross-site", false),
    ("Sec-Fetch-Site", "same-site", false), ("sec-fetch-site", "", false),
    ("Sec-Fetch-Site", "none", true), ("Sec-Fetch-Site", "same-origin", true),
    ("X-Origin", "https://evil.test", true), ("Referer", "https://evil.test/", true),
  ])
  func withoutATokenWebPagesAreNotAnswered(name: String, value: String, isAnswered: Bool) {
    let field = [(name: name, value: value)]
    let open = AdminAccess(.init())
    let expected: AdminProblem.Code? = isAnswered ? nil : .fromWebPage
    #expect(mayAsk(open, host: "127.0.0.1:9901", more: field) == expected)
    #expect(mayAsk(open, "/livez", more: field) == nil)
    // One that says none does not hide another.
    let both = [(name: "Sec-Fetch-Site", value: "none")] + field
    #expect(mayAsk(open, host: "localhost", more: both) == expected)
    // A page has no token; whoever has one may ask from a page.
    var settings = AdminSettings()
    settings.token = "0123456789abcdef"
    let closed = AdminAccess(settings)
    #expect(mayAsk(closed, more: field) == .unauthorized)
    #expect(mayAsk(closed, authorization: "Bearer 0123456789abcdef", more: field) == nil)
  }

  @Test func aTokenIsAskedForAndNamesDoNotMatter() {
    var settings = AdminSettings()
    settings.token = "0123456789abcdef"
    let access = AdminAccess(settings)
    for field in [
      nil, "", "Bearer", "Bearer ", "Bearer 0123456789abcde", "Bearer 0123456789abcdeg",
      "Bearer 0123456789abcdef0", "Basic 0123456789abcdef", "0123456789abcdef",
    ] {
      #expect(mayAsk(access, authorization: field) == .unauthorized, "\(field ?? "none")")
    }
    for field in ["Bearer 0123456789abcdef", "bearer 0123456789abcdef"] {
      #expect(mayAsk(access, host: "gateway.test", authorization: field) == nil)
    }
    for path in ["/livez", "/readyz"] { #expect(mayAsk(access, path) == nil) }
    #expect(mayAsk(access, "/metrics") == .unauthorized)
  }
}
