import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Callers that are not asked who they are, and fields that take the place of others.
  @Suite struct ExemptTests {
    private func fixture(
      to upstream: ScriptedUpstream, exempt: [String], trusting: [String] = []
    ) throws -> Fixture {
      try Fixture(to: upstream) {
        var consumer = Configuration.Consumer()
        var credential = Configuration.Credential()
        credential.keyAuth = Configuration.KeyCredential(key: "alice-key")
        consumer.credentials = [credential]
        $0.consumers["alice"] = consumer
        $0.web.trustedProxies = trusting
        $0.all.policies.set(Configuration.KeyAuth())
        var identify = Configuration.Identify()
        identify.exempt = exempt
        $0.all.policies.set(identify)
      }
    }

    @Test func whoComesFromThereIsNobody() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream, exempt: ["127.0.0.0/8"])
      #expect(try fixture.get("/a").status == 200)
      // Nobody looks at what they send, and nobody believes it.
      #expect(try fixture.get("/a", "apikey: wrong").status == 200)
      #expect(try fixture.get("/a", "apikey: alice-key", "X-Consumer-Username: bob").status == 200)
      #expect(upstream.requests.allSatisfy { $0["X-Consumer-Username"] == nil })
    }

    @Test func othersAreAskedAsEver() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream, exempt: ["10.0.0.0/8"])
      #expect(try fixture.get("/a").status == 401)
      #expect(try fixture.get("/a", "X-Forwarded-For: 10.0.0.1").status == 401)
      #expect(try fixture.get("/a", "apikey: alice-key").status == 200)
      #expect(upstream.requests.count == 1)
    }

    /// The address is the one that a trusted proxy reports, and no other.
    @Test func theAddressIsTheCallers() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(
        to: upstream, exempt: ["10.0.0.0/8"], trusting: ["127.0.0.0/8"])
      #expect(try fixture.get("/a", "X-Forwarded-For: 10.0.0.1").status == 200)
      #expect(try fixture.get("/a", "X-Forwarded-For: 10.0.0.1, 192.0.2.1").status == 401)
      #expect(try fixture.get("/a").status == 401)
    }

    @Test func fieldsTakeThePlaceOfOthers() throws {
      let upstream = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nCache-Control: a\r\nX-B: 1\r\ncache-control: b\r\nContent-Type: x/y\r\n\r\n"
      }
      var headers = Configuration.CallerHeaders()
      for (name, value) in [("Cache-Control", "own"), ("X-B", ""), ("Content-Type", "z/z")] {
        var added = Configuration.AddedHeader()
        (added.name, added.value, added.replaces) = (name, value, true)
        added.statuses = [200, 403]
        headers.add.append(added)
      }
      let fixture = try Fixture(to: upstream) {
        $0.all.policies.set(headers)
        var closed = Configuration.Route()
        closed.kind = .http
        closed.service = "service"
        closed.match.path = "/closed"
        closed.policies.set(headers)
        var restriction = Configuration.IPRestriction()
        restriction.deny = ["127.0.0.0/8"]
        closed.policies.set(restriction)
        $0.routes["closed"] = closed
      }
      for path in ["/a", "/closed"] {
        let response = try fixture.get(path)
        #expect(response.status == (path == "/a" ? 200 : 403))
        #expect(response.values("Cache-Control") == ["own"])
        #expect(response.values("Content-Type") == ["z/z"])
        #expect(response["X-B"] == nil)
      }
    }
  }
}
