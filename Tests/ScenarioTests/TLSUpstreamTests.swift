import COpenSSL
import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// Targets by TLS.
  @Suite struct TLSUpstreams {
    let authority = TestAuthority()

    private func server(
      _ version: Int32 = 0, names: [String] = ["DNS:localhost"], from: Int = -TestAuthority.day,
      to: Int = TestAuthority.day, callersOf: TestAuthority? = nil
    ) -> TestTLSSettings {
      TestTLSSettings(
        server: authority.issue(names: names, from: from, to: to), version: version,
        callersOf: callersOf)
    }

    /// Trusts the authority.
    private func fixture(
      to upstream: ScriptedUpstream, options: Gateway.Options = .init(),
      _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      let fixture = try Fixture(
        configuration(targets: [upstream.url]) {
          $0.trust(authority)
          edit(&$0)
        }, options: options)
      fixture.upstream = upstream
      return fixture
    }

    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func requestsPassAndConnectionsAreKept(version: Int32) throws {
      let upstream = try ScriptedUpstream.echoing(tls: server(version))
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      for turn in 0..<5 { #expect(try client.get("/\(turn)").text == "/\(turn)") }
      #expect(
        try client.exchange("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab").text
          == "/p")
      #expect(upstream.connectionCount == 1)
    }

    @Test func largeBodiesArriveAsTheyWereOverTLSOnBothSides() throws {
      let upstream = try ScriptedUpstream(tls: server()) { peer in
        while let request = try peer.readRequest() {
          try peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
          for start in stride(from: 0, to: request.body.count, by: 100_000) {
            let chunk = request.body[start..<min(start + 100_000, request.body.count)]
            try peer.send("\(String(chunk.count, radix: 16))\r\n")
            try peer.socket.send(chunk)
            try peer.send("\r\n")
          }
          try peer.send("0\r\n\r\n")
        }
      }
      let own = authority.issue("localhost", names: ["DNS:localhost"])
      let fixture = try fixture(to: upstream) {
        $0.web.tls = Configuration.ListenerTLS(own)
        $0.web.timeouts.handshake = .seconds(600)
      }
      let client = try fixture.client(TestTLSSettings(trusting: authority))
      let body = randomBytes(10 << 20)
      try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n")
      try client.socket.send(body)
      #expect(try client.reader.readResponse().body == body)
    }

    // MARK: Who is not trusted

    /// Every event that the gateway has told of.
    private final class Events: Sendable {
      private let all = Locked<[LifecycleEvent]>([])
      func add(_ event: LifecycleEvent) { all.withLock { $0.append(event) } }
      var reasons: [String] {
        all.withLock {
          $0.compactMap {
            if case .targetHandshakeFailed(_, let reason) = $0 { reason } else { nil }
          }
        }
      }
    }

    private func expectRefusal(
      of upstream: ScriptedUpstream, _ reason: String,
      _ edit: (inout Configuration) -> Void = { _ in }
    ) throws {
      let events = Events()
      var options = Gateway.Options()
      options.onEvent = { events.add($0) }
      let fixture = try fixture(to: upstream, options: options, edit)
      let answer = try fixture.get("/")
      #expect(answer.status == 502)
      #expect(answer.code == "upstream-tls-failed")
      // The caller learns no more than the code.
      #expect(!answer.text.contains("certificate") && !answer.text.contains("localhost"))
      try waitUntil { !events.reasons.isEmpty }
      #expect(events.reasons == [reason])
      #expect(upstream.requests.isEmpty)
      // Repeating it does not fill the log.
      #expect(try fixture.get("/").status == 502)
      #expect(events.reasons.count == 1)
    }

    @Test func anExpiredCertificateIsRefused() throws {
      let tls = server(from: -3 * TestAuthority.day, to: -TestAuthority.day)
      try expectRefusal(of: .echoing(tls: tls), "certificate has expired")
    }

    @Test func aRevokedCertificateIsRefused() throws {
      let identity = authority.issue(names: ["DNS:localhost"])
      let upstream = try ScriptedUpstream.echoing(tls: TestTLSSettings(server: identity))
      try expectRefusal(of: upstream, "certificate revoked") {
        $0.service.tls?.crl = authority.revocations(of: [identity])
      }
      // Another one's revocation is nobody else's.
      let fixture = try fixture(to: upstream) {
        $0.service.tls?.crl = authority.revocations(of: [authority.issue("other")])
      }
      #expect(try fixture.get("/").status == 200)
    }

    @Test func aCertificateForAnotherNameIsRefused() throws {
      let tls = server(names: ["DNS:other.test"])
      try expectRefusal(of: .echoing(tls: tls), "hostname mismatch")
    }

    @Test func aCertificateForAnotherAddressIsRefused() throws {
      let upstream = try ScriptedUpstream.echoing(tls: server(names: ["IP:192.0.2.1"]))
      try expectRefusal(of: upstream, "IP address mismatch") {
        $0.service.targets = [Configuration.Target(url: "https://127.0.0.1:\(upstream.port)")]
      }
    }

    @Test func aCertificateOfAStrangersAuthorityIsRefused() throws {
      let stranger = TestAuthority("Stranger")
      let tls = TestTLSSettings(server: stranger.issue(names: ["DNS:localhost"]))
      try expectRefusal(of: .echoing(tls: tls), "unable to get local issuer certificate")
      // By default the system's authorities count, to whom this one is a stranger, too.
      try expectRefusal(
        of: .echoing(tls: server()), "unable to get local issuer certificate"
      ) { $0.service.tls = nil }
    }

    @Test func aTargetWithoutTLSIsRefused() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.socket.receive()
        try peer.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
      }
      try expectRefusal(of: upstream, "wrong version number; does the peer speak TLS at all?") {
        $0.service.targets = [Configuration.Target(url: "https://localhost:\(upstream.port)")]
      }
    }

    @Test func aTargetThatLeavesWithinTheHandshakeIsABadGateway() throws {
      let upstream = try ScriptedUpstream { peer in _ = try peer.socket.receive() }
      try expectRefusal(of: upstream, "the peer closed the connection within the handshake") {
        $0.service.targets = [Configuration.Target(url: "https://localhost:\(upstream.port)")]
      }
    }

    @Test func aTargetThatDoesNotFinishItsHandshakeIsTimedOut() throws {
      let upstream = try ScriptedUpstream { peer in while !(try peer.socket.receive().isEmpty) {} }
      let fixture = try fixture(to: upstream) {
        $0.service.targets = [Configuration.Target(url: "https://localhost:\(upstream.port)")]
        $0.service.timeouts.connect = .milliseconds(100)
      }
      let answer = try fixture.get("/")
      #expect(answer.status == 504)
      #expect(answer.code == "upstream-connect-timeout")
    }

    @Test func anotherTargetIsTriedAsNothingWasSent() throws {
      let bad = try ScriptedUpstream.echoing(tls: server(names: ["DNS:other.test"]))
      let good = try ScriptedUpstream.echoing(tls: server())
      let fixture = try fixture(to: bad) {
        $0.service.targets.append(Configuration.Target(url: good.url))
      }
      for _ in 0..<6 {
        let answer = try fixture.client().exchange(
          "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
        #expect(answer.status == 200)
      }
      #expect(bad.requests.isEmpty)
    }

    // MARK: Settings

    @Test func withoutVerificationEverybodyIsTrusted() throws {
      let stranger = TestAuthority("Stranger")
      let tls = TestTLSSettings(
        server: stranger.issue(from: -3 * TestAuthority.day, to: -TestAuthority.day))
      let upstream = try ScriptedUpstream.echoing(tls: tls)
      let fixture = try fixture(to: upstream) { $0.service.tls?.verify = false }
      #expect(try fixture.get("/").status == 200)
      // Turning it on is for the connections that are open, too.
      var next = fixture.gateway.configuration
      next.service.tls?.verify = true
      try fixture.gateway.reload(next)
      #expect(try fixture.get("/").status == 502)
    }

    @Test func serverNameIsWhatIsAskedForAndVerified() throws {
      let upstream = try ScriptedUpstream.echoing(tls: server(names: ["DNS:inner.test"]))
      let fixture = try fixture(to: upstream) { $0.service.tls?.serverName = "inner.test" }
      #expect(try fixture.get("/").status == 200)
      let byAddress = try self.fixture(to: upstream) {
        $0.service.targets = [Configuration.Target(url: "https://127.0.0.1:\(upstream.port)")]
        $0.service.tls?.serverName = "inner.test"
      }
      #expect(try byAddress.get("/").status == 200)
    }

    @Test func anAddressIsVerifiedAsOne() throws {
      let upstream = try ScriptedUpstream.echoing(tls: server(names: ["IP:127.0.0.1"]))
      let fixture = try fixture(to: upstream) {
        $0.service.targets = [Configuration.Target(url: "https://127.0.0.1:\(upstream.port)")]
      }
      #expect(try fixture.get("/").status == 200)
    }

    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func theGatewayShowsItsCertificate(version: Int32) throws {
      let upstream = try ScriptedUpstream.echoing(tls: server(version, callersOf: authority))
      let own = authority.issue("gateway")
      let fixture = try fixture(to: upstream) {
        var identity = Configuration.ClientIdentity()
        identity.certificate = own.certificate
        identity.key = own.key
        $0.service.tls?.clientCertificate = identity
      }
      #expect(try fixture.get("/").status == 200)
      // In TLS 1.3 the refusal comes after the gateway's side of the handshake.
      let events = Events()
      var options = Gateway.Options()
      options.onEvent = { events.add($0) }
      let nameless = try self.fixture(to: upstream, options: options)
      let answer = try nameless.get("/")
      #expect(answer.status == 502)
      #expect(answer.code == "upstream-tls-failed")
      try waitUntil { !events.reasons.isEmpty }
      #expect(events.reasons.allSatisfy { $0.contains("alert") })
    }

    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func sessionsAreResumed(version: Int32) throws {
      let resumed = Counter()
      let upstream = try ScriptedUpstream(tls: server(version)) { peer in
        guard try peer.readRequest() != nil else { return }
        if peer.socket.tls?.isResumed == true { resumed.add(1) }
        try peer.send(ok("a", "Connection: close"))
        peer.socket.finishWriting()
        _ = try peer.reader.readToEnd()
      }
      let fixture = try fixture(to: upstream)
      for _ in 0..<4 { #expect(try fixture.get("/").text == "a") }
      #expect(upstream.connectionCount == 4)
      #expect(resumed.value == 3)
    }

    // MARK: Ends

    /// A body that only the connection's end delimits is whole when TLS says so.
    @Test(arguments: [true, false]) func anEndWithoutCloseNotifyIsACut(isAnnounced: Bool) throws {
      let upstream = try ScriptedUpstream(tls: server()) { peer in
        guard try peer.readRequest() != nil else { return }
        try peer.send("HTTP/1.1 200 OK\r\n\r\nabc")
        if isAnnounced { peer.socket.finishWriting() } else { peer.socket.cut() }
        _ = try? peer.reader.readToEnd()
      }
      let fixture = try fixture(to: upstream)
      let answer = try fixture.get("/")
      #expect(answer.text == "abc")
      #expect(answer.isTruncated == !isAnnounced)
    }

    @Test func aFramedBodyNeedsNoCloseNotify() throws {
      let upstream = try ScriptedUpstream(tls: server()) { peer in
        guard try peer.readRequest() != nil else { return }
        try peer.send(ok("abc"))
        peer.socket.cut()
        _ = try? peer.reader.readToEnd()
      }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      for _ in 0..<2 {
        let answer = try client.get("/")
        #expect(answer.text == "abc")
        #expect(!answer.isTruncated)
      }
    }
  }
}
