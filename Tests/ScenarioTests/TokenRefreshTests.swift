import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// New credentials for a live session.
  @Suite struct TokenRefreshes {
    private func fixture(
      workers: Int = 1, message: String? = nil, _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      return try Fixture(to: upstream) {
        $0.workers = .count(workers)
        $0.all.kind = .websocket
        $0.all.policies[Configuration.JWT.self] = TestToken.policy
        var connection = Configuration.ConnectionSettings.impatient
        var refresh = Configuration.TokenRefresh()
        refresh.message = message
        connection.refresh = refresh
        $0.all.connection = connection
        edit(&$0)
      }
    }

    private func post(
      _ fixture: Fixture, _ id: String, _ fields: String..., method: String = "POST"
    ) throws -> Message {
      try fixture.client().exchange(
        "\(method) /.sluice/connections/\(id)/token HTTP/1.1\r\nHost: gateway.test\r\n"
          + "Content-Length: 0\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
    }

    private func session(_ fixture: Fixture) async throws -> SessionInfo {
      var page = SessionPage()
      let gateway = fixture.gateway
      try await eventually {
        page = await gateway.page(SessionQuery())
        return !page.sessions.isEmpty
      }
      return try #require(page.sessions.first)
    }

    /// Whichever worker the request comes to.
    @Test func aNewTokenKeepsTheSession() async throws {
      let fixture = try fixture(workers: 3)
      let socket = try fixture.client().open(TestToken.bearer(expiresIn: 2))
      let before = try await session(fixture)
      for turn in 1...6 {
        let answer = try post(
          fixture, before.id.description, TestToken.bearer(expiresIn: Double(turn) * 1_000))
        #expect(answer.status == 204)
      }
      let after = try await session(fixture)
      #expect(try #require(after.expiresAt) - #require(before.expiresAt) > 5_900_000)
      try socket.send(text: "still")
      #expect(try socket.text() == "still")
    }

    /// The former end passes, and the new one holds.
    @Test func theFormerEndIsNoEndAnyMore() async throws {
      let fixture = try fixture()
      let socket = try fixture.client().open(TestToken.bearer(expiresIn: 1))
      let id = try await session(fixture).id.description
      #expect(try post(fixture, id, TestToken.bearer(expiresIn: 2)).status == 204)
      let end = try #require(await session(fixture).expiresAt)
      #expect(try socket.read()?.closeCode == 4_401)
      #expect(Date().timeIntervalSince1970 * 1_000 >= Double(end) - 50)
      try socket.sendClose(4_401)
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().closed == [.tokenExpired: 1] }
      #expect(try post(fixture, id, TestToken.bearer()).status == 404)
    }

    @Test func onlyTheSamesCallersTokensAreTaken() async throws {
      let fixture = try fixture {
        var acl = Configuration.ACL()
        acl.deny = ["banned"]
        $0.all.policies[Configuration.ACL.self] = acl
      }
      let socket = try fixture.client().open(TestToken.bearer())
      let before = try await session(fixture)
      let id = before.id.description
      let other = try post(fixture, id, TestToken.bearer(subject: "mallory"))
      #expect(other.status == 409 && other.code == "other-caller")
      #expect(try post(fixture, id).status == 401)
      #expect(try post(fixture, id, "Authorization: Bearer a.b.c").status == 401)
      #expect(try post(fixture, id, TestToken.bearer(expiresIn: -10)).status == 401)
      let denied = try post(fixture, id, TestToken.bearer(claims: ["roles": "banned"]))
      #expect(denied.status == 403)
      let unknown = try post(fixture, "AbCdEfGhIjKlMnOpQrStUv", TestToken.bearer())
      #expect(unknown.status == 404 && unknown.code == "no-such-session")
      #expect(try post(fixture, "x", TestToken.bearer()).status == 404)
      #expect(try await session(fixture).expiresAt == before.expiresAt)
      _ = await fixture.gateway.revoke(.tokenID(Array("t9".utf8)), lifetime: 60_000_000_000)
      #expect(try post(fixture, id, TestToken.bearer(id: "t9")).code == "revoked")
      try socket.send(text: "still")
      #expect(try socket.text() == "still")
    }

    /// What a handshake would have to have, a new token has to have, too.
    @Test func aTokenWithoutADemandedClaimIsRefused() async throws {
      let fixture = try fixture {
        var claims = Configuration.Claims()
        claims.require = ["claims.plan == 'gold'", "path startsWith '/socket'"]
        $0.all.policies[Configuration.Claims.self] = claims
      }
      let socket = try fixture.client().open(TestToken.bearer(claims: ["plan": "gold"]))
      let id = try await session(fixture).id.description
      #expect(try post(fixture, id, TestToken.bearer()).status == 403)
      #expect(try post(fixture, id, TestToken.bearer(claims: ["plan": "tin"])).status == 403)
      #expect(try post(fixture, id, TestToken.bearer(claims: ["plan": "gold"])).status == 204)
      withExtendedLifetime(socket) {}
    }

    /// Without the setting the path is the target's, as any other.
    @Test func withoutTheSettingThereIsNoSuchPath() async throws {
      let fixture = try fixture {
        $0.all.connection?.refresh = nil
        $0.all.match.path = "/socket"
      }
      let socket = try fixture.client().open(TestToken.bearer())
      let id = try await session(fixture).id.description
      #expect(try post(fixture, id, TestToken.bearer()).code == "no-route")
      withExtendedLifetime(socket) {}
    }

    /// For the route's hosts only; other methods are nothing of the gateway's.
    @Test func thePathIsThatOfTheRoutesHosts() async throws {
      let fixture = try fixture {
        $0.all.match.hosts = ["gateway.test"]
        $0.all.match.path = "/socket"
      }
      let socket = try fixture.client().open(TestToken.bearer())
      let id = try await session(fixture).id.description
      #expect(try post(fixture, id, TestToken.bearer()).status == 204)
      #expect(try post(fixture, id, TestToken.bearer(), method: "PUT").status == 405)
      let elsewhere = try fixture.client().exchange(
        "POST /.sluice/connections/\(id)/token HTTP/1.1\r\nHost: other.test\r\n"
          + "Content-Length: 0\r\n\(TestToken.bearer())\r\n\r\n")
      #expect(elsewhere.code == "no-route")
      withExtendedLifetime(socket) {}
    }

    @Test func aMessageMayCarryTheToken() async throws {
      let fixture = try fixture(message: "$.token")
      let socket = try fixture.client().open(TestToken.bearer(expiresIn: 100))
      let before = try await session(fixture)
      try socket.send(text: "{\"token\":\"\(TestToken.make(expiresIn: 5_000))\"}")
      // The target echoes what it gets, and this it does not get.
      #expect(try socket.text() == #"{"type":"token-accepted"}"#)
      let after = try await session(fixture)
      #expect(try #require(after.expiresAt) - #require(before.expiresAt) > 4_000_000)
      for (token, status) in [
        (TestToken.make(subject: "mallory"), 409), ("a.b.c", 401), ("", 400), ("a b\\n", 400),
        (TestToken.make(expiresIn: -10), 401),
      ] {
        try socket.send(text: "{\"token\":\"\(token)\"}")
        #expect(
          try socket.text()
            == "{\"type\":\"error\",\"code\":\"token-refused\",\"status\":\(status)}")
      }
      for text in [#"{"token":7}"#, "{}", "no JSON"] {
        try socket.send(text: text)
        #expect(try socket.text() == text)
      }
      #expect(try await session(fixture).expiresAt == after.expiresAt)
    }

    /// The service takes its time; the session lives on meanwhile, and one question at a time is asked.
    @Test func aServiceMayBeAskedAboutTheToken() async throws {
      let gate = Gate()
      let asked = Counter()
      let server = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {
          asked.add(1)
          if asked.value > 1 { gate.wait() }
          try peer.send(ok("{\"active\":true,\"sub\":\"alice\",\"exp\":4102444800}"))
        }
      }
      let fixture = try fixture(message: "$.token") {
        var settings = Configuration.Introspection()
        settings.url = "\(server.url)/introspect"
        settings.clientID = "gateway"
        settings.clientSecret = Secret("secret")
        settings.claims.consumer = "sub"
        $0.all.policies = Configuration.Policies()
        $0.all.policies[Configuration.Introspection.self] = settings
      }
      let socket = try fixture.client().open("Authorization: Bearer one")
      try socket.send(text: #"{"token":"two"}"#)
      try waitUntil { asked.value == 2 }
      try socket.send(text: #"{"token":"three"}"#)
      #expect(try socket.text() == #"{"type":"error","code":"token-refused","status":429}"#)
      try socket.send(text: "between")
      #expect(try socket.text() == "between")
      gate.open()
      #expect(try socket.text() == #"{"type":"token-accepted"}"#)
      withExtendedLifetime(server) {}
    }

    /// Its session has gone by the time the answer comes.
    @Test func whoLeavesMeanwhileHarmsNobody() async throws {
      let gate = Gate()
      let asked = Counter()
      let server = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {
          asked.add(1)
          if asked.value > 1 { gate.wait() }
          try peer.send(ok("{\"active\":true,\"sub\":\"alice\"}"))
        }
      }
      let fixture = try fixture(message: "$.token") {
        var settings = Configuration.Introspection()
        settings.url = "\(server.url)/introspect"
        settings.clientID = "gateway"
        settings.clientSecret = Secret("secret")
        settings.claims.consumer = "sub"
        $0.all.policies = Configuration.Policies()
        $0.all.policies[Configuration.Introspection.self] = settings
      }
      let socket = try fixture.client().open("Authorization: Bearer one")
      try socket.send(text: #"{"token":"two"}"#)
      try waitUntil { asked.value == 2 }
      socket.socket.close()
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().open == 0 }
      gate.open()
      let next = try fixture.client().open("Authorization: Bearer one")
      try next.send(text: "here")
      #expect(try next.text() == "here")
      withExtendedLifetime(server) {}
    }

    /// They were good when the service was asked about them.
    @Test func whatAReloadTookMeanwhileIsNotTaken() async throws {
      let gate = Gate()
      let asked = Counter()
      let server = try ScriptedUpstream { peer in
        while try peer.readRequest() != nil {
          asked.add(1)
          if asked.value > 1 { gate.wait() }
          try peer.send(ok("{\"active\":true,\"sub\":\"alice\"}"))
        }
      }
      let fixture = try fixture {
        var settings = Configuration.Introspection()
        settings.url = "\(server.url)/introspect"
        settings.clientID = "gateway"
        settings.clientSecret = Secret("secret")
        settings.claims.consumer = "sub"
        $0.consumers["alice"] = .init(keys: ["alice-1", "alice-2"])
        $0.all.policies = Configuration.Policies()
        $0.all.policies[Configuration.Introspection.self] = settings
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        $0.all.policies[Configuration.Identify.self] = Configuration.Identify(require: .all)
      }
      let socket = try fixture.client().open("Authorization: Bearer one", "apikey: alice-1")
      let id = try await session(fixture).id.description
      let client = try fixture.client()
      try client.send(
        "POST /.sluice/connections/\(id)/token HTTP/1.1\r\nHost: gateway.test\r\n"
          + "Content-Length: 0\r\nAuthorization: Bearer two\r\napikey: alice-2\r\n\r\n")
      try waitUntil { asked.value == 2 }
      var next = fixture.gateway.configuration
      next.consumers["alice"] = .init(keys: ["alice-1"])
      try fixture.gateway.reload(next)
      gate.open()
      #expect(try client.reader.readResponse(to: "POST").status == 401)
      try socket.send(text: "still")
      #expect(try socket.text() == "still")
      withExtendedLifetime(server) {}
    }
  }
}
