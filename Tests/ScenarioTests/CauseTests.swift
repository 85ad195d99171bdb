import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Every cause for which a session can end is provoked in a gateway of its own, and then says the
  /// same in both close frames, the log, the metrics and the stream of events.
  @Suite struct Causes {
    @Test(arguments: SessionCause.allCases) func isSaidAlikeEverywhere(_ cause: SessionCause) throws
    {
      let row = Provocation(of: cause)
      let scene = try CauseScene(row)
      try scene.open()
      try row.act(scene)
      let heardByCaller = row.callerVanishes ? nil : try scene.readToEnd()
      #expect(heardByCaller == row.heardByCaller)
      try waitUntil("the line in the log") {
        scene.child.logLines(containing: "session-closed").count == 1
      }
      // In the metrics, too, unless they have nothing of the route any more.
      if !row.isRouteGone {
        try waitUntil("the end in the metrics") {
          try !scene.child.metric("sluice_sessions_closed_total").isEmpty
        }
      }
      #expect(
        try scene.child.metric("sluice_sessions_closed_total")
          == (row.isRouteGone ? [:] : ["route=\"all\",cause=\"\(cause.label)\"": 1]))
      let line = try #require(
        try JSONSerialization.jsonObject(
          with: Data(scene.child.logLines(containing: "session-closed")[0].utf8))
          as? [String: Any])
      #expect(line["cause"] as? String == "\(cause.label)")
      #expect(line["code"] as? Int == row.logged)
      #expect(line["side"] as? String == row.side)
      #expect(line["policy"] as? String == row.policy)
      let event = try scene.closedEvent()
      #expect(event["cause"] as? String == "\(cause.label)")
      #expect(event["code"] as? Int == row.logged)
      #expect(event["side"] as? String == row.side)
      #expect(event["policy"] as? String == row.policy)
      try waitUntil("the target's end") { scene.upstream.endedCount == 1 }
      #expect(scene.heardByTarget.lines == row.heardByTarget.map { ["\($0)"] } ?? [])
    }

    /// It opened when the others had already been told, and nobody tells it any more.
    @Test func isSaidOfWhatADrainCutsOff() async throws {
      let gates = [Gate(), Gate()]
      let upstream = try ScriptedUpstream { peer in
        let request = try peer.readRequest()
        gates[peer.index].wait()
        try peer.send(WebSocketPeer.accept(request?["Sec-WebSocket-Key"]))
        while try peer.reader.fill() {}
      }
      let fixture = try Fixture(to: upstream) {
        $0.all.kind = .websocket
        $0.shutdown.timeout = .seconds(3)
      }
      let clients = try (1...2).map { count in
        let client = try fixture.client()
        try client.send(WebSocketPeer.handshake())
        try waitUntil("the handshake at the target") { upstream.requests.count == count }
        return client
      }
      let gateway = fixture.gateway
      gateway.beginDrain()
      gates[0].open()
      #expect(try clients[0].reader.readHead()?.status == 101)
      let told = WebSocketPeer(clients[0].socket, clients[0].reader, masks: true)
      #expect(try told.read()?.closeCode == 1_012)
      gates[1].open()
      #expect(try clients[1].reader.readHead()?.status == 101)
      let late = WebSocketPeer(clients[1].socket, clients[1].reader, masks: true)
      #expect(try late.read() == nil)
      try await eventually { await gateway.sessions() == (0, [.shutdown: 2]) }
    }
  }
}

/// How to make a session end for a cause, and what is then seen of it.
private struct Provocation {
  /// Further settings of the route, a YAML flow mapping's members.
  var connection = "closeTimeout: 2s"
  var messages = ""
  var policies = ""
  /// A field of the handshake.
  var credential = "X-None: 1"
  /// The target's 101 comes when a drain has begun.
  var opensInDrain = false
  var callerVanishes = false
  /// The metrics have only routes that are in force.
  var isRouteGone = false
  /// What the close frames say; nil for none.
  var heardByCaller: Int?
  var heardByTarget: Int?
  var logged: Int
  var side: String?
  var policy: String?
  var act: (CauseScene) throws -> Void = { _ in }

  init(of cause: SessionCause) {
    switch cause {
    case .client:
      self.init(4_000, 4_000, logged: 4_000, side: "client") { try $0.close(4_000) }
    case .upstream:
      self.init(4_123, 4_123, logged: 4_123, side: "upstream") { try $0.caller.send(text: "close") }
    case .idleTimeout:
      self.init(1_001, 1_001, logged: 1_001)
      connection = "idleTimeout: 1s"
    case .lifetime:
      self.init(1_001, 1_001, logged: 1_001)
      connection = "lifetime: 1s"
    case .protocolError:
      self.init(1_002, 1_001, logged: 1_002, side: "client") {
        let frame = WebSocketPeer.Frame(opcode: 1, payload: Array("bare".utf8))
        try $0.caller.socket.send($0.caller.bytes(frame, masked: false))
      }
    case .messageTooBig:
      self.init(1_009, 1_001, logged: 1_009, side: "client") {
        try $0.caller.send(binary: [UInt8](repeating: 1, count: 101))
      }
      messages = "maxSize: 100B"
    case .policy:
      self.init(1_008, 1_001, logged: 1_008) { try $0.reload(origin: "https://b.test") }
      policy = "origin"
    case .routeRemoved:
      self.init(1_012, 1_001, logged: 1_012) { try $0.reload(route: "other") }
      isRouteGone = true
    case .drain:
      self.init(1_012, 1_001, logged: 1_012) { try $0.child.ask("POST", "/drain") }
    case .admin:
      self.init(1_001, 1_001, logged: 1_001) {
        let id = try #require($0.upstream.requests.first?["Sluice-Connection-Id"])
        try $0.child.ask("DELETE", "/connections/\(id)")
      }
    case .shutdown:
      self.init(1_012, 1_001, logged: 1_012)
      opensInDrain = true
    case .network:
      self.init(nil, 1_001, logged: 1_006, side: "client") { $0.caller.socket.reset() }
      callerVanishes = true
    case .slowConsumer:
      self.init(1_008, 1_001, logged: 1_008, side: "client") { scene in
        try scene.caller.send(text: "flood")
        // Nothing is read until it is too late.
        try waitUntil("the end") { scene.heardByTarget.lines == ["1001"] }
      }
      connection = "slowConsumer: close, slowConsumerTimeout: 50ms, closeTimeout: 2s"
    case .revoked:
      self.init(4_403, 1_001, logged: 4_403) {
        let id = try #require($0.upstream.requests.first?["Sluice-Connection-Id"])
        try $0.child.ask("POST", "/revocations?session=\(id)")
      }
    case .tokenExpired:
      self.init(4_401, 1_001, logged: 4_401)
      policies = "jwt: {keys: [{algorithm: HS256, secret: \"\(TestToken.secret)\"}]}"
      credential = TestToken.bearer(expiresIn: 1)
    }
  }

  private init(
    _ heardByCaller: Int?, _ heardByTarget: Int?, logged: Int, side: String? = nil,
    _ act: @escaping (CauseScene) throws -> Void = { _ in }
  ) {
    self.heardByCaller = heardByCaller
    self.heardByTarget = heardByTarget
    self.logged = logged
    self.side = side
    self.act = act
  }
}

/// One session through a gateway process.
private final class CauseScene {
  let upstream: ScriptedUpstream
  let child: GatewayChild
  /// Codes of close frames.
  let heardByTarget: Log
  private let row: Provocation
  private let gate = Gate()
  private let client: TestClient
  /// `GET /events`, from before the session opened.
  private let events: TestClient
  let caller: WebSocketPeer
  private var hasClosed = false

  init(_ row: Provocation) throws {
    self.row = row
    let log = Log()
    let gate = self.gate
    if !row.opensInDrain { gate.open() }
    let upstream = try ScriptedUpstream { peer in
      let request = try peer.readRequest()
      gate.wait()
      try peer.send(WebSocketPeer.accept(request?["Sec-WebSocket-Key"]))
      try Self.live(WebSocketPeer(peer.socket, peer.reader, masks: false), log)
    }
    heardByTarget = log
    self.upstream = upstream
    child = try GatewayChild { Self.configuration($0, row, target: upstream.url) }
    events = try child.admin()
    try events.send("GET /events?type=session-closed HTTP/1.1\r\nHost: localhost\r\n\r\n")
    try #require(try events.reader.readHead()?.status == 200)
    client = try child.client()
    caller = WebSocketPeer(client.socket, client.reader, masks: true)
  }

  /// The target's part.
  private static func live(_ socket: WebSocketPeer, _ log: Log) throws {
    var hasClosed = false
    while let frame = try socket.read() {
      if frame.opcode == 1 && frame.text == "close" {
        try socket.sendClose(4_123, "over")
        hasClosed = true
      } else if frame.opcode == 1 && frame.text == "flood" {
        Thread.detachNewThread {
          while (try? socket.send(binary: [UInt8](repeating: 0, count: 65_536))) != nil {}
        }
      } else if frame.opcode == 8 {
        log.add("\(frame.closeCode ?? 0)")
        if !hasClosed { try socket.send(.init(opcode: 8, payload: frame.payload)) }
        hasClosed = true
      }
    }
  }

  private static func configuration(
    _ places: GatewayChild.Places, _ row: Provocation, target: String, route: String = "all",
    origin: String = "https://a.test"
  ) -> String {
    """
    version: 1
    workers: 1
    accessLog: {output: "\(places.logPath)"}
    admin: {address: "127.0.0.1:\(places.adminPort)"}
    shutdown: {timeout: 2s}
    listeners: {web: {address: "127.0.0.1:\(places.port)"}}
    services: {service: {targets: ["\(target)"]}}
    routes:
      \(route):
        kind: websocket
        service: service
        origins: ["\(origin)"]
        connection: {\(row.connection)}
        messages: {\(row.messages)}
        policies: {\(row.policies)}
    """
  }

  func reload(route: String = "all", origin: String = "https://a.test") throws {
    try child.reload(
      Self.configuration(child.places, row, target: upstream.url, route: route, origin: origin))
  }

  func open() throws {
    try client.send(WebSocketPeer.handshake("Origin: https://a.test", row.credential))
    if row.opensInDrain {
      try waitUntil("the handshake at the target") { upstream.requests.count == 1 }
      try child.ask("POST", "/drain")
      gate.open()
    }
    let head = try #require(try client.reader.readHead())
    try #require(head.status == 101)
  }

  /// The data of the one event that there was.
  func closedEvent() throws -> [String: Any] {
    while true {
      let text = String(decoding: events.reader.buffer, as: UTF8.self)
      if let start = text.firstRange(of: "data: ")?.upperBound,
        let end = text[start...].firstIndex(where: \.isNewline)
      {
        return try #require(
          try JSONSerialization.jsonObject(with: Data(text[start..<end].utf8)) as? [String: Any])
      }
      try #require(try events.reader.fill())
    }
  }

  func close(_ code: Int) throws {
    hasClosed = true
    try caller.sendClose(code)
  }

  /// The code of the close frame, which is answered; the end of the connection must follow.
  func readToEnd() throws -> Int? {
    var code: Int?
    while let frame = try caller.read() {
      guard frame.opcode == 8 else { continue }
      code = frame.closeCode
      if !hasClosed { try close(frame.closeCode ?? 1_005) }
    }
    return code
  }
}
