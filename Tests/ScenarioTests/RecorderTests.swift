import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// The flight recorder: what became of a session's latest frames.
  @Suite struct Recorder {
    private func fixture(
      frames: Int? = 64, _ script: @escaping ScriptedUpstream.Script,
      connection edit: (inout Configuration.ConnectionSettings) -> Void = { _ in },
      messages: (inout Configuration.MessageSettings) -> Void = { _ in }
    ) throws -> SessionFixture {
      try SessionFixture(
        script,
        connection: {
          if let frames {
            var recorder = Configuration.FlightRecorder()
            recorder.frames = frames
            $0.flightRecorder = recorder
          }
          edit(&$0)
        }, messages: messages)
    }

    @Test func keepsWhatPassedBothWays() async throws {
      for inspects in [false, true] {
        let fixture = try fixture({ try $0.accept().echo() }, messages: { $0.inspect = inspects })
        let socket = try fixture.open()
        let id = try #require(fixture.id)
        try socket.send(text: "hello")
        #expect(try socket.text() == "hello")
        try socket.send(binary: [UInt8](repeating: 1, count: 70_000))
        #expect(try socket.read()?.payload.count == 70_000)
        try socket.send(.init(opcode: 9, payload: Array("who".utf8)))
        #expect(try socket.read()?.line == "pong who")
        let recording = try #require(await fixture.recording(id))
        #expect(recording.end == nil)
        #expect(
          recording.lines == [
            "from-client text 5 passed", "from-upstream text 5 passed",
            "from-client binary 70000 passed", "from-upstream binary 70000 passed",
          ]
            + (inspects
              ? ["from-client ping 3 absorbed", "to-client pong 3 injected"]
              : ["from-client ping 3 passed", "from-upstream pong 3 passed"]))
        let times = recording.frames.map(\.time)
        #expect(times == times.sorted())
        let now = Int64(Date().timeIntervalSince1970 * 1e6)
        #expect(times.allSatisfy { abs($0 - now) < 60_000_000 })
      }
    }

    /// Frames that come together, byte by byte and with their headers split are the same frames.
    @Test func everySplitIsTheSame() async throws {
      let frames: [WebSocketPeer.Frame] = [
        .init(opcode: 1, payload: Array("fra".utf8), isFinal: false),
        .init(opcode: 9, payload: []), .init(opcode: 0, payload: [], isFinal: false),
        .init(opcode: 0, payload: Array("g".utf8)),
        .init(opcode: 2, payload: [UInt8](repeating: 3, count: 200)), .init(opcode: 2, payload: []),
      ]
      for piece in [1, 3, 7, 1_000] {
        let fixture = try fixture { try $0.accept().echo() }
        let socket = try fixture.open()
        let id = try #require(fixture.id)
        let bytes = frames.flatMap { socket.bytes($0) }
        for start in stride(from: 0, to: bytes.count, by: piece) {
          try socket.socket.send(Array(bytes[start..<min(bytes.count, start + piece)]))
        }
        for _ in frames { _ = try socket.read() }
        let lines = try #require(await fixture.recording(id)).lines
        #expect(
          lines.filter { $0.hasPrefix("from-client") } == [
            "from-client text 3 passed unfinished", "from-client ping 0 passed",
            "from-client continuation 0 passed unfinished", "from-client continuation 1 passed",
            "from-client binary 200 passed", "from-client binary 0 passed",
          ], "\(piece)")
      }
    }

    @Test func keepsTheLatestOnly() async throws {
      let fixture = try fixture(frames: 3, { try $0.accept().echo() })
      let socket = try fixture.open()
      let id = try #require(fixture.id)
      for size in 1...5 {
        try socket.send(binary: [UInt8](repeating: 0, count: size))
        _ = try socket.read()
      }
      #expect(
        try #require(await fixture.recording(id)).lines == [
          "from-upstream binary 4 passed", "from-client binary 5 passed",
          "from-upstream binary 5 passed",
        ])
    }

    /// The offending frame is there with the size that it announced, and the recording outlives the
    /// session.
    @Test func whatEndedASessionIsShownAfterwards() async throws {
      for inspects in [false, true] {
        let fixture = try fixture(
          { try $0.accept().echo() },
          messages: {
            $0.maxSize = ByteCount(100)
            $0.inspect = inspects
          })
        let socket = try fixture.open()
        let id = try #require(fixture.id)
        try socket.send(text: "fine")
        #expect(try socket.text() == "fine")
        try socket.send(binary: [UInt8](repeating: 0, count: 101))
        #expect(try socket.read()?.closeCode == 1_009)
        try await fixture.cause(is: .messageTooBig)
        let recording = try #require(await fixture.recording(id))
        #expect(recording.end?.cause == .messageTooBig && recording.end?.code == 1_009)
        #expect(recording.end?.side == "client")
        #expect(
          recording.lines.prefix(4) == [
            "from-client text 4 passed", "from-upstream text 4 passed",
            "from-client binary 101 closed",
            "to-client close \(recording.frames[3].record.size) injected",
          ])
        #expect(recording.lines.contains { $0.hasPrefix("to-upstream close") })
      }
    }

    @Test func anOrderlyEndLeavesNothing() async throws {
      let fixture = try fixture { try $0.accept().echo() }
      let socket = try fixture.open()
      let id = try #require(fixture.id)
      try socket.sendClose(1_000)
      _ = try socket.lines()
      try await fixture.cause(is: .client)
      guard case .unknown = await fixture.gateway.recording(id) else {
        Issue.record("it is still there")
        return
      }
    }

    @Test func isOffUnlessAskedFor() async throws {
      let fixture = try fixture(frames: nil, { try $0.accept().echo() })
      let socket = try fixture.open()
      let id = try #require(fixture.id)
      guard case .off = await fixture.gateway.recording(id) else {
        Issue.record("it is on")
        return
      }
      withExtendedLifetime(socket) {}
    }

    @Test func limitsSayWhatTheyDid() async throws {
      for (action, expected) in [
        (Configuration.MessageRateAction.drop, ["passed", "dropped"]), (.delay, ["delayed"]),
        (.close, ["passed", "closed"]),
      ] {
        let fixture = try fixture(
          { for line in try $0.accept().lines() where line == "never" { return } },
          messages: {
            var limit = Configuration.MessageRateLimit()
            limit.limit = 1
            limit.window = .seconds(3_600)
            limit.action = action
            $0.rateLimit = limit
          })
        let socket = try fixture.open()
        let id = try #require(fixture.id)
        // The first one already makes its sender wait, an hour for the next.
        for _ in expected { try socket.send(text: "a") }
        try await eventually("the messages") {
          await fixture.recording(id)?.lines.filter { $0.hasPrefix("from-client text") }
            .map { String($0.split(separator: " ").last ?? "") } == expected
        }
        withExtendedLifetime(socket) {}
      }
    }

    @Test func conflatedAndDroppedMessagesAreTold() async throws {
      let gate = Gate()
      let fixture = try fixture(
        frames: 4_096,
        { peer in
          let socket = try peer.accept()
          let filler = String(repeating: ".", count: 64 * 1_024)
          for number in 0..<120 { try socket.send(text: "{\"n\":\(number),\"f\":\"\(filler)\"}") }
          for _ in 0..<3 { try socket.send(text: "{\"key\":1}") }
          gate.wait()
        }, connection: { $0.slowConsumer = .dropOldest },
        messages: {
          var conflation = Configuration.Conflation()
          conflation.key = "$.key"
          $0.conflate = conflation
        })
      let socket = try fixture.open(receiveBuffer: 65_536)
      let id = try #require(fixture.id)
      try await eventually("all messages") {
        await fixture.report()?.messagesFromUpstream == 123
      }
      let lines = try #require(await fixture.recording(id)).lines
      #expect(lines.count { $0 == "from-upstream text 9 conflated" } == 2)
      #expect(lines.count { $0 == "from-upstream text 9 delayed" } == 1)
      let dropped = await fixture.dropped(.slowConsumer)
      #expect(dropped > 0)
      #expect(lines.count { $0.hasSuffix("dropped") } == Int(dropped))
      gate.open()
      withExtendedLifetime(socket) {}
    }

    /// Sessions that are open already begin and end to be recorded.
    @Test func aReloadSwitchesItOnAndOff() async throws {
      let fixture = try fixture(frames: nil, { try $0.accept().echo() })
      let socket = try fixture.open()
      let id = try #require(fixture.id)
      var recorder = Configuration.FlightRecorder()
      recorder.frames = 2
      for setting in [recorder, nil] {
        var configuration = fixture.gateway.configuration
        configuration.all.connection?.flightRecorder = setting
        try fixture.gateway.reload(configuration)
        for _ in 0..<3 {
          try socket.send(text: "again")
          #expect(try socket.text() == "again")
        }
        let lines = await fixture.recording(id)?.lines
        #expect(
          lines
            == setting.map { _ in ["from-client text 5 passed", "from-upstream text 5 passed"] })
      }
    }

    @Test func theLogLineOfAnAbnormalEndHasFrames() throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let target = upstream.url
      let child = try GatewayChild { places in
        """
        version: 1
        workers: 1
        accessLog: {output: "\(places.logPath)"}
        listeners: {web: {address: "127.0.0.1:\(places.port)"}}
        services: {service: {targets: ["\(target)"]}}
        routes:
          all:
            kind: websocket
            match: {prefix: /}
            service: service
            connection: {flightRecorder: {}, closeTimeout: 200ms}
        """
      }
      let caller = try child.client().open()
      for _ in 0..<20 {
        try caller.send(text: "hello")
        #expect(try caller.text() == "hello")
      }
      try caller.send(.init(opcode: 3, payload: [1, 2]))
      #expect(try caller.read()?.closeCode == 1_002)
      caller.socket.close()
      try waitUntil("the line") { !child.logLines(containing: "session-closed").isEmpty }
      let line = try #require(
        try JSONSerialization.jsonObject(
          with: Data(child.logLines(containing: "session-closed")[0].utf8)) as? [String: Any])
      let frames = try #require(line["frames"] as? [[String: Any]])
      #expect(frames.count == 16)
      let offender = try #require(frames.first { $0["decision"] as? String == "closed" })
      #expect(offender["opcode"] as? String == "unknown" && offender["size"] as? Int == 2)
      #expect(offender["direction"] as? String == "from-client")
      #expect(try #require(offender["time"] as? Double) > 1_600_000_000)
    }
  }
}

extension SessionFixture {
  /// Of the session that opened last.
  fileprivate var id: SessionID? {
    upstream.requests.last?["Sluice-Connection-Id"].flatMap { SessionID($0) }
  }

  fileprivate func recording(_ id: SessionID) async -> SessionRecording? {
    guard case .found(let recording) = await gateway.recording(id) else { return nil }
    return recording
  }
}

extension SessionRecording {
  fileprivate var lines: [String] {
    frames.map {
      let record = $0.record
      return "\(record.direction.label) \(record.opcodeLabel) \(record.size) "
        + "\(record.decision.label)" + (record.isFinal ? "" : " unfinished")
    }
  }
}
