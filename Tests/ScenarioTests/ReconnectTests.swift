import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// `onUpstreamLoss: reconnect`: a target is lost, and the caller keeps its session.
  @Suite struct Reconnection {
    // MARK: Invisible

    @Test(arguments: [false, true])
    func theCallerDoesNotNoticeThatItsTargetRestarts(isInspected: Bool) async throws {
      let gate = Gate()
      let scene = try ReconnectScene(
        isInspected: isInspected,
        { peer in
          if peer.index > 0 { gate.wait() }
          try ReconnectScene.answer(peer.accept("Sec-WebSocket-Protocol: v2"), peer.index)
        }, { $0.maxOpen = 1 })
      let client = try scene.open("Sec-WebSocket-Protocol: v1, v2")
      try client.send(text: "a")
      #expect(try client.text() == "0 a")
      try await scene.lose(client)
      // What is sent now waits, in its order, in whatever pieces it comes.
      try client.send(text: "b")
      let bytes = client.bytes(.init(opcode: 1, payload: Array("cc".utf8)))
      try client.socket.send(bytes[..<3])
      try client.socket.send(bytes[3...])
      try client.send(.init(opcode: 1, payload: Array("d".utf8), isFinal: false))
      try client.send(.init(opcode: 9, payload: Array("ping".utf8)))
      #expect(try client.read()?.line == "pong ping")
      try client.send(.init(opcode: 10, payload: Array("for the lost one".utf8)))
      try client.send(.init(opcode: 0, payload: Array("e".utf8)))
      try await eventually("what waits") { await scene.info?.fromClient.backlog ?? 0 > 0 }
      let waiting = try #require(await scene.info)
      #expect(waiting.fromClient.messages == 5)
      gate.open()
      for text in ["1 b", "1 cc", "1 de"] { #expect(try client.message() == text) }
      try client.send(text: "f")
      #expect(try client.message() == "1 f")
      let info = try #require(await scene.info)
      #expect(info.state == "open" && info.reconnects == 1 && info.fromClient.backlog == 0)
      #expect(info.openedAt == waiting.openedAt && info.subprotocol == "v2")
      #expect(info.fromClient.messages == 6 && info.fromUpstream.messages == 5)
      #expect(await scene.report?.reconnected == 1)
      #expect(await scene.report?.backlog == 0)
      #expect(await scene.fixture.gateway.sessions() == (1, [:]))
      // The same place under the limits, and only one.
      try client.sendClose(1_000)
      try await scene.cause(is: .client)
      try await eventually("room") {
        (try? scene.open("Sec-WebSocket-Protocol: v2")) != nil
      }
    }

    @Test func theNextTargetIsAskedTheSame() async throws {
      let scene = try ReconnectScene({ try ReconnectScene.answer($0.accept(), $0.index) })
      var next = scene.fixture.gateway.configuration
      next.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
      next.consumers["alice"] = Configuration.Consumer()
      var credential = Configuration.Credential()
      credential.keyAuth = Configuration.KeyCredential(key: "k-1")
      next.consumers["alice"]?.credentials = [credential]
      next.all.match.prefix = "/a"
      next.all.path.replacePrefix = "/b"
      try scene.fixture.gateway.reload(next)
      let client = try scene.fixture.client().open(
        "apikey: k-1", "Cookie: a=b", "Sluice-Reconnect: 9", "Sluice-Connection-Id: mine",
        "Sec-WebSocket-Extensions: permessage-deflate", path: "/a/c?d=e")
      try await scene.lose(client, waits: false)
      // The path that the targets get is that of the handshake, whatever the route makes of it now.
      next.all.path.replacePrefix = "/other"
      try scene.fixture.gateway.reload(next)
      try await scene.lose(client, waits: false)
      try client.send(text: "x")
      #expect(try client.message() == "2 x")
      let requests = scene.upstream.requests
      try #require(requests.count == 3)
      #expect(requests.map { $0["Sluice-Reconnect"] } == [nil, "1", "2"])
      #expect(requests[0]["X-Consumer-Username"] == "alice")
      #expect(requests[0].target == "/b/c?d=e")
      #expect(requests[0]["Sec-WebSocket-Extensions"] == nil)
      for request in requests[1...] {
        #expect(request.target == requests[0].target)
        #expect(request.fields.filter { $0.name != "Sluice-Reconnect" } == requests[0].fields)
      }
    }

    /// Labels are the word of the target that has the session; those of the route stay.
    @Test(arguments: [1, 2])
    func theNextTargetsLabelsTakeThePlaceOfTheFormers(limit: Int) async throws {
      let scene = try ReconnectScene(
        { peer in
          let request = try peer.readRequest()
          let key = request?["Sec-WebSocket-Key"]
          let labels =
            ["Sluice-Label-Shard: 1\r\nSluice-Label-Room: 7", "Sluice-Label-Shard: 2", ""][
              min(peer.index, 2)]
          try peer.send(
            labels.isEmpty ? WebSocketPeer.accept(key) : WebSocketPeer.accept(key, labels))
          try ReconnectScene.answer(
            WebSocketPeer(peer.socket, peer.reader, masks: false), peer.index)
        },
        {
          $0.labels = ["team": "blue"]
          $0.maxPerLabel = ["shard": limit, "team": 1]
        })
      let gateway = scene.fixture.gateway
      func count(_ name: String, _ value: String) async -> Int {
        var filter = SessionFilter()
        filter.labels = [name: value]
        return await gateway.count(filter)
      }
      let client = try scene.open()
      #expect(await scene.info?.labels == ["team": "blue", "shard": "1", "room": "7"])
      #expect(await count("room", "7") == 1)
      try await scene.lose(client, waits: false)
      try client.send(text: "x")
      #expect(try client.message() == "1 x")
      #expect(await scene.info?.labels == ["team": "blue", "shard": "2"])
      #expect(await count("room", "7") == 0)
      #expect(await count("shard", "1") == 0)
      #expect(await count("shard", "2") == 1)
      #expect(await count("team", "blue") == 1)
      try await scene.lose(client, waits: false)
      try client.send(text: "y")
      #expect(try client.message() == "2 y")
      #expect(await scene.info?.labels == ["team": "blue"])
      #expect(await count("shard", "2") == 0)
      // Its places went with its labels; the one of the route's is taken.
      #expect(throws: ScenarioError.self) { try scene.open() }
      try client.sendClose(1_000)
      try await eventually("a place") { (try? scene.open()) != nil }
    }

    @Test func anotherTargetTakesOver() async throws {
      let upstreams = try (0..<2).map { number in
        try ScriptedUpstream { try ReconnectScene.answer($0.accept(), number) }
      }
      let scene = try ReconnectScene(upstreams: upstreams)
      let client = try scene.open()
      try client.send(text: "a")
      let first = try #require(try client.message()) == "0 a" ? 0 : 1
      let before = try #require(await scene.info)
      #expect(before.target == upstreams[first].url)
      upstreams[first].stop(resetting: true)
      try client.send(text: "perhaps lost")
      try await eventually("the other target") {
        await scene.info?.target == upstreams[1 - first].url
      }
      try client.send(text: "b")
      while let text = try client.message(), text != "\(1 - first) b" {
        #expect(text == "\(1 - first) perhaps lost")
      }
      let info = try #require(await scene.info)
      #expect(info.id == before.id && info.reconnects == 1)
      var filter = SessionFilter()
      filter.target = upstreams[1 - first].url
      #expect(await scene.fixture.gateway.count(filter) == 1)
    }

    @Test func itIsToldInLogMetricsAndEvents() throws {
      let upstream = try ScriptedUpstream { try ReconnectScene.answer($0.accept(), $0.index) }
      let child = try GatewayChild {
        """
        version: 1
        workers: 1
        accessLog: {output: "\($0.logPath)"}
        admin: {address: "127.0.0.1:\($0.adminPort)"}
        listeners: {web: {address: "127.0.0.1:\($0.port)"}}
        services: {service: {targets: ["\(upstream.url)"]}}
        routes:
          all:
            kind: websocket
            service: service
            connection: {onUpstreamLoss: reconnect, reconnect: {backoff: 1ms}}
        """
      }
      let events = try child.admin()
      try events.send(
        "GET /events?type=session-reconnected HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(try events.reader.readHead()?.status == 200)
      let client = try child.client().open()
      try client.send(text: "die")
      var told = ""
      while !told.contains("\n\n"), try events.reader.fill() {
        told += String(decoding: events.reader.take(events.reader.buffer.count), as: UTF8.self)
      }
      #expect(told.contains("event: session-reconnected"))
      #expect(told.contains("\"gapSeconds\":") && told.contains("\"reconnects\":1"))
      #expect(
        try child.metric("sluice_sessions_reconnected_total") == ["route=\"all\"": 1])
      try waitUntil("the line in the log") {
        child.logLines(containing: "session-reconnected").count == 1
      }
      let line = try #require(
        try JSONSerialization.jsonObject(
          with: Data(child.logLines(containing: "session-reconnected")[0].utf8)) as? [String: Any])
      #expect(line["session"] as? String == upstream.requests.first?["Sluice-Connection-Id"])
      #expect(line["target"] as? String == upstream.url)
      #expect(line["gap"] is Double)
      // The handshake that was repeated is no request.
      #expect(child.logLines(containing: "\"status\":101").count == 1)
    }

    // MARK: What is a loss

    @Test(arguments: [1_001, 1_012, 1_013], [false, true])
    func aTargetThatGoesIsLost(code: Int, isInspected: Bool) async throws {
      let log = Log()
      let scene = try ReconnectScene(isInspected: isInspected) { peer in
        let socket = try peer.accept()
        if peer.index > 0 { return try ReconnectScene.answer(socket, peer.index) }
        // At once: what the caller says to "last" would still go to this target before its close frame.
        try socket.socket.send(
          socket.bytes(.init(opcode: 1, payload: Array("last".utf8)))
            + socket.bytes(.close(code, "restarting")))
        while let frame = try socket.read() { log.add("\(frame.closeCode ?? 0)") }
      }
      let client = try scene.open()
      #expect(try client.text() == "last")
      try client.send(text: "x")
      #expect(try client.message() == "1 x")
      try waitUntil { scene.upstream.endedCount == 1 }
      #expect(log.lines.last == "\(code)")
    }

    @Test(arguments: [1_000, 1_008, 1_011, 3_000, 4_000])
    func aTargetThatEndsTheSessionEndsIt(code: Int) async throws {
      let scene = try ReconnectScene { peer in
        let socket = try peer.accept()
        try socket.sendClose(code)
        _ = try socket.read()
      }
      let client = try scene.open()
      #expect(try client.read()?.closeCode == code)
      try client.sendClose(code)
      #expect(try client.read() == nil)
      try await scene.cause(is: .upstream)
      #expect(scene.upstream.connectionCount == 1)
    }

    @Test func aTargetThatFallsSilentIsLost() async throws {
      let gate = Gate()
      let scene = try ReconnectScene(
        { peer in
          let socket = try peer.accept()
          if peer.index > 0 { return try ReconnectScene.answer(socket, peer.index) }
          gate.wait()
        },
        {
          $0.upstreamPing = .milliseconds(300)
          $0.pongTimeout = .milliseconds(300)
        })
      let client = try scene.open()
      try waitUntil("another connection") { scene.upstream.requests.count == 2 }
      #expect(!gate.hasOpened && scene.upstream.endedCount == 0)
      try client.send(text: "x")
      #expect(try client.message() == "1 x")
      gate.open()
    }

    @Test func aSessionThatOpenedBeforeTheSettingEndsWithItsTarget() async throws {
      let scene = try ReconnectScene(
        { try ReconnectScene.answer($0.accept(), $0.index) }, { $0.onUpstreamLoss = .close })
      let client = try scene.open()
      var next = scene.fixture.gateway.configuration
      next.all.connection?.onUpstreamLoss = .reconnect
      try scene.fixture.gateway.reload(next)
      try client.send(text: "die")
      #expect(try client.read()?.closeCode == 1_011)
    }

    @Test func ofALargeHandshakeNothingIsKept() async throws {
      let scene = try ReconnectScene { try ReconnectScene.answer($0.accept(), $0.index) }
      let client = try scene.open("User-Agent: \(String(repeating: "x", count: 8_192))")
      try client.send(text: "die")
      #expect(try client.read()?.closeCode == 1_011)
    }

    // MARK: Halves

    /// The caller has a part of it, and nobody knows the rest.
    @Test func aMessageOfWhichTheCallerHasAPartEndsTheSession() async throws {
      for isFragment in [false, true] {
        let scene = try ReconnectScene { peer in
          let socket = try peer.accept()
          _ = try socket.read()
          let frame = socket.bytes(
            .init(opcode: 2, payload: [UInt8](repeating: 7, count: 100), isFinal: !isFragment))
          try socket.socket.send(frame.prefix(isFragment ? frame.count : 50))
        }
        let client = try scene.open()
        try client.send(text: "go")
        if isFragment { #expect(try client.read()?.isFinal == false) }
        #expect(try client.read()?.closeCode == (isFragment ? 1_011 : nil))
        client.socket.close()
        try await scene.cause(is: .upstream)
        #expect(scene.upstream.connectionCount == 1)
      }
    }

    @Test func aMessageThatWasNotWholeIsForgottenWhereMessagesAreInspected() async throws {
      let scene = try ReconnectScene(isInspected: true) { peer in
        let socket = try peer.accept()
        if peer.index > 0 { return try ReconnectScene.answer(socket, peer.index) }
        try socket.send(text: "whole")
        try socket.send(.init(opcode: 1, payload: Array("half".utf8), isFinal: false))
        _ = try socket.read()
      }
      let client = try scene.open()
      #expect(try client.text() == "whole")
      try client.send(text: "lost")
      try waitUntil("another connection") { scene.upstream.requests.count == 2 }
      try client.send(text: "x")
      #expect(try client.message() == "1 x")
    }

    /// Its beginning went to the lost target: the next one begins at a message.
    @Test(arguments: [false, true])
    func theRestOfALostMessageGoesNowhere(isFragment: Bool) async throws {
      let gate = Gate()
      let scene = try ReconnectScene { peer in
        if peer.index > 0 { gate.wait() }
        let socket = try peer.accept()
        if peer.index > 0 { return try ReconnectScene.answer(socket, peer.index) }
        while peer.reader.buffer.count < 20 { _ = try peer.reader.fill() }
      }
      let client = try scene.open()
      let frame = client.bytes(
        .init(opcode: 2, payload: [UInt8](repeating: 7, count: 100), isFinal: !isFragment))
      try client.socket.send(frame.prefix(isFragment ? frame.count : 50))
      try await scene.isReconnecting()
      if !isFragment { try client.socket.send(frame.dropFirst(50)) }
      if isFragment {
        try client.send(.init(opcode: 0, payload: Array("rest".utf8), isFinal: false))
        try client.send(.init(opcode: 9, payload: Array("between".utf8)))
        #expect(try client.read()?.line == "pong between")
        try client.send(.init(opcode: 0, payload: Array("end".utf8)))
      }
      try client.send(text: "x")
      gate.open()
      #expect(try client.message() == "1 x")
      try client.send(text: "y")
      #expect(try client.message() == "1 y")
    }
  }
}

extension WebSocketPeer {
  /// The next text message; fragments joined, pings left out.
  func message() throws -> String? {
    var text = ""
    while let frame = try read() {
      if frame.opcode > 2 { continue }
      text += frame.text
      if frame.isFinal { return text }
    }
    return nil
  }
}

/// A session that outlives its targets.
final class ReconnectScene {
  let fixture: Fixture
  let upstreams: [ScriptedUpstream]
  var upstream: ScriptedUpstream { upstreams[0] }

  convenience init(
    isInspected: Bool = false, _ script: @escaping ScriptedUpstream.Script,
    _ edit: (inout Configuration.ConnectionSettings) -> Void = { _ in }
  ) throws {
    try self.init(
      upstreams: [ScriptedUpstream(script)], isInspected: isInspected, edit)
  }

  init(
    upstreams: [ScriptedUpstream], isInspected: Bool = false,
    _ edit: (inout Configuration.ConnectionSettings) -> Void = { _ in }
  ) throws {
    self.upstreams = upstreams
    var connection = Configuration.ConnectionSettings.impatient
    connection.onUpstreamLoss = .reconnect
    connection.reconnect.backoff = .milliseconds(1)
    connection.reconnect.maxBackoff = .milliseconds(5)
    edit(&connection)
    fixture = try Fixture(
      configuration(targets: upstreams.map(\.url)) {
        $0.all.kind = .websocket
        $0.all.connection = connection
        $0.all.messages = Configuration.MessageSettings()
        $0.all.messages?.inspect = isInspected
      })
  }

  /// Says of every message who answers. `die` is its end, without a word.
  static func answer(_ socket: WebSocketPeer, _ number: Int) throws {
    while let frame = try socket.read() {
      if frame.text == "die" { return }
      if frame.opcode == 8 { try socket.send(.init(opcode: 8, payload: frame.payload)) }
      if frame.opcode == 9 { try socket.send(.init(opcode: 10, payload: frame.payload)) }
      if frame.opcode > 2 { continue }
      let payload = frame.opcode == 0 ? frame.payload : Array("\(number) ".utf8) + frame.payload
      try socket.send(.init(opcode: frame.opcode, payload: payload, isFinal: frame.isFinal))
    }
  }

  func open(_ fields: String...) throws -> WebSocketPeer {
    let client = try fixture.client()
    let handshake = WebSocketPeer.handshake().dropLast(1)
    try client.send(handshake + fields.map { $0 + "\r\n" }.joined() + "\r\n")
    guard let head = try client.reader.readHead(), head.status == 101 else {
      throw ScenarioError.ended
    }
    return WebSocketPeer(client.socket, client.reader, masks: true)
  }

  /// What the targets were told.
  var id: SessionID? {
    upstreams.lazy.flatMap(\.requests).first.flatMap { $0["Sluice-Connection-Id"] }
      .flatMap { SessionID($0) }
  }

  var info: SessionInfo? {
    get async {
      guard let id else { return nil }
      return await fixture.gateway.info(id)
    }
  }

  var report: SessionReport? {
    get async {
      await fixture.gateway.reports().flatMap(\.routes).first { $0.name == "all" }?.sessions
    }
  }

  func isReconnecting() async throws {
    try await eventually("the loss") { await info?.state == "reconnecting" }
  }

  /// Has the target die, and waits until the gateway has noticed, or until it has another one.
  func lose(_ client: WebSocketPeer, waits: Bool = true) async throws {
    let before = await info?.reconnects ?? 0
    try client.send(text: "die")
    if waits { return try await isReconnecting() }
    try await eventually("another connection") { await info?.reconnects ?? 0 > before }
  }

  func cause(is cause: SessionCause) async throws {
    try await eventually("cause \(cause)") {
      let (open, closed) = await fixture.gateway.sessions()
      return open == 0 && closed == [cause: 1]
    }
  }
}
