import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// How much one end of a session may send.
  @Suite struct MessageLimits {
    /// A window of an hour: what is used up stays so for the test.
    private func limit(
      _ limit: Int?, _ action: Configuration.MessageRateAction, bytes: Int? = nil
    ) -> Configuration.MessageRateLimit {
      var settings = Configuration.MessageRateLimit()
      settings.limit = limit
      settings.bytes = bytes.map { ByteCount($0) }
      settings.window = .seconds(3_600)
      settings.action = action
      return settings
    }

    @Test func dropsWhatIsTooMuchAndCountsIt() async throws {
      let log = Log()
      let fixture = try SessionFixture(
        { try $0.accept().lines().forEach(log.add) },
        messages: { $0.rateLimit = limit(3, .drop) })
      let socket = try fixture.open()
      for index in 0..<10 { try socket.send(text: "\(index)") }
      // Control frames are no messages.
      try socket.send(.init(opcode: 9, payload: Array("still".utf8)))
      #expect(try socket.read()?.line == "pong still")
      #expect(await fixture.dropped(.rateLimit) == 7)
      #expect(await fixture.report()?.messagesFromClient == 10)
      try socket.sendClose(1_000)
      _ = try socket.lines()
      try await fixture.cause(is: .client)
      try waitUntil { fixture.upstream.endedCount == 1 }
      #expect(log.lines == ["0", "1", "2", "close 1000"])
    }

    @Test func closesWhoeverSendsTooMuch() async throws {
      let log = Log()
      let fixture = try SessionFixture(
        { try $0.accept().lines().forEach(log.add) },
        messages: { $0.rateLimit = limit(2, .close) })
      let socket = try fixture.open()
      for index in 0..<5 { try socket.send(text: "\(index)") }
      #expect(try socket.read()?.closeCode == 1_008)
      try socket.sendClose(1_008)
      #expect(try socket.read() == nil)
      try await fixture.cause(is: .policy)
      try waitUntil { fixture.upstream.endedCount == 1 }
      #expect(log.lines == ["0", "1", "close 1001"])
    }

    @Test func aTargetThatSendsTooMuchHasFailed() async throws {
      let log = Log()
      let fixture = try SessionFixture(
        { peer in
          let socket = try peer.accept()
          for index in 0..<5 { try socket.send(text: "\(index)") }
          log.add(try socket.read()?.line ?? "")
        }, messages: { $0.rateLimitFromUpstream = limit(2, .close) })
      let socket = try fixture.open()
      #expect(try socket.text() == "0")
      #expect(try socket.text() == "1")
      #expect(try socket.read()?.closeCode == 1_011)
      try socket.sendClose(1_011)
      try await fixture.cause(is: .policy)
      try waitUntil { fixture.upstream.endedCount == 1 }
      #expect(log.lines == ["close 1008"])
    }

    @Test func bytesCountToo() async throws {
      let log = Log()
      let fixture = try SessionFixture(
        { for line in try $0.accept().lines() { log.add("\(line.utf8.count)") } },
        messages: { $0.rateLimit = limit(nil, .drop, bytes: 100) })
      let socket = try fixture.open()
      for size in [60, 41, 40, 1, 0] {
        try socket.send(.init(opcode: 1, payload: [UInt8](repeating: 65, count: size)))
      }
      try socket.send(.init(opcode: 9, payload: []))
      #expect(try socket.read()?.opcode == 10)
      #expect(await fixture.dropped(.rateLimit) == 2)
      socket.socket.close()
      try waitUntil { fixture.upstream.endedCount == 1 }
      #expect(log.lines == ["60", "40", "0", "10"])
    }

    /// Reading stops, so the caller's own writing does in the end.
    @Test func delayHoldsTheCallerBack() async throws {
      let received = Counter()
      let fixture = try SessionFixture(
        { peer in
          let socket = try peer.accept()
          while let frame = try socket.read() { if frame.opcode == 2 { received.add(1) } }
        }, messages: { $0.rateLimit = limit(4, .delay) })
      let socket = try fixture.open()
      let piece = socket.bytes(.init(opcode: 2, payload: [UInt8](repeating: 1, count: 60_000)))
      var sent = 0
      var rest = ArraySlice(piece)
      // Until neither the gateway nor the kernel takes more.
      while socket.socket.isWritable(within: 500) {
        guard let count = try socket.socket.sendNow(rest) else { continue }
        rest = rest.dropFirst(count)
        if rest.isEmpty {
          sent += 1
          rest = ArraySlice(piece)
        }
        try #require(sent < 2_000)
      }
      try waitUntil { received.value == 4 }
      #expect(sent > 4)
      let report = try #require(await fixture.report())
      #expect(report.messagesFromClient == 4)
      #expect(report.droppedMessages.allSatisfy { $0 == 0 })
      #expect(received.value == 4)
    }

    /// All arrive, in order, however often the limit holds them up.
    @Test func delayLosesNothing() async throws {
      let fixture = try SessionFixture(
        { try $0.accept().echo() },
        messages: {
          var limit = Configuration.MessageRateLimit()
          limit.limit = 1_000
          limit.burst = 7
          limit.action = .delay
          $0.rateLimit = limit
          $0.rateLimitFromUpstream = limit
        })
      let socket = try fixture.open()
      let count = 200
      // One segment: nearly all of it has to be kept on the way.
      try socket.socket.send(
        (0..<count).flatMap { socket.bytes(.init(opcode: 1, payload: Array("\($0)".utf8))) }
          + socket.bytes(.init(opcode: 8, payload: [3, 232])))
      for index in 0..<count { #expect(try socket.text() == "\(index)") }
      #expect(try socket.lines() == ["close 1000"])
      try await fixture.cause(is: .client)
      #expect(await fixture.dropped(.rateLimit) == 0)
    }

    /// The end of a session does not wait for a limit.
    @Test func whatADelayHoldsGoesOutAtTheEnd() async throws {
      let log = Log()
      let gate = Gate()
      let fixture = try SessionFixture(
        { peer in
          let socket = try peer.accept()
          log.add(try socket.read()?.line ?? "")
          gate.wait()
          try socket.sendClose(1_000)
          try socket.lines().forEach(log.add)
        }, messages: { $0.rateLimit = limit(1, .delay) })
      let socket = try fixture.open()
      try socket.socket.send(
        ["a", "b", "c"].flatMap { socket.bytes(.init(opcode: 1, payload: Array($0.utf8))) })
      try await eventually { await fixture.report()?.messagesFromClient == 1 }
      gate.open()
      #expect(try socket.read()?.closeCode == 1_000)
      try socket.sendClose(1_000)
      try await fixture.cause(is: .upstream)
      try waitUntil { fixture.upstream.endedCount == 1 }
      #expect(log.lines == ["a", "b", "c", "close 1000"])
    }

    /// From the next message on: one that is under way passes as it began.
    @Test func aReloadThatLimitsMessagesHoldsForOpenSessions() async throws {
      let log = Log()
      let fixture = try SessionFixture({ try $0.accept().lines().forEach(log.add) })
      let socket = try fixture.open()
      try socket.send(text: "before")
      try socket.send(.init(opcode: 1, payload: Array("be".utf8), isFinal: false))
      try await eventually { await fixture.report()?.bytesFromClient == 8 }
      var next = fixture.gateway.configuration
      next.all.messages?.rateLimit = limit(2, .drop)
      try fixture.gateway.reload(next)
      // One segment, so that what belongs to both ways is in one read.
      let frames: [WebSocketPeer.Frame] = [
        .init(opcode: 9, payload: [80]), .init(opcode: 0, payload: Array("gun".utf8)),
        .init(opcode: 1, payload: [49]), .init(opcode: 9, payload: [81]),
        .init(opcode: 1, payload: [50]), .init(opcode: 1, payload: [51]),
      ]
      try socket.socket.send(frames.flatMap { socket.bytes($0) })
      #expect(try socket.read()?.line == "pong Q")
      try await eventually { await fixture.report()?.messagesFromClient == 5 }
      #expect(await fixture.dropped(.rateLimit) == 1)
      try socket.sendClose(1_000)
      _ = try socket.lines()
      try await fixture.cause(is: .client)
      try waitUntil { fixture.upstream.endedCount == 1 }
      #expect(log.lines == ["before", "be", "ping P", "gun", "1", "2", "close 1000"])
    }

    // MARK: Floods

    @Test(arguments: [false, true])
    func pingFloodsEndTheSession(isInspected: Bool) async throws {
      let log = Log()
      let fixture = try SessionFixture(
        { try $0.accept().lines().forEach(log.add) },
        messages: {
          $0.inspect = isInspected
          $0.maxControlFrames = 10
        })
      let socket = try fixture.open()
      let ping = socket.bytes(.init(opcode: 9, payload: [65]))
      // However fast it goes: a second's worth more than what may come at once.
      try socket.socket.send((0..<2_000).flatMap { _ in ping })
      let lines = try socket.lines()
      #expect(lines.last == "close 1008")
      socket.socket.close()
      try await fixture.cause(is: .policy)
      try waitUntil { fixture.upstream.endedCount == 1 }
      let passed =
        isInspected ? lines.filter { $0 == "pong A" } : log.lines.filter { $0 == "ping A" }
      #expect((10..<1_000).contains(passed.count))
      #expect(log.lines.last == "close 1001")
    }

    @Test(arguments: [false, true], [false, true])
    func emptyFragmentsEndTheSession(isInspected: Bool, fromClient: Bool) async throws {
      let flood: @Sendable (WebSocketPeer) throws -> Void = { socket in
        let empty = socket.bytes(.init(opcode: 0, payload: [], isFinal: false))
        try socket.send(.init(opcode: 1, payload: [65], isFinal: false))
        try socket.socket.send((0..<1_000).flatMap { _ in empty })
      }
      let log = Log()
      let fixture = try SessionFixture(
        { peer in
          let socket = try peer.accept()
          if !fromClient { try flood(socket) }
          try socket.lines().filter { $0.hasPrefix("close") }.forEach(log.add)
        },
        messages: {
          $0.inspect = isInspected
          $0.maxControlFrames = 10
        })
      let socket = try fixture.open()
      if fromClient { try flood(socket) }
      let lines = try socket.lines().filter { $0.hasPrefix("close") }
      #expect(lines == [fromClient ? "close 1008" : "close 1011"])
      socket.socket.close()
      try await fixture.cause(is: .policy)
      try waitUntil { fixture.upstream.endedCount == 1 }
      #expect(log.lines == [fromClient ? "close 1001" : "close 1008"])
    }

    /// A caller that pings and does not read gets the last pong once it reads again.
    @Test func pongsForWhoDoesNotReadDoNotPileUp() async throws {
      let gate = Gate()
      let fixture = try SessionFixture(
        { peer in
          let socket = try peer.accept()
          gate.wait()
          for _ in 0..<100 { try socket.send(binary: [UInt8](repeating: 1, count: 65_536)) }
          _ = try socket.lines()
        },
        messages: {
          $0.inspect = true
          $0.maxControlFrames = 60_000
        })
      let socket = try fixture.open(receiveBuffer: 65_536)
      gate.open()
      try await eventually("a backlog") { await fixture.report()?.backlog ?? 0 > 65_536 }
      let before = try #require(await fixture.report()?.backlog)
      for index in 0..<20_000 {
        try socket.send(.init(opcode: 9, payload: Array("\(index)".utf8)))
      }
      try socket.send(text: "seen")
      try await eventually { await fixture.report()?.messagesFromClient == 1 }
      let after = try #require(await fixture.report()?.backlog)
      #expect(after <= before)
      var pongs: [String] = []
      while pongs.last != "pong 19999" {
        let frame = try #require(try socket.read())
        if frame.opcode == 10 { pongs.append(frame.line) }
      }
    }
  }
}
