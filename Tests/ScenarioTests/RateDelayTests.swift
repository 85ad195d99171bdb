import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// `rate-limit` with `excess: delay` and with limits by several keys, against the real gateway.
  @Suite struct RateDelayTests {
    private func fixture(
      to upstream: ScriptedUpstream, _ edit: (inout Configuration.RateLimit) -> Void
    ) throws -> Fixture {
      try Fixture(to: upstream) { configuration in
        var settings = Configuration.RateLimit()
        settings.limit = 1
        settings.window = .seconds(3_600)
        settings.by = .address
        edit(&settings)
        configuration.all.policies[Configuration.RateLimit.self] = settings
      }
    }

    private func inProgress(_ fixture: Fixture) async -> Int {
      await fixture.gateway.reports().reduce(0) { $0 + $1.exchangesInProgress }
    }

    private let get = "GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n"

    /// Five at once leave one after the other: none is refused, and the last not before its turn.
    @Test func requestsOfABurstLeaveAtTheRate() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.limit = 20
        $0.window = .seconds(1)
        $0.burst = 5
        $0.excess = .delay
      }
      let begin = ContinuousClock.now
      let clients = try (0..<5).map { _ in try fixture.client() }
      for client in clients { try client.send(get) }
      for client in clients { #expect(try client.reader.readResponse().status == 200) }
      #expect(ContinuousClock.now - begin >= .milliseconds(199))
      #expect(upstream.requests.count == 5)
    }

    @Test func whoWaitsTooLongIsRefusedAndWhoLeavesMakesRoom() async throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.burst = 100
        $0.excess = .delay
        // Room for one that waits.
        $0.maxDelay = .seconds(3_600)
      }
      #expect(try fixture.get("/").status == 200)
      for _ in 0..<2 {
        let waiting = try fixture.client()
        try waiting.send(get)
        try await eventually("one waits") { await inProgress(fixture) == 1 }
        let refused = try fixture.get("/")
        #expect(refused.status == 429 && refused.code == "rate-limited")
        let seconds = try #require(Int(refused["Retry-After"] ?? ""))
        #expect((3_000...3_600).contains(seconds))
        // The next round needs the place that it gives back.
        waiting.socket.close()
        try await eventually("it is gone") { await inProgress(fixture) == 0 }
      }
      #expect(upstream.requests.count == 1)
    }

    /// A gateway that ends does not wait for those who do.
    @Test func aReloadLeavesThoseWhoWaitAlone() async throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.limit = 2
        $0.window = .seconds(1)
        $0.burst = 2
        $0.excess = .delay
      }
      let clients = try (0..<2).map { _ in try fixture.client() }
      for client in clients { try client.send(get) }
      var configuration = fixture.gateway.configuration
      configuration.all.policies[Configuration.RateLimit.self]?.limit = 1
      try fixture.gateway.reload(configuration)
      for client in clients { #expect(try client.reader.readResponse().status == 200) }
    }

    @Test func allLimitsHaveToAllow() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.limit = 4
        var other = Configuration.RateLimit.Other(
          limit: 2, window: .seconds(3_600), by: .header("X-Who"))
        other.burst = 3
        $0.also = [other]
      }
      let first = try fixture.get("/", "X-Who: a")
      #expect(
        first.values("RateLimit-Policy") == [
          "\"1h\";q=4;w=3600", "\"1h-2\";q=2;w=3600;sluice-burst=3",
        ])
      #expect(
        first.values("RateLimit").map { String($0.prefix(10)) } == ["\"1h\";r=3;t", "\"1h-2\";r=2"])
      for _ in 0..<2 { #expect(try fixture.get("/", "X-Who: a").status == 200) }
      for _ in 0..<5 {
        let refused = try fixture.get("/", "X-Who: a")
        #expect(refused.status == 429)
        #expect(refused.values("RateLimit").map { String($0.prefix(10)) } == ["\"1h-2\";r=0"])
      }
      // What was refused for one is not counted for the other.
      #expect(try fixture.get("/", "X-Who: b").status == 200)
      let refused = try fixture.get("/", "X-Who: c")
      #expect(refused.status == 429)
      #expect(refused.values("RateLimit").map { String($0.prefix(8)) } == ["\"1h\";r=0"])
    }

    /// Two under way at a time for all, one for each.
    @Test func concurrencyHasSeveralKeysToo() async throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          gate.wait()
          try peer.send(
            "HTTP/1.1 200 OK\r\nContent-Length: \(request.target.count)\r\n\r\n\(request.target)")
        }
      }
      let fixture = try Fixture(to: upstream) { configuration in
        var settings = Configuration.ConcurrencyLimit()
        settings.limit = 2
        settings.by = .all
        settings.also = [.init(limit: 1, by: .header("X-Who"))]
        configuration.all.policies[Configuration.ConcurrencyLimit.self] = settings
      }
      let clients = try ["a", "b"].map { who in
        let client = try fixture.client()
        try client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Who: \(who)\r\n\r\n")
        return client
      }
      try await eventually("both are there") { upstream.requests.count == 2 }
      for who in ["a", "b", "c"] { #expect(try fixture.get("/", "X-Who: \(who)").status == 429) }
      gate.open()
      for client in clients { #expect(try client.reader.readResponse().status == 200) }
      for who in ["a", "b", "c"] { #expect(try fixture.get("/", "X-Who: \(who)").status == 200) }
    }
  }
}
