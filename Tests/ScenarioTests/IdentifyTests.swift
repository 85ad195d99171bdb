import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Who calls, and whether they may: `identify` and `authorize` against the real gateway.
  @Suite struct IdentifyTests {
    /// Alice is a partner, Bob is not.
    private func fixture(
      to upstream: ScriptedUpstream, _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) { configuration in
        configuration.consumers["alice"] = consumer(
          key: "alice-key", groups: ["partners", "staff"])
        configuration.consumers["bob"] = consumer(key: "bob+key", groups: ["others"])
        configuration.all.policies[Configuration.KeyAuth.self] = Configuration.KeyAuth()
        edit(&configuration)
      }
    }

    private func consumer(key: String, groups: [String]) -> Configuration.Consumer {
      var consumer = Configuration.Consumer()
      consumer.groups = groups
      var credential = Configuration.Credential()
      credential.keyAuth = Configuration.KeyCredential(key: key)
      consumer.credentials = [credential]
      return consumer
    }

    @Test func aKeyNamesItsConsumerToTheTarget() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream)
      let response = try fixture.get("/time?a=1", "APIKEY: alice-key")
      #expect(response.status == 200)
      let request = try #require(upstream.requests.first)
      #expect(request["X-Consumer-Username"] == "alice")
      #expect(request["X-Consumer-Groups"] == "partners, staff")
      #expect(request["X-Credential-Identifier"] == "alice.key-auth.1")
      #expect(request["apikey"] == nil)
      #expect(request["X-Anonymous-Consumer"] == nil)
    }

    @Test func withoutAGoodKeyNothingReachesTheTarget() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.all.policies[Configuration.KeyAuth.self]?.realm = "time"
      }
      for fields in [[], ["apikey: wrong"], ["apikey: "], ["apikey: alice-key2"]] {
        let response = try fixture.client().exchange(
          "GET / HTTP/1.1\r\nHost: a\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
        #expect(response.status == 401)
        #expect(response.code == "unauthorized")
        #expect(response["WWW-Authenticate"] == "Key realm=\"time\"")
      }
      #expect(upstream.requests.isEmpty)
    }

    @Test func keysMayComeInQueriesAndCookies() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.all.policies[Configuration.KeyAuth.self]?.cookie = true
      }
      #expect(try fixture.get("/a?x=1&apikey=bob%2Bkey&y=2").text == "/a?x=1&y=2")
      #expect(try fixture.get("/a?apikey=alice-key").text == "/a")
      #expect(try fixture.get("/a?apikey=%zz").status == 401)
      #expect(try fixture.get("/b", "Cookie: a=1; apikey=alice-key; b=2").status == 200)
      let requests = upstream.requests
      #expect(requests.map { $0["X-Consumer-Username"] } == ["bob", "alice", "alice"])
      #expect(requests.last?["Cookie"] == "a=1; b=2")
    }

    @Test func nobodyCanForgeWhoTheyAre() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.web.trustedProxies = ["127.0.0.1"]
        var open = $0.all
        open.match.prefix = "/open"
        open.policies = Configuration.Policies()
        $0.routes["open"] = open
      }
      let forged = [
        "X-Consumer-Username: root", "x-consumer-groups: admins", "X-Consumer-ID: 1",
        "X-Consumer-Custom-ID: 1", "X-Credential-Identifier: x", "X-Anonymous-Consumer: true",
        "X-Authenticated-Groups: admins", "X_Consumer_Username: root",
      ]
      for target in ["/open", "/closed"] {
        let response = try fixture.client().exchange(
          "GET \(target) HTTP/1.1\r\nHost: a\r\napikey: alice-key\r\n"
            + forged.map { $0 + "\r\n" }.joined() + "\r\n")
        #expect(response.status == 200)
      }
      let requests = upstream.requests
      #expect(requests.map { $0["X-Consumer-Username"] } == [nil, "alice"])
      #expect(requests.map { $0["X-Consumer-Groups"] } == [nil, "partners, staff"])
      for request in requests {
        for name in ["X-Consumer-ID", "X-Anonymous-Consumer", "X_Consumer_Username"] {
          #expect(request[name] == nil)
        }
      }
    }

    @Test func groupsDecideWhoMayPass() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.all.policies[Configuration.ACL.self] = Configuration.ACL(allow: ["partners"])
        var other = $0.all
        other.match.prefix = "/not-others"
        other.policies[Configuration.ACL.self] = Configuration.ACL(deny: ["others"])
        $0.routes["denying"] = other
        var nobody = $0.all
        nobody.match.prefix = "/nobody"
        nobody.policies.turnOff(Configuration.KeyAuth.self)
        $0.routes["nobody"] = nobody
      }
      #expect(try fixture.get("/", "apikey: alice-key").status == 200)
      let refused = try fixture.get("/", "apikey: bob+key")
      #expect(refused.status == 403)
      #expect(refused.code == "forbidden")
      #expect(try fixture.get("/not-others", "apikey: alice-key").status == 200)
      #expect(try fixture.get("/not-others", "apikey: bob+key").status == 403)
      #expect(try fixture.get("/nobody", "apikey: alice-key").status == 401)
      #expect(upstream.requests.count == 2)
    }

    /// What is said for a consumer or a group holds for it only, and on top of the route.
    @Test func policiesMayDependOnTheCaller() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        var closed = Configuration.Policies()
        closed[Configuration.ACL.self] = Configuration.ACL(allow: ["nobody"])
        $0.groups["others"] = Configuration.Group(policies: closed)
        var open = Configuration.Policies()
        open.turnOff(Configuration.ACL.self)
        $0.all.consumers["bob"] = open
        var second = $0.all
        second.match.prefix = "/second"
        second.consumers = [:]
        $0.routes["second"] = second
      }
      for _ in 0..<2 {
        #expect(try fixture.get("/", "apikey: alice-key").status == 200)
        #expect(try fixture.get("/", "apikey: bob+key").status == 200)
        #expect(try fixture.get("/second", "apikey: bob+key").status == 403)
        #expect(try fixture.get("/second", "apikey: alice-key").status == 200)
      }
    }

    @Test func aReloadTakesKeysAway() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream)
      let client = try fixture.client()
      #expect(try client.get("/", "apikey: alice-key").status == 200)
      var next = fixture.gateway.configuration
      next.consumers["alice"] = nil
      try fixture.gateway.reload(next)
      #expect(try client.get("/", "apikey: alice-key").status == 401)
      #expect(try client.get("/", "apikey: bob+key").status == 200)
    }
  }
}

extension Configuration.ACL {
  init(allow: [String] = [], deny: [String] = []) {
    self.init()
    self.allow = allow
    self.deny = deny
  }
}

extension Configuration.Group {
  init(policies: Configuration.Policies) {
    self.init()
    self.policies = policies
  }
}
