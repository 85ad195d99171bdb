import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Targets by HTTP/2 that take their time, or too much of others'.
  @Suite struct HTTP2Patience {
    /// Nothing of it fits the kernel's buffers, and the windows would take all of it.
    private static let large = 64 << 20

    /// A target that opens every window and then reads nothing.
    private func deaf(until gate: Gate) throws -> ScriptedUpstream {
      try ScriptedUpstream.http2(settings: .settings((4, 1 << 30))) { peer in
        if peer.index > 0 {
          try peer.request(1)
          try peer.answer(1, "second")
          return try peer.readToEnd()
        }
        try peer.send(.windowUpdate(0, 1 << 30))
        try peer.head(1)
        gate.wait()
      }
    }

    @Test func aTargetThatStopsReadingIsCutOffAndOthersGoOnElsewhere() async throws {
      let gate = Gate()
      defer { gate.open() }
      let upstream = try deaf(until: gate)
      let fixture = try Fixture.http2(to: upstream) {
        $0.service.timeouts.response = .milliseconds(100)
      }
      let client = try fixture.client()
      try client.send(
        "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: \(Self.large)\r\n\r\n")
      client.pour(Self.large)
      let response = try client.reader.readResponse(to: "POST")
      #expect(response.status == 504 && response.code == "upstream-response-timeout")
      // Not for as long as the target likes: its connection goes, though nobody waits for it any more.
      try await eventually("an end of the connection") {
        await fixture.gateway.reports().flatMap(\.targets).allSatisfy { $0.open == 0 }
      }
      #expect(!gate.hasOpened)
      #expect(try fixture.get("/next").text == "second")
    }

    // MARK: Hints

    private static let hints = 20_000
    private static let hint = String(repeating: "h", count: 1_000)

    /// Whatever a target says before its response, it is not kept for a caller who does not read.
    @Test func hintsWithoutEndAreLeftOutForWhoDoesNotRead() throws {
      let sent = Gate()
      let upstream = try ScriptedUpstream.http2 { peer in
        try peer.request(1)
        for _ in 0..<Self.hints {
          try peer.send(.headers(1, [(":status", "103"), ("link", Self.hint)], end: false))
        }
        try peer.answer(1, "done")
        sent.open()
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2(to: upstream)
      let client = try fixture.client(receiveBuffer: 4_096)
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      // All of it is taken from the target, which has others to serve.
      sent.wait()
      #expect(sent.hasOpened)
      var hints = 0
      while true {
        let response = try client.reader.readResponse()
        if response.status == 103 {
          hints += 1
          continue
        }
        #expect(response.status == 200 && response.text == "done")
        break
      }
      #expect(hints > 0 && hints < Self.hints)
    }

    @Test func aTargetByHTTP1WaitsWithItsHints() throws {
      let sent = Counter()
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.readRequest()
        for _ in 0..<Self.hints {
          try peer.send("HTTP/1.1 103 Early Hints\r\nLink: \(Self.hint)\r\n\r\n")
          sent.add(1)
        }
        try peer.send(ok("done"))
      }
      let fixture = try Fixture(to: upstream) { $0.service.timeouts.response = .seconds(60) }
      let client = try fixture.client(receiveBuffer: 4_096)
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      var last = -1
      try waitUntil("a stall") {
        let before = last
        last = sent.value
        if last > 0 && last == before { return true }
        usleep(100_000)
        return false
      }
      #expect(last < Self.hints)
      var hints = 0
      while true {
        let response = try client.reader.readResponse()
        if response.status != 103 {
          #expect(response.text == "done")
          break
        }
        hints += 1
      }
      #expect(hints == Self.hints)
    }

    // MARK: Reloads

    /// A target that takes what comes.
    private func bilingual() throws -> ScriptedUpstream {
      try ScriptedUpstream { peer in
        while peer.reader.buffer.count < 3 { if try !peer.reader.fill() { return } }
        if peer.reader.buffer.prefix(3).elementsEqual("PRI".utf8) {
          let peer = try HTTP2Peer(peer, behind: peer.reader.take(.max))
          var next = 1
          while true {
            try peer.request(next)
            try peer.answer(next, "by HTTP/2")
            next += 2
          }
        }
        while try peer.readRequest() != nil { try peer.send(ok("by HTTP/1.1")) }
      }
    }

    @Test func changingWhatIsSpokenUnderLoadFailsNothing() throws {
      let upstream = try bilingual()
      let fixture = try Fixture(to: upstream) { $0.workers = .count(2) }
      #expect(try fixture.get("/").text == "by HTTP/1.1")
      let load = try Load(port: fixture.port, threads: 4)
      for turn in 0..<60 {
        var next = fixture.gateway.configuration
        next.service.protocol = turn % 2 == 0 ? .http2 : .http1
        try fixture.gateway.reload(next)
        let before = load.count
        try waitUntil { load.count > before + 4 || load.hasEnded }
        #expect(try fixture.get("/").text == (turn % 2 == 0 ? "by HTTP/2" : "by HTTP/1.1"))
      }
      load.stop()
      #expect(load.outcomes == ["200": load.count])
    }

    // MARK: Time

    @Test func theTargetIsToldWhatIsLeftOfTheCallersTime() throws {
      let full = try FullListener()
      let told = Counter()
      let upstream = try ScriptedUpstream.http2 { peer in
        var next = 1
        while true {
          let request = try peer.request(next)
          let text = request["grpc-timeout"] ?? ""
          #expect(request.heads[0].filter { $0.name == "grpc-timeout" }.count == 1)
          // Ten seconds, without those that connecting to the other one took, or to this one.
          if text.hasSuffix("u"), let left = Int(text.dropLast()) {
            #expect(left > 0 && left < 10_000_000)
            if left < 9_950_000 { told.add(1) }
          }
          try peer.send(.headers(next, [(":status", "200"), ("grpc-status", "0")]))
          next += 2
        }
      }
      let fixture = try Fixture(
        configuration(targets: [full.url, upstream.url]) {
          $0.service.protocol = .http2
          $0.service.timeouts.connect = .milliseconds(50)
          $0.service.health.failures = 0
        })
      let client = try fixture.http2()
      for _ in 0..<4 {
        let id = try client.begin(
          "POST", "/demo.Echo/Unary",
          [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "10S")])
        #expect(try client.response(id)["grpc-status"] == "0")
      }
      #expect(told.value > 0)
    }
  }
}
