import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// How sessions to targets by HTTP/2 end.
  @Suite struct HTTP2TargetEnds {
    /// One session of a target that echoes until `go`, and then does `act`.
    private func ending(
      _ cause: SessionCause, isInspected: Bool = false,
      target act: @escaping @Sendable (HTTP2TargetSocket) throws -> Void,
      caller expects: (WebSocketPeer) throws -> Void
    ) async throws {
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        let socket = try peer.accept()
        while let text = try socket.text() {
          if text == "go" {
            try act(socket)
            break
          }
          try socket.send(text: text)
        }
        try peer.read { $0[1].isOver }
        // The connection and its place outlive the session.
        try peer.accept(3).echo()
      }
      let fixture = try Fixture.http2Sockets(to: upstream, isInspected: isInspected) {
        $0.service.connections.maxPerTarget = 1
      }
      let socket = try fixture.client().open()
      try socket.send(text: "hello")
      #expect(try socket.text() == "hello")
      try socket.send(text: "go")
      try expects(socket)
      try await fixture.ended(by: cause)
      let next = try fixture.client().open()
      try next.send(text: "next")
      #expect(try next.text() == "next")
      #expect(upstream.connectionCount == 1)
    }

    @Test(arguments: [false, true]) func theTargetsCloseFrame(isInspected: Bool) async throws {
      try await ending(
        .upstream, isInspected: isInspected,
        target: { socket in
          try socket.sendClose(4_321)
          #expect(try socket.read()?.closeCode == 4_321)
          try socket.end()
          try socket.peer.read { $0[1].isOver }
          // In order: no reset.
          #expect(socket.stream.isEnded && socket.stream.resetCode == nil)
        },
        caller: { socket throws in
          #expect(try socket.read()?.closeCode == 4_321)
          try socket.sendClose(4_321)
          #expect(try socket.read() == nil)
        })
    }

    @Test func theTargetsEndOfTheStream() async throws {
      try await ending(
        .upstream,
        target: {
          try $0.end()
        },
        caller: { socket throws in
          #expect(try socket.read()?.closeCode == 1_011)
          #expect(try socket.read() == nil)
        })
    }

    @Test(arguments: [0, 2, 8]) func theTargetsReset(code: Int) async throws {
      try await ending(
        .network,
        target: { socket in
          try socket.send(text: "last")
          try socket.peer.send(.reset(1, code))
          // Its own is no answer that anybody gets.
          try socket.peer.accept(3).echo()
        },
        caller: { socket throws in
          #expect(try socket.text() == "last")
          #expect(try socket.read()?.closeCode == 1_011)
          #expect(try socket.read() == nil)
        })
    }

    @Test func anEndInTheMiddleOfAFrame() async throws {
      try await ending(
        .network,
        target: { socket in
          try socket.send([0x81, 10, 0x61, 0x62])
          try socket.peer.send(.reset(1, 2))
          try socket.peer.accept(3).echo()
        },
        caller: { socket throws in
          // No place for a close frame.
          #expect(try socket.read() == nil)
        })
    }

    @Test func trailersAreNoPartOfATunnel() async throws {
      try await ending(
        .network,
        target: { socket in
          try socket.peer.send(.headers(1, [("x", "1")], end: true))
        },
        caller: { socket throws in
          #expect(try socket.read()?.closeCode == 1_011)
        })
    }

    @Test func whatIsNoWebSocket() async throws {
      try await ending(
        .protocolError,
        target: { socket in
          try socket.send([0xC1, 0x01, 0x00])
          #expect(try socket.read()?.closeCode == 1_002)
        },
        caller: { socket throws in
          #expect(try socket.read()?.closeCode == 1_011)
          #expect(try socket.read() == nil)
        })
    }

    /// A caller that vanishes: the target hears of it and has time to end its side.
    @Test func theCallerVanishes() async throws {
      try await ending(
        .network,
        target: { socket in
          try socket.send(text: "go")
          #expect(try socket.read()?.closeCode == 1_001 || socket.stream.isOver)
          try socket.peer.read { $0[1].isOver }
          #expect(socket.stream.resetCode == nil)
          try socket.end()
        },
        caller: { socket throws in
          #expect(try socket.text() == "go")
          socket.socket.reset()
        })
    }

    @Test(arguments: [false, true])
    func theConnectionsEndIsEverySessions(isMidFrame: Bool) async throws {
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        let sockets = try [1, 3, 5].map { try peer.accept($0) }
        for socket in sockets { _ = try socket.text() }
        if isMidFrame { for socket in sockets { try socket.send([0x81, 10, 0x61]) } }
        try peer.send(.goAway(last: 5))
      }
      let fixture = try Fixture.http2Sockets(to: upstream)
      let sockets = try (0..<3).map { _ in try fixture.client().open() }
      for socket in sockets { try socket.send(text: "hello") }
      for socket in sockets {
        if isMidFrame {
          #expect(try socket.read() == nil)
        } else {
          #expect(try socket.read()?.closeCode == 1_011)
        }
      }
      let gateway = fixture.gateway
      try await eventually("three ends") {
        let (open, closed) = await gateway.sessions()
        return open == 0 && closed == [.network: 3]
      }
    }

    /// A target that leaves keeps the sessions it has; handshakes that it has not looked at go elsewhere.
    @Test func aTargetThatLeavesKeepsItsSessions() throws {
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        if peer.index > 0 { return try peer.echoOnAllStreams() }
        let socket = try peer.accept()
        try peer.head(3)
        try peer.send(.goAway(last: 1))
        try socket.echo()
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2Sockets(to: upstream)
      let first = try fixture.client().open()
      let second = try fixture.client().open()
      for (text, socket) in [("a", first), ("b", second), ("c", first)] {
        try socket.send(text: text)
        #expect(try socket.text() == text)
      }
      #expect(upstream.connectionCount == 2)
      try first.sendClose(1_000)
      #expect(try first.read()?.closeCode == 1_000)
      try waitUntil { upstream.endedCount == 1 }
      try second.send(text: "still")
      #expect(try second.text() == "still")
    }

    @Test func sessionsTakePlacesAndGiveThemBack() throws {
      // Two streams at a time, and one connection.
      let upstream = try ScriptedUpstream.http2Sockets(settings: .settings((8, 1), (3, 2)))
      let fixture = try Fixture.http2Sockets(to: upstream) {
        $0.service.connections.maxPerTarget = 1
      }
      for _ in 0..<10 {
        let pair = try (0..<2).map { _ in try fixture.client().open() }
        for socket in pair {
          try socket.send(text: "hello")
          #expect(try socket.text() == "hello")
          try socket.sendClose(1_000)
          #expect(try socket.read()?.closeCode == 1_000)
          #expect(try socket.read() == nil)
        }
      }
      #expect(upstream.connectionCount == 1)
    }

    @Test func aDrainTellsTheTarget() throws {
      let told = Counter()
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        let socket = try peer.accept()
        while let frame = try socket.read() {
          if frame.closeCode == 1_001 { told.add(1) }
          if try !socket.answer(frame) { break }
        }
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2Sockets(to: upstream) { $0.shutdown.timeout = .seconds(20) }
      let socket = try fixture.client().open()
      try socket.send(text: "hello")
      #expect(try socket.text() == "hello")
      let gateway = fixture.gateway
      let ended = Gate()
      Thread.detachNewThread {
        gateway.shutDown()
        ended.open()
      }
      #expect(try socket.read()?.closeCode == 1_012)
      try socket.sendClose(1_012)
      #expect(try socket.read() == nil)
      ended.wait()
      try waitUntil { upstream.endedCount == 1 }
      #expect(told.value == 1)
      fixture.wasShutDown()
    }

    @Test func pingsAreAnsweredAndMeasured() async throws {
      let upstream = try ScriptedUpstream.http2Sockets()
      let fixture = try Fixture.http2Sockets(to: upstream) {
        $0.all.connection?.ping = .milliseconds(50)
      }
      let socket = try fixture.client().open()
      let gateway = fixture.gateway
      let ping = try #require(try socket.read())
      #expect(ping.opcode == 9)
      try socket.send(.init(opcode: 10, payload: ping.payload))
      try await eventually("round trip") {
        await gateway.page(SessionQuery()).sessions.first?.roundTrip != nil
      }
    }

    /// A target that answers no ping is given up, and only its stream.
    @Test func aTargetThatIsSilentIsReset() async throws {
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        try peer.accept()
        try peer.read { $0[1].isOver }
        #expect(peer.received[1].resetCode == 8)
        try peer.accept(3).echo()
      }
      let fixture = try Fixture.http2Sockets(to: upstream) {
        $0.all.connection?.upstreamPing = .milliseconds(100)
        $0.all.connection?.pongTimeout = .milliseconds(100)
      }
      let socket = try fixture.client().open()
      while let frame = try socket.read() {
        if frame.opcode == 9 { try socket.send(.init(opcode: 10, payload: frame.payload)) }
        if frame.opcode == 8 {
          #expect(frame.closeCode == 1_011)
          try socket.send(frame)
        }
      }
      try await fixture.ended(by: .network)
      #expect(upstream.connectionCount == 1)
    }
  }
}
