import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// What happens when there is no more of something.
  @Suite struct Limits {
    @Test func connectionsPerAddressAreRefused() async throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { $0.web.limits.connectionsPerAddress = 2 }
      let first = try fixture.client()
      let second = try fixture.client()
      #expect(try first.get("/").status == 200)
      #expect(try second.get("/").status == 200)
      #expect(try fixture.client().isClosedByGateway())
      #expect(try first.get("/").status == 200)
      first.socket.close()
      try await eventually { try Self.answers(fixture) }
      let refused = await fixture.gateway.reports().reduce(0) { $0 + $1.refusedConnections }
      #expect(refused >= 1)
    }

    @Test func aNewLimitCountsTheConnectionsThatAreThere() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream)
      let open = try (0..<2).map { _ in try fixture.client() }
      for client in open { #expect(try client.get("/").status == 200) }
      var next = fixture.gateway.configuration
      next.web.limits.connectionsPerAddress = 2
      try fixture.gateway.reload(next)
      #expect(try fixture.client().isClosedByGateway())
      next.web.limits.connectionsPerAddress = 3
      try fixture.gateway.reload(next)
      #expect(try fixture.get("/").status == 200)
    }

    private static func answers(_ fixture: Fixture) throws -> Bool {
      do { return try fixture.get("/").status == 200 } catch is ScenarioError { return false }
    }

    @Test func connectionsPerWorkerWaitForAPlace() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) { $0.web.limits.connections = 2 }
      let first = try fixture.client()
      let second = try fixture.client()
      #expect(try first.get("/").status == 200)
      #expect(try second.get("/").status == 200)
      let third = try fixture.client()
      try third.send("GET /third HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(!third.socket.isReadable(within: 30))
      #expect(try first.get("/").status == 200)
      first.socket.close()
      #expect(try third.reader.readResponse().text == "/third")

      // A higher limit lets the next one in at once.
      let fourth = try fixture.client()
      try fourth.send("GET /fourth HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(!fourth.socket.isReadable(within: 30))
      var next = fixture.gateway.configuration
      next.web.limits.connections = 10
      try fixture.gateway.reload(next)
      #expect(try fourth.reader.readResponse().text == "/fourth")
    }

    @Test func aPlaceIsFreeAgainAfterEveryKindOfEnd() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.web.limits.connections = 1
        $0.all.maxBodySize = ByteCount(1)
      }
      for _ in 0..<3 {
        // More than what is read of a refused body.
        let large = try fixture.client()
        try? large.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n")
        try? large.socket.send([UInt8](repeating: 7, count: 4 << 20))
        #expect(try fixture.get("/").status == 200)
        let malformed = try fixture.client()
        try malformed.send("nonsense\r\n\r\n")
        #expect(try malformed.reader.readResponse().status == 400)
        malformed.socket.close()
        let reset = try fixture.client()
        try reset.send("GET /")
        reset.socket.reset()
        #expect(try fixture.get("/").status == 200)
      }
    }
  }
}
