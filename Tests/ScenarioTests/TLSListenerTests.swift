import COpenSSL
import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Configuration.ListenerTLS {
  init(_ identities: TestAuthority.Identity...) {
    self.init()
    certificates = identities.map {
      var certificate = Configuration.Certificate()
      certificate.certificate = $0.certificate
      certificate.key = $0.key
      return certificate
    }
  }
}

extension Scenarios {
  /// Callers by TLS.
  @Suite struct TLSListeners {
    let authority = TestAuthority()

    /// For "localhost".
    private func identity(_ kind: TestAuthority.KeyKind = .ecdsa) -> TestAuthority.Identity {
      authority.issue("localhost", names: ["DNS:localhost"], kind)
    }

    private func fixture(
      to upstream: ScriptedUpstream, _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      let tls = Configuration.ListenerTLS(identity())
      return try Fixture(to: upstream) {
        $0.web.tls = tls
        // A machine that has much to do lets tests wait between connecting and speaking.
        $0.web.timeouts.handshake = .seconds(600)
        edit(&$0)
      }
    }

    private func caller(_ version: Int32 = 0) -> TestTLSSettings {
      TestTLSSettings(trusting: authority, version: version)
    }

    // MARK: What is agreed on

    @Test(arguments: [(TLS1_2_VERSION, "TLSv1.2"), (TLS1_3_VERSION, "TLSv1.3")])
    func requestsPassAndTargetsLearnOfIt(version: Int32, name: String) throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) { $0.web.forwarded.forwarded = true }
      let client = try fixture.client(caller(version))
      for turn in 0..<3 { #expect(try client.get("/\(turn)").text == "/\(turn)") }
      #expect(client.socket.tls?.version == name)
      let request = try #require(upstream.requests.first)
      #expect(request["X-Forwarded-Proto"] == "https")
      #expect(request["Forwarded"]?.contains("proto=https") == true)
    }

    @Test func weakCallersAreRefused() throws {
      let fixture = try fixture(to: .echoing())
      let old = try fixture.client(caller(TLS1_1_VERSION))
      #expect(throws: ScenarioError.self) { try old.socket.handshake() }
      let weak = TestTLSSettings(
        trusting: authority, version: TLS1_2_VERSION, ciphers: "ECDHE-ECDSA-AES128-SHA256")
      let client = try fixture.client(weak)
      #expect(throws: ScenarioError.self) { try client.socket.handshake() }
      #expect(try fixture.client(caller()).get("/").status == 200)
    }

    @Test func minVersionLeavesTheOldOut() throws {
      let fixture = try fixture(to: .echoing()) { $0.web.tls?.minVersion = .tls13 }
      let old = try fixture.client(caller(TLS1_2_VERSION))
      #expect(throws: ScenarioError.self) { try old.socket.handshake() }
      #expect(try fixture.client(caller(TLS1_3_VERSION)).get("/").status == 200)
    }

    @Test(arguments: [
      (["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"),
      ([], ""), (["h2"], "h2"), (["spdy/3"], nil), (["http/1.0"], "http/1.0"),
      (["http/1.0", "http/1.1"], "http/1.1"),
    ])
    func protocolsAreAgreedOn(offered: [String], agreed: String?) throws {
      let fixture = try fixture(to: .echoing())
      let client = try fixture.client(TestTLSSettings(trusting: authority, protocols: offered))
      if let agreed {
        try client.socket.handshake()
        #expect(client.socket.tls?.negotiated == agreed)
      } else {
        #expect(throws: ScenarioError.tls("tlsv1 alert no application protocol")) {
          try client.socket.handshake()
        }
      }
    }

    /// As `curl --http1.0` does.
    @Test func whoOffersTheOldVersionOnlyIsServedInIt() throws {
      let fixture = try fixture(to: .echoing())
      let client = try fixture.client(
        TestTLSSettings(trusting: authority, protocols: ["http/1.0"]))
      let response = try client.exchange("GET /old HTTP/1.0\r\nHost: a\r\n\r\n")
      #expect(response.status == 200 && response.text == "/old")
      #expect(try client.socket.receive().isEmpty)
    }

    @Test(arguments: [(["h2", "http/1.1"], "http/1.1"), (["h2"], nil)])
    func withoutHTTP2ItIsNotAgreedOn(offered: [String], agreed: String?) throws {
      let fixture = try fixture(to: .echoing()) { $0.web.http2.enabled = false }
      let client = try fixture.client(TestTLSSettings(trusting: authority, protocols: offered))
      if let agreed {
        try client.socket.handshake()
        #expect(client.socket.tls?.negotiated == agreed)
      } else {
        #expect(throws: ScenarioError.self) { try client.socket.handshake() }
      }
    }

    @Test func certificatesAreFoundByNameAndByKey() throws {
      let first = authority.issue("first", names: ["DNS:first.test"])
      let exact = authority.issue("exact", names: ["DNS:a.wild.test"])
      let wild = authority.issue("wild", names: ["DNS:*.wild.test"])
      let both = authority.issue("both-ecdsa", names: ["DNS:both.test"])
      let rsa = authority.issue("both-rsa", names: ["DNS:both.test"], .rsa)
      let fixture = try Fixture(to: .echoing()) {
        $0.web.tls = Configuration.ListenerTLS(first, exact, wild, both, rsa)
      }
      func shown(_ name: String?, ciphers: String? = nil) throws -> String? {
        let settings = TestTLSSettings(
          trusting: nil, name: name, version: TLS1_2_VERSION, ciphers: ciphers)
        let client = try fixture.client(settings)
        try client.socket.handshake()
        return client.socket.tls?.peer?.name
      }
      #expect(try shown("first.test") == "first")
      #expect(try shown(nil) == "first")
      #expect(try shown("unknown.test") == "first")
      #expect(try shown("a.wild.test") == "exact")
      #expect(try shown("A.Wild.Test") == "exact")
      #expect(try shown("b.wild.test") == "wild")
      #expect(try shown("c.b.wild.test") == "first")
      #expect(try shown("wild.test") == "first")
      #expect(try shown("both.test", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256") == "both-ecdsa")
      #expect(try shown("both.test", ciphers: "ECDHE-RSA-AES128-GCM-SHA256") == "both-rsa")
    }

    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func aStapleIsShownWhileItIsGood(version: Int32) throws {
      let own = identity()
      func shown(_ path: String?) throws -> [UInt8]? {
        let fixture = try fixture(to: .echoing()) {
          $0.web.tls = Configuration.ListenerTLS(own)
          $0.web.tls?.certificates[0].ocsp = path
        }
        let client = try fixture.client(caller(version))
        try client.socket.handshake()
        return client.socket.tls?.staple
      }
      let good = authority.staple(for: own, until: 3_600)
      #expect(try shown(good) == Array(Data(contentsOf: URL(filePath: good))))
      #expect(try shown(authority.staple(for: own, until: -60)) == nil)
      #expect(try shown(nil) == nil)
    }

    // MARK: Sessions

    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func sessionsAreResumedWithAnyWorkerAndOverReloads(version: Int32) throws {
      let fixture = try fixture(to: .echoing()) { $0.workers = .count(2) }
      let caller = caller(version)
      let first = try fixture.client(caller)
      #expect(try first.get("/").status == 200)
      #expect(first.socket.tls?.isResumed == false)
      caller.resume(try #require(first.socket.tls))
      for _ in 0..<8 {
        let client = try fixture.client(caller)
        #expect(try client.get("/").status == 200)
        #expect(client.socket.tls?.isResumed == true)
      }
      try fixture.gateway.reload(fixture.gateway.configuration)
      let client = try fixture.client(caller)
      #expect(try client.get("/").status == 200)
      #expect(client.socket.tls?.isResumed == true)
    }

    /// The number of the worker that has exactly this many of the listener's connections, and others none.
    private func worker(of fixture: Fixture, having count: Int) async -> Int? {
      let reports = await fixture.gateway.reports()
      let open = reports.map { $0.listeners.reduce(0) { $0 + $1.openConnections } }
      return open.reduce(0, +) == count ? open.firstIndex(of: count) : nil
    }

    /// A ticket of one worker's is taken by the other's, also when the key that sealed it seals no more, and
    /// until it opens no more.
    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func ticketsAreGoodWithTheOtherWorkerAndOverNewKeys(version: Int32) async throws {
      let seconds = Locked(Int64(1_000_000_000))
      var options = Gateway.Options()
      options.clock = UnixClock { seconds.withLock { $0 } * 1_000_000_000 }
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(
        configuration(targets: [upstream.url]) {
          $0.workers = .count(2)
          $0.web.tls = Configuration.ListenerTLS(identity())
        }, options: options)
      fixture.upstream = upstream

      /// A connection that resumes what `caller` has, if anything; and whose it is.
      func connect(_ caller: TestTLSSettings) async throws -> (TestClient, worker: Int) {
        try await eventually("no connections") { await fixture.openConnections() == 0 }
        let client = try fixture.client(caller)
        #expect(try client.get("/").status == 200)
        return (client, try #require(await worker(of: fixture, having: 1)))
      }

      /// Goes on until the resumption of this ticket has met both workers.
      func meetBoth(_ caller: TestTLSSettings, isResumed: Bool) async throws {
        var met = Set<Int>()
        for _ in 0..<200 where met.count < 2 {
          let (client, worker) = try await connect(caller)
          #expect(client.socket.tls?.isResumed == isResumed)
          met.insert(worker)
          client.socket.close()
        }
        #expect(met == [0, 1])
      }

      let caller = caller(version)
      let (first, _) = try await connect(caller)
      #expect(first.socket.tls?.isResumed == false)
      caller.resume(try #require(first.socket.tls))
      first.socket.close()
      try await meetBoth(caller, isResumed: true)
      // Another key seals now.
      seconds.withLock { $0 += Int64(TLSTicketKeys.lifetime) / 2 + 1 }
      try await meetBoth(caller, isResumed: true)
      // And the first one is gone.
      seconds.withLock { $0 += Int64(TLSTicketKeys.lifetime) }
      try await meetBoth(caller, isResumed: false)
    }

    /// Callers show a ticket of TLS 1.3 once, so a connection that resumes gets one, too; of TLS 1.2 it is good
    /// for many.
    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func whoResumesIsGivenAnotherTicket(version: Int32) throws {
      let fixture = try fixture(to: .echoing())
      let caller = caller(version)
      var tickets = Set<[UInt8]>()
      for turn in 0..<4 {
        let client = try fixture.client(caller)
        #expect(try client.get("/").status == 200)
        let tls = try #require(client.socket.tls)
        #expect(tls.isResumed == (turn > 0))
        #expect(!tls.ticket.isEmpty)
        tickets.insert(tls.ticket)
        caller.resume(tls)
      }
      #expect(tickets.count == (version == TLS1_3_VERSION ? 4 : 1))
    }

    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func withoutTicketsNothingIsResumed(version: Int32) throws {
      let fixture = try fixture(to: .echoing()) { $0.web.tls?.sessionTickets = false }
      let caller = caller(version)
      let first = try fixture.client(caller)
      #expect(try first.get("/").status == 200)
      caller.resume(try #require(first.socket.tls))
      let second = try fixture.client(caller)
      #expect(try second.get("/").status == 200)
      #expect(second.socket.tls?.isResumed == false)
    }

    // MARK: Bytes

    @Test func pipelinedAndDrippedRequestsAreAnswered() throws {
      let fixture = try fixture(to: .echoing())
      let client = try fixture.client(caller())
      let requests = (0..<50).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }
      try client.send(requests.joined())
      for turn in 0..<50 { #expect(try client.reader.readResponse().text == "/\(turn)") }
      for byte in requests[0].utf8 { try client.socket.send([byte]) }
      #expect(try client.reader.readResponse().text == "/0")
    }

    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func largeBodiesArriveAsTheyWere(version: Int32) throws {
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n")
          try peer.socket.send(request.body)
        }
      }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client(caller(version))
      let body = randomBytes(10 << 20)
      for _ in 0..<2 {
        try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n")
        try client.socket.send(body)
        #expect(try client.reader.readResponse().body == body)
      }
    }

    @Test func hundredsOfConnectionsTakeTurns() throws {
      let fixture = try fixture(to: .echoing())
      let caller = caller()
      let clients = try (0..<300).map { _ in try fixture.client(caller) }
      for turn in 0..<2 {
        for client in clients { try client.send("GET /\(turn) HTTP/1.1\r\nHost: a\r\n\r\n") }
        for client in clients { #expect(try client.reader.readResponse().text == "/\(turn)") }
      }
    }

    @Test func newKeysAreTakenAndTooManyAreNot() throws {
      let fixture = try fixture(to: .echoing())
      let client = try fixture.client(caller(TLS1_3_VERSION))
      let tls = try #require(client.socket.tls)
      for turn in 0..<40 {
        if turn > 0 { tls.updateKeys() }
        #expect(try client.get("/\(turn)").text == "/\(turn)")
      }
      let flooding = try fixture.client(caller(TLS1_3_VERSION))
      #expect(try flooding.get("/").status == 200)
      #expect(throws: ScenarioError.self) {
        for _ in 0..<10_000 {
          flooding.socket.tls?.updateKeys()
          // Sends the update, and no plaintext with it.
          try flooding.socket.handshake()
        }
        _ = try flooding.get("/")
      }
      #expect(try client.get("/").status == 200)
    }

    /// A reload that begins TLS on an address ends what is plain there.
    @Test func tlsMayBeginWithAReload() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream)
      let plain = try fixture.client()
      #expect(try plain.get("/").status == 200)
      var next = fixture.gateway.configuration
      next.web.tls = Configuration.ListenerTLS(identity())
      try fixture.gateway.reload(next)
      #expect(try plain.isClosedByGateway())
      #expect(try fixture.client(caller()).get("/").status == 200)
      #expect(upstream.requests.map { $0["X-Forwarded-Proto"] } == ["http", "https"])
    }

    // MARK: The plain listener beside it

    @Test func plainCallersAreSentToHTTPS() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try Fixture(to: upstream) {
        $0.web.redirectToHTTPS = Configuration.RedirectToHTTPS()
        $0.listeners["other"] = $0.web
        $0.listeners["other"]?.redirectToHTTPS?.port = 8_443
      }
      let client = try fixture.client()
      let first = try client.exchange(
        "POST /a/../b?c=d HTTP/1.1\r\nHost: gateway.test:8080\r\nContent-Length: 2\r\n\r\nab")
      #expect(first.status == 308)
      #expect(first["Location"] == "https://gateway.test/b?c=d")
      let port = try #require(fixture.port(ofListener: "other"))
      let other = try TestClient(port: port).exchange("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n")
      #expect(other["Location"] == "https://[::1]:8443/")
      let nameless = try TestClient(port: port).exchange("GET / HTTP/1.0\r\n\r\n")
      #expect(nameless.status == 400)
      #expect(upstream.requests.isEmpty)
    }
  }
}
