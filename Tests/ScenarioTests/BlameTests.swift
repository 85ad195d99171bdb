import SluiceConfiguration
import Testing

extension Scenarios {
  /// What a slow caller does must not look like its target's failure, nor stay with its connection.
  @Suite struct Blame {
    /// The bodies grow by less than one read until one does not fit into what the kernel and the
    /// gateway hold for a caller that reads nothing. Shortly before, the last piece of one pauses the
    /// target's connection, which then goes back to the pool.
    @Test func aConnectionThatWasPausedServesTheNextExchange() throws {
      let upstream = try ScriptedUpstream.answering { request in
        ok(String(repeating: "x", count: Int(request.target.dropFirst()) ?? 0))
      }
      let fixture = try Fixture(to: upstream) {
        $0.service.timeouts.response = .seconds(5)
        $0.service.connections.maxPerTarget = 1
        $0.service.connections.queueTimeout = .milliseconds(150)
      }
      /// The code of the small answer behind a large one that nobody reads.
      func codeBehind(_ size: Int) throws -> String? {
        // The slow one before it may still have the only connection.
        try waitUntil("a free connection") { try fixture.get("/5").code == nil }
        let slow = try fixture.client(receiveBuffer: 16_384)
        try slow.send("GET /\(size) HTTP/1.1\r\nHost: a\r\n\r\n")
        try waitUntil { upstream.requests.last?.target == "/\(size)" }
        return try fixture.get("/5").code
      }
      var size = 0
      repeat { size += 65_536 } while try codeBehind(size) == nil && size < 32 << 20
      var codes: Set<String?> = []
      for smaller in stride(from: size - 196_608, to: size, by: 4_096) where smaller > 0 {
        codes.insert(try codeBehind(smaller))
      }
      #expect(codes.isSubset(of: [nil, "queue-timeout"]))
      #expect(codes.contains(nil))
    }

    @Test func callersThatOweTheirBodyEjectNobody() throws {
      let upstream = try ScriptedUpstream.answering { _ in ok("fine") }
      let other = try ScriptedUpstream.answering { _ in ok("fine") }
      let fixture = try Fixture(
        configuration(targets: [upstream.url, other.url]) {
          $0.service.timeouts.response = .milliseconds(30)
          $0.service.health.failures = 1
          $0.web.timeouts.body = .milliseconds(150)
        })
      for _ in 0..<2 {
        let client = try fixture.client()
        try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        let response = try client.reader.readResponse()
        #expect(response.status == 408)
        #expect(response.code == "request-timeout")
      }
      for _ in 0..<4 { #expect(try fixture.get("/").status == 200) }
    }

    @Test func aHeadThatNeverEndsLeavesNothingBehindForTheLog() throws {
      let upstream = try ScriptedUpstream.answering { _ in ok("fine") }
      let fixture = try Fixture(to: upstream) {
        $0.accessLog.format = .json
        $0.accessLog.output = "/dev/null"
        $0.web.trustedProxies = ["127.0.0.0/8"]
        $0.web.timeouts.head = .milliseconds(50)
      }
      #expect(try fixture.get("/", "X-Forwarded-For: 10.0.0.1").status == 200)
      let slow = try fixture.client()
      try slow.send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nX-")
      #expect(try slow.reader.readResponse().status == 408)
      #expect(try fixture.get("/").status == 200)
    }

    @Test func aCallerThatLeavesTheQueueGivesItsPlaceBack() throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {
          gate.wait()
          try peer.send(ok("late"))
        }
      }
      let fixture = try Fixture(to: upstream) {
        $0.service.connections.maxPerTarget = 1
        $0.service.connections.queue = 1
      }
      let first = try fixture.client()
      try first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { upstream.requests.count == 1 }
      do {
        let second = try fixture.client()
        try second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        // The queue is full now, and with the caller's end it is not.
        try waitUntil { try fixture.get("/").code == "queue-full" }
        second.socket.close()
      }
      var third = try fixture.client()
      try waitUntil("a place in the queue") {
        third = try fixture.client()
        try third.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        // Who waits has no answer.
        return !third.socket.isReadable(within: 100)
      }
      #expect(!first.socket.isReadable(within: 0))
      gate.open()
      #expect(try first.reader.readResponse().status == 200)
      #expect(try third.reader.readResponse().status == 200)
    }
  }
}
