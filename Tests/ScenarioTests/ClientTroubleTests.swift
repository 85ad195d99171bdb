import SluiceConfiguration
import Testing

extension Scenarios {
  /// Callers that are slow, half gone or gone.
  @Suite struct ClientTrouble {
    /// Sends pieces of an endless head until an answer comes.
    private func drip(_ client: TestClient) throws {
      try client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
      while !client.socket.isReadable(within: 2) { try client.send("x") }
    }

    @Test func aDrippedHeadEndsAtItsDeadline() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { $0.web.timeouts.head = .milliseconds(60) }
      let fresh = try fixture.client()
      try drip(fresh)
      let refused = try fresh.reader.readResponse()
      #expect(refused.status == 408)
      #expect(refused.code == "request-timeout")
      #expect(try fresh.isClosedByGateway())

      // The second head of a connection has a deadline of its own.
      let kept = try fixture.client()
      #expect(try kept.get("/").status == 200)
      try drip(kept)
      #expect(try kept.reader.readResponse().status == 408)
      #expect(try kept.isClosedByGateway())
      #expect(upstream.requests.count == 1)
    }

    @Test func silentConnectionsAreClosedWithoutAWord() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.web.timeouts.head = .milliseconds(40)
        $0.web.timeouts.idle = .milliseconds(50)
      }
      #expect(try fixture.client().isClosedByGateway())
      let kept = try fixture.client()
      #expect(try kept.get("/").status == 200)
      #expect(try kept.isClosedByGateway())
    }

    @Test func aSlowBodyTimesOutAndTheTargetSeesNoWholeRequest() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { $0.web.timeouts.body = .milliseconds(40) }
      let client = try fixture.client()
      try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
      let response = try client.reader.readResponse()
      #expect(response.status == 408)
      #expect(try client.isClosedByGateway())
      try waitUntil { upstream.endedCount == upstream.connectionCount }
      #expect(upstream.requests.map(\.isTruncated) == [true])
    }

    @Test(arguments: [true, false]) func whoVanishesMidBodyLeavesNoWholeRequest(
      resets: Bool
    ) throws {
      let upstream = try ScriptedUpstream.answering { $0.isTruncated ? "" : ok("") }
      let fixture = try Fixture(to: upstream)
      for framing in [
        "Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
      ] {
        let client = try fixture.client()
        let before = upstream.connectionCount
        try client.send("POST / HTTP/1.1\r\nHost: a\r\n\(framing)")
        try waitUntil { upstream.connectionCount == before + 1 }
        if resets { client.socket.reset() } else { client.socket.close() }
        try waitUntil { upstream.endedCount == before + 1 }
      }
      #expect(upstream.requests.map(\.isTruncated) == [true, true])
    }

    @Test func whoResetsWhileWaitingFreesTheTarget() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { upstream.requests.count == 1 }
      client.socket.reset()
      try waitUntil { upstream.endedCount == 1 }
    }

    @Test func whoResetsMidResponseFreesTheTarget() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      while client.reader.buffer.isEmpty { try client.reader.fill() }
      client.socket.reset()
      try waitUntil { upstream.endedCount == 1 }
    }

    /// A FIN only says that the caller sends nothing more. Asking it tells who has left.
    @Test func whoLeavesWhileWaitingFreesTheTarget() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream) { $0.service.timeouts.response = .seconds(600) }
      let client = try fixture.client()
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { upstream.requests.count == 1 }
      client.socket.close()
      try waitUntil { upstream.endedCount == 1 }
    }

    @Test func whoOnlyStopsSendingIsAskedAndAnswered() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream.answering { _ in
        gate.wait()
        return ok("late")
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let old = try fixture.client()
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      // HTTP/1.0 knows no interim responses.
      try old.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
      for caller in [client, old] { caller.socket.finishWriting() }
      let question = try client.reader.readResponse()
      #expect(question.status == 100 && question.fields.isEmpty)
      #expect(!old.socket.isReadable(within: 0))
      gate.open()
      for caller in [client, old] {
        #expect(try caller.reader.readResponse().text == "late")
        #expect(try caller.isClosedByGateway())
      }
    }

    @Test(arguments: ["", "Connection: close\r\n"])
    func aHalfClosedCallerGetsItsWholeResponse(field: String) throws {
      let size = 12 << 20
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
        try peer.socket.send([UInt8](repeating: 7, count: size))
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client(receiveBuffer: 16_384)
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
      client.socket.finishWriting()
      let response = try client.reader.readResponse()
      #expect(response.body.count == size)
      #expect(try client.isClosedByGateway())
    }

    @Test(arguments: ["", "Connection: close\r\n"])
    func aHalfClosedCallerThatReadsLateLosesNothing(field: String) throws {
      let upstream = try ScriptedUpstream { peer in
        guard let request = try peer.readRequest() else { return }
        let size = Int(request.target.dropFirst()) ?? 0
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
        try peer.socket.send([UInt8](repeating: 7, count: size))
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream) { $0.service.connections.maxIdle = 0 }
      // From what fits the kernel's buffers to what no longer fits the gateway's: in between the
      // exchange is over while the gateway still holds a part of the response.
      var size = 64 * 1_024
      while size < 32 << 20 {
        let ended = upstream.endedCount
        let client = try fixture.client(receiveBuffer: 2_048)
        try client.send("GET /\(size) HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
        client.socket.finishWriting()
        let fits = (try? waitUntil(within: 200) { upstream.endedCount == ended + 1 }) != nil
        #expect(try client.reader.readResponse().body.count == size)
        #expect(try client.isClosedByGateway())
        if !fits { break }
        size += 48 * 1_024
      }
      #expect(size > 64 * 1_024)
    }

    @Test func whoDoesNotReadIsCutOff() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        let chunk = "10000\r\n" + String(repeating: "x", count: 0x10000) + "\r\n"
        while true { try peer.send(chunk) }
      }
      let fixture = try Fixture(to: upstream) { $0.web.timeouts.write = .milliseconds(50) }
      let client = try fixture.client(receiveBuffer: 4_096)
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { upstream.endedCount == 1 }
      let response = try client.reader.readResponse()
      #expect(response.isTruncated)
    }
  }
}
