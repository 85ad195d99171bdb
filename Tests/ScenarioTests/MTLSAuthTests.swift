import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Consumers by the certificates of their TLS handshakes.
  @Suite struct MTLSAuth {
    private let authority = TestAuthority()

    private func fixture(
      to upstream: ScriptedUpstream, _ mode: Configuration.ClientCertificates.Mode = .request,
      _ policy: (inout Configuration.MTLSAuth) -> Void = { _ in },
      credentials: [(consumer: String, Configuration.CertificateCredential)],
      _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      let own = authority.issue("localhost", names: ["DNS:localhost"])
      return try Fixture(to: upstream) {
        $0.web.tls = Configuration.ListenerTLS(own)
        var callers = Configuration.ClientCertificates()
        callers.mode = mode
        callers.ca = authority.path
        $0.web.tls?.clientCertificates = callers
        for (name, certificate) in credentials {
          var credential = Configuration.Credential()
          credential.mtlsAuth = certificate
          $0.consumers[name, default: Configuration.Consumer()].credentials.append(credential)
        }
        var settings = Configuration.MTLSAuth()
        policy(&settings)
        $0.all.policies[Configuration.MTLSAuth.self] = settings
        edit(&$0)
      }
    }

    private func credential(
      _ edit: (inout Configuration.CertificateCredential) -> Void
    ) -> Configuration.CertificateCredential {
      var credential = Configuration.CertificateCredential()
      edit(&credential)
      return credential
    }

    private func settings(
      _ identity: TestAuthority.Identity?, alpn: [String] = []
    ) -> TestTLSSettings {
      TestTLSSettings(trusting: authority, identity: identity, protocols: alpn)
    }

    @Test func everyKindOfNameFindsItsConsumer() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(
        to: upstream,
        credentials: [
          ("by-subject", credential { $0.subject = "CN=sub ject" }),
          ("by-common-name", credential { $0.commonName = "carol" }),
          ("by-dns", credential { $0.dns = "Dave.Test" }),
          ("by-uri", credential { $0.uri = "spiffe://test/erin" }),
          ("by-email", credential { $0.email = "frank@example.test" }),
        ])
      for (identity, consumer, id) in [
        (authority.issue("sub ject"), "by-subject", "CN=sub ject"),
        (authority.issue("carol"), "by-common-name", "carol"),
        (authority.issue("x", names: ["DNS:dave.test"]), "by-dns", "dave.test"),
        (
          authority.issue("x", names: ["URI:spiffe://test/erin"]), "by-uri", "spiffe://test/erin"
        ),
        (
          authority.issue("x", names: ["email:frank@example.test"]), "by-email",
          "frank@example.test"
        ),
      ] {
        let client = try fixture.client(settings(identity))
        // Twice: found, and remembered; what callers forge goes no further.
        for _ in 0..<2 {
          #expect(try client.get("/", "X-Consumer-Username: root").status == 200)
          let request = try #require(upstream.requests.last)
          #expect(request.values("X-Consumer-Username") == [consumer])
          #expect(request["X-Credential-Identifier"] == id)
        }
      }
    }

    @Test func whoHasNoneOrAnUnknownOneIsRefused() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(
        to: upstream,
        credentials: [
          ("alice", credential { $0.commonName = "alice" }),
          ("bob", credential { $0.dns = "bob.test" }),
        ])
      #expect(try fixture.client(settings(nil)).get("/").status == 401)
      #expect(try fixture.client(settings(authority.issue("mallory"))).get("/").status == 401)
      // Names of two consumers are nobody's.
      let both = authority.issue("alice", names: ["DNS:bob.test"])
      #expect(try fixture.client(settings(both)).get("/").status == 401)
      // A DNS name is no common name.
      #expect(try fixture.client(settings(authority.issue("bob.test"))).get("/").status == 401)
      #expect(upstream.requests.isEmpty)
    }

    @Test func othersMayFindOutUnlessItIsRequired() throws {
      for isRequired in [false, true] {
        let upstream = try ScriptedUpstream.echoing()
        let fixture = try fixture(
          to: upstream, .request,
          {
            $0.required = isRequired
            $0.unknown = .ignore
          }, credentials: [("alice", credential { $0.commonName = "alice" })],
          {
            var key = Configuration.Credential()
            key.keyAuth = Configuration.KeyCredential(key: "bob-key")
            $0.consumers["bob"] = Configuration.Consumer()
            $0.consumers["bob"]?.credentials = [key]
            $0.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
          })
        let expected = isRequired ? 401 : 200
        for identity in [nil, authority.issue("unknown")] {
          let client = try fixture.client(settings(identity))
          #expect(try client.get("/", "apikey: bob-key").status == expected)
        }
        #expect(upstream.requests.allSatisfy { $0["X-Consumer-Username"] == "bob" })
        #expect(try fixture.client(settings(authority.issue("alice"))).get("/").status == 200)
        #expect(upstream.requests.last?["X-Consumer-Username"] == "alice")
      }
    }

    @Test func itHoldsForHTTP2() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(
        to: upstream, credentials: [("alice", credential { $0.commonName = "alice" })])
      let client = try fixture.http2(settings(authority.issue("alice"), alpn: ["h2"]))
      #expect(try client.get("/").status == 200)
      #expect(upstream.requests.last?["X-Consumer-Username"] == "alice")
      let nobody = try fixture.http2(settings(nil, alpn: ["h2"]))
      #expect(try nobody.get("/").status == 401)
    }

    /// The session ends with the certificate, by either protocol.
    @Test(arguments: [false, true]) func aSessionEndsWithItsCertificate(byHTTP2: Bool) async throws
    {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let fixture = try fixture(
        to: upstream, credentials: [("alice", credential { $0.commonName = "alice" })]
      ) {
        $0.all.kind = .websocket
        $0.all.connection = .impatient
      }
      let short = authority.issue("alice", to: 3)
      let settings = settings(short, alpn: byHTTP2 ? ["h2"] : [])
      if byHTTP2 {
        let socket = try HTTP2WebSocket(fixture.http2(settings), stream: 1)
        #expect(try socket.waitForHead().status == 200)
        #expect(try socket.read()?.closeCode == 4_401)
        let late = try HTTP2WebSocket(socket.client, stream: 3)
        #expect(try late.waitForHead().status == 401)
      } else {
        let socket = try fixture.client(settings).open()
        #expect(try socket.read()?.closeCode == 4_401)
      }
      let gateway = fixture.gateway
      try await eventually("expiry") { await gateway.sessions().closed == [.tokenExpired: 1] }
    }
  }
}
