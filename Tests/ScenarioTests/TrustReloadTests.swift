import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// A reload that takes something away applies to sessions that rest on it.
  @Suite struct TrustReloads {
    private func fixture(_ edit: (inout Configuration) -> Void = { _ in }) throws -> Fixture {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      return try Fixture(to: upstream) {
        $0.consumers["alice"] = .init(keys: ["alice-1", "alice-2"], groups: ["staff"])
        $0.all.kind = .websocket
        $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        edit(&$0)
      }
    }

    private func staysOpen(_ socket: WebSocketPeer) throws -> Bool {
      try socket.send(text: "still")
      return try socket.text() == "still"
    }

    /// Its number changes with the removal of the one before; the key is what counts.
    @Test func aRemovedKeyEndsItsSessionsAndNoOthers() async throws {
      let fixture = try fixture()
      let first = try fixture.client().open("apikey: alice-1")
      let second = try fixture.client().open("apikey: alice-2")
      var next = fixture.gateway.configuration
      next.consumers["alice"] = .init(keys: ["alice-2"], groups: ["staff"])
      try fixture.gateway.reload(next)
      #expect(try first.read()?.closeCode == 1_008)
      try first.sendClose(1_008)
      #expect(try staysOpen(second))
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().closed == [.policy: 1] }
    }

    @Test func aKeyThatBecameSomebodyElsesEndsToo() throws {
      let fixture = try fixture()
      let socket = try fixture.client().open("apikey: alice-1")
      var next = fixture.gateway.configuration
      next.consumers["alice"] = .init(keys: ["alice-2"])
      next.consumers["bob"] = .init(keys: ["alice-1"])
      try fixture.gateway.reload(next)
      #expect(try socket.read()?.closeCode == 1_008)
    }

    @Test func everyKindOfCredentialIsLookedAtAgain() throws {
      let fixture = try fixture {
        var password = Configuration.Credential()
        password.basicAuth = Configuration.PasswordCredential(
          username: "al", password: "open sesame")
        var token = Configuration.Credential()
        var own = Configuration.TokenCredential()
        own.key = "alice-app"
        own.secret = Secret(TestToken.secret)
        token.jwt = own
        $0.consumers["alice"]?.credentials = [password, token]
        $0.all.policies[Configuration.BasicAuth.self] = Configuration.BasicAuth()
        $0.all.policies[Configuration.JWT.self] = Configuration.JWT()
      }
      let basic = try fixture.client().open("Authorization: Basic YWw6b3BlbiBzZXNhbWU=")
      let bearer = try fixture.client().open(TestToken.bearer(claims: ["iss": "alice-app"]))
      var next = fixture.gateway.configuration
      next.consumers["alice"]?.groups = ["other"]
      try fixture.gateway.reload(next)
      #expect(try staysOpen(basic))
      #expect(try staysOpen(bearer))
      next.consumers["alice"]?.credentials[0].basicAuth?.password = Secret("changed")
      try fixture.gateway.reload(next)
      #expect(try basic.read()?.closeCode == 1_008)
      #expect(try staysOpen(bearer))
      next.consumers["alice"]?.credentials.removeLast()
      try fixture.gateway.reload(next)
      #expect(try bearer.read()?.closeCode == 1_008)
    }

    /// Keys of the policy itself: by their bytes, not by their names or places.
    @Test func aKeyOfThePolicyThatIsGoneEndsItsSessions() async throws {
      let other = "ffffffffffffffffffffffffffffffff"
      let fixture = try fixture {
        $0.all.policies = Configuration.Policies()
        var settings = TestToken.policy
        var key = settings.keys[0]
        key.secret = Secret(other)
        settings.keys.append(key)
        $0.all.policies[Configuration.JWT.self] = settings
      }
      let first = try fixture.client().open(TestToken.bearer())
      let second = try fixture.client().open(
        "Authorization: Bearer \(TestToken.make(secret: other))")
      var next = fixture.gateway.configuration
      next.all.policies[Configuration.JWT.self]?.keys.reverse()
      try fixture.gateway.reload(next)
      #expect(try staysOpen(first))
      #expect(try staysOpen(second))
      next.all.policies[Configuration.JWT.self]?.keys.removeLast()
      try fixture.gateway.reload(next)
      #expect(try first.read()?.closeCode == 1_008)
      try first.sendClose(1_008)
      #expect(try staysOpen(second))
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().closed == [.policy: 1] }
      // A set that was not fetched yet says nothing of keys.
      let gate = Gate()
      let login = try ScriptedUpstream { _ in gate.wait() }
      next.all.policies[Configuration.JWT.self]?.keys = []
      var published = Configuration.JWKS()
      published.url = login.url
      next.all.policies[Configuration.JWT.self]?.jwks = published
      try fixture.gateway.reload(next)
      #expect(try staysOpen(second))
      gate.open()
    }

    @Test func aSessionWhoseKeyIsGoneMayStayAndBeMute() throws {
      let fixture = try fixture {
        $0.all.policies = Configuration.Policies()
        $0.all.policies[Configuration.JWT.self] = TestToken.policy
        var connection = Configuration.ConnectionSettings()
        connection.onDenial = .refuse
        $0.all.connection = connection
      }
      let socket = try fixture.client().open(TestToken.bearer())
      let former = fixture.gateway.configuration
      var next = former
      next.all.policies[Configuration.JWT.self]?.keys[0].secret = Secret(
        "ffffffffffffffffffffffffffffffff")
      try fixture.gateway.reload(next)
      try socket.send(text: "heard?")
      #expect((try socket.text() ?? "").contains("message-forbidden"))
      try fixture.gateway.reload(former)
      #expect(try staysOpen(socket))
    }

    @Test func aGroupThatWasTakenAwayOrDeniedEndsThem() throws {
      let fixture = try fixture {
        $0.consumers["bob"] = .init(keys: ["bob-1"], groups: ["staff", "guests"])
        var acl = Configuration.ACL()
        acl.allow = ["staff"]
        $0.all.policies[Configuration.ACL.self] = acl
      }
      let alice = try fixture.client().open("apikey: alice-1")
      let bob = try fixture.client().open("apikey: bob-1")
      var next = fixture.gateway.configuration
      next.consumers["alice"]?.groups = []
      try fixture.gateway.reload(next)
      #expect(try alice.read()?.closeCode == 1_008)
      #expect(try staysOpen(bob))
      var acl = Configuration.ACL()
      acl.deny = ["guests"]
      next.all.policies[Configuration.ACL.self] = acl
      try fixture.gateway.reload(next)
      #expect(try bob.read()?.closeCode == 1_008)
    }

    @Test func anAddressThatIsDeniedEndsItsSessions() throws {
      let fixture = try fixture()
      let socket = try fixture.client().open("apikey: alice-1")
      var next = fixture.gateway.configuration
      var restriction = Configuration.IPRestriction()
      restriction.deny = ["10.0.0.0/8"]
      next.all.policies[Configuration.IPRestriction.self] = restriction
      try fixture.gateway.reload(next)
      #expect(try staysOpen(socket))
      restriction.deny = ["127.0.0.0/8"]
      next.all.policies[Configuration.IPRestriction.self] = restriction
      try fixture.gateway.reload(next)
      #expect(try socket.read()?.closeCode == 1_008)
    }

    @Test func aDemandForAClaimEndsWhoDoesNotHaveIt() throws {
      let fixture = try fixture {
        $0.all.policies = Configuration.Policies()
        $0.all.policies[Configuration.JWT.self] = TestToken.policy
      }
      let gold = try fixture.client().open(TestToken.bearer(claims: ["plan": "gold"]))
      let tin = try fixture.client().open(TestToken.bearer(claims: ["plan": "tin"]))
      var next = fixture.gateway.configuration
      var claims = Configuration.Claims()
      claims.require = ["claims.plan == 'gold' and method == 'GET'"]
      next.all.policies[Configuration.Claims.self] = claims
      try fixture.gateway.reload(next)
      #expect(try tin.read()?.closeCode == 1_008)
      #expect(try staysOpen(gold))
    }

    /// They came when nobody was asked who they are; where nameless callers may pass, they may stay.
    @Test(arguments: [true, false])
    func aRouteThatAsksForCredentialsEndsThoseWithout(mayBeAnonymous: Bool) throws {
      let fixture = try fixture { $0.all.policies = Configuration.Policies() }
      let socket = try fixture.client().open()
      var next = fixture.gateway.configuration
      next.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
      if mayBeAnonymous {
        next.all.policies[Configuration.Anonymous.self] = Configuration.Anonymous()
        try fixture.gateway.reload(next)
        #expect(try staysOpen(socket))
        // And who came as one of them may not, when there are none any more.
        let anonymous = try fixture.client().open()
        let alice = try fixture.client().open("apikey: alice-1")
        next.all.policies[Configuration.Anonymous.self] = nil
        try fixture.gateway.reload(next)
        #expect(try anonymous.read()?.closeCode == 1_008)
        #expect(try staysOpen(alice))
      } else {
        try fixture.gateway.reload(next)
      }
      #expect(try socket.read()?.closeCode == 1_008)
    }

    /// Where the route says so, a block is mute and no end.
    @Test func aSessionThatIsDeniedMayStayAndBeMute() throws {
      let fixture = try fixture {
        var acl = Configuration.ACL()
        acl.allow = ["staff"]
        $0.all.policies[Configuration.ACL.self] = acl
        var connection = Configuration.ConnectionSettings()
        connection.onDenial = .refuse
        $0.all.connection = connection
      }
      let socket = try fixture.client().open("apikey: alice-1")
      #expect(try staysOpen(socket))
      var next = fixture.gateway.configuration
      next.consumers["alice"]?.groups = []
      try fixture.gateway.reload(next)
      try socket.send(text: "still")
      #expect(try socket.text()?.contains("message-forbidden") == true)
      next.consumers["alice"]?.groups = ["staff"]
      try fixture.gateway.reload(next)
      #expect(try staysOpen(socket))
    }

    /// Until the file has the consumer again; what else it says changes nothing.
    @Test func whoseConsumerIsGoneStaysMuteUntilItIsBack() throws {
      let fixture = try fixture {
        $0.consumers["alice"] = .init(keys: [], groups: ["staff"])
        $0.all.policies = Configuration.Policies()
        $0.all.policies[Configuration.JWT.self] = TestToken.policy
        var connection = Configuration.ConnectionSettings()
        connection.onDenial = .refuse
        $0.all.connection = connection
        var authorize = Configuration.MessageAuthorization()
        authorize.key = "$.action"
        authorize.allow = ["buy": ["staff"], "look": ["staff", "guests"]]
        $0.all.messages = Configuration.MessageSettings()
        $0.all.messages?.authorize = authorize
      }
      let socket = try fixture.client().open(TestToken.bearer())
      func ask(_ action: String) throws -> Bool {
        try socket.send(text: "{\"action\":\"\(action)\"}")
        return try socket.text()?.contains("forbidden") == false
      }
      #expect(try ask("buy"))
      var next = fixture.gateway.configuration
      next.consumers["alice"] = nil
      try fixture.gateway.reload(next)
      #expect(try !ask("buy"))
      next.all.connection?.idleTimeout = .seconds(5_000)
      try fixture.gateway.reload(next)
      #expect(try !ask("buy"))
      // Its groups are those that the file says now.
      next.consumers["alice"] = .init(keys: [], groups: ["guests"])
      try fixture.gateway.reload(next)
      #expect(try ask("look"))
      #expect(try !ask("buy"))
    }

    /// A reload that takes a group and the page's permission at once, and then gives the permission back.
    @Test func aGroupIsGoneWhateverElseWasSaid() throws {
      let fixture = try fixture {
        var connection = Configuration.ConnectionSettings()
        connection.onDenial = .refuse
        $0.all.connection = connection
        $0.all.origins = ["https://a.test"]
        var acl = Configuration.ACL()
        acl.allow = ["staff"]
        $0.all.policies[Configuration.ACL.self] = acl
      }
      let socket = try fixture.client().open("apikey: alice-1", "Origin: https://a.test")
      var next = fixture.gateway.configuration
      next.all.origins = ["https://b.test"]
      next.consumers["alice"]?.groups = []
      try fixture.gateway.reload(next)
      try socket.send(text: "heard?")
      #expect(try socket.text()?.contains("message-forbidden") == true)
      next.all.origins = ["https://a.test"]
      try fixture.gateway.reload(next)
      try socket.send(text: "heard?")
      #expect(try socket.text()?.contains("message-forbidden") == true)
      next.consumers["alice"]?.groups = ["staff"]
      try fixture.gateway.reload(next)
      #expect(try staysOpen(socket))
    }

    /// New credentials say nothing of where a page is from.
    @Test func aTokenIsNoWayAroundAnOrigin() async throws {
      let fixture = try fixture {
        $0.all.policies = Configuration.Policies()
        $0.all.policies[Configuration.JWT.self] = TestToken.policy
        var connection = Configuration.ConnectionSettings()
        connection.onDenial = .refuse
        connection.refresh = Configuration.TokenRefresh()
        $0.all.connection = connection
        $0.all.origins = ["https://a.test"]
      }
      let socket = try fixture.client().open(TestToken.bearer(), "Origin: https://a.test")
      let page = await fixture.gateway.page(SessionQuery())
      let id = try #require(page.sessions.first?.id)
      func refresh() throws -> Int {
        try fixture.client().exchange(
          "POST /.sluice/connections/\(id)/token HTTP/1.1\r\nHost: gateway.test\r\n"
            + "Content-Length: 0\r\n\(TestToken.bearer(expiresIn: 5_000))\r\n\r\n"
        ).status
      }
      var next = fixture.gateway.configuration
      next.all.origins = ["https://b.test"]
      try fixture.gateway.reload(next)
      #expect(try refresh() == 204)
      try socket.send(text: "heard?")
      #expect(try socket.text()?.contains("message-forbidden") == true)
      next.all.origins = ["https://a.test"]
      try fixture.gateway.reload(next)
      #expect(try staysOpen(socket))
    }

    /// What a token says of groups is not the file's to take away.
    @Test func groupsOfATokenStay() throws {
      let fixture = try fixture {
        $0.all.policies = Configuration.Policies()
        $0.all.policies[Configuration.JWT.self] = TestToken.policy
        var acl = Configuration.ACL()
        acl.allow = ["traders"]
        $0.all.policies[Configuration.ACL.self] = acl
      }
      let socket = try fixture.client().open(TestToken.bearer(claims: ["roles": "traders"]))
      var next = fixture.gateway.configuration
      next.consumers["alice"]?.groups = ["other"]
      try fixture.gateway.reload(next)
      #expect(try staysOpen(socket))
      next.consumers["alice"]?.groups = []
      try fixture.gateway.reload(next)
      #expect(try staysOpen(socket))
    }

    /// The target takes its time, and the reload comes before the session is there.
    @Test(arguments: [true, false])
    func aHandshakeUnderWayIsAskedTooWhenItIsDone(isRouteKept: Bool) async throws {
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
        $0.routes["spare"] = $0.all
        $0.routes["spare"]?.match.path = "/spare"
      }
      let client = try fixture.client()
      try client.send(WebSocketPeer.handshake("apikey: alice-1"))
      try waitUntil { upstream.requests.count == 1 }
      var next = fixture.gateway.configuration
      next.consumers["alice"]?.credentials = []
      if !isRouteKept { next.routes["all"] = nil }
      try fixture.gateway.reload(next)
      gate.open()
      #expect(try client.reader.readHead()?.status == 101)
      let socket = WebSocketPeer(client.socket, client.reader, masks: true)
      #expect(try socket.read()?.closeCode == (isRouteKept ? 1_008 : 1_012))
    }
  }
}
