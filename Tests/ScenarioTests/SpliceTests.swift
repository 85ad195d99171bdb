import Foundation
import Glibc
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// Large bodies that the kernel moves: nothing about them may differ from others.
  @Suite struct Splices {
    private static let large = 3 << 20

    private func spliced(_ fixture: Fixture) async -> UInt64 {
      await fixture.gateway.reports().reduce(0) { $0 + $1.splicedBytes }
    }

    private func sent(_ fixture: Fixture) async -> UInt64 {
      await fixture.gateway.reports().flatMap(\.routes).reduce(0) { $0 + $1.bytesSent }
    }

    @Test func largeBodiesAreSplicedAndCounted() async throws {
      let upstream = try ScriptedUpstream.patterns()
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      // On one connection, between small ones: what comes behind a large body is intact.
      for turn in 0..<4 {
        #expect(try client.get("/\(Self.large)/\(turn)").isPattern(Self.large, seed: turn))
        #expect(try client.get("/5/\(turn)").isPattern(5, seed: turn))
        #expect(try client.get("/70000/\(turn)").isPattern(70_000, seed: turn))
      }
      #expect(upstream.connectionCount == 1)
      let total = UInt64(4 * (Self.large + 70_005))
      try await eventually("the last exchange's end") { await sent(fixture) == total }
      let moved = await spliced(fixture)
      #expect(moved > UInt64(4 * (Self.large - 128 * 1_024)) && moved < total)
    }

    /// The head arrives alone, so the whole body is still to come when it is decided.
    @Test(arguments: [65_535, 65_536]) func theThresholdIsExact(size: Int) async throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
        gate.wait()
        try peer.socket.send(Pattern.bytes(size, seed: 1))
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      while client.reader.buffer.isEmpty { try client.reader.fill() }
      gate.open()
      #expect(try client.reader.readResponse().isPattern(size, seed: 1))
      #expect(await spliced(fixture) == (size == 65_536 ? 65_536 : 0))
    }

    @Test func whatHasNoLengthOrNoBodyIsNotSpliced() async throws {
      let body = Pattern.bytes(1 << 20, seed: 3)
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          if request.method == "HEAD" {
            try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n")
          } else if request.target == "/chunked" {
            try peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n")
            try peer.socket.send(body)
            try peer.send("\r\n0\r\n\r\n")
          } else {
            try peer.send("HTTP/1.1 200 OK\r\n\r\n")
            return try peer.socket.send(body)
          }
        }
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let head = try client.exchange("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(head["Content-Length"] == "9000000")
      #expect(try client.get("/chunked").isPattern(1 << 20, seed: 3))
      #expect(try client.get("/").isPattern(1 << 20, seed: 3))
      #expect(await spliced(fixture) == 0)
    }

    @Test(arguments: ["", "Connection: keep-alive\r\n"])
    func oldCallersGetTheirBodies(field: String) async throws {
      let upstream = try ScriptedUpstream.patterns()
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      let size = Self.large
      let request = "GET /\(size)/1 HTTP/1.0\r\nHost: a\r\n\(field)\r\n"
      #expect(try client.exchange(request).isPattern(size, seed: 1))
      if field.isEmpty {
        #expect(try client.isClosedByGateway())
      } else {
        #expect(try client.exchange(request).isPattern(size, seed: 1))
      }
      #expect(await spliced(fixture) > 0)
    }

    @Test func pipelinedRequestsGetTheirAnswersInOrder() throws {
      let upstream = try ScriptedUpstream.patterns()
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client(receiveBuffer: 8_192)
      let sizes = [Self.large, 10, 200_000, 0, Self.large, 100_000]
      try client.send(
        sizes.enumerated().map { "GET /\($1)/\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
      for (seed, size) in sizes.enumerated() {
        #expect(try client.reader.readResponse().isPattern(size, seed: seed))
      }
    }

    @Test func manyTransfersAtOnceDoNotMix() async throws {
      let upstream = try ScriptedUpstream.patterns(piece: 40_000)
      let fixture = try Fixture(to: upstream)
      let port = fixture.port
      let good = Counter()
      let ended = Counter()
      let callers = 24
      for caller in 0..<callers {
        Thread.detachNewThread {
          defer { ended.add(1) }
          // Every third one reads slowly.
          let buffer: Int32? = caller % 3 == 0 ? 4_096 : nil
          guard let client = try? TestClient(port: port, receiveBuffer: buffer) else { return }
          for turn in 0..<3 {
            let (size, seed) = (150_000 + caller * 47_777 + turn * 99_991, caller * 10 + turn)
            guard let response = try? client.get("/\(size)/\(seed)") else { return }
            if response.isPattern(size, seed: seed) { good.add(1) }
          }
        }
      }
      try await eventually("all transfers") { ended.value == callers }
      #expect(good.value == callers * 3)
      #expect(await spliced(fixture) > 0)
    }

    // MARK: Trouble

    @Test func aSlowCallerGetsEveryByte() throws {
      let upstream = try ScriptedUpstream.patterns()
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client(receiveBuffer: 4_096)
      try client.send("GET /\(Self.large)/9 HTTP/1.1\r\nHost: a\r\n\r\n")
      let head = try #require(try client.reader.readHead())
      #expect(head["Content-Length"] == "\(Self.large)")
      var body = client.reader.take(.max)
      var size = 1
      while body.count < Self.large {
        body += try client.socket.receive(atMost: size)
        size = size % 5_000 + 611
      }
      #expect(body.count == Self.large && Pattern.matches(body, seed: 9))
      #expect(try client.get("/20/4").isPattern(20, seed: 4))
    }

    /// The caller's slowness is timed by the caller's timeout, whatever the target's is.
    @Test(arguments: ["length", "chunked"]) func aSlowCallerIsNotTheTargetsFault(
      framing: String
    ) throws {
      let body = Pattern.bytes(32 << 20, seed: 2)
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        let isChunked = framing == "chunked"
        try peer.send(
          "HTTP/1.1 200 OK\r\n"
            + (isChunked
              ? "Transfer-Encoding: chunked\r\n\r\n2000000\r\n"
              : "Content-Length: \(body.count)\r\n\r\n"))
        try peer.socket.send(body)
        if isChunked { try peer.send("\r\n0\r\n\r\n") }
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream) { $0.service.timeouts.idle = .milliseconds(50) }
      let client = try fixture.client(receiveBuffer: 4_096)
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      // Many times the target's timeout.
      #expect((try? waitUntil(within: 400) { upstream.endedCount == 1 }) == nil)
      #expect(try client.reader.readResponse().isPattern(body.count, seed: 2))
    }

    @Test(arguments: [true, false]) func aTargetThatDiesCutsTheBodyVisibly(resets: Bool) throws {
      let part = Self.large / 2
      for version in ["1.1", "1.0"] {
        let gate = Gate()
        let upstream = try ScriptedUpstream { peer in
          _ = try peer.readRequest()
          try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.large)\r\n\r\n")
          try peer.socket.send(Pattern.bytes(part, seed: 5))
          gate.wait()
          if resets { peer.socket.reset() }
        }
        let fixture = try Fixture(to: upstream)
        let client = try fixture.client()
        try client.send("GET / HTTP/\(version)\r\nHost: a\r\n\r\n")
        #expect(try client.reader.readHead()?["Content-Length"] == "\(Self.large)")
        while client.reader.buffer.count < part { try client.reader.fill() }
        gate.open()
        // Nothing more, and an end: the length tells that something is missing.
        let body = try client.reader.readToEnd()
        #expect(body.count == part && Pattern.matches(body, seed: 5))
      }
    }

    @Test func aTargetThatStallsTimesOut() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.large)\r\n\r\n")
        try peer.socket.send(Pattern.bytes(500_000, seed: 5))
        _ = try peer.reader.readToEnd()
      }
      let fixture = try Fixture(to: upstream) { $0.service.timeouts.idle = .milliseconds(50) }
      let response = try fixture.get("/")
      #expect(response.isTruncated)
      #expect(response.body.count == 500_000 && Pattern.matches(response.body, seed: 5))
      try waitUntil { upstream.endedCount == 1 }
    }

    @Test(arguments: [true, false]) func callersThatDieLeaveNothingForOthers(
      resets: Bool
    ) async throws {
      let upstream = try ScriptedUpstream.patterns()
      let fixture = try Fixture(to: upstream)
      for turn in 0..<20 {
        let client = try fixture.client(receiveBuffer: 4_096)
        try client.send("GET /\(32 << 20)/1 HTTP/1.1\r\nHost: a\r\n\r\n")
        // A part of the body is under way, and more of it waits in a pipe.
        while client.reader.buffer.count < 20_000 { try client.reader.fill() }
        if resets { client.socket.reset() } else { client.socket.close() }
        try waitUntil("the target's release") { upstream.endedCount == turn + 1 }
        #expect(try fixture.get("/\(Self.large)/\(turn)").isPattern(Self.large, seed: turn))
        // The target's connection that is alive serves the next, too.
        try waitUntil { upstream.connectionCount - upstream.endedCount <= 1 }
      }
      #expect(await spliced(fixture) > 0)
    }

    @Test func whoDoesNotReadIsCutOff() throws {
      let upstream = try ScriptedUpstream.patterns()
      let fixture = try Fixture(to: upstream) { $0.web.timeouts.write = .milliseconds(50) }
      let client = try fixture.client(receiveBuffer: 4_096)
      try client.send("GET /\(32 << 20)/1 HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { upstream.endedCount == 1 }
      let response = try client.reader.readResponse()
      #expect(response.isTruncated && Pattern.matches(response.body, seed: 1))
      #expect(try fixture.get("/\(Self.large)/2").isPattern(Self.large, seed: 2))
    }

    @Test func theConnectionWithBytesBehindALargeBodyIsNotUsedAgain() throws {
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.large)\r\n\r\n")
          let seed = Int(request.target.dropFirst()) ?? 0
          try peer.socket.send(Pattern.bytes(Self.large, seed: seed) + ok("smuggled").utf8)
        }
      }
      let fixture = try Fixture(to: upstream)
      let client = try fixture.client()
      for turn in 0..<5 {
        #expect(try client.get("/\(turn)").isPattern(Self.large, seed: turn))
      }
      #expect(upstream.connectionCount == 5)
    }

    @Test func shuttingDownWaitsForTheBody() throws {
      let upstream = try ScriptedUpstream.patterns()
      let fixture = try Fixture(to: upstream) { $0.shutdown.timeout = .seconds(60) }
      let client = try fixture.client(receiveBuffer: 4_096)
      try client.send("GET /\(Self.large)/1 HTTP/1.1\r\nHost: a\r\n\r\n")
      while client.reader.buffer.count < 10_000 { try client.reader.fill() }
      let gateway = fixture.gateway
      let ended = Counter()
      Thread.detachNewThread {
        gateway.shutDown()
        ended.add(1)
      }
      fixture.wasShutDown()
      try waitUntil("the listener's end") { (try? RawSocket(port: fixture.port)) == nil }
      #expect(try client.reader.readResponse().isPattern(Self.large, seed: 1))
      #expect(try client.isClosedByGateway())
      try waitUntil { ended.value == 1 }
    }

    /// No descriptor is left for a pipe, so the body is copied.
    @Test func withoutDescriptorsBodiesArriveAllTheSame() throws {
      let upstream = try ScriptedUpstream.patterns()
      let gateway = try GatewayChild(target: upstream.url, descriptors: 48)
      let client = try gateway.client()
      #expect(try client.get("/1/1").isPattern(1, seed: 1))
      let crowd = try (0..<64).map { _ in try gateway.client() }
      // The last ones wait in the kernel's queue: nobody accepts them.
      let last = try #require(crowd.last)
      try last.send("GET /2/2 HTTP/1.1\r\nHost: a\r\n\r\n")
      for turn in 0..<3 {
        #expect(try client.get("/\(Self.large)/\(turn)").isPattern(Self.large, seed: turn))
      }
      #expect(!last.socket.isReadable(within: 0))
      for client in crowd.dropLast() { client.socket.close() }
      #expect(try last.reader.readResponse().isPattern(2, seed: 2))
      #expect(try client.get("/\(Self.large)/7").isPattern(Self.large, seed: 7))
    }
  }
}
