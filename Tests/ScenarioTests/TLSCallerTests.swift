import COpenSSL
import CTLS13
import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceWire
import Testing

@testable import SluiceReactor

extension Scenarios {
  /// Callers that show certificates.
  @Suite struct TLSCallers {
    let authority = TestAuthority()

    private func fixture(
      _ mode: Configuration.ClientCertificates.Mode, revoked: [TestAuthority.Identity]? = nil
    ) throws -> Fixture {
      let own = authority.issue("localhost", names: ["DNS:localhost"])
      return try Fixture(to: .echoing()) {
        $0.web.tls = Configuration.ListenerTLS(own)
        $0.web.tls?.clientCertificates = callers(mode, revoked: revoked)
      }
    }

    private func callers(
      _ mode: Configuration.ClientCertificates.Mode, revoked: [TestAuthority.Identity]? = nil
    ) -> Configuration.ClientCertificates {
      var callers = Configuration.ClientCertificates()
      callers.mode = mode
      callers.ca = authority.path
      callers.crl = revoked.map { authority.revocations(of: $0) }
      return callers
    }

    private func get(
      _ fixture: Fixture, as identity: TestAuthority.Identity?, _ version: Int32 = 0
    ) throws -> Int {
      let settings = TestTLSSettings(trusting: authority, identity: identity, version: version)
      return try fixture.client(settings).get("/").status
    }

    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func aRequiredCertificateIsRequired(version: Int32) throws {
      let fixture = try fixture(.require)
      #expect(try get(fixture, as: authority.issue("alice"), version) == 200)
      #expect(throws: ScenarioError.self) { try get(fixture, as: nil, version) }
    }

    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func aRequestedCertificateMayBeLeftOutButNotBeWrong(version: Int32) throws {
      let fixture = try fixture(.request)
      #expect(try get(fixture, as: nil, version) == 200)
      #expect(try get(fixture, as: authority.issue("alice"), version) == 200)
      let stranger = TestAuthority("Stranger")
      let mallory = stranger.issue("mallory")
      #expect(throws: ScenarioError.self) { try get(fixture, as: mallory, version) }
      let expired = authority.issue("late", from: -3 * 86_400, to: -86_400)
      #expect(throws: ScenarioError.self) { try get(fixture, as: expired, version) }
    }

    @Test func aRevokedCertificateIsRefusedAlsoAfterAReload() throws {
      let alice = authority.issue("alice")
      let bob = authority.issue("bob")
      let fixture = try fixture(.require, revoked: [bob])
      #expect(try get(fixture, as: alice) == 200)
      #expect(throws: ScenarioError.self) { try get(fixture, as: bob) }
      // A session from before the revocation does not help.
      let settings = TestTLSSettings(trusting: authority, identity: alice)
      let before = try fixture.client(settings)
      #expect(try before.get("/").status == 200)
      settings.resume(try #require(before.socket.tls))
      var next = fixture.gateway.configuration
      next.web.tls?.clientCertificates = callers(.require, revoked: [alice, bob])
      try fixture.gateway.reload(next)
      #expect(throws: ScenarioError.self) { try fixture.client(settings).get("/") }
    }

    /// A session must not outlive the certificate that began it, however often it is taken up.
    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func aSessionEndsWithItsCertificate(version: Int32) async throws {
      let fixture = try fixture(.require)
      // Long enough to be used twice; a busy machine needs more than the first.
      for lifetime in [2, 4, 8, 16] {
        let end = time(nil) + lifetime
        let identity = authority.issue("alice", to: lifetime)
        let settings = TestTLSSettings(trusting: authority, identity: identity, version: version)
        var isResumed = false
        for _ in 0..<2 {
          guard let client = try? fixture.client(settings), try client.get("/").status == 200,
            let tls = client.socket.tls
          else { break }
          isResumed = tls.isResumed
          settings.resume(tls)
        }
        if !isResumed && time(nil) >= end - 1 { continue }
        #expect(isResumed)
        try await eventually("the certificate has not expired", within: 30_000) { time(nil) > end }
        #expect(throws: ScenarioError.self) { try fixture.client(settings).get("/") }
        return
      }
      Issue.record("no certificate lived long enough")
    }

    /// A session must not carry what one listener verified to another that verifies differently.
    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func sessionsStayOnTheirListener(version: Int32) throws {
      let own = authority.issue("localhost", names: ["DNS:localhost"])
      let fixture = try Fixture(to: .echoing()) {
        $0.web.tls = Configuration.ListenerTLS(own)
        $0.listeners["strict"] = $0.web
        $0.listeners["strict"]?.tls?.clientCertificates = callers(.require)
      }
      let settings = TestTLSSettings(trusting: authority, version: version)
      let open = try fixture.client(settings)
      #expect(try open.get("/").status == 200)
      settings.resume(try #require(open.socket.tls))
      let port = try #require(fixture.port(ofListener: "strict"))
      #expect(throws: ScenarioError.self) { try TestClient(port: port, settings).get("/") }
    }

    // MARK: Who it is

    /// Two layers, each on a transport of its own, without a socket.
    private func handshake(
      _ server: TLSServerContext, _ client: TLSOrigin, bytesAtATime: Int = .max
    ) throws -> (server: TLSLayer, client: TLSLayer) {
      let (a, b) = (TLSTransport(readBufferSize: 1_024), TLSTransport(readBufferSize: 1_024))
      let server = try #require(TLSLayer(server: server, a))
      let client = try #require(TLSLayer(client: client, b))
      var isDone = (false, false)
      for _ in 0..<20 where !(isDone.0 && isDone.1) {
        isDone.1 = try step(client, b, from: a, bytesAtATime) || isDone.1
        isDone.0 = try step(server, a, from: b, bytesAtATime) || isDone.0
      }
      #expect(isDone == (true, true))
      return (server, client)
    }

    private func step(
      _ layer: TLSLayer, _ own: TLSTransport, from other: TLSTransport, _ bytesAtATime: Int
    ) throws -> Bool {
      let bytes = other.output.copiedBytes()
      other.output.clear()
      var rest = bytes[...]
      var isDone = false
      repeat {
        let piece = Array(rest.prefix(bytesAtATime))
        rest = rest.dropFirst(piece.count)
        try piece.withUnsafeBytes { piece in
          own.input = piece
          switch layer.isEstablished ? .done : layer.handshake() {
          case .done: isDone = true
          case .needsMore: break
          case .failed(let failure): throw failure
          }
          #expect(own.input.isEmpty || isDone)
        }
      } while !rest.isEmpty
      return isDone
    }

    private func layers() throws -> (server: TLSLayer, client: TLSLayer) {
      let own = authority.issue(names: ["DNS:localhost"])
      let settings = TLSServerSettings(certificates: [
        TLSServerSettings.Certificate(certificate: own.certificate, key: own.key)
      ])
      var client = TLSClientSettings()
      client.authorities = authority.path
      return try handshake(
        TLSServerContext(settings, keys: TLSTicketKeys()),
        TLSOrigin(TLSClientContext(client), name: "localhost", isAddress: false))
    }

    // MARK: Failures of a layer

    @Test func whoAnswersTooMuchKnowsWhy() throws {
      let layer = try layers().server
      #expect(layer.countReply(TLSLayer.maxReplyBytes, isClogged: false))
      #expect(layer.failure == nil)
      #expect(!layer.countReply(1, isClogged: false))
      #expect(layer.failure != nil && layer.hasEnded)
    }

    /// Notes what it is told.
    private final class Probe: StreamConnection {
      var outcomes: [ReadOutcome] = []
      var failures = 0
      override func streamReadable() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) {
          outcomes.append(read(into: $0))
        }
      }
      override func streamFailed(_ code: Int32) { failures += 1 }
    }

    /// No event comes for bytes that could not be encrypted, and nobody need wait for a deadline.
    @Test(arguments: [false, true]) func aWriteThatFailsEndsTheConnection(isPaused: Bool) throws {
      let layer = try layers().server
      let records = try #require(layer.records)
      // A key that has to be replaced, and can't.
      records.keys[0].sequence = TLSRecordLayer.recordsPerKey
      records.keys[0].key_size = 48
      var ends: [Int32] = [-1, -1]
      let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
      try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
      defer { close(ends[1]) }
      let probe = Probe(loop: try EventLoop())
      try probe.adopt(ends[0])
      probe.tls = layer
      probe.send([1, 2, 3].span)
      #expect(layer.failure != nil && probe.isBroken && probe.isReadable)
      if isPaused { probe.pauseReading() }
      // The turn that was asked for.
      probe.resumed()
      #expect(probe.outcomes == (isPaused ? [] : [.failed(EPROTO)]))
      #expect(probe.failures == (isPaused ? 1 : 0))
      probe.close()
    }

    @Test(arguments: [1, 7, Int.max]) func aCertificateSaysWhoCalls(bytesAtATime: Int) throws {
      let own = authority.issue(names: ["DNS:localhost"])
      let alice = authority.issue(
        "alice", names: ["DNS:alice.test", "URI:spiffe://test/alice", "email:alice@example.test"])
      var settings = TLSServerSettings(certificates: [
        TLSServerSettings.Certificate(certificate: own.certificate, key: own.key)
      ])
      settings.clientCertificates = TLSServerSettings.ClientCertificates(
        isRequired: true, authorities: authority.path)
      var client = TLSClientSettings()
      client.authorities = authority.path
      client.certificate = alice.certificate
      client.key = alice.key
      let layers = try handshake(
        TLSServerContext(settings, keys: TLSTicketKeys()),
        TLSOrigin(TLSClientContext(client), name: "localhost", isAddress: false),
        bytesAtATime: bytesAtATime)
      let caller = try #require(layers.server.clientCertificate)
      #expect(caller.subject == "CN=alice")
      #expect(caller.commonName == "alice")
      #expect(caller.names.dns == ["alice.test"])
      #expect(caller.names.uris == ["spiffe://test/alice"])
      #expect(caller.names.emails == ["alice@example.test"])
      #expect(caller.serialNumber == String(format: "%02X", alice.serial))
      #expect(
        caller.fingerprint.count == 32 && caller.fingerprint != [UInt8](repeating: 0, count: 32))
      #expect(layers.client.clientCertificate == nil)
    }
  }
}
