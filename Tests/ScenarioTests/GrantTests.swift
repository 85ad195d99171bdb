import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// What the service that is asked about a handshake says of the session.
  @Suite struct Grants {
    /// The gateway with the service that it asks.
    private final class Granted {
      let fixture: Fixture
      let service: ScriptedUpstream
      var gateway: Gateway { fixture.gateway }

      init(_ fixture: Fixture, _ service: ScriptedUpstream) {
        self.fixture = fixture
        self.service = service
      }

      func client() throws -> TestClient { try fixture.client() }
    }

    /// `answer`: further fields of the service's 200.
    private func fixture(
      _ answer: String...,
      grants: [Configuration.ForwardAuth.Grant] = Configuration.ForwardAuth
        .Grant.allCases, _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Granted {
      let fields = answer.map { $0 + "\r\n" }.joined()
      let service = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-User: alice\r\n\(fields)\r\n"
      }
      let upstream = try ScriptedUpstream { try $0.accept("Sluice-Label-Tenant: acme").echo() }
      let fixture = try Fixture(to: upstream) {
        var login = Configuration.Service()
        login.targets = [Configuration.Target(url: service.url)]
        $0.services["login"] = login
        var settings = Configuration.ForwardAuth()
        settings.service = "login"
        settings.consumerHeader = "X-User"
        settings.grants = grants
        $0.all.policies[Configuration.ForwardAuth.self] = settings
        $0.all.kind = .websocket
        $0.all.connection = .impatient
        edit(&$0)
      }
      return Granted(fixture, service)
    }

    @Test func labelsFindTheSession() async throws {
      let fixture = try fixture("Sluice-Grant-Label-Plan: gold", "sluice-grant-label-team: 7") {
        $0.all.connection?.labels = ["desk": "7", "team": "7"]
      }
      let socket = try fixture.client().open()
      var filter = SessionFilter()
      filter.labels = ["plan": "gold", "team": "7", "tenant": "acme", "desk": "7"]
      #expect(await fixture.gateway.count(filter) == 1)
      try socket.send(text: "a")
      #expect(try socket.text() == "a")
    }

    @Test func trustEndsWhenTheServiceSaysSo() async throws {
      let fixture = try fixture("Sluice-Grant-Expiry: 1s")
      let socket = try fixture.client().open()
      #expect(try socket.read()?.closeCode == 4_401)
      try socket.sendClose(4_401)
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().closed == [.tokenExpired: 1] }
    }

    @Test func idlenessIsWhatTheServiceAllows() async throws {
      let fixture = try fixture("Sluice-Grant-Idle-Timeout: 1s")
      let socket = try fixture.client().open()
      #expect(try socket.read()?.closeCode == 1_001)
      try socket.sendClose(1_001)
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().closed == [.idleTimeout: 1] }
    }

    @Test func messagesAreLimitedAsGranted() async throws {
      let fixture = try fixture("Sluice-Grant-Message-Rate: 3/1h") {
        var messages = Configuration.MessageSettings()
        var limit = Configuration.MessageRateLimit()
        limit.limit = 100
        limit.window = .seconds(3_600)
        limit.action = .drop
        messages.rateLimit = limit
        $0.all.messages = messages
      }
      let socket = try fixture.client().open()
      for index in 0..<6 { try socket.send(text: "\(index)") }
      for index in 0..<3 { #expect(try socket.text() == "\(index)") }
      let gateway = fixture.gateway
      try await eventually {
        let report = await gateway.reports().flatMap(\.routes).first { $0.name == "all" }
        return report?.sessions?.dropped(.rateLimit) == 3
      }
    }

    /// Bytes by whole messages, so that the last one may be half over.
    @Test func bytesAreLimitedAsGranted() async throws {
      let fixture = try fixture("Sluice-Grant-Byte-Rate: 10B/1h", "Sluice-Grant-Message-Rate: 9/1h")
      {
        var messages = Configuration.MessageSettings()
        var limit = Configuration.MessageRateLimit()
        limit.limit = 100
        limit.window = .seconds(3_600)
        limit.action = .close
        messages.rateLimit = limit
        $0.all.messages = messages
      }
      let socket = try fixture.client().open()
      for text in ["12345", "678", "90"] {
        try socket.send(text: text)
        #expect(try socket.text() == text)
      }
      try socket.send(text: "1")
      #expect(try socket.read()?.closeCode == 1_008)
      try socket.sendClose(1_008)
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().closed == [.policy: 1] }
    }

    @Test func messagesAreAsLargeAsGranted() async throws {
      let fixture = try fixture("Sluice-Grant-Message-Size: 1KiB")
      let socket = try fixture.client().open()
      let most = String(repeating: "x", count: 1_024)
      try socket.send(.init(opcode: 1, payload: Array(most.utf8.prefix(1_000)), isFinal: false))
      try socket.send(.init(opcode: 0, payload: Array(most.utf8.prefix(24))))
      #expect(try socket.text() == most)
      try socket.send(text: most + "x")
      #expect(try socket.read()?.closeCode == 1_009)
      try socket.sendClose(1_009)
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().closed == [.messageTooBig: 1] }
    }

    @Test func actionsAreWhatIsGrantedAndNoMore() throws {
      let fixture = try fixture("Sluice-Grant-Actions: look, sell") {
        var settings = Configuration.MessageAuthorization()
        settings.key = "$.action"
        settings.allow = ["buy": ["*"], "look": ["nobody"]]
        settings.otherwise = ["*"]
        var messages = Configuration.MessageSettings()
        messages.authorize = settings
        $0.all.messages = messages
      }
      let socket = try fixture.client().open()
      for (text, isAllowed) in [
        (#"{"action":"look"}"#, true), (#"{"action":"sell"}"#, true),
        (#"{"action":"buy"}"#, false), ("{}", false), ("[", false),
      ] {
        try socket.send(text: text)
        #expect(try (socket.text() == text) == isAllowed, "\(text)")
      }
    }

    @Test(arguments: [
      "Sluice-Grant-Expiry: soon", "Sluice-Grant-Expiry: 0s", "Sluice-Grant-Expiry: 9000h",
      "Sluice-Grant-Expiry: 5m\r\nSluice-Grant-Expiry: 9m", "Sluice-Grant-Idle-Timeout: 10ms",
      "Sluice-Grant-Message-Rate: 50", "Sluice-Grant-Message-Rate: 0/1s",
      "Sluice-Grant-Message-Rate: 5/1s/2", "Sluice-Grant-Byte-Rate: 5",
      "Sluice-Grant-Byte-Rate: 0B/1s", "Sluice-Grant-Message-Size: large",
      "Sluice-Grant-Message-Size: 2GiB", "Sluice-Grant-Actions: a,,b",
      "Sluice-Grant-Actions: \(Array(repeating: "a", count: 65).joined(separator: ","))",
      "Sluice-Grant-Label-: x", "Sluice-Grant-Label-A: 1\r\nSluice-Grant-Label-a: 2",
      "Sluice-Grant-Label-A: \(String(repeating: "x", count: 129))", "Sluice-Grant-Expires: 5m",
      (0..<17).map { "Sluice-Grant-Label-\($0): x" }.joined(separator: "\r\n"),
    ])
    func whatMeansNothingRefusesTheHandshake(fields: String) throws {
      let fixture = try fixture(fields)
      let answer = try fixture.client().exchange(WebSocketPeer.handshake())
      #expect(answer.status == 503)
      #expect(answer.code == "check-unavailable")
    }

    /// As long as the service says yes; with the fields of the handshake, each time.
    @Test func theServiceIsAskedAgainBeforeItsGrantEnds() async throws {
      let service = try ScriptedUpstream { peer in
        var asked = 0
        while try peer.readRequest() != nil {
          asked += 1
          let answer =
            asked <= 3
            ? "200 OK\r\nX-User: alice\r\nSluice-Grant-Expiry: 3s" : "403 Forbidden"
          try peer.send("HTTP/1.1 \(answer)\r\nContent-Length: 0\r\n\r\n")
        }
      }
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try Fixture(to: upstream) {
        var login = Configuration.Service()
        login.targets = [Configuration.Target(url: service.url)]
        $0.services["login"] = login
        var settings = Configuration.ForwardAuth()
        settings.service = "login"
        settings.consumerHeader = "X-User"
        settings.grants = [.expiry]
        settings.renewBefore = .milliseconds(2_900)
        $0.all.policies[Configuration.ForwardAuth.self] = settings
        $0.all.kind = .websocket
      }
      let socket = try fixture.client().open("Cookie: session=7")
      try waitUntil { service.requests.count >= 3 }
      try socket.send(text: "still")
      #expect(try socket.text() == "still")
      #expect(try socket.read()?.closeCode == 4_401)
      try socket.sendClose(4_401)
      #expect(service.requests.count == 4)
      #expect(service.requests.allSatisfy { $0["Cookie"] == "session=7" })
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().closed == [.tokenExpired: 1] }
    }

    /// A service with an answer of its own for every question.
    private func asking(
      _ service: ScriptedUpstream, _ edit: (inout Configuration) -> Void
    ) throws -> Fixture {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      return try Fixture(to: upstream) {
        var login = Configuration.Service()
        login.targets = [Configuration.Target(url: service.url)]
        $0.services["login"] = login
        var settings = Configuration.ForwardAuth()
        settings.service = "login"
        settings.consumerHeader = "X-User"
        settings.grants = [.expiry, .actions]
        $0.all.policies[Configuration.ForwardAuth.self] = settings
        $0.all.kind = .websocket
        var messages = Configuration.MessageSettings()
        messages.authorize = Configuration.MessageAuthorization()
        messages.authorize?.key = "$.action"
        $0.all.messages = messages
        edit(&$0)
      }
    }

    private func mayDo(_ action: String, _ socket: WebSocketPeer) throws -> Bool {
      let text = "{\"action\":\"\(action)\"}"
      try socket.send(text: text)
      return try socket.text() == text
    }

    /// It is asked about the path that was let in, and what it grants the second time takes the place of
    /// the first.
    @Test func aRenewalIsAboutThePathOfTheHandshake() throws {
      let gate = Gate()
      let service = try ScriptedUpstream { peer in
        var actions = "look"
        while try peer.readRequest() != nil {
          if actions == "sell" { gate.wait() }
          try peer.send(
            "HTTP/1.1 200 OK\r\nX-User: alice\r\nSluice-Grant-Expiry: 4s\r\n"
              + "Sluice-Grant-Actions: \(actions)\r\nContent-Length: 0\r\n\r\n")
          actions = "sell"
        }
      }
      let fixture = try asking(service) {
        $0.all.policies[Configuration.ForwardAuth.self]?.renewBefore = .milliseconds(3_900)
      }
      let socket = try fixture.client().open(path: "/public/%2e%2e/private?a=%2e")
      #expect(try mayDo("look", socket))
      #expect(try !mayDo("sell", socket))
      gate.open()
      try waitUntil { service.requests.count >= 2 }
      try waitUntil { (try? mayDo("sell", socket)) == true }
      #expect(try !mayDo("look", socket))
      #expect(service.requests.allSatisfy { $0["X-Forwarded-Uri"] == "/private?a=%2e" })
    }

    /// Wherever they are shown, the service is asked about what the session was let in to, and so groups and
    /// grants are for it.
    @Test(arguments: [true, false])
    func newCredentialsAreAskedAboutTheHandshake(byMessage: Bool) async throws {
      let service = try ScriptedUpstream.answering { request in
        var fields = "X-User: alice\r\n"
        if request["X-Forwarded-Uri"] == "/socket?a=%2F", request["X-Forwarded-Method"] == "GET",
          request["X-Forwarded-Host"] == "gateway.test"
        {
          let isLong = request["Authorization"] == "Bearer long"
          fields += "Sluice-Grant-Expiry: \(isLong ? 60 : 20)m\r\n"
          fields += "Sluice-Grant-Actions: look\(isLong ? ", buy" : "")\r\nX-Groups: socket\r\n"
        } else {
          fields += "Sluice-Grant-Actions: look, sell\r\nX-Groups: admins\r\n"
        }
        return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\(fields)\r\n"
      }
      let fixture = try asking(service) {
        $0.all.policies[Configuration.ForwardAuth.self]?.groupsHeader = "X-Groups"
        var acl = Configuration.ACL()
        acl.allow = ["socket"]
        $0.all.policies[Configuration.ACL.self] = acl
        var connection = Configuration.ConnectionSettings()
        connection.refresh = Configuration.TokenRefresh()
        connection.refresh?.message = "$.token"
        $0.all.connection = connection
      }
      let gateway = fixture.gateway
      let socket = try fixture.client().open(path: "/socket?a=%2F")
      let before = try #require(await gateway.page(SessionQuery()).sessions.first)
      func refresh(_ token: String) throws {
        if byMessage {
          try socket.send(text: "{\"token\":\"\(token)\"}")
          #expect(try socket.text() == #"{"type":"token-accepted"}"#)
        } else {
          let answer = try fixture.client().exchange(
            "POST /.sluice/connections/\(before.id)/token?admin=1 HTTP/1.1\r\nHost: evil.test\r\n"
              + "Content-Length: 0\r\nAuthorization: Bearer \(token)\r\n\r\n")
          #expect(answer.status == 204)
        }
      }
      for (token, minutes) in [("short", Int64(0)), ("long", 40)] {
        try refresh(token)
        let after = try #require(await gateway.page(SessionQuery()).sessions.first)
        let added = try #require(after.expiresAt) - #require(before.expiresAt)
        #expect(abs(added - minutes * 60_000) < 30_000, "\(token)")
        #expect(try mayDo("look", socket))
        #expect(try mayDo("buy", socket) == (token == "long"))
        #expect(try !mayDo("sell", socket))
      }
      #expect(service.requests.count == 3)
      #expect(service.requests.allSatisfy { $0["X-Forwarded-Uri"] == "/socket?a=%2F" })
    }

    @Test func whatIsNotListedIsNotListenedTo() async throws {
      let fixture = try fixture(
        "Sluice-Grant-Expiry: soon", "Sluice-Grant-Label-Plan: gold", grants: [.labels])
      let socket = try fixture.client().open()
      let info = try #require(await fixture.gateway.page(SessionQuery()).sessions.first)
      #expect(info.labels["plan"] == "gold" && info.expiresAt == nil)
      withExtendedLifetime(socket) {}
    }

    /// Its head would stay in memory with its session.
    @Test(arguments: [false, true])
    func aLargeHandshakeIsNotKeptForTheServiceToBeAskedAgain(reconnects: Bool) throws {
      for isLarge in [false, true] {
        // The large one has to end; the other is asked about after half of its time.
        let fixture = try fixture("Sluice-Grant-Expiry: \(isLarge ? 1 : 4)s") {
          let before: Timespan = .milliseconds(isLarge ? 900 : 3_900)
          $0.all.policies[Configuration.ForwardAuth.self]?.renewBefore = before
          $0.all.connection?.onUpstreamLoss = reconnects ? .reconnect : .close
        }
        let socket = try fixture.client().open(
          "X-Filling: \(String(repeating: "x", count: isLarge ? 8_192 : 7_000))")
        if isLarge {
          #expect(try socket.read()?.closeCode == 4_401)
          #expect(fixture.service.requests.count == 1)
        } else {
          try waitUntil { fixture.service.requests.count >= 2 }
        }
        withExtendedLifetime(socket) {}
      }
    }
  }
}
