import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// WebSockets that are streams of an HTTP/2 connection (RFC 8441): to a session nothing is different.
  @Suite struct HTTP2WebSockets {
    private func open(
      _ fixture: Fixture, stream id: Int = 1, client: HTTP2Client? = nil,
      _ fields: [HTTP2Frame.Field] = []
    ) throws -> HTTP2WebSocket {
      let socket = try HTTP2WebSocket(client ?? fixture.http2(), stream: id, fields)
      #expect(try socket.waitForHead().status == 200)
      return socket
    }

    // MARK: The handshake

    @Test func itIsAnnouncedAndBecomesAHandshakeOfHTTP1() throws {
      let upstream = try ScriptedUpstream {
        try $0.accept("Sec-WebSocket-Protocol: chat", "Sluice-Label-Room: 7").echo()
      }
      let fixture = try Fixture(to: upstream) { $0.all.kind = .websocket }
      let client = try fixture.http2()
      let socket = try open(
        fixture, client: client,
        [
          ("origin", "http://gateway.test"), ("sec-websocket-protocol", "chat"), ("x-one", "1"),
          ("sec-websocket-key", "not-used"), ("cookie", "a=1"), ("cookie", "b=2"),
        ])
      #expect(client.received.settings[8] == 1)
      let head = socket.stream
      #expect(head["sec-websocket-protocol"] == "chat")
      for name in ["sec-websocket-accept", "upgrade", "connection", "sluice-label-room"] {
        #expect(head[name] == nil, "\(name)")
      }
      try socket.send(text: "hello")
      #expect(try socket.text() == "hello")
      let request = try #require(upstream.requests.first)
      #expect(request.startLine == "GET /socket HTTP/1.1")
      #expect(request["Upgrade"] == "websocket")
      #expect(request["Connection"] == "Upgrade")
      #expect(request["Host"] == "gateway.test")
      #expect(request["Cookie"] == "a=1; b=2")
      #expect(request["X-One"] == "1")
      #expect(request.values("Sec-WebSocket-Key").map(\.count) == [24])
      #expect(request["Sec-WebSocket-Key"] != "not-used")
      for name in [":protocol", "Transfer-Encoding", "Content-Length"] {
        #expect(request[name] == nil)
      }
      // Others use the connection beside it, and every handshake has a key of its own.
      let second = try open(
        fixture, stream: 3, client: client, [("sec-websocket-protocol", "chat")])
      try second.send(text: "second")
      #expect(try second.text() == "second")
      #expect(upstream.requests.count == 2)
      #expect(
        upstream.requests[0]["Sec-WebSocket-Key"] != upstream.requests[1]["Sec-WebSocket-Key"])
    }

    @Test func policiesGuardItAsAnyRequest() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try Fixture(to: upstream) {
        $0.all.kind = .websocket
        var consumer = Configuration.Consumer()
        var credential = Configuration.Credential()
        credential.keyAuth = Configuration.KeyCredential(key: "alice-key")
        consumer.credentials = [credential]
        $0.consumers["alice"] = consumer
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
      }
      let client = try fixture.http2()
      let refused = try HTTP2WebSocket(client, stream: 1)
      #expect(try refused.waitForHead().status == 401)
      try client.read { $0[1].isOver }
      #expect(refused.stream.code == "unauthorized")
      let foreign = try HTTP2WebSocket(client, stream: 3, [("origin", "http://evil.test")])
      #expect(try foreign.waitForHead().status == 403)
      let known = try open(fixture, stream: 5, client: client, [("apikey", "alice-key")])
      try known.send(text: "hello")
      #expect(try known.text() == "hello")
      #expect(upstream.requests.map { $0["X-Consumer-Username"] } == ["alice"])
    }

    @Test func whatIsNoWebSocketIsRefused() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        var socket = Configuration.Route()
        socket.kind = .websocket
        socket.service = "service"
        socket.match.path = "/socket"
        $0.routes["socket"] = socket
      }
      let client = try fixture.http2()
      // A route that speaks none, and a protocol that nobody speaks here.
      for (id, path, name) in [(1, "/", "websocket"), (3, "/socket", "connect-udp")] {
        let socket = try HTTP2WebSocket(client, stream: id, path: path, protocol: name)
        #expect(try socket.waitForHead().status == 501)
        try client.read { $0[id].isOver }
        #expect(socket.stream.code == "protocol-not-offered")
      }
      // A target whose 200 is no handshake's answer must not look like one.
      let plain = try HTTP2WebSocket(client, stream: 5)
      #expect(try plain.waitForHead().status == 502)
      // Without a version, with a length, and one that has ended already.
      let connect = HTTP2WebSocket.connect()
      try client.send(
        .headers(7, connect.filter { $0.name != "sec-websocket-version" }, end: false),
        .headers(9, connect + [("content-length", "3")], end: false),
        .headers(11, connect, end: true),
        .headers(13, connect.filter { $0.name != ":path" }, end: false),
        .headers(
          15, connect.map { $0.name == ":method" ? HTTP2Frame.Field(":method", "GET") : $0 },
          end: false))
      for id in [7, 9, 11, 13, 15] {
        try client.read { $0[id].isOver }
        #expect(client.received[id].status == 400 || client.received[id].resetCode == 1, "\(id)")
      }
      #expect(upstream.requests.map(\.target) == ["/socket"])
      try client.send(.headers(17, HTTP2Frame.request("GET", "/fine")))
      #expect(try client.response(17).status == 200)
    }

    @Test func itCanBeTurnedOff() throws {
      let fixture = try Fixture(to: ScriptedUpstream { try $0.accept().echo() }) {
        $0.all.kind = .websocket
        $0.web.http2.websockets = false
      }
      let client = try fixture.http2()
      let socket = try HTTP2WebSocket(client, stream: 1)
      try client.read { $0[1].isOver }
      #expect(socket.stream.resetCode == 1)
      #expect(client.received.settings[8] == nil)
    }

    @Test func theFirstMessageMaySayWhoCalls() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try Fixture(to: upstream) {
        var consumer = Configuration.Consumer()
        var credential = Configuration.Credential()
        credential.keyAuth = Configuration.KeyCredential(key: "alice-key")
        consumer.credentials = [credential]
        $0.consumers["alice"] = consumer
        $0.all.kind = .websocket
        var message = Configuration.FirstMessage()
        message.timeout = .seconds(60)
        var keyAuth = Configuration.KeyAuth()
        keyAuth.firstMessage = message
        $0.all.policies[Configuration.KeyAuth.self] = keyAuth
      }
      let client = try fixture.http2()
      let socket = try open(fixture, client: client)
      #expect(upstream.requests.isEmpty)
      try socket.send(text: "alice-key")
      try socket.send(text: "hello")
      #expect(try socket.text() == "hello")
      #expect(upstream.requests.first?["X-Consumer-Username"] == "alice")
      let stranger = try open(fixture, stream: 3, client: client)
      try stranger.send(text: "mallory-key")
      #expect(try stranger.read()?.closeCode == 4_401)
      try stranger.end()
      #expect(try stranger.read() == nil)
      // The others don't notice.
      try socket.send(text: "still")
      #expect(try socket.text() == "still")
    }

    // MARK: Ends

    private func ending(
      _ cause: SessionCause,
      _ script: @escaping ScriptedUpstream.Script = { try $0.accept().echo() },
      connection: (inout Configuration.ConnectionSettings) -> Void = { _ in },
      messages: (inout Configuration.MessageSettings) -> Void = { _ in },
      act: (HTTP2WebSocket, SessionFixture) async throws -> Void
    ) async throws {
      let fixture = try SessionFixture(script, connection: connection, messages: messages)
      let socket = try open(fixture.fixture)
      try socket.send(text: "hello")
      #expect(try socket.text() == "hello")
      try await act(socket, fixture)
      try await fixture.cause(is: cause)
      // The connection outlives its session.
      let after = try open(fixture.fixture, stream: 99, client: socket.client)
      try after.send(text: "after")
      #expect(try after.text() == "after")
    }

    @Test func theCallersCloseFrame() async throws {
      try await ending(.client) { socket, _ in
        try socket.sendClose(4_000)
        #expect(try socket.read()?.closeCode == 4_000)
        #expect(try socket.read() == nil)
        #expect(socket.stream.isEnded)
        // Told that nobody listens, without an error.
        try socket.client.read { $0[socket.id].resetCode != nil }
        #expect(socket.stream.resetCode == 0)
      }
    }

    @Test func theTargetsCloseFrame() async throws {
      try await ending(
        .upstream,
        { peer in
          let socket = try peer.accept()
          while let text = try socket.text() {
            try socket.send(text: text)
            if text == "go" { break }
          }
          try socket.sendClose(4_123, "over")
          _ = try socket.read()
        },
        act: { socket, _ in
          try socket.send(text: "go")
          #expect(try socket.text() == "go")
          #expect(try socket.read()?.closeCode == 4_123)
          try socket.sendClose(4_123)
          #expect(try socket.read() == nil)
          #expect(socket.stream.isEnded)
        })
    }

    @Test func theCallersReset() async throws {
      try await ending(.network) { socket, _ in try socket.client.send(.reset(socket.id, 8)) }
    }

    @Test func theCallersEndOfTheStream() async throws {
      try await ending(.client) { socket, _ in
        try socket.end()
        #expect(try socket.read() == nil)
      }
    }

    @Test func trailersAreNoPartOfATunnel() async throws {
      try await ending(.network) { socket, _ in
        try socket.client.send(.headers(socket.id, [("x", "1")], end: true))
        try socket.client.read { $0[socket.id].isOver }
        #expect(socket.stream.resetCode == 1)
      }
    }

    @Test func brokenRules() async throws {
      try await ending(.protocolError) { socket, _ in
        try socket.send([0xC1, 0x80, 0, 0, 0, 0])
        #expect(try socket.read()?.closeCode == 1_002)
        #expect(try socket.read() == nil)
      }
    }

    @Test func aMessageTooBigInInspectedMode() async throws {
      try await ending(
        .messageTooBig, messages: { $0.maxSize = ByteCount(100) },
        act: { socket, _ in
          try socket.send(text: String(repeating: "a", count: 101))
          #expect(try socket.read()?.closeCode == 1_009)
          #expect(try socket.read() == nil)
        })
    }

    @Test func idleness() async throws {
      try await ending(
        .idleTimeout, connection: { $0.idleTimeout = .milliseconds(200) },
        act: { socket, _ in
          let close = try socket.read()
          #expect(close?.closeCode == 1_001)
          #expect(try socket.read() == nil)
        })
    }

    @Test func theTargetsLossIsToldAtOnce() async throws {
      try await ending(
        .network,
        { peer in
          let socket = try peer.accept()
          while let text = try socket.text() {
            try socket.send(text: text)
            if text == "go" { return peer.socket.reset() }
          }
        },
        act: { socket, _ in
          try socket.send(text: "go")
          #expect(try socket.text() == "go")
          #expect(try socket.read()?.closeCode == 1_011)
          #expect(try socket.read() == nil)
        })
    }

    /// Three sessions of one connection end with it.
    @Test func theConnectionsEndIsEverySessions() async throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try Fixture(to: upstream) {
        $0.all.kind = .websocket
        $0.all.connection = .impatient
      }
      let client = try fixture.http2()
      for id in [1, 3, 5] {
        let socket = try open(fixture, stream: id, client: client)
        try socket.send(text: "hello")
        #expect(try socket.text() == "hello")
      }
      client.socket.close()
      let gateway = fixture.gateway
      try await eventually("three ends") {
        let (open, closed) = await gateway.sessions()
        return open == 0 && closed == [.network: 3]
      }
      try waitUntil { upstream.endedCount == 3 }
    }

    @Test func pingsAreAnsweredAndMeasured() async throws {
      let fixture = try SessionFixture(
        { try $0.accept().echo() }, connection: { $0.ping = .milliseconds(100) })
      let socket = try open(fixture.fixture)
      let ping = try #require(try socket.read())
      #expect(ping.opcode == 9)
      try socket.send(.init(opcode: 10, payload: ping.payload))
      try socket.send(text: "hello")
      while let frame = try socket.read() {
        if frame.opcode == 9 { try socket.send(.init(opcode: 10, payload: frame.payload)) }
        if frame.opcode == 1 { break }
      }
      let infos = await fixture.gateway.page(SessionQuery()).sessions
      #expect(infos.count == 1)
      #expect(infos.first?.roundTrip != nil)
      #expect(infos.first?.address == "127.0.0.1")
    }

    // MARK: Back-pressure

    /// Windows far smaller than what passes, both ways, in both modes.
    @Test(arguments: [false, true]) func muchPassesSmallWindows(isInspected: Bool) async throws {
      let fixture = try SessionFixture(
        { try $0.accept().echo() },
        messages: { if isInspected { $0.maxSize = .mebibytes(1) } })
      let client = try fixture.fixture.http2(window: 10_000)
      let socket = try open(fixture.fixture, client: client)
      let payload = randomBytes(300_000)
      // Frames that the gateway may not send yet wait in the target, in the end.
      try socket.send(.init(opcode: 2, payload: payload))
      var granted = 10_000
      while socket.stream.body.count < payload.count + 10 {
        let got = socket.stream.body.count
        if granted - got < 5_000 {
          try client.send(.windowUpdate(1, 10_000))
          granted += 10_000
        }
        try client.step()
      }
      let frame = try #require(try socket.read())
      #expect(frame.payload == payload)
    }

    /// One stream's reader is slow: others of the connection go on, what waits is bounded, and `close`
    /// ends it.
    @Test func aSlowReaderIsGivenUpAlone() async throws {
      let fixture = try SessionFixture(
        { peer in
          let socket = try peer.accept()
          while let text = try socket.text() {
            if text == "flood" {
              for _ in 0..<200 { try socket.send(text: String(repeating: "x", count: 32_768)) }
            }
            try socket.send(text: text)
          }
        },
        connection: {
          $0.slowConsumer = .close
          $0.maxBacklog = .kibibytes(64)
          $0.slowConsumerTimeout = .milliseconds(300)
        })
      let client = try fixture.fixture.http2(window: 1_000)
      let slow = try open(fixture.fixture, client: client)
      let quick = try open(fixture.fixture, stream: 3, client: client)
      try slow.send(text: "flood")
      for _ in 0..<10 {
        try quick.send(text: "hello")
        #expect(try quick.text() == "hello")
        let backlog = await fixture.report()?.backlog ?? 0
        #expect(backlog <= 64 * 1_024 + 72 * 1_024 + 32_768)
      }
      let gateway = fixture.gateway
      try await eventually("slow consumer") {
        await gateway.sessions().closed == [.slowConsumer: 1]
      }
      try quick.send(text: "still")
      #expect(try quick.text() == "still")
      #expect(await gateway.sessions().open == 1)
    }

    /// A target that does not read stops its caller by the stream's window alone.
    @Test func aTargetThatDoesNotReadClosesTheWindow() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        let socket = try peer.accept()
        gate.wait()
        try socket.echo()
      }
      let fixture = try Fixture(to: upstream) { $0.all.kind = .websocket }
      let client = try fixture.http2()
      let socket = try open(fixture, client: client)
      let other = try HTTP2WebSocket(client, stream: 3)
      #expect(try other.waitForHead().status == 200)
      // More than sockets and windows hold would never leave here.
      var sent = 0
      let chunk = [UInt8](repeating: 0x61, count: 8_000)
      let coder = WebSocketPeer(client.socket, MessageReader(client.socket), masks: true)
      let frame = coder.bytes(.init(opcode: 2, payload: chunk))
      while 65_535 + client.received[1].window - sent >= frame.count && sent < 1 << 27 {
        try client.send(.data(1, frame))
        sent += frame.count
        if sent % 65_536 < frame.count {
          // What was granted so far is here when the answer is.
          let pings = client.received.frames.filter { $0.kind == HTTP2Frame.Kind.ping }.count
          try client.send(.ping())
          try client.read {
            $0.frames.filter { $0.kind == HTTP2Frame.Kind.ping }.count > pings
          }
        }
      }
      #expect(sent < 1 << 27)
      gate.open()
      #expect(try socket.read()?.payload.count == chunk.count)
    }

    // MARK: Drain

    @Test func aDrainTellsTheConnectionAndItsSessions() async throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try Fixture(to: upstream) {
        $0.all.kind = .websocket
        $0.shutdown.timeout = .seconds(20)
      }
      let socket = try open(fixture)
      try socket.send(text: "hello")
      #expect(try socket.text() == "hello")
      let gateway = fixture.gateway
      let ended = Gate()
      Thread.detachNewThread {
        gateway.shutDown()
        ended.open()
      }
      let close = try #require(try socket.read())
      #expect(close.closeCode == 1_012)
      try socket.sendClose(1_012)
      #expect(try socket.read() == nil)
      try socket.client.readToEnd()
      #expect(socket.client.received.goAways.last?.code == 0)
      ended.wait()
      // Once more does no harm.
      #expect(gateway.shutDown())
    }
  }
}
