import SluiceConfiguration
import Testing

extension Scenarios {
  /// What a slow caller does must not look like its target's failure, nor stay with its connection.
  @Suite struct Blame {
    @Test func aConnectionThatWasPausedServesTheNextExchange() throws {
      // Large enough that its last piece passes the high-water mark of a caller that reads late.
      let body = String(repeating: "x", count: 8 << 20)
      let upstream = try ScriptedUpstream.answering { request in
        request.target == "/large" ? ok(body) : ok("small")
      }
      let fixture = try Fixture(to: upstream) {
        $0.service.timeouts.response = .milliseconds(500)
        $0.service.connections.maxPerTarget = 1
      }
      for _ in 0..<4 {
        let slow = try fixture.client(receiveBuffer: 16_384)
        try slow.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        let response = try slow.reader.readResponse()
        #expect(response.body.count == body.utf8.count)
        #expect(try fixture.get("/small").status == 200)
      }
      #expect(upstream.connectionCount == 1)
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
  }
}
