import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// `bandwidth-limit`: bodies arrive as they were, and who had too much waits.
  @Suite struct BandwidthTests {
    private static let large = 1 << 20

    private func fixture(
      to upstream: ScriptedUpstream, _ edit: (inout Configuration.BandwidthLimit) -> Void,
      rest: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) { configuration in
        var limit = Configuration.BandwidthLimit()
        edit(&limit)
        configuration.all.policies[Configuration.BandwidthLimit.self] = limit
        rest(&configuration)
      }
    }

    /// Fast enough for a test, and slow enough for many pauses.
    private func pacing(_ limit: inout Configuration.BandwidthLimit) {
      limit.request = .mebibytes(16)
      limit.response = .mebibytes(16)
      limit.burst = .kibibytes(1)
      limit.by = .request
    }

    @Test func responsesAreWhatTheyWere() async throws {
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          let body = Pattern.bytes(Self.large, seed: 3)
          switch request.target {
          case "/chunked":
            try peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for start in stride(from: 0, to: body.count, by: 1 << 16) {
              try peer.send("10000\r\n")
              try peer.socket.send(Array(body[start..<(start + 1 << 16)]))
              try peer.send("\r\n")
            }
            try peer.send("0\r\n\r\n")
          case "/close":
            try peer.send("HTTP/1.1 200 OK\r\n\r\n")
            return try peer.socket.send(body)
          default:
            try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
            try peer.socket.send(body)
          }
        }
      }
      let fixture = try fixture(to: upstream, pacing)
      let client = try fixture.client()
      for target in ["/length", "/chunked", "/close", "/length"] {
        #expect(try client.get(target).isPattern(Self.large, seed: 3), "\(target)")
      }
      #expect(await fixture.gateway.reports().allSatisfy { $0.splicedBytes == 0 })
    }

    @Test func requestsAreWhatTheyWere() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream, pacing)
      let client = try fixture.client()
      let body = Pattern.bytes(Self.large, seed: 5)
      for turn in 0..<2 {
        try client.send(
          "POST /\(turn) HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.count)\r\n\r\n")
        try client.socket.send(body)
        #expect(try client.reader.readResponse(to: "POST").text == "/\(turn)")
        try client.send(
          "PUT /\(turn) HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n")
        try client.socket.send(body)
        try client.send("\r\n0\r\n\r\n")
        #expect(try client.reader.readResponse(to: "PUT").text == "/\(turn)")
      }
      #expect(upstream.requests.count == 4)
      #expect(upstream.requests.allSatisfy { $0.body == body })
    }

    @Test func storedBodiesToo() throws {
      let upstream = try ScriptedUpstream.patterns()
      let fixture = try fixture(to: upstream, pacing) {
        var cache = Configuration.Cache()
        cache.ttl = .seconds(60)
        $0.all.policies[Configuration.Cache.self] = cache
      }
      let client = try fixture.client()
      for _ in 0..<3 {
        #expect(try client.get("/\(Self.large)/7").isPattern(Self.large, seed: 7))
      }
      #expect(upstream.requests.count == 1)
    }

    /// One caller waits for what it had, and others don't.
    @Test func whoHadTooMuchWaitsAndNobodyElse() async throws {
      let upstream = try ScriptedUpstream.patterns()
      let fixture = try fixture(to: upstream) {
        $0.response = .kibibytes(1)
        $0.by = .caller(.header("X-Who"))
        $0.maxDelay = .milliseconds(1)
      }
      let greedy = try fixture.client()
      try greedy.send("GET /8000000/1 HTTP/1.1\r\nHost: h\r\nX-Who: a\r\n\r\n")
      while !String(decoding: greedy.reader.buffer.prefix(400), as: UTF8.self).contains("\r\n\r\n")
      {
        try greedy.reader.fill()
      }
      // The next request of the same caller is told when to come back.
      var refused = try fixture.get("/10/1", "X-Who: a")
      while refused.status == 200 { refused = try fixture.get("/10/1", "X-Who: a") }
      #expect(refused.status == 429 && refused.code == "rate-limited")
      #expect(Int(refused["Retry-After"] ?? "") ?? 0 >= 1)
      // Meanwhile others get all they want.
      for number in 0..<20 {
        let response = try fixture.get("/50000/2", "X-Who: b\(number)")
        #expect(response.isPattern(50_000, seed: 2))
      }
      // What the greedy one has is what was read at once, and little more.
      var received = greedy.reader.buffer.count
      while greedy.socket.isReadable(within: 0) {
        try greedy.reader.fill()
        received = greedy.reader.buffer.count
      }
      #expect(received < 400_000)
      // It leaves in the middle of its wait.
      greedy.socket.setToReset()
      greedy.socket.close()
      try await eventually("the end") {
        await fixture.gateway.reports().allSatisfy { $0.exchangesInProgress == 0 }
      }
    }

    /// A request waits for its turn; with time it has it.
    @Test func aRequestWaitsForItsTurn() throws {
      let upstream = try ScriptedUpstream.patterns()
      let fixture = try fixture(to: upstream) {
        $0.response = .mebibytes(1)
        $0.burst = .kibibytes(1)
      }
      let client = try fixture.client()
      for number in 0..<5 {
        #expect(try client.get("/50000/\(number)").isPattern(50_000, seed: number))
      }
    }
  }
}
