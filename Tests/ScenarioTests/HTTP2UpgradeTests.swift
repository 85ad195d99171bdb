import Foundation
import SluiceConfiguration
import Testing

extension Scenarios {
  /// `Upgrade: h2c`, where it is turned on.
  @Suite struct HTTP2Upgrades {
    private func fixture(
      _ upstream: ScriptedUpstream, _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) {
        $0.web.http2.upgrade = true
        edit(&$0)
      }
    }

    /// SETTINGS_INITIAL_WINDOW_SIZE is 65,535.
    private static let settings = "AAQAAP__"

    private static func request(
      _ line: String = "GET /first", settings: String = "HTTP2-Settings: \(settings)\r\n",
      connection: String = "Upgrade, HTTP2-Settings", more: String = ""
    ) -> String {
      "\(line) HTTP/1.1\r\nHost: gateway.test\r\nConnection: \(connection)\r\nUpgrade: h2c\r\n"
        + "\(settings)\(more)\r\n"
    }

    @Test func theFirstRequestIsAnsweredOnStreamOne() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(upstream)
      let client = try HTTP2Client(
        port: fixture.port, upgrade: Self.request(more: "X-Own: 1\r\n"))
      let first = try client.response(1)
      #expect(first[":status"] == "200" && first.text == "/first")
      // The connection goes on like any other.
      for turn in 0..<3 { #expect(try client.get("/\(turn)").text == "/\(turn)") }
      #expect(client.received.goAways.isEmpty)
      // What was for this connection stays here.
      let request = try #require(upstream.requests.first)
      #expect(request["X-Own"] == "1" && request["Host"] == "gateway.test")
      for name in ["HTTP2-Settings", "Upgrade"] { #expect(request[name] == nil) }
    }

    @Test func theCallersSettingsAreInForce() throws {
      let body = String(repeating: "x", count: 100)
      let fixture = try fixture(.answering { _ in ok(body) })
      // A window of ten bytes.
      let client = try HTTP2Client(
        port: fixture.port, window: 10,
        upgrade: Self.request(settings: "HTTP2-Settings: AAQAAAAK\r\n"))
      try client.read { $0[1].body.count == 10 }
      try client.send(.windowUpdate(1, 90))
      #expect(try client.response(1).text == body)
    }

    @Test func aHeadRequestHasNoBody() throws {
      let fixture = try fixture(.answering { _ in "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" })
      let client = try HTTP2Client(port: fixture.port, upgrade: Self.request("HEAD /"))
      let answer = try client.response(1)
      #expect(answer["content-length"] == "5" && answer.body.isEmpty)
    }

    /// Stream 1 is over, like any other that was answered.
    @Test func streamOneDoesNotComeBack() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(upstream)
      let client = try HTTP2Client(port: fixture.port, upgrade: Self.request())
      #expect(try client.response(1).text == "/first")
      #expect(try client.get("/next").text == "/next")
      try client.send(.headers(1, HTTP2Frame.request("GET", "/again"), end: true))
      #expect(try client.get("/after").text == "/after")
      #expect(upstream.requests.map(\.target) == ["/first", "/next", "/after"])
    }

    @Test(arguments: [
      request(settings: ""), request(settings: "HTTP2-Settings: AAQAAA\r\n"),
      request(settings: "HTTP2-Settings: AAQAAP//\r\n"), request(connection: "Upgrade"),
      request(settings: "HTTP2-Settings: \(settings)\r\nHTTP2-Settings: \(settings)\r\n"),
      request("POST /first", more: "Content-Length: 2\r\n") + "ab",
      request("POST /first", more: "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n",
    ])
    func whatDoesNotAskProperlyIsAnsweredByHTTP1(request: String) throws {
      let fixture = try fixture(.echoing())
      let answer = try fixture.client().exchange(request)
      #expect(answer.status == 200 && answer.text == "/first")
    }

    @Test func settingsThatAreWrongEndTheConnection() throws {
      let fixture = try fixture(.echoing())
      // SETTINGS_ENABLE_PUSH is 2.
      let client = try HTTP2Client(
        port: fixture.port, upgrade: Self.request(settings: "HTTP2-Settings: AAIAAAAC\r\n"))
      try client.readToEnd()
      #expect(client.received.goAways.contains { $0.code == 1 })
    }

    @Test func policiesAndErrorsAreThoseOfARequest() throws {
      let fixture = try fixture(.echoing()) { $0.routes = [:] }
      let client = try HTTP2Client(port: fixture.port, upgrade: Self.request())
      let answer = try client.response(1)
      #expect(answer[":status"] == "404" && answer.code == "no-route")
    }

    @Test func itIsOffUnlessItIsTurnedOn() throws {
      let fixture = try Fixture(to: .echoing())
      #expect(try fixture.client().exchange(Self.request()).status == 200)
    }

    /// Over TLS it is ALPN that decides.
    @Test func overTLSItIsNotHeard() throws {
      let authority = TestAuthority()
      let fixture = try fixture(.echoing()) {
        $0.web.tls = Configuration.ListenerTLS(
          authority.issue("localhost", names: ["DNS:localhost"]))
      }
      let client = try fixture.client(TestTLSSettings(trusting: authority))
      #expect(try client.exchange(Self.request()).status == 200)
    }
  }
}
