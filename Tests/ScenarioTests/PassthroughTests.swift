import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// TLS connections that go on undecrypted, by the name in the caller's first message.
  @Suite struct Passthroughs {
    private let authority = TestAuthority()

    private func server(_ name: String) -> TestTLSSettings {
      TestTLSSettings(server: authority.issue(name, names: ["DNS:\(name)", "DNS:*.\(name)"]))
    }

    private func caller(_ name: String?, version: Int32 = 0) -> TestTLSSettings {
      TestTLSSettings(trusting: authority, name: name, version: version)
    }

    /// `inner.test` and what is below it goes to `upstream`; with `own` TLS ends here for others.
    private func fixture(
      to upstream: ScriptedUpstream, own: Bool = true,
      _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      let local = try ScriptedUpstream.echoing()
      let fixture = try Fixture(
        configuration(targets: [local.url]) {
          var inner = Configuration.Service()
          inner.targets = [Configuration.Target(url: "https://127.0.0.1:\(upstream.port)")]
          $0.services["inner"] = inner
          if own {
            $0.web.tls = Configuration.ListenerTLS(
              authority.issue("localhost", names: ["DNS:localhost"]))
          }
          var passthrough = Configuration.Passthrough()
          passthrough.names = ["inner.test": "inner", "*.inner.test": "inner"]
          $0.web.passthrough = passthrough
          edit(&$0)
        })
      fixture.upstream = local
      return fixture
    }

    private func ends(_ fixture: Fixture, _ expected: [String: UInt64]) async throws {
      let gateway = fixture.gateway
      try await eventually("ends \(expected)") {
        var counts: [String: UInt64] = [:]
        for report in await gateway.reports() {
          for (cause, count) in zip(WorkerReport.passthroughCauses, report.passthroughEnds)
          where count > 0 && (expected[cause] != nil || cause != "network") {
            counts[cause, default: 0] += count
          }
        }
        return counts == expected
      }
    }

    // MARK: Where it goes

    @Test func listedNamesGoOnAndOthersEndHere() throws {
      let upstream = try ScriptedUpstream.answering(tls: server("inner.test")) { _ in ok("inner") }
      let fixture = try fixture(to: upstream)
      for name in ["inner.test", "INNER.test", "a.inner.test"] {
        // The certificate is the target's own.
        let client = try fixture.client(caller(name))
        for _ in 0..<2 { #expect(try client.get("/").text == "inner") }
      }
      #expect(try fixture.client(caller("localhost")).get("/here").text == "/here")
      // Plain text is told what this port is for.
      #expect(try fixture.client().get("/").code == "tls-required")
      // Nothing was decrypted, so nothing was added.
      #expect(upstream.requests.allSatisfy { $0["X-Forwarded-For"] == nil })
    }

    /// The first caller comes while the name is looked up for the first time; and nobody is at one of its two
    /// addresses.
    @Test func aTargetsAddressesAreWaitedForAndTriedInTurn() async throws {
      let upstream = try ScriptedUpstream.answering(tls: server("inner.test")) { _ in ok("inner") }
      for _ in 0..<5 {
        let fixture = try fixture(to: upstream) {
          $0.hosts["pair.test"] = ["127.0.0.1", "127.0.0.77"]
          $0.services["inner"]?.targets = [
            Configuration.Target(url: "https://pair.test:\(upstream.port)")
          ]
        }
        for _ in 0..<4 {
          let client = try fixture.client(caller("inner.test"))
          #expect(try client.get("/").text == "inner")
          client.socket.reset()
        }
        try await ends(fixture, [:])
      }
    }

    @Test func aTargetWithoutAnAddressEndsItAtOnce() async throws {
      let fixture = try fixture(to: .echoing()) {
        $0.services["inner"]?.targets = [Configuration.Target(url: "https://name.invalid:1")]
        $0.services["inner"]?.timeouts.connect = .seconds(600)
      }
      #expect(throws: ScenarioError.self) { try fixture.client(caller("inner.test")).get("/") }
      try await ends(fixture, ["no-target": 1])
    }

    @Test func withoutTLSHereOthersAreRefused() async throws {
      let upstream = try ScriptedUpstream.answering(tls: server("inner.test")) { _ in ok("inner") }
      let fixture = try fixture(to: upstream, own: false)
      do {
        let client = try fixture.client(caller("inner.test"))
        #expect(try client.get("/").text == "inner")
        client.socket.reset()
      }
      for name in ["other.test", nil] {
        do {
          _ = try fixture.client(caller(name)).get("/")
          Issue.record("it was let in")
        } catch ScenarioError.tls(let reason) {
          #expect(reason.contains("unrecognized name"), "\(reason)")
        }
      }
      let plain = try fixture.client()
      try plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect((try? plain.reader.readToEnd())?.isEmpty ?? true)
      try await ends(fixture, ["unlisted": 2, "malformed": 1])
    }

    /// A hello in single bytes, as the worst network brings it.
    @Test func theHelloMayComeInPieces() throws {
      let received = Log()
      let upstream = try ScriptedUpstream { peer in
        while let byte = try? peer.socket.receive(), !byte.isEmpty {
          received.add("\(byte.count)")
          if received.lines.compactMap({ Int($0) }).reduce(0, +) >= Self.hello.count {
            try peer.socket.send([1, 2, 3])
          }
        }
      }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      for byte in Self.hello { try client.socket.send([byte]) }
      #expect(try client.socket.receive() == [1, 2, 3])
    }

    /// For `inner.test`, in records of 20 bytes.
    private static let hello: [UInt8] = {
      let name = Array("inner.test".utf8)
      let list = [0, 0, UInt8(name.count)] + name
      let names = [0, 0, 0, UInt8(list.count + 2), 0, UInt8(list.count)] + list
      let body: [UInt8] =
        [3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0x13, 1, 1, 0, 0, UInt8(names.count)]
        + names
      let message = [1, 0, 0, UInt8(body.count)] + body
      return stride(from: 0, to: message.count, by: 20).flatMap { start in
        let piece = message[start..<min(start + 20, message.count)]
        return [22, 3, 1, 0, UInt8(piece.count)] + piece
      }
    }()

    // MARK: What passes

    @Test func muchPassesBothWays() async throws {
      let upstream = try ScriptedUpstream(tls: server("inner.test")) { peer in
        while let request = try peer.readRequest() {
          try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n")
          try peer.socket.send(request.body)
        }
      }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client(caller("inner.test"))
      let body = randomBytes(6 << 20)
      try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n")
      // A target that echoes answers when it has all, so nobody waits for the other.
      try client.socket.send(body)
      #expect(try client.reader.readResponse().body == body)
    }

    @Test func targetsLearnWhoCallsByTheirPROXYHeader() throws {
      let lines = Log()
      let upstream = try ScriptedUpstream { peer in
        var bytes: [UInt8] = []
        while !bytes.contains(10) { bytes += try peer.socket.receive() }
        lines.add(String(decoding: bytes.prefix { $0 != 13 }, as: UTF8.self))
        try peer.socket.send([9])
      }
      let fixture = try fixture(to: upstream) {
        $0.services["inner"]?.proxyProtocol = .v1
        $0.web.proxyProtocol = true
        $0.web.trustedProxies = ["127.0.0.1"]
      }
      let client = try fixture.client()
      try client.send("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n")
      try client.socket.send(Self.hello)
      #expect(try client.socket.receive() == [9])
      #expect(lines.lines.first?.hasPrefix("PROXY TCP4 192.0.2.1 127.0.0.1 56324 ") == true)
    }

    // MARK: Ends

    @Test func everyEndHasItsCause() async throws {
      let upstream = try ScriptedUpstream { peer in
        let bytes = try peer.socket.receive()
        if bytes.isEmpty { return }
        try peer.socket.send([1])
        switch try peer.socket.receive().first {
        case 1: return
        case 2: peer.socket.reset()
        default: while try !peer.socket.receive().isEmpty {}
        }
      }
      let fixture = try fixture(to: upstream) {
        $0.web.passthrough?.idleTimeout = .milliseconds(300)
      }
      func open() throws -> TestClient {
        let client = try fixture.client()
        try client.socket.send(Self.hello)
        #expect(try client.socket.receive() == [1])
        return client
      }
      // The target's FIN comes first; the caller's follows.
      let first = try open()
      try first.socket.send([1])
      #expect(try first.socket.receive().isEmpty)
      first.socket.close()
      try await ends(fixture, ["upstream": 1])
      let second = try open()
      try second.socket.send([2])
      #expect(throws: ScenarioError.reset) { try second.socket.receive() }
      try await ends(fixture, ["upstream": 1, "network": 1])
      let third = try open()
      #expect(throws: ScenarioError.reset) { try third.socket.receive() }
      try await ends(fixture, ["upstream": 1, "network": 1, "idle-timeout": 1])
      let fourth = try open()
      fourth.socket.finishWriting()
      #expect(try fourth.socket.receive().isEmpty)
      try await ends(fixture, ["upstream": 1, "network": 1, "idle-timeout": 1, "client": 1])
    }

    @Test func nobodyAnswers() async throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream)
      upstream.stop()
      let client = try fixture.client()
      try client.socket.send(Self.hello)
      #expect((try? client.socket.receive())?.isEmpty ?? true)
      try await ends(fixture, ["no-target": 1])
    }

    @Test func whoSaysNothingIsClosed() async throws {
      let fixture = try fixture(to: .echoing()) { $0.web.timeouts.handshake = .milliseconds(100) }
      let silent = try fixture.client()
      let half = try fixture.client()
      try half.socket.send(Array(Self.hello.prefix(40)))
      #expect((try? silent.socket.receive())?.isEmpty ?? true)
      #expect((try? half.socket.receive())?.isEmpty ?? true)
      try await ends(fixture, ["silent": 2])
    }

    @Test func aShutdownEndsWhatIsLeft() throws {
      let upstream = try ScriptedUpstream { peer in
        _ = try peer.socket.receive()
        try peer.socket.send([1])
        while try !peer.socket.receive().isEmpty {}
      }
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      try client.socket.send(Self.hello)
      #expect(try client.socket.receive() == [1])
      fixture.shutDown()
      #expect(throws: ScenarioError.reset) { try client.socket.receive() }
      try waitUntil { upstream.endedCount == 1 }
    }
  }
}
