import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// After the 101: how sessions live and end, and what each end sees of it.
  @Suite struct Sessions {
    private func fixture(
      _ script: @escaping ScriptedUpstream.Script,
      _ edit: @escaping (inout Configuration.ConnectionSettings) -> Void = { _ in }
    ) throws -> (Fixture, ScriptedUpstream) {
      let upstream = try ScriptedUpstream(script)
      let fixture = try Fixture(to: upstream) {
        $0.all.kind = .websocket
        var connection = Configuration.ConnectionSettings.impatient
        edit(&connection)
        $0.all.connection = connection
      }
      return (fixture, upstream)
    }

    private func cause(_ fixture: Fixture, is cause: SessionCause) async throws {
      let gateway = fixture.gateway
      try await eventually("cause \(cause)") {
        let (open, closed) = await gateway.sessions()
        return open == 0 && closed == [cause: 1]
      }
    }

    // MARK: The closing handshake

    @Test func theCallersCloseReachesTheTargetAndItsAnswerTheCaller() async throws {
      let log = Log()
      let (fixture, upstream) = try fixture { peer in
        let socket = try peer.accept()
        let frame = try socket.read()
        log.add("\(frame?.closeCode ?? 0) \(frame?.isMasked ?? false)")
        try socket.sendClose(3_001, "mine")
        // The gateway is the client here: it waits for the server to end the connection.
        log.add("\(try socket.reader.readToEnd().count)")
      }
      let socket = try fixture.client().open()
      try socket.sendClose(4_000, "bye")
      let answer = try #require(try socket.read())
      #expect(answer.opcode == 8)
      #expect(try socket.read() == nil)
      #expect(socket.reader.hasEnded)
      try await cause(fixture, is: .client)
      try waitUntil { upstream.endedCount == 1 }
      #expect(log.lines == ["4000 true", "0"])
    }

    @Test func theTargetsCloseReachesTheCaller() async throws {
      let log = Log()
      let (fixture, upstream) = try fixture { peer in
        let socket = try peer.accept()
        try socket.send(text: "last")
        try socket.sendClose(4_123, "over")
        let frame = try socket.read()
        log.add("\(frame?.closeCode ?? 0)")
      }
      let socket = try fixture.client().open()
      #expect(try socket.text() == "last")
      let close = try #require(try socket.read())
      #expect(close.closeCode == 4_123)
      #expect(String(decoding: close.payload.dropFirst(2), as: UTF8.self) == "over")
      try socket.sendClose(4_123)
      #expect(try socket.read() == nil)
      try await cause(fixture, is: .upstream)
      try waitUntil { upstream.endedCount == 1 }
      #expect(log.lines == ["4123"])
    }

    @Test func anEmptyCloseFramePassesEmpty() async throws {
      let log = Log()
      let (fixture, upstream) = try fixture { peer in
        let socket = try peer.accept()
        log.add("\(try socket.read()?.payload.count ?? -1)")
        try socket.send(.init(opcode: 8, payload: []))
      }
      let socket = try fixture.client().open()
      try socket.send(.init(opcode: 8, payload: []))
      #expect(try socket.read()?.payload == [])
      try await cause(fixture, is: .client)
      try waitUntil { upstream.endedCount == 1 }
      #expect(log.lines == ["0"])
    }

    @Test func whoNeverAnswersACloseFrameIsCutOff() async throws {
      let (fixture, upstream) = try fixture(
        { peer in
          let socket = try peer.accept()
          while try socket.read() != nil {}
        }, { $0.closeTimeout = .milliseconds(50) })
      let socket = try fixture.client().open()
      try socket.sendClose(1_000)
      // The target's end of the handshake never comes.
      while try socket.read() != nil {}
      try await cause(fixture, is: .client)
      try waitUntil { upstream.endedCount == 1 }
    }

    // MARK: Ends without a close frame

    /// The target's answer to its close frame would be for nobody, so its end is not waited for either.
    @Test func aCallerThatVanishesIsTheTargetsGoingAway() async throws {
      for resets in [false, true] {
        let log = Log()
        let (fixture, upstream) = try fixture(
          { peer in
            let socket = try peer.accept()
            try socket.send(text: "hello")
            while let frame = try socket.read() {
              if frame.opcode == 8 { log.add("\(frame.closeCode ?? 0)") }
            }
          }, { $0.closeTimeout = .seconds(60) })
        let socket = try fixture.client().open()
        #expect(try socket.text() == "hello")
        if resets { socket.socket.reset() } else { socket.socket.close() }
        try await cause(fixture, is: resets ? .network : .client)
        try waitUntil { upstream.endedCount == 1 }
        #expect(log.lines == ["1001"])
      }
    }

    @Test func aTargetThatVanishesIsAnErrorToTheCaller() async throws {
      for resets in [false, true] {
        let (fixture, _) = try fixture { peer in
          let socket = try peer.accept()
          #expect(try socket.text() == "go")
          if resets { peer.socket.reset() }
        }
        let socket = try fixture.client().open()
        try socket.send(text: "go")
        #expect(try socket.read()?.closeCode == 1_011)
        try socket.sendClose(1_011)
        #expect(try socket.read() == nil)
        try await cause(fixture, is: resets ? .network : .upstream)
      }
    }

    /// A close frame in the middle of another frame would be payload there.
    @Test func anEndWithinAFrameIsNoCloseFrame() async throws {
      let (fixture, upstream) = try fixture(
        { peer in
          let socket = try peer.accept()
          let whole = socket.bytes(.init(opcode: 2, payload: [UInt8](repeating: 7, count: 1_000)))
          try socket.socket.send(whole.prefix(500))
          _ = try socket.read()
        },
        {
          // Nobody waits for it: no close frame is sent, so none is answered.
          $0.closeTimeout = .seconds(3_600)
        })
      let client = try fixture.client()
      let socket = try client.open()
      while client.reader.buffer.count < 500 { try #require(try client.reader.fill()) }
      upstream.stop()
      #expect(try client.reader.readToEnd().count == 500)
      socket.socket.close()
      try await cause(fixture, is: .upstream)
    }

    // MARK: Breaking the rules

    @Test func aCallerThatBreaksTheRulesHearsWhichAndTheTargetThatItLeft() async throws {
      let log = Log()
      let (fixture, upstream) = try fixture { peer in
        let socket = try peer.accept()
        while let frame = try socket.read() {
          log.add(frame.opcode == 8 ? "close \(frame.closeCode ?? 0)" : frame.text)
        }
      }
      let socket = try fixture.client().open()
      let good = socket.bytes(.init(opcode: 1, payload: Array("good".utf8)))
      let unmasked = socket.bytes(.init(opcode: 1, payload: Array("bad".utf8)), masked: false)
      try socket.socket.send(good + unmasked + good)
      #expect(try socket.read()?.closeCode == 1_002)
      #expect(try socket.read() == nil)
      socket.socket.close()
      try await cause(fixture, is: .protocolError)
      try waitUntil { upstream.endedCount == 1 }
      #expect(log.lines == ["good", "close 1001"])
    }

    @Test func aTargetThatBreaksTheRulesIsAnErrorToTheCaller() async throws {
      let log = Log()
      let (fixture, upstream) = try fixture { peer in
        let socket = try peer.accept()
        try socket.socket.send([0xB1, 0])
        while let frame = try socket.read() { log.add("\(frame.closeCode ?? 0)") }
      }
      let socket = try fixture.client().open()
      #expect(try socket.read()?.closeCode == 1_011)
      try socket.sendClose(1_011)
      #expect(try socket.read() == nil)
      try waitUntil { upstream.endedCount == 1 }
      #expect(log.lines == ["1002"])
      try await cause(fixture, is: .protocolError)
    }

    @Test func aMessageThatIsTooBigIsRefusedAtItsHeader() async throws {
      let log = Log()
      let (fixture, upstream) = try fixture { peer in
        let socket = try peer.accept()
        while let frame = try socket.read() {
          log.add(frame.opcode == 8 ? "close \(frame.closeCode ?? 0)" : "\(frame.payload.count)")
        }
      }
      var next = fixture.gateway.configuration
      var messages = Configuration.MessageSettings()
      messages.maxSize = ByteCount(100)
      next.all.messages = messages
      try fixture.gateway.reload(next)
      let socket = try fixture.client().open()
      try socket.send(binary: [UInt8](repeating: 1, count: 100))
      try socket.send(.init(opcode: 2, payload: [UInt8](repeating: 1, count: 60), isFinal: false))
      let second = socket.bytes(.init(opcode: 0, payload: [UInt8](repeating: 1, count: 41)))
      try socket.socket.send(second.prefix(6))
      #expect(try socket.read()?.closeCode == 1_009)
      socket.socket.close()
      try await cause(fixture, is: .messageTooBig)
      try waitUntil { upstream.endedCount == 1 }
      #expect(log.lines == ["100", "60", "close 1001"])
    }

    // MARK: Time

    @Test func silenceEndsASession() async throws {
      let (fixture, upstream) = try fixture(
        { try $0.accept().echo() },
        {
          $0.idleTimeout = .milliseconds(60)
        })
      let socket = try fixture.client().open()
      #expect(try socket.read()?.closeCode == 1_001)
      try socket.sendClose(1_001)
      #expect(try socket.read() == nil)
      try await cause(fixture, is: .idleTimeout)
      try waitUntil { upstream.endedCount == 1 }
    }

    @Test func aSessionHasALifetime() async throws {
      let (fixture, _) = try fixture(
        { try $0.accept().echo() },
        {
          $0.lifetime = .milliseconds(80)
        })
      let socket = try fixture.client().open()
      while let frame = try socket.read(), frame.opcode != 8 {}
      try socket.sendClose(1_001)
      try await cause(fixture, is: .lifetime)
    }

    @Test func pingsAreAnsweredForTheGatewayAlone() async throws {
      let log = Log()
      let (fixture, _) = try fixture(
        { peer in
          let socket = try peer.accept()
          while let frame = try socket.read() {
            log.add("\(frame.opcode) \(frame.text)")
            if frame.opcode == 1 { try socket.send(text: "answer") }
          }
        },
        {
          $0.ping = .milliseconds(20)
          $0.pongTimeout = .seconds(5)
        })
      let socket = try fixture.client().open()
      for _ in 0..<3 {
        let ping = try #require(try socket.read())
        #expect(ping.opcode == 9)
        #expect(ping.payload.count == 8)
        try socket.send(.init(opcode: 10, payload: ping.payload))
      }
      // A pong that nobody asked for is the target's, as is a ping of the caller's own.
      try socket.send(.init(opcode: 10, payload: Array("own".utf8)))
      try socket.send(.init(opcode: 9, payload: Array("mine".utf8)))
      try socket.send(text: "end")
      while let frame = try socket.read(), frame.text != "answer" {}
      #expect(log.lines == ["10 own", "9 mine", "1 end"])
      let gateway = fixture.gateway
      let answered = await gateway.reports().flatMap(\.routes).compactMap(\.sessions)
        .reduce(0) { $0 + $1.roundTrips.reduce(0, +) }
      #expect(answered >= 3)
    }

    @Test func whoDoesNotAnswerAPingIsGone() async throws {
      let log = Log()
      let (fixture, upstream) = try fixture(
        { peer in
          let socket = try peer.accept()
          while let frame = try socket.read() { log.add("\(frame.closeCode ?? 0)") }
        },
        {
          $0.ping = .milliseconds(20)
          $0.pongTimeout = .milliseconds(20)
        })
      let socket = try fixture.client().open()
      try await cause(fixture, is: .network)
      try waitUntil { upstream.endedCount == 1 }
      #expect(log.lines == ["1001"])
      withExtendedLifetime(socket) {}
    }

    @Test func aTargetThatDoesNotAnswerAPingIsGone() async throws {
      let gate = Gate()
      let (fixture, _) = try fixture(
        { peer in
          _ = try peer.accept()
          gate.wait()
        },
        {
          $0.ping = .seconds(0)
          $0.upstreamPing = .milliseconds(20)
          $0.pongTimeout = .milliseconds(20)
        })
      let socket = try fixture.client().open()
      #expect(try socket.read()?.closeCode == 1_011)
      try socket.sendClose(1_011)
      try await cause(fixture, is: .network)
      gate.open()
    }

    @Test func trustEndsWithTheToken() async throws {
      let login = try ScriptedUpstream.answering { _ in
        let end = Int(Date().timeIntervalSince1970) + 1
        return ok("{\"active\":true,\"username\":\"alice\",\"exp\":\(end)}")
      }
      let (fixture, upstream) = try fixture { try $0.accept().echo() }
      var next = fixture.gateway.configuration
      var settings = Configuration.Introspection()
      settings.url = login.url + "/introspect"
      settings.clientID = "gateway"
      settings.clientSecret = Secret("p")
      settings.claims.consumer = "username"
      next.all.policies[Configuration.Introspection.self] = settings
      try fixture.gateway.reload(next)
      let socket = try fixture.client().open("Authorization: Bearer token")
      #expect(upstream.requests.first?["X-Consumer-Username"] == "alice")
      #expect(try socket.read()?.closeCode == 4_401)
      try socket.sendClose(1_000)
      try await cause(fixture, is: .tokenExpired)
    }

    // MARK: Back-pressure

    @Test func whatIsSentInAHurryArrivesWhole() throws {
      let (fixture, _) = try fixture { try $0.accept().echo() }
      let client = try fixture.client(receiveBuffer: 4_096)
      let socket = try client.open()
      let sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000, 10, 1_000_000]
      let writer = Thread {
        for size in sizes {
          try? socket.send(binary: [UInt8](repeating: UInt8(size & 255), count: size))
        }
      }
      writer.start()
      for size in sizes {
        let frame = try #require(try socket.read())
        #expect(frame.payload.count == size)
        #expect(frame.payload.allSatisfy { $0 == UInt8(size & 255) })
      }
    }

    @Test func aCloseBehindABacklogComesAfterIt() async throws {
      let gate = Gate()
      let received = Counter()
      let (fixture, upstream) = try fixture { peer in
        let socket = try peer.accept()
        gate.wait()
        while let frame = try socket.read() {
          if frame.opcode == 8 {
            try socket.sendClose(1_000)
          } else {
            received.add(frame.payload.count)
          }
        }
      }
      let socket = try fixture.client().open()
      let count = 6
      let writer = Thread {
        for _ in 0..<count { try? socket.send(binary: [UInt8](repeating: 1, count: 500_000)) }
        try? socket.sendClose(1_000)
      }
      writer.start()
      gate.open()
      #expect(try socket.read()?.closeCode == 1_000)
      try await cause(fixture, is: .client)
      try waitUntil { upstream.endedCount == 1 }
      #expect(received.value == count * 500_000)
    }

    @Test func aSessionThatNobodyReadsEnds() async throws {
      let (fixture, upstream) = try fixture(
        { peer in
          let socket = try peer.accept()
          while true { try socket.send(binary: [UInt8](repeating: 7, count: 65_536)) }
        },
        {
          $0.idleTimeout = .milliseconds(80)
          $0.closeTimeout = .milliseconds(50)
        })
      let client = try fixture.client(receiveBuffer: 4_096)
      let socket = try client.open()
      try waitUntil { upstream.endedCount == 1 }
      try await cause(fixture, is: .idleTimeout)
      withExtendedLifetime(socket) {}
    }

    // MARK: Reload and shutdown

    @Test func sessionsOfARemovedRouteAreClosed() async throws {
      let (fixture, _) = try fixture { try $0.accept().echo() }
      let kept = try fixture.client().open(path: "/kept")
      let gone = try fixture.client().open(path: "/gone")
      var next = fixture.gateway.configuration
      var route = next.all
      route.match.path = "/gone"
      next.routes["gone"] = route
      next.all.match.path = "/kept"
      try fixture.gateway.reload(next)
      // The session's route was "all", whatever its path.
      let late = try fixture.client().open(path: "/gone")
      next.routes["gone"] = nil
      #expect(
        SessionReconciliation(from: fixture.gateway.configuration, to: next).verdicts == [
          "all": .kept, "gone": .closed,
        ])
      try fixture.gateway.reload(next)
      #expect(try late.read()?.closeCode == 1_012)
      try late.sendClose(1_012)
      for socket in [kept, gone] {
        try socket.send(text: "still")
        #expect(try socket.text() == "still")
      }
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions(of: "all").open == 2 }
    }

    @Test func aReloadAsksWhetherSessionsWouldStillBeLetIn() async throws {
      let (fixture, _) = try fixture { try $0.accept().echo() }
      var first = fixture.gateway.configuration
      first.all.origins = ["https://a.test", "https://b.test"]
      try fixture.gateway.reload(first)
      let a = try fixture.client().open("Origin: https://a.test")
      let b = try fixture.client().open("Origin: https://b.test")
      var next = first
      next.all.origins = ["https://a.test"]
      #expect(
        SessionReconciliation(from: first, to: next).verdicts == ["all": .rechecked])
      try fixture.gateway.reload(next)
      #expect(try b.read()?.closeCode == 1_008)
      try b.sendClose(1_008)
      try a.send(text: "still")
      #expect(try a.text() == "still")
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().closed == [.policy: 1] }
    }

    @Test func aReloadChangesTheLimitsOfLiveSessions() throws {
      let (fixture, _) = try fixture { try $0.accept().echo() }
      let socket = try fixture.client().open()
      var next = fixture.gateway.configuration
      var messages = Configuration.MessageSettings()
      messages.maxSize = ByteCount(10)
      next.all.messages = messages
      try fixture.gateway.reload(next)
      try socket.send(text: "0123456789")
      #expect(try socket.text() == "0123456789")
      try socket.send(text: "0123456789+")
      #expect(try socket.read()?.closeCode == 1_009)
    }

    @Test func aReloadLeavesSessionsOpen() throws {
      let (fixture, _) = try fixture { try $0.accept().echo() }
      let socket = try fixture.client().open()
      for turn in 0..<5 {
        var next = fixture.gateway.configuration
        next.service.timeouts.response = .seconds(Int64(turn) + 1)
        try fixture.gateway.reload(next)
        try socket.send(text: "still \(turn)")
        #expect(try socket.text() == "still \(turn)")
      }
    }
  }
}

/// Lines that several threads write.
final class Log: Sendable {
  private let lock = NSLock()
  private nonisolated(unsafe) var storage: [String] = []

  func add(_ line: String) { lock.withLock { storage.append(line) } }
  var lines: [String] { lock.withLock { storage } }
}
