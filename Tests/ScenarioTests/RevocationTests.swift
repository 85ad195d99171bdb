import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// Trust that is taken back: from then on for requests, and at once for live sessions.
  @Suite struct Revocations {
    private static let hour: Int64 = 3_600_000_000_000

    /// Sessions at `/socket`, requests anywhere else; keys and tokens on both.
    private func fixture(
      workers: Int = 1, _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      let upstream = try ScriptedUpstream { peer in
        guard let request = try peer.readRequest() else { return }
        guard let key = request["Sec-WebSocket-Key"] else { return try peer.send(ok("here")) }
        try peer.send(WebSocketPeer.accept(key))
        try WebSocketPeer(peer.socket, peer.reader, masks: false).echo()
      }
      return try Fixture(to: upstream) { configuration in
        configuration.workers = .count(workers)
        configuration.consumers["alice"] = .init(keys: ["alice-1", "alice-2"])
        configuration.consumers["bob"] = .init(keys: ["bob-1"])
        configuration.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        configuration.all.policies[Configuration.JWT.self] = TestToken.policy
        var sockets = configuration.all
        sockets.kind = .websocket
        sockets.match.path = "/socket"
        configuration.routes["sockets"] = sockets
        edit(&configuration)
      }
    }

    private func revoke(
      _ what: Revocation.What, on fixture: Fixture, lifetime: Int64 = hour
    ) async throws -> (id: UInt64, closing: Int) {
      let done = try #require(await fixture.gateway.revoke(what, lifetime: lifetime))
      return (done.revocation.id, done.closing)
    }

    private func isRevoked(_ fixture: Fixture, _ field: String) throws -> Bool {
      let response = try fixture.get("/", field, "Connection: close")
      if response.status == 200 { return false }
      #expect(response.status == 401)
      #expect(response.code == "revoked")
      #expect(response["WWW-Authenticate"] != nil)
      return true
    }

    @Test func aConsumerIsRefusedAndItsSessionsAreClosed() async throws {
      let fixture = try fixture(workers: 2)
      let alices = try (0..<6).map { try fixture.client().open("apikey: alice-\($0 % 2 + 1)") }
      let bob = try fixture.client().open("apikey: bob-1")
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions(of: "sockets").open == 7 }
      let (id, closing) = try await revoke(.consumer(Array("alice".utf8)), on: fixture)
      #expect(closing == 6)
      for socket in alices {
        #expect(try socket.read()?.closeCode == 4_403)
        try socket.sendClose(4_403)
      }
      try bob.send(text: "still")
      #expect(try bob.text() == "still")
      try await eventually { await gateway.sessions(of: "sockets").closed == [.revoked: 6] }
      for _ in 0..<4 {
        #expect(try isRevoked(fixture, "apikey: alice-1"))
        #expect(try isRevoked(fixture, TestToken.bearer()))
        #expect(try !isRevoked(fixture, "apikey: bob-1"))
      }
      let handshake = try fixture.client().exchange(
        WebSocketPeer.handshake("apikey: alice-1"))
      #expect(handshake.status == 401)
      #expect(await gateway.takeBack(revocation: id)?.id == id)
      #expect(await gateway.takeBack(revocation: id) == nil)
      try await eventually { try !isRevoked(fixture, "apikey: alice-1") }
    }

    // MARK: Over restarts

    private func file() -> String {
      FileManager.default.temporaryDirectory.appending(path: "revocations-\(UUID().uuidString)")
        .path
    }

    private func fixture(keptIn path: String) throws -> Fixture {
      try fixture {
        var admin = Configuration.Admin()
        admin.revocationFile = path
        $0.admin = admin
      }
    }

    @Test func aFileKeepsThemOverARestart() async throws {
      let path = file()
      defer {
        for end in ["", ".lock"] { try? FileManager.default.removeItem(atPath: path + end) }
      }
      let odd = Array("a\"\\\n\u{0}é".utf8)
      var ids: [UInt64] = []
      do {
        let fixture = try fixture(keptIn: path)
        for what in [Revocation.What.consumer(Array("alice".utf8)), .subject(odd), .tokenID(odd)] {
          let done = await fixture.gateway.revoke(what, reason: "é \"x\"", lifetime: Self.hour)
          #expect(done?.isKept == true)
          ids.append(done?.revocation.id ?? 0)
        }
        _ = await fixture.gateway.revoke(
          .session(try #require(SessionID(String(repeating: "A", count: 22)))), lifetime: Self.hour)
        #expect(await fixture.gateway.takeBack(revocation: ids[1]) != nil)
        // Nobody else writes into it meanwhile.
        #expect(throws: Gateway.StartError.self) { _ = try self.fixture(keptIn: path) }
      }
      do {
        let fixture = try fixture(keptIn: path)
        #expect(try isRevoked(fixture, "apikey: alice-1"))
        #expect(try !isRevoked(fixture, "apikey: bob-1"))
        let known = fixture.gateway.allRevocations
        #expect(known.map(\.id) == [ids[0], ids[2]])
        #expect(known.map(\.what) == [.consumer(Array("alice".utf8)), .tokenID(odd)])
        #expect(known.allSatisfy { $0.reason == "é \"x\"" })
        let left = try #require(known.first).expires.nanoseconds(since: .now())
        #expect(left > 0 && left <= Self.hour)
        let next = await fixture.gateway.revoke(.consumer(Array("bob".utf8)), lifetime: Self.hour)
        #expect(next?.revocation.id ?? 0 > ids[2])
        #expect(await fixture.gateway.takeBack(revocation: ids[0]) != nil)
      }
      let last = try fixture(keptIn: path)
      #expect(try !isRevoked(last, "apikey: alice-1"))
      #expect(try isRevoked(last, "apikey: bob-1"))
    }

    /// The caller is told, what was revoked is, and it is kept as soon as there is room.
    @Test func aDiskThatIsFullKeepsNothingFromBeingRevoked() throws {
      let path = file()
      defer {
        for end in ["", ".lock", ".new"] {
          try? FileManager.default.removeItem(atPath: path + end)
        }
      }
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      func start() throws -> GatewayChild {
        let child = try GatewayChild {
          """
          version: 1
          workers: 1
          accessLog: {format: off}
          admin: {address: "127.0.0.1:\($0.adminPort)", revocationFile: "\(path)"}
          listeners: {web: {address: "127.0.0.1:\($0.port)"}}
          services: {service: {targets: ["\(upstream.url)"]}}
          consumers:
            alice: {credentials: [{key-auth: alice-1}]}
            bob: {credentials: [{key-auth: bob-1}]}
            carol: {credentials: [{key-auth: carol-1}]}
          routes:
            all: {kind: websocket, service: service, policies: {key-auth: {}}}
          """
        }
        // The listener accepts before the gateway as a whole has started.
        try waitUntil { (try? child.ask("GET", "/connections")) != nil }
        return child
      }
      func isRevoked(_ name: String, by child: GatewayChild) throws -> Bool {
        let answer = try child.client().exchange(WebSocketPeer.handshake("apikey: \(name)-1"))
        return answer.status == 401 && answer.code == "revoked"
      }
      do {
        let child = try start()
        try child.ask("POST", "/revocations?consumer=carol")
        let socket = try child.client().open("apikey: alice-1")
        try child.limitFiles(to: 1)
        do {
          try child.ask("POST", "/revocations?consumer=alice")
          Issue.record("it says that it is kept")
        } catch let error as GatewayChild.AdminRefusal {
          #expect(error.text.contains("revocation-not-kept"))
        }
        #expect(try socket.read()?.closeCode == 4_403)
        #expect(try isRevoked("alice", by: child))
        // Who lists them sees it.
        #expect(try child.ask("GET", "/revocations").text.contains("alice"))
        try child.limitFiles(to: nil)
        try child.ask("POST", "/revocations?consumer=bob")
      }
      let child = try start()
      for name in ["alice", "bob", "carol"] { #expect(try isRevoked(name, by: child)) }
    }

    @Test func aFileThatIsNoneStopsTheStartAndStaysAsItIs() throws {
      let path = file()
      defer {
        for end in ["", ".lock"] { try? FileManager.default.removeItem(atPath: path + end) }
      }
      let text = "listeners:\n  web: {}\n"
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      #expect(throws: Gateway.StartError.self) { _ = try fixture(keptIn: path) }
      #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
      #expect(throws: Gateway.StartError.self) { _ = try fixture(keptIn: "/nowhere/revocations") }
    }

    @Test func anotherFileNeedsARestart() throws {
      let fixture = try fixture()
      var next = fixture.gateway.configuration
      var admin = Configuration.Admin()
      admin.revocationFile = file()
      next.admin = admin
      #expect(throws: Gateway.StartError.self) { try fixture.gateway.reload(next) }
    }

    @Test func oneOfTwoKeysIsRefused() async throws {
      let fixture = try fixture()
      let first = try fixture.client().open("apikey: alice-1")
      let second = try fixture.client().open("apikey: alice-2")
      _ = try await revoke(.credential(Array("alice.key-auth.1".utf8)), on: fixture)
      #expect(try first.read()?.closeCode == 4_403)
      try second.send(text: "still")
      #expect(try second.text() == "still")
      #expect(try isRevoked(fixture, "apikey: alice-1"))
      #expect(try !isRevoked(fixture, "apikey: alice-2"))
    }

    /// A token that was seen before is remembered, and that is no way around it.
    @Test func tokensAreRefusedByIdAndSubject() async throws {
      let fixture = try fixture()
      let (one, two) = (TestToken.bearer(id: "t1"), TestToken.bearer(id: "t2"))
      let carol = TestToken.bearer(subject: "carol", id: "t3")
      for token in [one, two, carol] { #expect(try !isRevoked(fixture, token)) }
      let sockets = try [one, two, carol].map { try fixture.client().open($0) }
      _ = try await revoke(.tokenID(Array("t1".utf8)), on: fixture)
      #expect(try sockets[0].read()?.closeCode == 4_403)
      #expect(try isRevoked(fixture, one))
      #expect(try !isRevoked(fixture, two))
      _ = try await revoke(.subject(Array("carol".utf8)), on: fixture)
      #expect(try sockets[2].read()?.closeCode == 4_403)
      #expect(try isRevoked(fixture, carol))
      #expect(try !isRevoked(fixture, two))
      try sockets[1].send(text: "still")
      #expect(try sockets[1].text() == "still")
    }

    @Test func whatAServiceSaidIsRefusedTooHoweverItIsRemembered() async throws {
      let server = try ScriptedUpstream.answering { _ in
        ok("{\"active\":true,\"sub\":\"dave\",\"jti\":\"x9\"}")
      }
      let fixture = try fixture { configuration in
        var settings = Configuration.Introspection()
        settings.url = "\(server.url)/introspect"
        settings.clientID = "gateway"
        settings.clientSecret = Secret("secret")
        configuration.all.policies = Configuration.Policies()
        configuration.all.policies[Configuration.Introspection.self] = settings
      }
      let token = "Authorization: Bearer opaque"
      #expect(try !isRevoked(fixture, token))
      _ = try await revoke(.tokenID(Array("x9".utf8)), on: fixture)
      #expect(try isRevoked(fixture, token))
    }

    @Test func oneSessionIsClosedByItsId() async throws {
      let fixture = try fixture()
      let one = try fixture.client().open("apikey: alice-1")
      var filter = SessionFilter()
      filter.consumer = "alice"
      let id = try #require(await fixture.gateway.ids(filter).first)
      let other = try fixture.client().open("apikey: alice-1")
      #expect(try await revoke(.session(id), on: fixture).closing == 1)
      #expect(try one.read()?.closeCode == 4_403)
      try other.send(text: "still")
      #expect(try other.text() == "still")
      #expect(try !isRevoked(fixture, "apikey: alice-1"))
    }

    /// Of several credentials that all are needed each one counts, also the second.
    @Test func everyPartOfWhatProvedASessionCounts() async throws {
      let fixture = try fixture { configuration in
        for name in ["all", "sockets"] {
          configuration.routes[name]?.policies[Configuration.Identify.self] =
            Configuration.Identify(require: .all)
        }
      }
      let token = TestToken.bearer(id: "t1")
      let socket = try fixture.client().open("apikey: alice-1", token)
      #expect(try await revoke(.tokenID(Array("t1".utf8)), on: fixture).closing == 1)
      #expect(try socket.read()?.closeCode == 4_403)
      let response = try fixture.get("/", "apikey: alice-1", token)
      #expect(response.code == "revoked")
      let other = TestToken.bearer(id: "t2")
      #expect(try fixture.get("/", "apikey: alice-1", other).status == 200)
    }

    @Test func itSurvivesAReloadAndEndsByItself() async throws {
      let fixture = try fixture()
      let gateway = fixture.gateway
      _ = try await revoke(.consumer(Array("bob".utf8)), on: fixture)
      _ = try await revoke(
        .consumer(Array("alice".utf8)), on: fixture, lifetime: 300_000_000)
      var next = gateway.configuration
      next.consumers["carol"] = .init(keys: ["carol-1"])
      try gateway.reload(next)
      #expect(try isRevoked(fixture, "apikey: bob-1"))
      try await eventually { try !isRevoked(fixture, "apikey: alice-1") }
      #expect(gateway.allRevocations.map(\.what) == [.consumer(Array("bob".utf8))])
    }

    /// The target takes its time to answer the handshake, and the block comes meanwhile.
    @Test func aHandshakeUnderWayIsNoWayAround() async throws {
      let gate = Gate()
      let upstream = try ScriptedUpstream { peer in
        let request = try peer.readRequest()
        gate.wait()
        try peer.send(WebSocketPeer.accept(request?["Sec-WebSocket-Key"]))
        try WebSocketPeer(peer.socket, peer.reader, masks: false).echo()
      }
      let fixture = try Fixture(to: upstream) {
        $0.consumers["alice"] = .init(keys: ["alice-1"])
        $0.all.kind = .websocket
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
      }
      let client = try fixture.client()
      try client.send(WebSocketPeer.handshake("apikey: alice-1"))
      try waitUntil { upstream.requests.count == 1 }
      _ = try await revoke(.consumer(Array("alice".utf8)), on: fixture)
      gate.open()
      #expect(try client.reader.readHead()?.status == 101)
      let socket = WebSocketPeer(client.socket, client.reader, masks: true)
      #expect(try socket.read()?.closeCode == 4_403)
      let gateway = fixture.gateway
      try socket.sendClose(4_403)
      try await eventually { await gateway.sessions().closed == [.revoked: 1] }
    }
  }
}
