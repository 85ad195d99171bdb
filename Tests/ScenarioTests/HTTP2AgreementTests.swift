import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// What is spoken to targets by TLS: ALPN tells.
  @Suite struct HTTP2Agreement {
    let authority = TestAuthority()

    private func server(_ name: StaticString?) -> TestTLSSettings {
      TestTLSSettings(server: authority.issue(names: ["DNS:localhost"]), protocol: name)
    }

    private func fixture(
      to upstream: ScriptedUpstream, _ spoken: Configuration.TargetProtocol
    ) throws -> Fixture {
      let fixture = try Fixture(
        configuration(targets: [upstream.url]) {
          $0.hosts["localhost"] = ["127.0.0.1"]
          $0.service.tls = Configuration.ServiceTLS()
          $0.service.tls?.ca = authority.path
          $0.service.protocol = spoken
        })
      fixture.upstream = upstream
      return fixture
    }

    @Test(arguments: [Configuration.TargetProtocol.http2, .auto])
    func whoAgreesOnHTTP2GetsIt(spoken: Configuration.TargetProtocol) throws {
      let upstream = try ScriptedUpstream.http2(tls: server("h2")) { peer in
        for id in [1, 3, 5] {
          let request = try peer.request(id)
          #expect(request[":scheme"] == "https")
          try peer.answer(id, request[":path"] ?? "")
        }
        try peer.readToEnd()
      }
      let fixture = try self.fixture(to: upstream, spoken)
      for turn in 0..<3 { #expect(try fixture.get("/\(turn)").text == "/\(turn)") }
      #expect(upstream.connectionCount == 1)
    }

    @Test(arguments: [Configuration.TargetProtocol.http1, .auto])
    func whoDoesNotGetsHTTP1(spoken: Configuration.TargetProtocol) throws {
      for name: StaticString? in ["http/1.1", nil] {
        let upstream = try ScriptedUpstream.echoing(tls: server(name))
        let fixture = try self.fixture(to: upstream, spoken)
        for turn in 0..<3 { #expect(try fixture.get("/\(turn)").text == "/\(turn)") }
      }
    }

    @Test func manyAtOnceToATargetThatMaySpeakBoth() throws {
      for speaksHTTP2 in [true, false] {
        let upstream =
          try speaksHTTP2
          ? ScriptedUpstream.echoingHTTP2(tls: server("h2"))
          : ScriptedUpstream.answering(tls: server(nil)) { ok("\($0.target) 0") }
        let fixture = try self.fixture(to: upstream, .auto)
        let client = try fixture.http2()
        let ids = try (0..<30).map { try client.begin("GET", "/\($0)") }
        for (index, id) in ids.enumerated() {
          #expect(try client.response(id).text == "/\(index) 0")
        }
        if speaksHTTP2 { #expect(upstream.connectionCount == 1) }
      }
    }

    @Test func whoHasToSpeakHTTP2AndDoesNotIsNotUsed() throws {
      let upstream = try ScriptedUpstream.echoing(tls: server("http/1.1"))
      let response = try fixture(to: upstream, .http2).get("/")
      #expect(response.status == 502)
      #expect(response.code == "upstream-tls-failed")
      #expect(upstream.requests.isEmpty)
    }
  }
}
