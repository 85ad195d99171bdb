import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Sessions beside each other on one connection to a target, and what one's trouble means for the others.
  @Suite struct HTTP2TargetSilence {
    /// Its first connection takes three handshakes at once, reads, and says nothing any more.
    private func silent() throws -> ScriptedUpstream {
      try ScriptedUpstream.http2Sockets { peer in
        if peer.index > 0 { return try peer.echoOnAllStreams() }
        for id in [1, 3, 5] { try peer.head(id) }
        for id in [1, 3, 5] { try peer.accept(id) }
        try peer.read { received in [1, 3, 5].allSatisfy { received[$0].isOver } }
        try peer.readToEnd()
      }
    }

    private func fixture(
      to upstream: ScriptedUpstream, isInspected: Bool,
      _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture.http2Sockets(to: upstream, isInspected: isInspected) {
        $0.all.connection?.upstreamPing = .milliseconds(100)
        $0.all.connection?.pongTimeout = .milliseconds(100)
        // A handshake on the silent connection would be refused, and not tried anew.
        $0.service.retries.idempotent = 0
        edit(&$0)
      }
    }

    private func openThree(_ fixture: Fixture) throws -> [WebSocketPeer] {
      let clients = try (0..<3).map { _ in try fixture.client() }
      for client in clients { try client.send(WebSocketPeer.handshake()) }
      for client in clients { #expect(try client.reader.readHead()?.status == 101) }
      return clients.map { WebSocketPeer($0.socket, $0.reader, masks: true) }
    }

    @Test(arguments: [false, true])
    func everySessionIsToldAndNobodyElseBeginsThere(isInspected: Bool) async throws {
      let upstream = try silent()
      let fixture = try fixture(to: upstream, isInspected: isInspected)
      for socket in try openThree(fixture) {
        #expect(try socket.read()?.closeCode == 1_011)
        try socket.sendClose(1_011)
        #expect(try socket.read() == nil)
      }
      let gateway = fixture.gateway
      try await eventually("three ends") {
        let (open, closed) = await gateway.sessions()
        return open == 0 && closed == [.network: 3]
      }
      #expect(upstream.connectionCount == 1)
      let next = try fixture.client().open()
      try next.send(text: "hello")
      #expect(try next.text() == "hello")
      #expect(upstream.connectionCount == 2)
      // The silent one was for them alone.
      try waitUntil { upstream.endedCount == 1 }
    }

    @Test func whoSurvivesItIsNotLentTheSilentConnectionAgain() async throws {
      let upstream = try silent()
      let fixture = try fixture(to: upstream, isInspected: false) {
        $0.all.connection?.onUpstreamLoss = .reconnect
        // On the silent connection the time would be over before the first try's.
        $0.all.connection?.reconnect.deadline = .seconds(20)
        $0.all.connection?.connectTimeout = .seconds(60)
      }
      let sockets = try openThree(fixture)
      try waitUntil { upstream.endedCount == 1 }
      for (index, socket) in sockets.enumerated() {
        try socket.send(text: "\(index)")
        #expect(try socket.text() == "\(index)")
      }
      #expect(upstream.connectionCount == 2)
      let gateway = fixture.gateway
      try await eventually("three sessions that go on") {
        let sessions = await gateway.page(SessionQuery()).sessions
        return sessions.count == 3 && sessions.allSatisfy { $0.reconnects == 1 }
      }
    }

    /// Others hear of the target meanwhile, so it is one stream's trouble.
    @Test func oneSilentStreamIsNobodyElses() async throws {
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        try peer.accept(1)
        let other = try peer.accept(3)
        // Answers the pings of one, and those of the other never.
        while !peer.received[1].isOver {
          while let frame = other.next() { try other.answer(frame) }
          if try !peer.step() { return }
        }
        try peer.accept(5).echo()
      }
      let fixture = try fixture(to: upstream, isInspected: false) {
        $0.all.connection?.upstreamPing = .milliseconds(50)
        $0.all.connection?.pongTimeout = .milliseconds(400)
      }
      let silent = try fixture.client().open()
      let other = try fixture.client().open()
      #expect(try silent.read()?.closeCode == 1_011)
      try silent.sendClose(1_011)
      #expect(try silent.read() == nil)
      let third = try fixture.client().open()
      try third.send(text: "hello")
      #expect(try third.text() == "hello")
      #expect(upstream.connectionCount == 1)
      let gateway = fixture.gateway
      try await eventually("one end") {
        let (open, closed) = await gateway.sessions()
        return open <= 2 && closed[.network] ?? 0 >= 1
      }
      _ = other
    }

    // MARK: Impatient requests

    /// Nothing of it fits the kernel's buffers, and the windows would take all of it.
    private static let large = 64 << 20

    @Test func anImpatientRequestEndsNoSessionBesideIt() async throws {
      let gate = Gate()
      defer { gate.open() }
      let upstream = try ScriptedUpstream.http2Sockets(settings: .settings((8, 1), (4, 1 << 30))) {
        peer in
        try peer.send(.windowUpdate(0, 1 << 30))
        let socket = try peer.accept(1)
        try socket.send(text: try socket.text() ?? "")
        try peer.head(3)
        gate.wait()
        try socket.echo()
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2Sockets(to: upstream) {
        $0.service.timeouts.response = .milliseconds(100)
        var plain = Configuration.Route()
        plain.kind = .http
        plain.service = "service"
        plain.match.prefix = "/plain"
        $0.routes["plain"] = plain
      }
      let session = try fixture.client().open()
      try session.send(text: "hello")
      #expect(try session.text() == "hello")
      let client = try fixture.client()
      try client.send(
        "POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: \(Self.large)\r\n\r\n")
      client.pour(Self.large)
      let response = try client.reader.readResponse(to: "POST")
      #expect(response.status == 504 && response.code == "upstream-response-timeout")
      try session.send(text: "still")
      gate.open()
      #expect(try session.text() == "still")
      #expect(upstream.connectionCount == 1)
      #expect(await fixture.gateway.sessions() == (1, [:]))
    }
  }
}
