import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Routes of kind `websocket`: after the 101 bytes pass as they are.
  @Suite struct Tunnels {
    static let handshake =
      "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
      + "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      + "Sec-WebSocket-Version: 13\r\n\r\n"
    static let accept =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

    /// Accepts, says hello at once and returns every byte.
    private func echo() throws -> ScriptedUpstream {
      try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send(Self.accept + "hello")
        try peer.socket.send(peer.reader.take(peer.reader.buffer.count))
        while true {
          let bytes = try peer.socket.receive()
          if bytes.isEmpty { return }
          try peer.socket.send(bytes)
        }
      }
    }

    private func read(_ count: Int, _ client: TestClient) throws -> String {
      while client.reader.buffer.count < count { try #require(try client.reader.fill()) }
      return String(decoding: client.reader.take(count), as: UTF8.self)
    }

    /// RFC 9110 7.8: a server must not switch to what was not asked for.
    @Test(arguments: ["h2c", "websocket, h2c", ""]) func onlyWhatWasAskedForBegins(
      protocol name: String
    ) throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send(Self.accept.replacingOccurrences(of: ": websocket", with: ": \(name)"))
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream) { $0.all.kind = .websocket }
      let response = try fixture.client().exchange(Self.handshake)
      #expect(response.status == 502)
      #expect(response.code == "upstream-malformed")
    }

    @Test func bytesPassBothWaysFromTheFirst() throws {
      let upstream = try echo()
      let fixture = try Fixture(to: upstream) { $0.all.kind = .websocket }
      let client = try fixture.client()
      // Bytes behind the handshake wait for the 101.
      try client.send(Self.handshake + "early")
      let head = try #require(try client.reader.readHead())
      #expect(head.status == 101)
      #expect(head["Connection"] == "Upgrade")
      #expect(head["Upgrade"] == "websocket")
      #expect(head["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
      #expect(try read(10, client) == "helloearly")
      for turn in 0..<5 {
        try client.send("turn \(turn)")
        #expect(try read(6, client) == "turn \(turn)")
      }
      let request = try #require(upstream.requests.first)
      #expect(request["Upgrade"] == "websocket")
      #expect(request["Connection"] == "Upgrade")
      #expect(request["Sec-WebSocket-Key"] != nil)
    }

    @Test func theCallersEndReachesTheTargetAndWhatFollowsReachesTheCaller() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send(Self.accept)
        let received = try peer.reader.readToEnd()
        try peer.send("you sent \(received.count)")
      }
      let fixture = try Fixture(to: upstream) { $0.all.kind = .websocket }
      let client = try fixture.client()
      try client.send(Self.handshake)
      #expect(try client.reader.readHead()?.status == 101)
      try client.send("12345")
      client.socket.finishWriting()
      #expect(String(decoding: try client.reader.readToEnd(), as: UTF8.self) == "you sent 5")
    }

    @Test func theTargetsEndReachesTheCallerAndAllThatFollowsReachesTheTarget() async throws {
      // From what fits the kernel's buffers to what no longer fits the gateway's: in between the
      // tunnel is over while the gateway still holds bytes for the target.
      var size = 64 * 1_024
      // And a little further, where the caller's end waits behind bytes that nobody reads yet.
      var stepsBeyond = 0
      while stepsBeyond < 4 {
        let gate = Gate()
        let received = Counter()
        let upstream = try ScriptedUpstream { peer in
          _ = try peer.readRequest()
          try peer.send(Self.accept + "bye")
          peer.socket.finishWriting()
          gate.wait()
          received.add(try peer.reader.readToEnd().count)
        }
        let fixture = try Fixture(to: upstream) { $0.all.kind = .websocket }
        let client = try fixture.client()
        try client.send(Self.handshake)
        #expect(try client.reader.readHead()?.status == 101)
        #expect(String(decoding: try client.reader.readToEnd(), as: UTF8.self) == "bye")
        let (socket, count) = (client.socket, size)
        Thread.detachNewThread {
          try? socket.send([UInt8](repeating: 7, count: count))
          socket.finishWriting()
        }
        let gateway = fixture.gateway
        let fits =
          (try? await eventually(within: 200) {
            await gateway.reports().allSatisfy { $0.routes.allSatisfy { $0.openTunnels == 0 } }
          }) != nil
        gate.open()
        try waitUntil { upstream.endedCount == 1 }
        #expect(received.value == size)
        if !fits { stepsBeyond += 1 }
        size += fits ? 48 * 1_024 : 200 * 1_024
      }
    }

    @Test func silenceEndsATunnel() throws {
      let upstream = try echo()
      let fixture = try Fixture(to: upstream) {
        $0.all.kind = .websocket
        var settings = Configuration.ConnectionSettings()
        settings.idleTimeout = .milliseconds(50)
        $0.all.connection = settings
      }
      let client = try fixture.client()
      try client.send(Self.handshake)
      #expect(try client.reader.readHead()?.status == 101)
      #expect(try read(5, client) == "hello")
      #expect(try client.isClosedByGateway())
      try waitUntil { upstream.endedCount == 1 }
    }

    @Test func aTunnelThatNobodyReadsEndsToo() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send(Self.accept)
        while true { try peer.socket.send([UInt8](repeating: 7, count: 65_536)) }
      }
      let fixture = try Fixture(to: upstream) {
        $0.all.kind = .websocket
        var settings = Configuration.ConnectionSettings()
        settings.idleTimeout = .milliseconds(80)
        $0.all.connection = settings
      }
      let client = try fixture.client(receiveBuffer: 4_096)
      try client.send(Self.handshake)
      try waitUntil { upstream.endedCount == 1 }
    }

    @Test func aRefusalPassesUnchanged() throws {
      let upstream = try ScriptedUpstream.answering { request in
        request.target == "/socket"
          ? "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-Why: 1\r\n\r\nno" : ok("")
      }
      let fixture = try Fixture(to: upstream) { $0.all.kind = .websocket }
      let client = try fixture.client()
      for _ in 0..<2 {
        let response = try client.exchange(Self.handshake)
        #expect(response.status == 403)
        #expect(response["X-Why"] == "1")
        #expect(response.text == "no")
      }
    }

    @Test func withoutUpgradeTheAnswerIsUpgradeRequired() throws {
      let upstream = try echo()
      let fixture = try Fixture(to: upstream) { $0.all.kind = .websocket }
      let client = try fixture.client()
      let response = try client.get("/socket")
      #expect(response.status == 426)
      #expect(response.code == "upgrade-required")
      #expect(response["Upgrade"] == "websocket")
      #expect(response["Connection"]?.contains("Upgrade") == true)
      #expect(upstream.connectionCount == 0)
    }

    @Test func whenOneSideIsGoneTheOtherIsTold() throws {
      let upstream = try echo()
      let fixture = try Fixture(to: upstream) { $0.all.kind = .websocket }
      let leaving = try fixture.client()
      try leaving.send(Self.handshake)
      #expect(try leaving.reader.readHead()?.status == 101)
      leaving.socket.reset()
      try waitUntil { upstream.endedCount == 1 }

      let left = try fixture.client()
      try left.send(Self.handshake)
      #expect(try left.reader.readHead()?.status == 101)
      #expect(try read(5, left) == "hello")
      upstream.stop(resetting: true)
      #expect(try left.isClosedByGateway())
    }

    @Test func aReloadLeavesTunnelsOpen() throws {
      let upstream = try echo()
      let fixture = try Fixture(to: upstream) { $0.all.kind = .websocket }
      let client = try fixture.client()
      try client.send(Self.handshake)
      #expect(try client.reader.readHead()?.status == 101)
      #expect(try read(5, client) == "hello")
      for turn in 0..<5 {
        var next = fixture.gateway.configuration
        next.service.timeouts.response = .seconds(Int64(turn) + 1)
        try fixture.gateway.reload(next)
        try client.send("still \(turn)")
        #expect(try read(7, client) == "still \(turn)")
      }
    }
  }
}
