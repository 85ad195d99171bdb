import COpenSSL
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// What takes over a connection, or goes around its buffers, with TLS below on either side.
  @Suite struct TLSPassing {
    let authority = TestAuthority()

    /// Where TLS is.
    enum Sides: CaseIterable {
      case caller, target, both

      var hasCaller: Bool { self != .target }
      var hasTarget: Bool { self != .caller }
    }

    private func identity() -> TestAuthority.Identity {
      authority.issue("localhost", names: ["DNS:localhost"])
    }

    private func server(_ sides: Sides, _ version: Int32 = 0) -> TestTLSSettings? {
      sides.hasTarget ? TestTLSSettings(server: identity(), version: version) : nil
    }

    private func caller(_ sides: Sides, _ version: Int32 = 0) -> TestTLSSettings? {
      sides.hasCaller ? TestTLSSettings(trusting: authority, version: version) : nil
    }

    private func fixture(
      to upstream: ScriptedUpstream, _ sides: Sides,
      _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) {
        $0.hosts["localhost"] = ["127.0.0.1"]
        if sides.hasCaller { $0.web.tls = Configuration.ListenerTLS(identity()) }
        $0.web.timeouts.handshake = .seconds(60)
        if sides.hasTarget {
          $0.service.tls = Configuration.ServiceTLS()
          $0.service.tls?.ca = authority.path
        }
        edit(&$0)
      }
    }

    // MARK: Sessions

    /// Says hello with the 101 and returns every message; notes what came to its end.
    private func echo(
      _ sides: Sides, _ version: Int32, hello: [UInt8], _ log: Log
    ) throws -> ScriptedUpstream {
      try ScriptedUpstream(tls: server(sides, version)) { peer in
        let request = try peer.readRequest()
        let socket = WebSocketPeer(peer.socket, peer.reader, masks: false)
        let answer = WebSocketPeer.accept(request?["Sec-WebSocket-Key"])
        try peer.socket.send(answer.utf8 + socket.bytes(.init(opcode: 2, payload: hello)))
        try socket.echo()
        peer.socket.finishWriting()
        // Throws where a close_notify is missing.
        log.add("\(try peer.reader.readToEnd().count)")
      }
    }

    @Test(arguments: Sides.allCases, [TLS1_2_VERSION, TLS1_3_VERSION])
    func sessionsPassWhole(sides: Sides, version: Int32) async throws {
      let log = Log()
      let hello = randomBytes(200_000)
      let upstream = try echo(sides, version, hello: hello, log)
      let fixture = try fixture(to: upstream, sides) {
        $0.all.kind = .websocket
        // Less than a record has: the rest of the first one is left inside OpenSSL, and no edge tells
        // of it.
        $0.web.limits.head = .kibibytes(1)
        $0.web.limits.uri = .kibibytes(1)
      }
      let client = try fixture.client(caller(sides, version))
      let socket = WebSocketPeer(client.socket, client.reader, masks: true)
      let early = randomBytes(12_000)
      try client.socket.send(
        WebSocketPeer.handshake().utf8 + socket.bytes(.init(opcode: 2, payload: early)))
      #expect(try client.reader.readHead()?.status == 101)
      #expect(try socket.read()?.payload == hello)
      #expect(try socket.read()?.payload == early)
      for size in [0, 1, 16_384, 900_000] {
        let message = randomBytes(size)
        try socket.send(binary: message)
        #expect(try socket.read()?.payload == message)
      }
      try socket.sendClose(1_000)
      #expect(try socket.read()?.closeCode == 1_000)
      // With TLS, a close_notify before the FIN.
      #expect(try client.reader.readToEnd().isEmpty)
      let gateway = fixture.gateway
      try await eventually("the session's end") {
        await gateway.sessions() == (open: 0, closed: [.client: 1])
      }
      try waitUntil { upstream.endedCount == 1 }
      #expect(log.lines == ["0"])
    }

    /// The connection changes hands twice, and all of this may be in one record.
    @Test(arguments: Sides.allCases) func firstMessagesPass(sides: Sides) throws {
      let upstream = try echo(sides, 0, hello: Array("hello".utf8), Log())
      let fixture = try fixture(to: upstream, sides) {
        $0.all.kind = .websocket
        var consumer = Configuration.Consumer()
        var credential = Configuration.Credential()
        credential.keyAuth = Configuration.KeyCredential(key: "alice-key")
        consumer.credentials = [credential]
        $0.consumers["alice"] = consumer
        var keyAuth = Configuration.KeyAuth()
        keyAuth.firstMessage = Configuration.FirstMessage()
        $0.all.policies[Configuration.KeyAuth.self] = keyAuth
      }
      for isTogether in [true, false] {
        let client = try fixture.client(caller(sides))
        let socket = WebSocketPeer(client.socket, client.reader, masks: true)
        let message = randomBytes(12_000)
        let frames =
          socket.bytes(.init(opcode: 1, payload: Array("alice-key".utf8)))
          + socket.bytes(.init(opcode: 2, payload: message))
        try client.socket.send(Array(WebSocketPeer.handshake().utf8) + (isTogether ? frames : []))
        #expect(try client.reader.readHead()?.status == 101)
        if !isTogether { try client.socket.send(frames) }
        #expect(try socket.read()?.payload == Array("hello".utf8))
        #expect(try socket.read()?.payload == message)
        #expect(upstream.requests.last?["X-Consumer-Username"] == "alice")
      }
    }

    // MARK: Large bodies

    /// The kernel could only move them encrypted.
    @Test(arguments: Sides.allCases)
    func largeBodiesOfKnownLengthAreCopied(sides: Sides) async throws {
      let body = randomBytes(3 << 20)
      let upstream = try ScriptedUpstream(tls: server(sides)) { peer in
        while try peer.readRequest() != nil {
          try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
          try peer.socket.send(body)
        }
      }
      let fixture = try fixture(to: upstream, sides)
      let client = try fixture.client(caller(sides))
      for _ in 0..<2 { #expect(try client.get("/").body == body) }
      #expect(upstream.connectionCount == 1)
      #expect(await fixture.gateway.reports().allSatisfy { $0.splicedBytes == 0 })
    }
  }
}
