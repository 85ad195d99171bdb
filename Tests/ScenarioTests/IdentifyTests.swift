// LONG: one set of consumers, and every policy that finds out who they are.
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

    // MARK: Passwords

    private func password(
      _ name: String, password: String? = nil, digest: String? = nil
    ) -> Configuration.Credential {
      var credential = Configuration.Credential()
      credential.basicAuth = Configuration.PasswordCredential(
        username: name, password: password, digest: digest)
      return credential
    }

    private func basic(_ text: String) -> String {
      "Authorization: Basic " + Data(text.utf8).base64EncodedString()
    }

    @Test func passwordsNameTheirConsumer() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.all.policies = Configuration.Policies()
        $0.all.policies[Configuration.BasicAuth.self] = Configuration.BasicAuth()
        $0.consumers["alice"]?.credentials = [password("al", password: "open:sesame")]
        $0.consumers["bob"]?.credentials = [
          password(
            "bob",
            digest:
              "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$s3IZwNaj0tVJT/Zd1BK36yyWUegjfcz+09S7ubTdZqI"
          )
        ]
      }
      let client = try fixture.client()
      for _ in 0..<3 {
        #expect(try client.get("/", basic("al:open:sesame")).status == 200)
        #expect(try client.get("/", basic("bob:bob-password")).status == 200)
        for wrong in ["bob:wrong", "al:open", "nobody:bob-password", "bob", "", "al:"] {
          let response = try client.get("/", basic(wrong))
          #expect(response.status == 401, "\(wrong)")
          #expect(response["WWW-Authenticate"] == "Basic realm=\"sluice\", charset=\"UTF-8\"")
        }
      }
      #expect(try client.get("/").status == 401)
      #expect(try client.get("/", "Authorization: Basic ???").status == 401)
      #expect(try client.get("/", "Authorization: Bearer abc").status == 401)
      let requests = upstream.requests
      #expect(
        requests.map { $0["X-Consumer-Username"] } == [
          "alice", "bob", "alice", "bob", "alice", "bob",
        ])
      #expect(requests.allSatisfy { $0["Authorization"] == nil })
      #expect(requests[1]["X-Credential-Identifier"] == "bob")
    }

    /// While a password is checked elsewhere, requests that need no check pass, and the body waits.
    @Test func slowPasswordsHoldNobodyUp() throws {
      let upstream = try ScriptedUpstream.echoing()
      let slow =
        "$scrypt$ln=13,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$cASHFcMkxzFLwFUndqQzPFcs511tGj4wZyQLypjSE+Q"
      let fixture = try fixture(to: upstream) {
        $0.all.policies[Configuration.BasicAuth.self] = Configuration.BasicAuth()
        $0.consumers["bob"]?.credentials.append(password("bob", digest: slow))
      }
      let waiting = try (0..<4).map { _ in try fixture.client() }
      for client in waiting {
        try client.send(
          "POST /slow HTTP/1.1\r\nHost: a\r\n\(basic("bob:slow"))\r\nContent-Length: 3\r\n\r\nabc")
      }
      #expect(try fixture.get("/fast", "apikey: alice-key").status == 200)
      // One of those that wait leaves.
      waiting[0].socket.interrupt()
      for client in waiting.dropFirst() {
        #expect(try client.reader.readResponse(to: "POST").status == 200)
      }
      #expect(upstream.requests.first?.target == "/fast")
      #expect(upstream.requests.filter { $0.text == "abc" }.count >= 3)
    }

    // MARK: Tokens

    private static let secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    private static let good =
      "eyJhbGciOiAiSFMyNTYifQ.eyJpc3MiOiAiaHR0cHM6Ly9sb2dpbi50ZXN0LyIsICJzdWIiOiAiYWxpY2UiLCAiYXVkIjogWyJ0aW1lIiwgIm90aGVyIl0sICJleHAiOiA0MTAyNDQ0ODAwLCAicm9sZXMiOiBbInBhcnRuZXJzIiwgInN0YWZmIl0sICJlbWFpbCI6ICJhbGljZUBleGFtcGxlLnRlc3QifQ.VPdUGXLn33HZtNpCL18xlXKOdUt6_Qv0keQyqEmxihg"
    private static let expired =
      "eyJhbGciOiAiSFMyNTYifQ.eyJpc3MiOiAiaHR0cHM6Ly9sb2dpbi50ZXN0LyIsICJzdWIiOiAiYWxpY2UiLCAiYXVkIjogWyJ0aW1lIiwgIm90aGVyIl0sICJleHAiOiAxMDAwMDAwMDAwLCAicm9sZXMiOiBbInBhcnRuZXJzIiwgInN0YWZmIl0sICJlbWFpbCI6ICJhbGljZUBleGFtcGxlLnRlc3QifQ.eyitjK5rWcu1_02nXSVuMUhU9KMPHvpjC5yRvJwR9xc"
    private static let ofAlicesApp =
      "eyJhbGciOiAiSFMyNTYifQ.eyJpc3MiOiAiYWxpY2UtYXBwIiwgInN1YiI6ICJtYWxsb3J5IiwgImF1ZCI6IFsidGltZSIsICJvdGhlciJdLCAiZXhwIjogNDEwMjQ0NDgwMCwgInJvbGVzIjogWyJwYXJ0bmVycyIsICJzdGFmZiJdLCAiZW1haWwiOiAiYWxpY2VAZXhhbXBsZS50ZXN0In0.DjP6pi1pRcIjXS-DZbLdka54LkkYfWYknONxu7yq4QQ"
    private static let forged =
      "eyJhbGciOiAiSFMyNTYifQ.eyJpc3MiOiAiaHR0cHM6Ly9sb2dpbi50ZXN0LyIsICJzdWIiOiAiYWxpY2UiLCAiYXVkIjogWyJ0aW1lIiwgIm90aGVyIl0sICJleHAiOiA0MTAyNDQ0ODAwLCAicm9sZXMiOiBbInBhcnRuZXJzIiwgInN0YWZmIl0sICJlbWFpbCI6ICJhbGljZUBleGFtcGxlLnRlc3QifQ.Tfy--UDb8QNV0TjwJSe33B85l3ythPp7_hKhjRTFlqg"

    private func tokens() -> Configuration.JWT {
      var settings = Configuration.JWT()
      var key = Configuration.JWTKey()
      key.algorithm = .hs256
      key.secret = Secret(Self.secret)
      settings.keys = [key]
      settings.claims.consumer = "sub"
      settings.claims.groups = "roles"
      settings.claims.headers = ["X-Email": "email"]
      settings.query = ["token"]
      return settings
    }

    @Test func tokensNameTheirConsumer() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.all.policies = Configuration.Policies()
        $0.all.policies[Configuration.JWT.self] = tokens()
        $0.all.policies[Configuration.ACL.self] = Configuration.ACL(allow: ["staff"])
        $0.consumers["alice"]?.groups = ["vip"]
      }
      let client = try fixture.client()
      for _ in 0..<2 {
        let response = try client.get(
          "/", "Authorization: Bearer \(Self.good)", "X-Email: forged@example.test")
        #expect(response.status == 200)
      }
      #expect(try client.get("/?a=1&token=\(Self.good)").status == 200)
      for request in upstream.requests {
        #expect(request["X-Consumer-Username"] == "alice")
        #expect(request["X-Consumer-Groups"] == "vip, partners, staff")
        #expect(request["X-Email"] == "alice@example.test")
      }
      #expect(upstream.requests.first?["Authorization"] == "Bearer \(Self.good)")
    }

    @Test func badTokensSayWhy() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.all.policies = Configuration.Policies()
        $0.all.policies[Configuration.JWT.self] = tokens()
      }
      for (token, reason) in [
        (Self.expired, "The token has expired."), ("a.b.c", "The token is malformed."),
        (Self.forged, "The token's signature is not accepted."),
      ] {
        let response = try fixture.get("/", "Authorization: Bearer \(token)")
        #expect(response.status == 401)
        #expect(
          response["WWW-Authenticate"]
            == "Bearer error=\"invalid_token\", error_description=\"\(reason)\"")
      }
      #expect(try fixture.get("/")["WWW-Authenticate"] == "Bearer")
      #expect(upstream.requests.isEmpty)
    }

    /// What the token says of itself does not count where the key is one consumer's own.
    @Test func aConsumersOwnKeySpeaksForItOnly() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.all.policies = Configuration.Policies()
        var settings = Configuration.JWT()
        settings.claims.consumer = "sub"
        $0.all.policies[Configuration.JWT.self] = settings
        var credential = Configuration.Credential()
        var token = Configuration.TokenCredential()
        token.key = "alice-app"
        token.algorithm = .hs256
        token.secret = Secret(Self.secret)
        credential.jwt = token
        $0.consumers["alice"]?.credentials.append(credential)
      }
      #expect(try fixture.get("/", "Authorization: Bearer \(Self.ofAlicesApp)").status == 200)
      #expect(upstream.requests.first?["X-Consumer-Username"] == "alice")
      #expect(upstream.requests.first?["X-Credential-Identifier"] == "alice-app")
      #expect(try fixture.get("/", "Authorization: Bearer \(Self.good)").status == 401)
    }

    // MARK: Signed requests

    /// Signatures made with Python's hmac.
    @Test func signedRequestsNameTheirConsumer() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.all.policies = Configuration.Policies()
        var settings = Configuration.HMACAuth()
        settings.require = ["request-line", "digest"]
        settings.body = true
        $0.all.policies[Configuration.HMACAuth.self] = settings
        var credential = Configuration.Credential()
        credential.hmacAuth = Configuration.SigningCredential(
          username: "al", secret: "a-secret-of-thirty-two-bytes-....")
        $0.consumers["alice"]?.credentials.append(credential)
        var dated = $0.all
        dated.match.prefix = "/dated"
        dated.policies[Configuration.HMACAuth.self] = Configuration.HMACAuth()
        $0.routes["dated"] = dated
      }
      // A refusal before the body was read ends the connection.
      func post(_ body: String, signature: String, target: String = "/sign?a=1") throws -> Message {
        try fixture.client().exchange(
          "POST \(target) HTTP/1.1\r\nHost: a\r\nDigest: SHA-256=LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=\r\n"
            + "Authorization: hmac username=\"al\", algorithm=\"hmac-sha256\", "
            + "headers=\"request-line digest\", signature=\"\(signature)\"\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
      }
      let good = "5JFJXjvGIBNQzbXS9UZFke3J/dZtw4FA0hiMPomiFI8="
      #expect(try post("hello", signature: good).status == 200)
      let request = try #require(upstream.requests.first)
      #expect(request["X-Consumer-Username"] == "alice")
      #expect(request["X-Credential-Identifier"] == "al")
      #expect(request["Authorization"] == nil)
      #expect(request.text == "hello")
      #expect(try post("hellO", signature: good).status == 401)
      #expect(try post("hello", signature: good, target: "/sign?a=2").status == 401)
      #expect(try post("hello", signature: "AAAA").status == 401)
      let signed =
        "headers=\"date request-line\", signature=\"vDJ2slKO1xy5NHeEEwre57IO4kDEiY41QHkxZhUPF/4=\""
      let old = try fixture.get(
        "/dated", "Date: Sun, 06 Nov 1994 08:49:37 GMT",
        "Authorization: hmac username=\"al\", algorithm=\"hmac-sha256\", \(signed)")
      #expect(old.status == 401)
      #expect(old.text.contains("too far from now"))
      let uncovered = try fixture.get(
        "/dated",
        "Authorization: hmac username=\"al\", algorithm=\"hmac-sha256\", headers=\"host\", signature=\"AAAA\""
      )
      #expect(uncovered.text.contains("does not cover"))
      #expect(upstream.requests.count == 1)
    }

    // MARK: Claims

    @Test func claimsDecideWhoMayPass() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.all.policies = Configuration.Policies()
        $0.all.policies[Configuration.JWT.self] = tokens()
        var claims = Configuration.Claims()
        claims.require = [
          "claims.aud contains 'time' and claims.email endsWith '@example.test'",
          "method == 'GET' or groups contains 'admins'", "not path startsWith '/closed'",
        ]
        $0.all.policies[Configuration.Claims.self] = claims
      }
      let token = "Authorization: Bearer \(Self.good)"
      #expect(try fixture.get("/", token).status == 200)
      #expect(try fixture.get("/closed/a", token).status == 403)
      let posted = try fixture.client().exchange(
        "POST / HTTP/1.1\r\nHost: a\r\n\(token)\r\nContent-Length: 0\r\n\r\n")
      #expect(posted.status == 403)
      #expect(try fixture.get("/").status == 401)
    }

    // MARK: Several

    @Test func anyOrAllMayBeRequired() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.all.policies[Configuration.JWT.self] = tokens()
        var all = $0.all
        all.match.prefix = "/all"
        all.policies[Configuration.Identify.self] = Configuration.Identify(require: .all)
        $0.routes["both"] = all
        all.match.prefix = "/open"
        all.policies[Configuration.Anonymous.self] = Configuration.Anonymous()
        $0.routes["open"] = all
      }
      let (alice, bob) = ("apikey: alice-key", "apikey: bob+key")
      let (token, bad) = ("Authorization: Bearer \(Self.good)", "Authorization: Bearer a.b.c")
      func status(_ target: String, _ fields: String...) throws -> Int {
        try fixture.client().exchange(
          "GET \(target) HTTP/1.1\r\nHost: a\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
        ).status
      }
      #expect(try status("/", alice) == 200)
      #expect(try status("/", token) == 200)
      #expect(try status("/", bob, token) == 200)
      #expect(upstream.requests.last?["X-Consumer-Username"] == "bob")
      #expect(try status("/", bad) == 401)
      let challenges = try fixture.get("/").values("WWW-Authenticate")
      #expect(challenges == ["Key", "Bearer"])

      #expect(try status("/all", alice, token) == 200)
      #expect(upstream.requests.last?["X-Email"] == "alice@example.test")
      #expect(try status("/all", alice) == 401)
      #expect(try status("/all", token) == 401)
      #expect(try status("/all", bob, token) == 401)
      #expect(try status("/all", alice, bad) == 401)

      #expect(try status("/open") == 200)
      #expect(upstream.requests.last?["X-Anonymous-Consumer"] == "true")
      #expect(upstream.requests.last?["X-Consumer-Username"] == nil)
      #expect(try status("/open", alice) == 401)
      #expect(try status("/open", alice, token) == 200)
    }

    @Test func strangersMayBeTakenForAConsumer() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        var anonymous = Configuration.Anonymous()
        anonymous.consumer = "guest"
        $0.all.policies[Configuration.Anonymous.self] = anonymous
        $0.all.policies[Configuration.ACL.self] = Configuration.ACL(allow: ["public"])
        $0.consumers["guest"] = consumer(key: "unused-key", groups: ["public"])
      }
      #expect(try fixture.get("/").status == 200)
      let request = try #require(upstream.requests.first)
      #expect(request["X-Consumer-Username"] == "guest")
      #expect(request["X-Anonymous-Consumer"] == "true")
      #expect(try fixture.get("/", "apikey: wrong").status == 401)
      #expect(try fixture.get("/", "apikey: bob+key").status == 403)
    }

    // MARK: Addresses

    @Test func addressesDecideWhoMayPass() throws {
      let upstream = try ScriptedUpstream.echoing()
      let fixture = try fixture(to: upstream) {
        $0.web.trustedProxies = ["127.0.0.1"]
        $0.all.policies = Configuration.Policies()
        var addresses = Configuration.IPRestriction()
        addresses.allow = ["10.0.0.0/8", "2001:db8::/32"]
        addresses.deny = ["10.0.0.13"]
        $0.all.policies[Configuration.IPRestriction.self] = addresses
      }
      for (address, status) in [
        ("10.1.2.3", 200), ("2001:db8::7", 200), ("10.0.0.13", 403), ("192.0.2.1", 403),
      ] {
        #expect(try fixture.get("/", "X-Forwarded-For: \(address)").status == status)
      }
      #expect(try fixture.get("/").code == "forbidden")
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
