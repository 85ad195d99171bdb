import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Callers by HTTP/2 who are slow, greedy or hostile.
  @Suite struct HTTP2Limits {
    // MARK: Time

    @Test func idleConnectionsSayGoodbye() throws {
      let fixture = try Fixture(to: .echoing()) { $0.web.timeouts.idle = .milliseconds(50) }
      let client = try fixture.http2()
      #expect(try client.get("/").status == 200)
      try client.readToEnd()
      #expect(client.received.goAways.map(\.code) == [0])
      let silent = try fixture.http2()
      try silent.readToEnd()
      #expect(silent.received.goAways.map(\.code) == [0])
    }

    @Test func aHeadThatDoesNotEndEndsTheConnection() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { $0.web.timeouts.head = .milliseconds(50) }
      let client = try fixture.http2()
      try client.send(.headers(1, HTTP2Frame.request(), isWhole: false))
      try client.readToEnd()
      #expect(client.received.goAways.count == 1)
      #expect(upstream.requests.isEmpty)
    }

    @Test func aHeadOfWhichOnlyTheHeaderComesEndsTheConnection() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.web.timeouts.head = .milliseconds(50)
        $0.web.timeouts.idle = .milliseconds(100)
      }
      let client = try fixture.http2()
      try client.socket.send(Array(HTTP2Frame.headers(1, HTTP2Frame.request()).bytes[..<9]))
      try client.readToEnd()
      #expect(client.received.goAways.count == 1)
      #expect(upstream.requests.isEmpty)
    }

    /// The end comes while the target is still being connected to.
    @Test func anEmptyBodyEndsAfterItsHead() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream)
      let client = try fixture.http2()
      for path in ["/a", "/b"] {
        let id = try client.begin("POST", path, [], end: false)
        try client.send(.data(id, [], end: true))
        #expect(try client.response(id).status == 200)
      }
      #expect(upstream.requests.count == 2)
      #expect(upstream.requests.allSatisfy { !$0.isTruncated })
    }

    @Test func aSlowBodyTimesOutAndTheTargetSeesNoWholeRequest() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { $0.web.timeouts.body = .milliseconds(50) }
      let client = try fixture.http2()
      let id = try client.begin("POST", "/", [("content-length", "10")], end: false)
      try client.send(.data(id, Array("abc".utf8)))
      try client.read { $0[id].resetCode != nil }
      #expect(client.received[id].status == 408)
      #expect(client.received[id].resetCode == 0)
      #expect(try client.get("/next").status == 200)
      try waitUntil { upstream.requests.contains { $0.isTruncated } }
    }

    @Test func whoDoesNotOpenItsWindowIsCutOff() throws {
      let upstream = try ScriptedUpstream.answering { _ in ok(String(repeating: "a", count: 10_000))
      }
      let fixture = try Fixture(to: upstream) { $0.web.timeouts.write = .milliseconds(50) }
      let client = try fixture.http2(window: 10)
      let response = try client.get("/")
      #expect(response.text.count == 10)
      #expect(response.resetCode == 8)
      // The connection goes on for those that read.
      let second = try client.begin()
      try client.send(.windowUpdate(second, 100_000))
      #expect(try client.response(second).body.count == 10_000)
    }

    // MARK: Pressure

    /// A thousand responses that nobody reads: targets wait, and little is held.
    @Test func slowReadersHoldTheirTargetsBack() throws {
      let sent = Counter()
      let piece = [UInt8](repeating: 7, count: 64 * 1_024)
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(256 << 20)\r\n\r\n")
        for _ in 0..<4_096 {
          try peer.socket.send(piece)
          sent.add(piece.count)
        }
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.http2(window: 0)
      for _ in 0..<20 { try client.begin() }
      try waitUntil { upstream.requests.count == 20 }
      var last = -1
      try waitUntil("a stall") {
        let before = last
        last = sent.value
        if last > 0 && last == before { return true }
        usleep(100_000)
        return false
      }
      // Twenty pairs of kernel buffers, and little beside them.
      #expect(last < 20 * (12 << 20))
      // Requests beyond what waits are refused, in a way that lets callers try again elsewhere.
      try client.send(.ping())
      try client.step()
      client.socket.reset()
      try waitUntil { upstream.endedCount == 20 }
    }

    /// A thousand streams on ten connections, each with a response that is ready to be read.
    @Test func aThousandSlowStreamsHoldLittle() throws {
      let body = [UInt8](repeating: 7, count: 200_000)
      let upstream = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {
          try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
          try peer.socket.send(body)
        }
      }
      let gateway = try GatewayChild(target: upstream.url)
      let clients = try (0..<10).map { _ in try HTTP2Client(port: gateway.port, window: 0) }
      // What grows with the first request of each connection has grown.
      let first = try TestClient(port: gateway.port)
      #expect(try first.get("/").body.count == body.count)
      let before = gateway.residentBytes
      for client in clients { for _ in 0..<100 { try client.begin() } }
      for client in clients {
        // Of every response the head is here, and nothing else.
        try client.read { received in
          stride(from: 1, to: 201, by: 2).allSatisfy { !received[$0].heads.isEmpty }
        }
      }
      // A mebibyte for each connection, and of every further stream what comes with its head.
      let held = gateway.residentBytes - before
      #expect(before > 0 && held < 10 * (2 << 20) + 1_000 * (16 << 10))
      for client in clients { client.socket.reset() }
    }

    @Test func anUploadWaitsForItsTarget() throws {
      let gate = Gate()
      let total = 400_000
      let upstream = try ScriptedUpstream { peer in
        gate.wait()
        while let request = try peer.readRequest() { try peer.send(ok("\(request.body.count)")) }
      }
      let fixture = try Fixture(to: upstream) { $0.service.connections.maxPerTarget = 1 }
      let client = try fixture.http2()
      // The target's only connection is taken, so the second body has nowhere to go.
      let first = try client.begin("POST", "/first", end: false)
      try waitUntil { upstream.connectionCount == 1 }
      let second = try client.begin("POST", "/second", end: false)
      for _ in 0..<3 { try client.send(.data(second, [UInt8](repeating: 1, count: 16_384))) }
      try client.send(.ping())
      try client.read { !$0.frames.filter { $0.kind == HTTP2Frame.Kind.ping }.isEmpty }
      #expect(client.received[second].window == 0)
      gate.open()
      try client.send(.data(first, [], end: true))
      #expect(try client.response(first).text == "0")
      try client.read { $0[second].window == 3 * 16_384 }
      var left = total - 3 * 16_384
      while left > 0 {
        let count = min(16_384, left)
        while client.received[second].window + 65_535 < total - left + count { try client.step() }
        try client.send(.data(second, [UInt8](repeating: 1, count: count), end: left == count))
        left -= count
      }
      #expect(try client.response(second).text == "\(total)")
    }

    @Test func floodsEndTheConnectionAndAreCounted() async throws {
      let fixture = try Fixture(to: .echoing())
      let client = try fixture.http2()
      client.answers = false
      // The gateway may be gone before all of it is sent.
      try? client.socket.send((0..<5_000).flatMap { _ in HTTP2Frame.ping().bytes })
      try client.readToEnd()
      #expect(client.received.goAways.map(\.code) == [11])
      let floods = await fixture.gateway.reports().map(\.http2Floods)
      #expect(floods == [[0, 1, 0, 0]])
      let requests = await fixture.gateway.reports().map(\.http2Requests)
      #expect(requests == [0])
    }
  }
}
