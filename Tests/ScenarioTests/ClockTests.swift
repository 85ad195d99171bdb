import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// The clock is set while sessions live: trust that ends at a time of day ends at that time.
  @Suite struct ClockSteps {
    /// The system's clock with somebody's hand on it.
    private final class SetClock: Sendable {
      private let offset = Locked(Int64(0))

      func set(by seconds: Int64) { offset.withLock { $0 += seconds * 1_000_000_000 } }

      var clock: UnixClock {
        UnixClock { [self] in
          Int64(Date().timeIntervalSince1970 * 1_000_000_000) + offset.withLock { $0 }
        }
      }
    }

    /// Sessions of any kind, and at `/short` such as live no longer than three seconds.
    private func fixture(
      _ clock: SetClock, workers: Int = 1, _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      var options = Gateway.Options()
      options.clock = clock.clock
      let fixture = try Fixture(
        configuration(targets: [upstream.url]) {
          $0.workers = .count(workers)
          $0.consumers["alice"] = .init(keys: ["alice-1"])
          $0.all.policies[Configuration.JWT.self] = TestToken.policy
          $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
          $0.all.kind = .websocket
          $0.all.connection = .impatient
          var short = $0.all
          short.match.path = "/short"
          short.connection?.lifetime = .seconds(3)
          short.connection?.lifetimeJitter = 0
          $0.routes["short"] = short
          edit(&$0)
        }, options: options)
      fixture.upstream = upstream
      return fixture
    }

    /// A key that expires is nobody's from then on, and its sessions end.
    /// A consumer whose key ends so many seconds from now.
    private func consumer(endingIn delay: Int64) -> Configuration.Consumer {
      let formatter = ISO8601DateFormatter()
      let end = formatter.string(from: Date().addingTimeInterval(TimeInterval(delay)))
      var credential = Configuration.Credential()
      credential.keyAuth = Configuration.KeyCredential(key: "carol-1", expires: end)
      var consumer = Configuration.Consumer()
      consumer.credentials = [credential]
      return consumer
    }

    @Test func keysExpire() async throws {
      let clock = SetClock()
      let fixture = try fixture(clock) { $0.consumers["carol"] = consumer(endingIn: 5_000) }
      let endless = try fixture.client().open("apikey: alice-1")
      let carol = try fixture.client().open("apikey: carol-1")
      clock.set(by: 5_100)
      #expect(try carol.read()?.closeCode == 4_401)
      try carol.sendClose(4_401)
      try endless.send(text: "a")
      #expect(try endless.read()?.payload == Array("a".utf8))
      for (key, status) in [("carol-1", 401), ("alice-1", 101)] {
        let handshake = WebSocketPeer.handshake("apikey: \(key)")
        #expect(try fixture.client().exchange(handshake).status == status)
      }
    }

    /// A later end leaves sessions alone, a nearer one does not.
    @Test func reloadsMoveTheEndOfKeys() async throws {
      let fixture = try fixture(SetClock()) { $0.consumers["carol"] = consumer(endingIn: 5_000) }
      let socket = try fixture.client().open("apikey: carol-1")
      var next = fixture.gateway.configuration
      next.consumers["carol"] = consumer(endingIn: 9_000)
      try fixture.gateway.reload(next)
      try socket.send(text: "a")
      #expect(try socket.read()?.payload == Array("a".utf8))
      next.consumers["carol"] = consumer(endingIn: 3_000)
      try fixture.gateway.reload(next)
      #expect(try socket.read()?.closeCode == 1_008)
    }

    @Test func forwardEndsWhatIsOver() async throws {
      let clock = SetClock()
      let fixture = try fixture(clock, workers: 2)
      let over = try (0..<4).map { _ in try fixture.client().open(TestToken.bearer()) }
      let later = try fixture.client().open(TestToken.bearer(expiresIn: 100_000))
      let endless = try fixture.client().open("apikey: alice-1")
      clock.set(by: 7_200)
      for socket in over {
        #expect(try socket.read()?.closeCode == 4_401)
        try socket.sendClose(4_401)
      }
      for socket in [later, endless] {
        try socket.send(text: "still")
        #expect(try socket.text() == "still")
      }
      // And a handshake is judged by the same clock.
      #expect(
        try fixture.client().exchange(WebSocketPeer.handshake(TestToken.bearer())).status == 401)
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().closed == [.tokenExpired: 4] }
    }

    @Test func backPutsTheEndOff() async throws {
      let clock = SetClock()
      let fixture = try fixture(clock)
      let socket = try fixture.client().open(TestToken.bearer(expiresIn: 2))
      clock.set(by: -3_600)
      // It opens later than the first one and ends later than that would have.
      let short = try fixture.client().open("apikey: alice-1", path: "/short")
      #expect(try short.read()?.closeCode == 1_001)
      try socket.send(text: "still")
      #expect(try socket.text() == "still")
      // What is refreshed or opened meanwhile goes by the new time, and forward again is the end.
      clock.set(by: 3_600)
      #expect(try socket.read()?.closeCode == 4_401)
      try socket.sendClose(4_401)
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions().closed[.tokenExpired] == 1 }
    }

    /// A length of time is none of the clock's business.
    @Test func backDoesNotPutAGrantsEndOff() throws {
      let clock = SetClock()
      let service = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-User: alice\r\nSluice-Grant-Expiry: 3s\r\n\r\n"
      }
      let fixture = try fixture(clock) {
        var login = Configuration.Service()
        login.targets = [Configuration.Target(url: service.url)]
        $0.services["login"] = login
        var settings = Configuration.ForwardAuth()
        settings.service = "login"
        settings.consumerHeader = "X-User"
        settings.grants = [.expiry]
        $0.all.policies = Configuration.Policies()
        $0.all.policies[Configuration.ForwardAuth.self] = settings
      }
      let socket = try fixture.client().open()
      clock.set(by: -3_600)
      #expect(try socket.read()?.closeCode == 4_401)
    }

    @Test func aSessionThatGetsAnEndLaterFollowsToo() async throws {
      let clock = SetClock()
      let fixture = try fixture(clock) { $0.all.connection?.refresh = Configuration.TokenRefresh() }
      let socket = try fixture.client().open(TestToken.bearer(expiresIn: 100_000))
      let page = await fixture.gateway.page(SessionQuery())
      let id = try #require(page.sessions.first?.id)
      let answer = try fixture.client().exchange(
        "POST /.sluice/connections/\(id)/token HTTP/1.1\r\nHost: gateway.test\r\n"
          + "Content-Length: 0\r\n\(TestToken.bearer(expiresIn: 5_000))\r\n\r\n")
      #expect(answer.status == 204)
      clock.set(by: 6_000)
      #expect(try socket.read()?.closeCode == 4_401)
    }
  }
}
