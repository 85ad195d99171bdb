import Foundation
import Glibc
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import SluiceWire
import Testing

extension Scenarios {
  /// PROXY headers, from balancers and to targets.
  @Suite struct ProxyProtocol {
    private static let text = "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"
    private static let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    private static func binary(_ header: ProxyHeader) -> [UInt8] {
      var output = ByteBuffer()
      header.appendVersion2(to: &output)
      return output.copiedBytes()
    }

    private static let binary = Self.binary(
      ProxyHeader(
        source: .init(ip: IPAddress("2001:db8::7")!, port: 1),
        destination: .init(ip: IPAddress("2001:db8::8")!, port: 2)))

    /// Behind a balancer on the loopback.
    private func fixture(
      to upstream: ScriptedUpstream, _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) {
        $0.web.proxyProtocol = true
        $0.web.trustedProxies = ["127.0.0.1"]
        edit(&$0)
      }
    }

    // MARK: From balancers

    @Test(arguments: [
      (Array(text.utf8), "192.0.2.1"), (binary, "2001:db8::7"),
      (binary(ProxyHeader()), "127.0.0.1"), (Array("PROXY UNKNOWN\r\n".utf8), "127.0.0.1"),
    ])
    func theHeaderSaysWhoCalls(header: [UInt8], caller: String) throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream)
      let whole = try fixture.client()
      try whole.socket.send(header + Array(Self.request.utf8))
      #expect(try whole.reader.readResponse().status == 200)
      // What follows on the connection is the caller's.
      #expect(try whole.get("/again").status == 200)
      let dripped = try fixture.client()
      for byte in header { try dripped.socket.send([byte]) }
      #expect(try dripped.get("/").status == 200)
      #expect(upstream.requests.map { $0["X-Forwarded-For"] } == [caller, caller, caller])
    }

    @Test func theCallerIsNoProxyBecauseItsProxyIs() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      try client.send(Self.text)
      #expect(try client.get("/", "X-Forwarded-For: 198.51.100.1").status == 200)
      #expect(upstream.requests[0]["X-Forwarded-For"] == "192.0.2.1")
    }

    /// Also where the header names an address of the trusted proxies.
    @Test func noFieldIsBelievedWhereNoneIsRead() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.web.trustedProxies = ["0.0.0.0/0"]
        $0.web.clientAddress.field = "none"
      }
      let client = try fixture.client()
      try client.send(Self.text)
      let forged = ["X-Forwarded-For: 198.51.100.1", "None: 198.51.100.1"]
      #expect(try client.get("/", forged[0], forged[1]).status == 200)
      #expect(upstream.requests[0]["X-Forwarded-For"] == "192.0.2.1")
    }

    @Test func tlsBeginsBehindTheHeader() throws {
      let authority = TestAuthority()
      let identity = authority.issue("localhost", names: ["DNS:localhost"])
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) { $0.web.tls = Configuration.ListenerTLS(identity) }
      let client = try fixture.client(TestTLSSettings(trusting: authority))
      try client.socket.sendBelowTLS(Self.text)
      #expect(try client.get("/").status == 200)
      #expect(upstream.requests[0]["X-Forwarded-For"] == "192.0.2.1")
      #expect(upstream.requests[0]["X-Forwarded-Proto"] == "https")
    }

    @Test(arguments: [
      request, "PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n" + request,
      "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
      "PROXY \(String(repeating: "a", count: 5_000))",
    ])
    func whatIsNoHeaderEndsTheConnection(bytes: String) async throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      try client.send(bytes)
      #expect(try client.isClosedByGateway())
      #expect(upstream.requests.isEmpty)
      try await eventually { await fixture.openConnections() == 0 }
    }

    @Test func strangersMayNotSayAnything() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) { $0.web.trustedProxies = ["192.0.2.0/24"] }
      let client = try fixture.client()
      #expect(try client.isClosedByGateway())
      #expect(upstream.requests.isEmpty)
    }

    @Test func aHeaderThatDoesNotComeIsNotWaitedFor() throws {
      let fixture = try fixture(to: .echoing()) {
        $0.web.timeouts.handshake = .milliseconds(100)
      }
      let silent = try fixture.client()
      let half = try fixture.client()
      try half.send("PROXY TCP4 192")
      #expect(try silent.isClosedByGateway())
      #expect(try half.isClosedByGateway())
      let left = try fixture.client()
      try left.send("PROXY TCP4 192")
      left.socket.finishWriting()
      #expect(try left.isClosedByGateway())
    }

    @Test func connectionsAreCountedByTheirCaller() throws {
      let fixture = try fixture(to: .echoing()) { $0.web.limits.connectionsPerAddress = 1 }
      let first = try fixture.client()
      try first.send(Self.text)
      #expect(try first.get("/").status == 200)
      let second = try fixture.client()
      try second.send(Self.text)
      #expect(try second.isClosedByGateway())
      let other = try fixture.client()
      try other.send(Self.text.replacingOccurrences(of: "192.0.2.1", with: "192.0.2.9"))
      #expect(try other.get("/").status == 200)
    }

    // MARK: To targets

    @Test(arguments: [Configuration.ProxyProtocol.v1, .v2])
    func targetsLearnWhoCallsAndShareNoConnection(
      version: Configuration.ProxyProtocol
    ) throws {
      let headers = Gathered()
      let upstream = try ScriptedUpstream { peer in
        headers.add(try Self.readHeader(peer.reader))
        while let request = try peer.readRequest() { try peer.send(ok(request.target)) }
      }
      let fixture = try Fixture(to: upstream) { $0.service.proxyProtocol = version }
      let client = try fixture.client()
      for turn in 0..<3 { #expect(try client.get("/\(turn)").text == "/\(turn)") }
      #expect(upstream.connectionCount == 3)
      #expect(headers.all.count == 3)
      for header in headers.all {
        let ends = try #require(header.ends)
        #expect(ends.source.ip == IPAddress("127.0.0.1"))
        #expect(ends.source.port == client.socket.localPort)
        #expect(ends.destination.port == fixture.port)
      }
    }

    @Test func whatABalancerSaidIsPassedOn() throws {
      let headers = Gathered()
      let upstream = try ScriptedUpstream { peer in
        headers.add(try Self.readHeader(peer.reader))
        while let request = try peer.readRequest() { try peer.send(ok(request.target)) }
      }
      let fixture = try fixture(to: upstream) { $0.service.proxyProtocol = .v2 }
      let client = try fixture.client()
      try client.send(Self.text)
      #expect(try client.get("/").status == 200)
      let ends = try #require(headers.all.first?.ends)
      #expect(ends.source == .init(ip: IPAddress("192.0.2.1")!, port: 56_324))
    }

    @Test func theHeaderGoesBeforeTLS() throws {
      let seen = Gathered()
      let upstream = try ScriptedUpstream { peer in
        seen.add(try Self.readHeader(peer.reader))
        while peer.reader.buffer.isEmpty { try peer.reader.fill() }
        #expect(peer.reader.buffer.first == 22)
      }
      let fixture = try Fixture(
        configuration(targets: ["https://127.0.0.1:\(upstream.port)"]) {
          $0.service.proxyProtocol = .v1
        })
      #expect(try fixture.get("/").status == 502)
      try waitUntil { upstream.endedCount > 0 }
      #expect(seen.all.first?.ends?.source.ip == IPAddress("127.0.0.1"))
    }

    // MARK: By HTTP/2

    /// Speaks HTTP/2 behind the header, and takes WebSockets there.
    private func http2Sockets(
      _ headers: Gathered, _ settings: HTTP2Frame
    ) throws -> ScriptedUpstream {
      try ScriptedUpstream { peer in
        headers.add(try Self.readHeader(peer.reader))
        let connection = try HTTP2Peer(
          peer, settings: settings, behind: peer.reader.take(peer.reader.buffer.count))
        try connection.echoOnAllStreams()
      }
    }

    /// A stream of the same connection would be somebody else's.
    @Test(arguments: [Configuration.ProxyProtocol.v1, .v2])
    func webSocketsByHTTP2ShareNoConnection(version: Configuration.ProxyProtocol) async throws {
      let headers = Gathered()
      let upstream = try http2Sockets(headers, .settings((8, 1)))
      let fixture = try Fixture.http2Sockets(to: upstream) {
        $0.service.proxyProtocol = version
        $0.service.connections.maxPerTarget = 3
      }
      var sockets: [WebSocketPeer] = []
      var ports: Set<UInt16?> = []
      for turn in 0..<3 {
        let client = try fixture.client()
        ports.insert(client.socket.localPort)
        sockets.append(try client.open())
        try sockets[turn].send(text: "\(turn)")
        #expect(try sockets[turn].text() == "\(turn)")
      }
      #expect(upstream.connectionCount == 3)
      // Its connection serves nobody else, and its place is free.
      try sockets[0].sendClose(1_000)
      #expect(try sockets[0].read()?.closeCode == 1_000)
      try waitUntil { upstream.endedCount == 1 }
      let client = try fixture.client()
      ports.insert(client.socket.localPort)
      let last = try client.open()
      try last.send(text: "last")
      #expect(try last.text() == "last")
      try sockets[1].send(text: "still")
      #expect(try sockets[1].text() == "still")
      #expect(upstream.connectionCount == 4 && ports.count == 4)
      #expect(Set(headers.all.map { $0.ends?.source.port }) == ports)
      for header in headers.all {
        let ends = try #require(header.ends)
        #expect(ends.source.ip == IPAddress("127.0.0.1"))
        #expect(ends.destination.port == fixture.port)
      }
    }

    @Test func whoTakesNoWebSocketsIsLeftAtOnce() throws {
      let headers = Gathered()
      let upstream = try http2Sockets(headers, .settings())
      let fixture = try Fixture.http2Sockets(to: upstream) {
        $0.service.proxyProtocol = .v2
        $0.service.connections.maxPerTarget = 1
      }
      for turn in 1...3 {
        let refused = try fixture.client().exchange(WebSocketPeer.handshake())
        #expect(refused.status == 502 && refused.code == "upstream-takes-no-websockets")
        try waitUntil { upstream.endedCount == turn }
      }
      #expect(headers.all.count == 3)
    }

    /// Reads version 1 below TLS, which begins behind it.
    private static func readLine(below peer: UpstreamPeer) throws -> String {
      var line: [UInt8] = []
      while line.last != 10 {
        var entry = pollfd(fd: peer.socket.descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 10_000) == 1 else { throw ScenarioError.ended }
        var byte: UInt8 = 0
        guard recv(peer.socket.descriptor, &byte, 1, 0) == 1 else { throw ScenarioError.ended }
        line.append(byte)
      }
      return String(decoding: line, as: UTF8.self)
    }

    /// The connection by HTTP/2 is of no use, and the one by HTTP/1.1 has a header of its own.
    @Test func aWebSocketThatHTTP2DoesNotTakeIsAnnouncedAnew() throws {
      let authority = TestAuthority()
      let lines = Locked<[String]>([])
      let server = TestTLSSettings(
        server: authority.issue(names: ["DNS:localhost"]), protocol: "h2")
      let upstream = try ScriptedUpstream(tls: server) { peer in
        let line = try Self.readLine(below: peer)
        lines.withLock { $0.append(line) }
        if try !peer.agreesOnHTTP2() { return try peer.accept().echo() }
        try HTTP2Peer(peer).readToEnd()
      }
      let fixture = try Fixture(to: upstream) {
        $0.trust(authority)
        $0.service.protocol = .auto
        $0.service.proxyProtocol = .v1
        $0.all.kind = .websocket
      }
      for turn in 0..<2 {
        let client = try fixture.client()
        let socket = try client.open()
        try socket.send(text: "hello")
        #expect(try socket.text() == "hello")
        let port = try #require(client.socket.localPort)
        let line = "PROXY TCP4 127.0.0.1 127.0.0.1 \(port) \(fixture.port)\r\n"
        // What the first one has learnt spares the second one the detour.
        let seen = lines.withLock { $0 }
        #expect(seen.suffix(turn == 0 ? 2 : 1).allSatisfy { $0 == line })
        #expect(seen.count == 2 + turn)
      }
    }

    private final class Gathered: Sendable {
      private let headers = NSLock()
      private nonisolated(unsafe) var list: [ProxyHeader] = []
      func add(_ header: ProxyHeader) { headers.withLock { list.append(header) } }
      var all: [ProxyHeader] { headers.withLock { list } }
    }

    private static func readHeader(_ reader: MessageReader) throws -> ProxyHeader {
      while true {
        let bytes = Array(reader.buffer)
        if let (header, count) = try ProxyHeader.parse(prefixOf: bytes.span) {
          _ = reader.take(count)
          return header
        }
        try #require(try reader.fill())
      }
    }
  }
}
