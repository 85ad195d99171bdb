import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Sessions without a target: what ends them, and what does not.
  @Suite struct ReconnectionTrouble {
    /// Whose target takes one handshake and none after that, until the gate is open.
    private func scene(
      isInspected: Bool = false, _ gate: Gate,
      _ edit: (inout Configuration.ConnectionSettings) -> Void = { _ in }
    ) throws -> ReconnectScene {
      try ReconnectScene(
        isInspected: isInspected,
        { peer in
          if peer.index > 0 { gate.wait() }
          try ReconnectScene.answer(peer.accept(), peer.index)
        }, edit)
    }

    // MARK: Bounds

    @Test(arguments: [false, true])
    func moreThanCanWaitEndsTheSession(isInspected: Bool) async throws {
      let gate = Gate()
      let scene = try scene(isInspected: isInspected, gate) {
        $0.reconnect.maxHeld = ByteCount(100)
      }
      let client = try scene.open()
      try await scene.lose(client)
      try client.send(binary: [UInt8](repeating: 1, count: 94))
      try await eventually("what waits") { await scene.info?.fromClient.backlog == 100 }
      try client.send(binary: [])
      let close = try #require(try client.read())
      #expect(close.closeCode == 1_013)
      #expect(String(decoding: close.payload.dropFirst(2), as: UTF8.self).contains("can wait"))
      try client.sendClose(1_013)
      try await scene.cause(is: .upstream)
      #expect(await scene.report?.backlog == 0)
      gate.open()
    }

    @Test func aTargetThatDoesNotComeBackIsGivenUp() async throws {
      let scene = try ReconnectScene(
        { peer in
          if peer.index == 0 { return try ReconnectScene.answer(peer.accept(), 0) }
          _ = try peer.readRequest()
          try peer.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
          _ = try peer.readRequest()
        }, { $0.reconnect.deadline = .milliseconds(200) })
      let client = try scene.open()
      try client.send(text: "die")
      #expect(try client.read()?.closeCode == 1_013)
      try client.sendClose(1_013)
      #expect(try client.read() == nil)
      try await scene.cause(is: .upstream)
      // It was tried again and again.
      #expect(scene.upstream.requests.count > 3)
      #expect(await scene.report?.reconnected == 0)
    }

    @Test func nobodyThereIsTheSameAsARefusal() async throws {
      let scene = try scene(Gate()) { $0.reconnect.deadline = .milliseconds(100) }
      let client = try scene.open()
      scene.upstream.stop()
      #expect(try client.read()?.closeCode == 1_013)
      try client.sendClose(1_013)
      try await scene.cause(is: .upstream)
    }

    /// A target that never answers the handshake is not waited for longer either.
    @Test func theDeadlineEndsATryThatIsUnderWay() async throws {
      let gate = Gate()
      let scene = try scene(gate) { $0.reconnect.deadline = .milliseconds(100) }
      let client = try scene.open()
      try client.send(text: "die")
      #expect(try client.read()?.closeCode == 1_013)
      gate.open()
      try client.sendClose(1_013)
      try await scene.cause(is: .upstream)
    }

    @Test func aTargetThatTakesHandshakesAndDropsThemIsGivenUp() async throws {
      let scene = try ReconnectScene(
        { _ = try $0.accept() },
        {
          $0.reconnect.backoff = .milliseconds(10)
          $0.reconnect.maxBackoff = .seconds(60)
          $0.reconnect.deadline = .milliseconds(300)
        })
      let client = try scene.open()
      #expect(try client.read()?.closeCode == 1_013)
      try client.sendClose(1_013)
      try await scene.cause(is: .upstream)
    }

    // MARK: Answers that do not fit

    @Test func onlyTheSameAgreementGoesOn() async throws {
      let log = Log()
      let scene = try ReconnectScene { peer in
        let request = try peer.readRequest()
        let key = request?["Sec-WebSocket-Key"]
        let answers = [
          WebSocketPeer.accept(key, "Sec-WebSocket-Protocol: v1"),
          "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope",
          WebSocketPeer.accept(key, "Sec-WebSocket-Protocol: v2"),
          WebSocketPeer.accept(key),
          WebSocketPeer.accept("other", "Sec-WebSocket-Protocol: v1"),
          WebSocketPeer.accept(
            key, "Sec-WebSocket-Protocol: v1", "Sec-WebSocket-Extensions: permessage-deflate"),
          WebSocketPeer.accept(key, "Sec-WebSocket-Protocol: v1"),
        ]
        log.add("\(peer.index) \(request?["Sluice-Reconnect"] ?? "-")")
        try peer.send(answers[min(peer.index, 6)])
        try ReconnectScene.answer(
          WebSocketPeer(peer.socket, peer.reader, masks: false), peer.index)
      }
      let client = try scene.open(
        "Sec-WebSocket-Protocol: v1, v2", "Sec-WebSocket-Extensions: permessage-deflate")
      try client.send(text: "die")
      try await scene.reconnected()
      try client.send(text: "x")
      #expect(try client.message() == "6 x")
      #expect(log.lines == ["0 -", "1 1", "2 1", "3 1", "4 1", "5 1", "6 1"])
    }

    // MARK: Ends meanwhile

    @Test func aCallerThatClosesMeanwhileIsAnswered() async throws {
      let gate = Gate()
      let scene = try scene(gate)
      let client = try scene.open()
      try await scene.lose(client)
      try client.send(text: "held")
      try client.sendClose(4_000, "bye")
      #expect(try client.read()?.closeCode == 4_000)
      #expect(try client.read() == nil)
      try await scene.cause(is: .client)
      #expect(await scene.report?.backlog == 0)
      gate.open()
    }

    @Test(arguments: [false, true])
    func aCallerThatVanishesMeanwhileLeavesNothing(resets: Bool) async throws {
      let gate = Gate()
      let scene = try scene(gate)
      let client = try scene.open()
      try await scene.lose(client)
      try client.send(text: "held")
      try waitUntil("the try") { scene.upstream.connectionCount == 2 }
      if resets { client.socket.reset() } else { client.socket.close() }
      try await scene.cause(is: resets ? .network : .client)
      gate.open()
      // The connection that was being made is not kept either.
      try waitUntil("the target's end") { scene.upstream.endedCount == 2 }
      let targets = await scene.fixture.gateway.reports().flatMap(\.targets)
      #expect(targets.allSatisfy { $0.inFlight == 0 })
    }

    @Test func adminDrainAndReloadEndItAsAnyOther() async throws {
      for way in 0..<3 {
        let gate = Gate()
        let scene = try scene(gate)
        let client = try scene.open()
        try await scene.lose(client)
        let gateway = scene.fixture.gateway
        switch way {
        case 0:
          let id = try #require(scene.id)
          #expect(await gateway.end([id], SessionEndRequest(.admin, code: 4_444)) == 1)
          #expect(try client.read()?.closeCode == 4_444)
          try client.sendClose(4_444)
          try await scene.cause(is: .admin)
        case 1:
          _ = gateway.beginDrain()
          #expect(try client.read()?.closeCode == 1_012)
        default:
          var next = gateway.configuration
          next.routes["other"] = next.all
          next.routes["all"] = nil
          try gateway.reload(next)
          #expect(try client.read()?.closeCode == 1_012)
        }
        gate.open()
      }
    }

    @Test func aReloadThatTakesTheSettingAwayGivesUp() async throws {
      let scene = try ReconnectScene { peer in
        if peer.index == 0 { return try ReconnectScene.answer(peer.accept(), 0) }
        _ = try peer.readRequest()
        try peer.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        _ = try peer.readRequest()
      }
      let client = try scene.open()
      try await scene.lose(client)
      var next = scene.fixture.gateway.configuration
      next.all.connection?.onUpstreamLoss = .close
      try scene.fixture.gateway.reload(next)
      #expect(try client.read()?.closeCode == 1_013)
    }

    @Test func aReloadOfTheServiceLeadsToItsNewTargets() async throws {
      let gate = Gate()
      let scene = try scene(gate)
      let other = try ScriptedUpstream { try ReconnectScene.answer($0.accept(), 7) }
      let client = try scene.open()
      scene.upstream.stop()
      try await scene.isReconnecting()
      try client.send(text: "held")
      var next = scene.fixture.gateway.configuration
      next.service.targets = [Configuration.Target(url: other.url)]
      try scene.fixture.gateway.reload(next)
      #expect(try client.message() == "7 held")
      #expect(await scene.info?.target == other.url)
      gate.open()
    }

    @Test func timeGoesOn() async throws {
      let gate = Gate()
      let scene = try scene(gate) {
        $0.ping = .milliseconds(20)
        $0.lifetime = .milliseconds(400)
        $0.lifetimeJitter = 0
      }
      let client = try scene.open()
      try await scene.lose(client)
      while await scene.info?.state == "reconnecting", let frame = try client.read(),
        frame.opcode == 9
      {
        try client.send(.init(opcode: 10, payload: frame.payload))
      }
      try client.sendClose(1_001)
      try await scene.cause(is: .lifetime)
      #expect(await scene.report?.roundTrips.reduce(0, +) ?? 0 > 0)
      gate.open()
    }

    @Test func aSilentCallerIsFoundMeanwhile() async throws {
      let gate = Gate()
      let scene = try scene(gate) {
        $0.ping = .milliseconds(300)
        $0.pongTimeout = .milliseconds(30)
      }
      let client = try scene.open()
      try await scene.lose(client)
      try await scene.cause(is: .network)
      gate.open()
      withExtendedLifetime(client) {}
    }

    @Test func thePlaceAtTheLostTargetIsFree() async throws {
      let scene = try ReconnectScene { try ReconnectScene.answer($0.accept(), $0.index) }
      let client = try scene.open()
      for _ in 0..<5 { try await scene.lose(client, waits: false) }
      try await eventually("one connection") {
        let targets = await scene.fixture.gateway.reports().flatMap(\.targets)
        return targets.map(\.open) == [1] && targets.map(\.inFlight) == [1]
      }
      try client.sendClose(1_000)
      #expect(try client.read()?.closeCode == 1_000)
      try await eventually("none") {
        let targets = await scene.fixture.gateway.reports().flatMap(\.targets)
        return targets.map(\.open) == [0] && targets.map(\.inFlight) == [0]
      }
    }

    /// No target is asked in the name of a caller that is denied.
    @Test(arguments: [false, true])
    func aMuteSessionEndsWithItsTarget(isLostFirst: Bool) async throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        if peer.index > 0 { gate.wait() }
        let socket = try peer.accept()
        if !isLostFirst { gate.wait() } else { _ = try socket.read() }
      }
      let fixture = try Fixture(to: upstream) {
        $0.consumers["alice"] = .init(keys: ["alice-1"], groups: ["staff"])
        $0.all.kind = .websocket
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        $0.all.policies[Configuration.ACL.self] = Configuration.ACL(allow: ["staff"])
        var connection = Configuration.ConnectionSettings.impatient
        connection.onDenial = .refuse
        connection.onUpstreamLoss = .reconnect
        connection.reconnect.backoff = .milliseconds(1)
        $0.all.connection = connection
      }
      let client = try fixture.client().open("apikey: alice-1")
      let gateway = fixture.gateway
      if isLostFirst {
        try client.send(text: "die")
        try await eventually("the loss") {
          await gateway.page(SessionQuery()).sessions.first?.state == "reconnecting"
        }
        try waitUntil("the try") { upstream.connectionCount == 2 }
      }
      var next = gateway.configuration
      next.consumers["alice"]?.groups = []
      try gateway.reload(next)
      if !isLostFirst {
        try client.send(text: "still")
        #expect(try client.text()?.contains("message-forbidden") == true)
        gate.open()
      }
      #expect(try client.read()?.closeCode == (isLostFirst ? 1_013 : 1_011))
      try client.sendClose(1_000)
      try await eventually { await gateway.sessions() == (0, [.upstream: 1]) }
      #expect(upstream.connectionCount == (isLostFirst ? 2 : 1))
      gate.open()
    }
  }
}

extension ReconnectScene {
  func reconnected() async throws {
    try await eventually("another connection") {
      guard let info = await info else { return false }
      return info.reconnects > 0 && info.state == "open"
    }
  }
}
