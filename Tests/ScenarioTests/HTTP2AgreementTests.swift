import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// What is spoken to targets by TLS: ALPN tells.
  @Suite struct HTTP2Agreement {
    let authority = TestAuthority()

    private func server(_ name: StaticString?, insists: Bool = false) -> TestTLSSettings {
      TestTLSSettings(
        server: authority.issue(names: ["DNS:localhost"]), protocol: name, insists: insists)
    }

    private func fixture(
      to upstream: ScriptedUpstream, _ spoken: Configuration.TargetProtocol
    ) throws -> Fixture {
      try Fixture(to: upstream) {
        $0.trust(authority)
        $0.service.protocol = spoken
      }
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

    // MARK: WebSockets

    /// HTTP/2 to those who agree on it; without WebSockets, unless `takesThem`. HTTP/1.1 to others.
    private func sockets(takesThem: Bool, insists: Bool = false) throws -> ScriptedUpstream {
      try ScriptedUpstream(tls: server("h2", insists: insists)) { peer in
        if try !peer.agreesOnHTTP2() { return try peer.accept().echo() }
        let settings = takesThem ? HTTP2Frame.settings((8, 1)) : .settings()
        let connection = try HTTP2Peer(peer, settings: settings)
        if takesThem { return try connection.echoOnAllStreams() }
        var next = 1
        while true {
          let request = try connection.request(next)
          try connection.answer(next, request[":path"] ?? "")
          next += 2
        }
      }
    }

    private func socketFixture(
      to upstream: ScriptedUpstream, _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) {
        $0.trust(authority)
        $0.service.protocol = .auto
        $0.all.kind = .websocket
        var plain = Configuration.Route()
        plain.kind = .http
        plain.service = "service"
        plain.match.prefix = "/plain"
        $0.routes["plain"] = plain
        edit(&$0)
      }
    }

    @Test func webSocketsGoByHTTP2WhereThatIsAnnounced() throws {
      let upstream = try sockets(takesThem: true)
      let fixture = try socketFixture(to: upstream)
      for _ in 0..<3 {
        let socket = try fixture.client().open()
        try socket.send(text: "hello")
        #expect(try socket.text() == "hello")
      }
      #expect(upstream.connectionCount == 1)
      #expect(upstream.requests.isEmpty)
    }

    @Test func elsewhereEachHasAConnectionOfHTTP1() throws {
      let upstream = try sockets(takesThem: false)
      let fixture = try socketFixture(to: upstream)
      let open = try (0..<3).map { _ in try fixture.client().open() }
      for (index, socket) in open.enumerated() { try socket.send(text: "\(index)") }
      for (index, socket) in open.enumerated() { #expect(try socket.text() == "\(index)") }
      #expect(upstream.requests.count == 3)
      #expect(try fixture.get("/plain").text == "/plain")
      #expect(try fixture.get("/plain/2").text == "/plain/2")
      // One of HTTP/2 for all that is no WebSocket.
      #expect(upstream.connectionCount == 4)
    }

    /// The connection of HTTP/2 that is idle makes room.
    @Test func theLimitOfConnectionsHolds() throws {
      let upstream = try sockets(takesThem: false)
      let fixture = try socketFixture(to: upstream) {
        $0.service.connections.maxPerTarget = 1
      }
      #expect(try fixture.get("/plain").text == "/plain")
      let socket = try fixture.client().open()
      try socket.send(text: "hello")
      #expect(try socket.text() == "hello")
      let refused = try fixture.client().exchange(WebSocketPeer.handshake())
      #expect(refused.status == 503 && refused.code == "queue-full")
      try socket.sendClose(1_000)
      #expect(try socket.read()?.closeCode == 1_000)
      try waitUntil { upstream.endedCount == 2 }
      #expect(try fixture.get("/plain").text == "/plain")
    }

    /// A target that chooses what it was not offered is not asked for ever. OpenSSL itself refuses it since
    /// 3.0.15; with older ones it is up to us.
    @Test func whatWasNotOfferedIsNotAgreedOn() throws {
      let upstream = try sockets(takesThem: false, insists: true)
      let fixture = try socketFixture(to: upstream)
      for _ in 0..<2 {
        let refused = try fixture.client().exchange(WebSocketPeer.handshake())
        #expect(refused.status == 502 && refused.code == "upstream-tls-failed")
      }
      // One by HTTP/2, and the tries that a handshake has.
      #expect(upstream.connectionCount < 10)
      // What it speaks is of use for others.
      #expect(try fixture.get("/plain").text == "/plain")
    }

    /// RFC 8441 3: the announcement may come at any time.
    @Test func whoAnnouncesThemLaterGetsThemByHTTP2() throws {
      let upstream = try ScriptedUpstream(tls: server("h2")) { peer in
        if try !peer.agreesOnHTTP2() { return try peer.accept().echo() }
        let connection = try HTTP2Peer(peer)
        try connection.request(1)
        try connection.send(.settings((8, 1)))
        try connection.answer(1, "announced")
        try connection.accept(3).echo()
        try connection.readToEnd()
      }
      let fixture = try socketFixture(to: upstream)
      let first = try fixture.client().open()
      #expect(upstream.requests.count == 1)
      #expect(try fixture.get("/plain").text == "announced")
      let second = try fixture.client().open()
      for socket in [first, second] {
        try socket.send(text: "hello")
        #expect(try socket.text() == "hello")
      }
      #expect(upstream.connectionCount == 2 && upstream.requests.count == 1)
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
