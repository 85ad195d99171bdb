import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// WebSockets to targets by HTTP/2: who waits for whom, and targets that come and go.
  @Suite struct HTTP2TargetFlow {
    // MARK: Back-pressure

    /// Windows far smaller than what passes, both ways, in both modes.
    @Test(arguments: [false, true]) func muchPassesSmallWindows(isInspected: Bool) throws {
      let payload = randomBytes(300_000)
      let upstream = try ScriptedUpstream.http2Sockets(settings: .settings((8, 1), (4, 10_000))) {
        peer in
        let socket = try peer.accept()
        var granted = 10_000
        while socket.stream.body.count < payload.count + 14 {
          if granted - socket.stream.body.count < 5_000 {
            try peer.send(.windowUpdate(1, 10_000), .windowUpdate(0, 10_000))
            granted += 10_000
          }
          // Never more than was granted.
          #expect(socket.stream.body.count <= granted)
          if try !peer.step() { return }
        }
        if let frame = try socket.read() { try socket.send(frame) }
        try peer.readToEnd()
      }
      let fixture = try Fixture.http2Sockets(to: upstream, isInspected: isInspected)
      let socket = try fixture.client().open()
      try socket.send(binary: payload)
      #expect(try socket.read()?.payload == payload)
    }

    /// A target that reads nothing of one stream stops that caller; the others of its connection go on, and
    /// what waits here is bounded.
    @Test func aTargetThatReadsNotStopsItsCallerAlone() async throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream.http2Sockets(settings: .settings((8, 1), (4, 10_000))) {
        peer in
        let slow = try peer.accept(1)
        let quick = try peer.accept(3)
        var granted = 10_000
        try peer.send(.windowUpdate(0, 1 << 24))
        for _ in 0..<20 {
          guard let frame = try quick.read() else { return }
          try quick.send(frame)
          try peer.send(.windowUpdate(3, 100))
        }
        gate.open()
        // Now it reads, to the end of what its caller had to say.
        while true {
          while let frame = slow.next() {
            if frame.text == "last" { return try slow.send(text: "all") }
          }
          if granted - slow.stream.body.count < 5_000 {
            try peer.send(.windowUpdate(1, 1 << 20))
            granted += 1 << 20
          }
          if try !peer.step() { return }
        }
      }
      let fixture = try Fixture.http2Sockets(to: upstream)
      let slow = try fixture.client().open()
      let quick = try fixture.client().open()
      Thread.detachNewThread {
        let chunk = [UInt8](repeating: 0x61, count: 16_000)
        do {
          while !gate.hasOpened { try slow.send(binary: chunk) }
          try slow.send(text: "last")
        } catch {}
      }
      let gateway = fixture.gateway
      for turn in 0..<20 {
        try quick.send(text: "\(turn)")
        #expect(try quick.text() == "\(turn)")
        let waiting = await gateway.page(SessionQuery()).sessions.map(\.fromClient.backlog)
        #expect(waiting.allSatisfy { $0 <= 64 * 1_024 + 72 * 1_024 })
      }
      #expect(try slow.text() == "all")
    }

    /// A caller that reads nothing closes its own stream's window.
    @Test func aSlowCallerStopsItsStreamAlone() async throws {
      let told = Counter()
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        let slow = try peer.accept(1)
        let quick = try peer.accept(3)
        let chunk = WebSocketPeer(peer.socket, MessageReader(peer.socket), masks: false)
          .bytes(.init(opcode: 2, payload: [UInt8](repeating: 0x61, count: 16_000)))
        var sent = 0
        // As much as the window takes, between the messages of the other.
        while let frame = try quick.read() {
          while 65_535 + slow.stream.window - sent >= chunk.count, sent < 1 << 27 {
            try peer.send(.data(1, chunk))
            sent += chunk.count
            told.add(chunk.count)
          }
          try quick.send(frame)
        }
      }
      let fixture = try Fixture.http2Sockets(to: upstream)
      let slow = try fixture.client(receiveBuffer: 4_096).open()
      let quick = try fixture.client().open()
      var before = -1
      var turns = 0
      while told.value != before || before <= 0 {
        before = told.value
        for _ in 0..<10 {
          try quick.send(text: "\(turns)")
          #expect(try quick.text() == "\(turns)")
          turns += 1
        }
      }
      // Windows, buffers of the kernel and a backlog; by far not what the target would have sent.
      #expect(before < 1 << 27)
      let waiting = await fixture.gateway.page(SessionQuery()).sessions.map(\.fromUpstream.backlog)
      #expect(waiting.allSatisfy { $0 <= 64 * 1_024 + 72 * 1_024 })
      // What was held up arrives.
      var taken = 0
      while taken < before {
        taken += 4 + ((try slow.read())?.payload.count ?? 1 << 30)
      }
      #expect(taken >= before && taken < before + 16_004)
    }

    // MARK: Targets that go

    private func reconnecting(_ upstream: ScriptedUpstream) throws -> Fixture {
      try Fixture.http2Sockets(to: upstream) {
        $0.all.connection?.onUpstreamLoss = .reconnect
        $0.all.connection?.reconnect.backoff = .milliseconds(1)
        $0.all.connection?.reconnect.maxBackoff = .milliseconds(5)
      }
    }

    /// The stream is reset, and the session goes on in another of the same connection; then the connection
    /// breaks, and it goes on by another.
    @Test func sessionsOutliveTheirStreamsAndConnections() async throws {
      let seen = HTTP2Handshakes()
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        for id in [1, 3] {
          let socket = try peer.accept(id)
          seen.add(socket.stream)
          while let text = try socket.text() {
            if text == "reset" {
              try peer.send(.reset(id, 2))
              break
            }
            if text == "cut" { return }
            try socket.send(text: "\(peer.index) \(id) \(text)")
          }
        }
      }
      let fixture = try reconnecting(upstream)
      let socket = try fixture.client().open()
      try socket.send(text: "a")
      #expect(try socket.text() == "0 1 a")
      try socket.send(text: "reset")
      let gateway = fixture.gateway
      func reconnected(_ count: UInt32) async throws {
        try await eventually("reconnection \(count)") {
          let info = await gateway.page(SessionQuery()).sessions.first
          return info?.state == "open" && info?.reconnects == count
        }
      }
      try await reconnected(1)
      try socket.send(text: "b")
      #expect(try socket.text() == "0 3 b")
      try socket.send(text: "cut")
      try await reconnected(2)
      try socket.send(text: "c")
      #expect(try socket.text() == "1 1 c")
      #expect(seen.all.map { $0["sluice-reconnect"] } == [nil, "1", "2"])
      #expect(Set(seen.all.map { $0["sluice-connection-id"] }).count == 1)
    }

    /// A target that has left the configuration keeps its sessions; its connection ends with the last one.
    @Test func aReloadLeavesSessionsAndThenTheConnectionEnds() async throws {
      let former = try ScriptedUpstream.http2Sockets()
      let next = try ScriptedUpstream.http2Sockets()
      let fixture = try Fixture.http2Sockets(to: former)
      let socket = try fixture.client().open()
      try socket.send(text: "a")
      #expect(try socket.text() == "a")
      var configuration = fixture.gateway.configuration
      configuration.service.targets = [Configuration.Target(url: next.url)]
      try fixture.gateway.reload(configuration)
      try socket.send(text: "b")
      #expect(try socket.text() == "b")
      let other = try fixture.client().open()
      try other.send(text: "c")
      #expect(try other.text() == "c")
      #expect(former.endedCount == 0 && next.connectionCount == 1)
      try socket.sendClose(1_000)
      #expect(try socket.read()?.closeCode == 1_000)
      try waitUntil { former.endedCount == 1 }
    }

    /// A caller has vanished, and the target does not care: END_STREAM first, and a reset in the end.
    @Test func aTargetThatDoesNotCareIsLeft() throws {
      let upstream = try ScriptedUpstream.http2Sockets { peer in
        try peer.accept(1)
        try peer.read { $0[1].isOver }
        #expect(peer.received[1].isEnded && peer.received[1].resetCode == nil)
        // Nobody reads this.
        try peer.send(.data(1, [0x81, 1, 0x61]))
        try peer.read { $0[1].resetCode != nil }
        #expect(peer.received[1].resetCode == 8)
        try peer.accept(3).echo()
      }
      // The next one waits for the script.
      let fixture = try Fixture.http2Sockets(to: upstream) {
        $0.all.connection?.connectTimeout = .seconds(60)
      }
      try fixture.client().open().socket.reset()
      let next = try fixture.client().open()
      try next.send(text: "next")
      #expect(try next.text() == "next")
      #expect(upstream.connectionCount == 1)
    }

    /// A target that never ends its side of the stream does not keep its place.
    @Test func aSessionsEndIsEnforced() async throws {
      let upstream = try ScriptedUpstream.http2Sockets(settings: .settings((8, 1), (3, 1))) {
        peer in
        try peer.accept(1)
        // Reads, and answers neither the close frame nor the end.
        try peer.read { $0[1].resetCode != nil }
        #expect(peer.received[1].resetCode == 8)
        try peer.accept(3).echo()
      }
      let fixture = try Fixture.http2Sockets(to: upstream) {
        $0.service.connections.maxPerTarget = 1
      }
      let socket = try fixture.client().open()
      try socket.sendClose(1_000)
      while try socket.read() != nil {}
      let next = try fixture.client().open()
      try next.send(text: "next")
      #expect(try next.text() == "next")
      #expect(upstream.connectionCount == 1)
    }
  }
}
