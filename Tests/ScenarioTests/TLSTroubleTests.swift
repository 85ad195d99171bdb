import COpenSSL
import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Callers that begin TLS and do not go on, files that change, ends that come early.
  @Suite struct TLSTrouble {
    let authority = TestAuthority()

    private func fixture(
      to upstream: ScriptedUpstream, _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      let tls = Configuration.ListenerTLS(authority.issue("localhost", names: ["DNS:localhost"]))
      return try Fixture(to: upstream) {
        $0.web.tls = tls
        $0.web.timeouts.handshake = .seconds(600)
        edit(&$0)
      }
    }

    private func caller(_ version: Int32 = 0) -> TestTLSSettings {
      TestTLSSettings(trusting: authority, version: version)
    }

    /// The first bytes of a caller.
    private func hello() throws -> [UInt8] {
      let (listening, port) = try listenOnLoopback(port: 0, backlog: 1)
      defer { close(listening) }
      let socket = try RawSocket(port: port, caller())
      _ = socket.tls?.handshake()
      let accepted = RawSocket(accept(listening, nil, nil))
      return try accepted.receive()
    }

    // MARK: Handshakes

    @Test func whoDoesNotFinishItsHandshakeIsClosed() throws {
      let fixture = try fixture(to: .echoing()) {
        $0.web.timeouts.handshake = .milliseconds(200)
        $0.web.timeouts.head = .seconds(60)
      }
      let settled = try fixture.client(caller())
      #expect(try settled.get("/").status == 200)
      let hello = try hello()
      let clients = try (0..<4).map { turn in
        let client = try fixture.client()
        try client.socket.send(hello[..<(hello.count * turn / 3)])
        return client
      }
      for client in clients {
        _ = try client.reader.readToEnd()
        #expect(client.reader.hasEnded)
      }
      // Whoever has finished it is not under that deadline.
      #expect(try settled.get("/").status == 200)
    }

    /// What is no whole record is no sign of life.
    @Test(arguments: [true, false])
    func aRecordThatDoesNotEndKeepsNoSession(isPinged: Bool) async throws {
      let upstream = try ScriptedUpstream { peer in
        let socket = try peer.accept()
        while try socket.read() != nil {}
      }
      let fixture = try fixture(to: upstream) {
        $0.all.kind = .websocket
        var connection = Configuration.ConnectionSettings()
        connection.ping = .milliseconds(isPinged ? 20 : 0)
        connection.pongTimeout = .milliseconds(20)
        connection.idleTimeout = isPinged ? .seconds(3_600) : .milliseconds(200)
        connection.closeTimeout = .milliseconds(50)
        $0.all.connection = connection
      }
      let client = try fixture.client(caller(TLS1_3_VERSION))
      let socket = try client.open()
      // A header of 16 KB, and some of them.
      try client.socket.sendBelowTLS(
        "\u{17}\u{3}\u{3}\u{40}\u{0}" + String(repeating: "x", count: 1_000))
      try await eventually("the session's end") {
        let (open, closed) = await fixture.gateway.sessions()
        return open == 0 && closed == [isPinged ? .network : .idleTimeout: 1]
      }
      withExtendedLifetime(socket) {}
    }

    @Test(arguments: [
      [UInt8](repeating: 0, count: 100), Array("\u{16}\u{3}\u{1}\u{0}\u{5}hello".utf8),
      [0x16, 3, 1, 0xFF, 0xFF] + [UInt8](repeating: 1, count: 3_000), Array("get / http".utf8),
      [0x80, 0x2E, 1, 0, 2],
    ])
    func garbageIsClosed(bytes: [UInt8]) throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      try client.socket.send(bytes)
      client.socket.finishWriting()
      let answer = try client.reader.readToEnd()
      #expect(client.reader.hasEnded)
      // Nothing, or an alert.
      #expect(answer.isEmpty || answer[0] == 21)
      #expect(upstream.requests.isEmpty)
      #expect(try fixture.client(caller()).get("/").status == 200)
    }

    @Test func plainHTTPIsToldSo() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream)
      for text in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST /x HTTP/1.1\r\nContent-Le"] {
        let client = try fixture.client()
        try client.send(text)
        let answer = try client.reader.readResponse()
        #expect(answer.status == 400)
        #expect(answer.code == "tls-required")
        #expect(try client.isClosedByGateway())
      }
      #expect(upstream.requests.isEmpty)
    }

    @Test func renegotiationIsRefused() throws {
      let fixture = try fixture(to: .echoing())
      let client = try fixture.client(caller(TLS1_2_VERSION))
      #expect(try client.get("/").status == 200)
      client.socket.tls?.renegotiate()
      #expect(throws: ScenarioError.self) { try client.socket.handshake() }
      #expect(try fixture.client(caller(TLS1_2_VERSION)).get("/").status == 200)
    }

    /// Somebody between puts bytes of its own into a connection: no request comes of them, and the caller
    /// is told by an alert.
    @Test(arguments: [
      ([23, 3, 3, 0, 40] + [UInt8](repeating: 7, count: 40), "bad record mac"),
      ([23, 3, 3, 0xFF, 0xFF], "record overflow"),
      (Array("GET / HTTP/1.1".utf8), "unexpected message"),
      ([21, 3, 3, 0, 2, 1, 0], "unexpected message"),
    ])
    func strangersBytesEndTheConnection(bytes: [UInt8], alert: String) throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream)
      let client = try fixture.client(caller(TLS1_3_VERSION))
      #expect(try client.get("/first").status == 200)
      #expect(write(client.socket.descriptor, bytes, bytes.count) == bytes.count)
      let error = #expect(throws: ScenarioError.self) {
        while try !client.socket.receive().isEmpty {}
        throw ScenarioError.ended
      }
      if case .tls(let reason)? = error {
        #expect(reason.hasSuffix(alert))
      } else {
        #expect(error == .reset)
      }
      #expect(upstream.requests.count == 1)
    }

    @Test func aResetWithinTheHandshakeHarmsNobody() async throws {
      let fixture = try fixture(to: .echoing())
      let hello = try hello()
      for count in [0, 5, hello.count / 2, hello.count] {
        let client = try fixture.client()
        try client.socket.send(hello[..<count])
        client.socket.reset()
      }
      #expect(try fixture.client(caller()).get("/").status == 200)
      try await eventually { await fixture.openConnections() == 0 }
    }

    // MARK: Ends

    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func anOrderlyEndIsAnnounced(version: Int32) throws {
      let fixture = try fixture(to: .echoing())
      let client = try fixture.client(caller(version))
      #expect(try client.get("/", "Connection: close").status == 200)
      // A FIN without close_notify would throw.
      #expect(try client.isClosedByGateway())
    }

    /// RFC 8446 6.1: what comes behind a close_notify is ignored, also while the request in front of it waits.
    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func nothingIsReadBehindACallersEnd(version: Int32) async throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          if request.target == "/first" { gate.wait() }
          try peer.send(ok("done"))
        }
      }
      let fixture = try fixture(to: upstream) { $0.service.connections.maxPerTarget = 1 }
      let first = try fixture.client(caller(version))
      try first.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { upstream.requests.count == 1 }
      let second = try fixture.client(caller(version))
      // All of it in one segment.
      var isCorked: Int32 = 1
      let size = socklen_t(MemoryLayout<Int32>.size)
      setsockopt(second.socket.descriptor, Int32(IPPROTO_TCP), TCP_CORK, &isCorked, size)
      try second.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n")
      second.socket.tls?.finishAndGoOn()
      try second.send("GET /after HTTP/1.1\r\nHost: a\r\n\r\n")
      second.socket.cut()
      // Whoever has ended is not kept in the queue.
      try await eventually { await fixture.openConnections() == 1 }
      gate.open()
      #expect(try first.reader.readResponse().status == 200)
      #expect(try first.get("/last").status == 200)
      #expect(upstream.requests.map(\.target) == ["/first", "/last"])
    }

    @Test func anIdleConnectionsEndIsAnnounced() throws {
      let fixture = try fixture(to: .echoing()) { $0.web.timeouts.idle = .milliseconds(100) }
      let client = try fixture.client(caller())
      #expect(try client.get("/").status == 200)
      #expect(try client.isClosedByGateway())
    }

    /// The end of the connection is the end of the body: a caller must be able to tell.
    @Test func aBodyThatBreaksOffIsNotAnnouncedAsWhole() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\n\r\nabc")
        gate.wait()
        peer.socket.reset()
      }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client(caller())
      try client.send("GET / HTTP/1.0\r\n\r\n")
      #expect(try client.reader.readHead()?.status == 200)
      while client.reader.buffer.count < 3 { try client.reader.fill() }
      gate.open()
      #expect(throws: ScenarioError.self) { while try client.reader.fill() {} }
    }

    @Test func aCallerThatCutsItsBodySendsNoWholeRequest() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send(ok("whole"))
      }
      let fixture = try fixture(to: upstream)
      for announced in [true, false] {
        let client = try fixture.client(caller())
        try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        try waitUntil { upstream.connectionCount > 0 }
        if announced { client.socket.finishWriting() } else { client.socket.cut() }
        #expect(throws: (any Error).self) { _ = try client.reader.readResponse() }
      }
      try waitUntil { upstream.endedCount == 2 }
      #expect(upstream.requests.filter { !$0.isTruncated }.isEmpty)
    }

    // MARK: Back-pressure

    @Test func aDownloadWaitsForItsReader() throws {
      let total = 64 << 20
      let sent = Counter()
      let block = [UInt8](repeating: 7, count: 256 * 1_024)
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
        for _ in 0..<(total / block.count) {
          try peer.socket.send(block)
          sent.add(block.count)
        }
      }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client(receiveBuffer: 16_384, caller())
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try stalled { sent.value } < 24 << 20)
      let response = try client.reader.readResponse()
      #expect(response.body.count == total)
    }

    @Test func anUploadWaitsForItsTarget() throws {
      let total = 64 << 20
      let gate = Gate()
      let received = Counter()
      let upstream = try ScriptedUpstream { peer in
        guard try peer.reader.readHead() != nil else { return }
        gate.wait()
        var count = peer.reader.buffer.count
        while count < total { count += try peer.socket.receive(atMost: 1 << 20).count }
        received.add(count)
        try peer.send(ok("thanks"))
      }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client(caller())
      let sent = Counter()
      let block = [UInt8](repeating: 7, count: 256 * 1_024)
      try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(total)\r\n\r\n")
      let socket = client.socket
      Thread.detachNewThread {
        for _ in 0..<(total / block.count) {
          guard (try? socket.send(block)) != nil else { return }
          sent.add(block.count)
        }
      }
      #expect(try stalled { sent.value } < 24 << 20)
      gate.open()
      #expect(try client.reader.readResponse().text == "thanks")
      #expect(received.value == total)
    }

    private func stalled(_ count: () -> Int) throws -> Int {
      var last = 0
      try waitUntil("a stall") {
        let before = last
        last = count()
        if last > 0 && last == before { return true }
        usleep(100_000)
        return false
      }
      return last
    }

    // MARK: Reload and drain

    @Test func newFilesAreForNewConnections() throws {
      let fixture = try fixture(to: .echoing())
      let old = try fixture.client(caller())
      #expect(try old.get("/").status == 200)
      let next = authority.issue("renewed", names: ["DNS:localhost"])
      let path = try #require(fixture.gateway.configuration.web.tls?.certificates.first)
      // The same paths with other content, as a renewal does it.
      for (from, to) in [(next.certificate, path.certificate), (next.key, path.key)] {
        let content = try Data(contentsOf: URL(filePath: from))
        try content.write(to: URL(filePath: to))
      }
      try fixture.gateway.reload(fixture.gateway.configuration)
      #expect(try old.get("/").status == 200)
      #expect(old.socket.tls?.peer?.name == "localhost")
      let new = try fixture.client(caller())
      #expect(try new.get("/").status == 200)
      #expect(new.socket.tls?.peer?.name == "renewed")
    }

    @Test func aPairThatDoesNotMatchChangesNothing() throws {
      let fixture = try fixture(to: .echoing())
      let old = try fixture.client(caller())
      #expect(try old.get("/").status == 200)
      let other = authority.issue("other", names: ["DNS:localhost"])
      var next = fixture.gateway.configuration
      next.web.tls?.certificates[0].key = other.key
      next.routes = [:]
      #expect(throws: Gateway.StartError.self) { try fixture.gateway.reload(next) }
      next.web.tls?.certificates[0].key = "/nowhere/at/all"
      #expect(throws: Gateway.StartError.self) { try fixture.gateway.reload(next) }
      #expect(try old.get("/").status == 200)
      #expect(try fixture.client(caller()).get("/").status == 200)
    }

    @Test func aDrainEndsWithACloseNotify() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream.answering { request in
        if request.target == "/wait" { gate.wait() }
        return ok(request.target)
      }
      let fixture = try fixture(to: upstream) { $0.shutdown.timeout = .seconds(30) }
      let idle = try fixture.client(caller())
      #expect(try idle.get("/").status == 200)
      let busy = try fixture.client(caller())
      try busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { upstream.requests.contains { $0.target == "/wait" } }
      let ended = Gate()
      let gateway = fixture.gateway
      Thread.detachNewThread {
        gateway.shutDown()
        ended.open()
      }
      #expect(try idle.isClosedByGateway())
      gate.open()
      #expect(try busy.reader.readResponse().text == "/wait")
      #expect(try busy.isClosedByGateway())
      ended.wait()
      fixture.wasShutDown()
    }
  }
}
