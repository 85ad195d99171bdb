import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

extension Scenarios {
  /// Policies that ask somebody else: published keys, introspection, forward-auth.
  @Suite struct AskingTests {
    // MARK: Published keys

    private static let modulus =
      "oWgsiawuD6ClDt7mA2po5IndUUqe3XRg9HzqN5emgRgLpRbb9J-AzFNlDEYgdORHKJaGBXtwRZRwqQetTfvZlZizayX6SzPFLJLNyy_tz1ZzpabKDGX5AZFiaJULOVDivISELJ8iBLCATRyNFaLEm7iJeROvXcZlHU9wSMLsDEb7UtZT49woXwt6Fz9VnCncfMF245a2aa8RX0yJ7GoFOh28i2Imq72C7aQm_fBAHnK498vxc8Lmn-bf1NdaylIGFWuP_PIP6GwY378CI_ts9owdXW4BS1GFhnj1p1b_WASGXce4FYSXny8RcuOSWPg4GTiakg9uSX8WUs8zAwC2CQ"
    private static let first =
      "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogImZpcnN0In0.eyJpc3MiOiAiaHR0cHM6Ly9sb2dpbi50ZXN0LyIsICJzdWIiOiAiYWxpY2UiLCAiYXVkIjogWyJ0aW1lIiwgIm90aGVyIl0sICJleHAiOiA0MTAyNDQ0ODAwLCAicm9sZXMiOiBbInBhcnRuZXJzIiwgInN0YWZmIl0sICJlbWFpbCI6ICJhbGljZUBleGFtcGxlLnRlc3QifQ.VcPOrJ7T0B9IF8ScDOfAhsW8jihHrRw2yzVC8TePTauMf-Ub8JdyOHPlxaCRIEVQYV573WXqZUWc-9KaT3yZELaUz9Kiz914waUGcHMWapcJ-t3daz0D_iW4kDe3FrPCgMDpf_PBjpkAMPdqRc5a4dtdQE-5gl5c3RerpY24DTxojIykufzvIh2rHgL3Av6t-EpetmeWQ9UWGyeS8H0rQc3xQ8VtVq57wpU-IkhlK4Z1f4QMUJorf3QzxNVESRwkBpRpT3eq7uOeWpistsm2RDI1X8el-7MxXTz4c7FlOh-54LyxHcTk2erCYU0GCk8U3y5exnMgvcC82PE0sQ_Kvw"
    private static let second =
      "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInNlY29uZCJ9.eyJpc3MiOiAiaHR0cHM6Ly9sb2dpbi50ZXN0LyIsICJzdWIiOiAiYWxpY2UiLCAiYXVkIjogWyJ0aW1lIiwgIm90aGVyIl0sICJleHAiOiA0MTAyNDQ0ODAwLCAicm9sZXMiOiBbInBhcnRuZXJzIiwgInN0YWZmIl0sICJlbWFpbCI6ICJhbGljZUBleGFtcGxlLnRlc3QifQ.bZPvWzsNWkHP6gl6frsaEETK-vD5pHuVFtc3F8Nf8BQNyCIrgQd7DC_YcjqvJGDoQsCJHwSicuNMGZExZfafXSa3wRBrD_PqtAH5SAFZGe9pdUyhs9GNxU9d9HvAyz7vFUQartio-P8SaeE2E0fPU2N40C9bT8YWBAgXqDSYpISqWSor7pgyNCANXdSLxhYk-Po4r2eCmiGwJNEF6V45Q8H2ayWTxNEr2-f1lEbICKwvget3ewuueUrBNs3LfMsxIvFfnLttxtVaJE4nAA2Y7I-5WSV3wUkBqwVuxN8wIX7KSQQ9TEt18W_1EfPi9Cw7inWA810xrtPIFqvsedIvzg"
    private static let symmetric =
      "eyJhbGciOiAiSFMyNTYiLCAia2lkIjogImZpcnN0In0.eyJpc3MiOiAiaHR0cHM6Ly9sb2dpbi50ZXN0LyIsICJzdWIiOiAiYWxpY2UiLCAiYXVkIjogWyJ0aW1lIiwgIm90aGVyIl0sICJleHAiOiA0MTAyNDQ0ODAwLCAicm9sZXMiOiBbInBhcnRuZXJzIiwgInN0YWZmIl0sICJlbWFpbCI6ICJhbGljZUBleGFtcGxlLnRlc3QifQ.bJKU1CPK-jc6xJq7_Vcj9FG32txUfrk5iNZ9QnzH-s8"

    private static func keys(_ ids: String...) -> String {
      let keys = ids.map {
        "{\"kty\":\"RSA\",\"kid\":\"\($0)\",\"n\":\"\(modulus)\",\"e\":\"AQAB\"}"
      }
      return "{\"keys\":[\(keys.joined(separator: ","))]}"
    }

    private func tokens(_ url: String) -> Configuration.JWT {
      var settings = Configuration.JWT()
      var jwks = Configuration.JWKS()
      jwks.url = url
      settings.jwks = jwks
      settings.claims.consumer = "sub"
      return settings
    }

    @Test func publishedKeysAreFetchedAheadAndRotated() throws {
      let upstream = try ScriptedUpstream.echoing()
      let published = Locked(Self.keys("first"))
      let login = try ScriptedUpstream.answering { _ in ok(published.withLock { $0 }) }
      let fixture = try Fixture(to: upstream) {
        var settings = tokens(login.url + "/keys.json")
        settings.jwks?.pause = .milliseconds(1)
        $0.all.policies[Configuration.JWT.self] = settings
      }
      // Before anybody asked.
      try waitUntil { !login.requests.isEmpty }
      #expect(login.requests[0].target == "/keys.json")
      let client = try fixture.client()
      let (first, second) = (
        "Authorization: Bearer \(Self.first)", "Authorization: Bearer \(Self.second)"
      )
      #expect(try client.get("/", first).status == 200)
      #expect(upstream.requests.last?["X-Consumer-Username"] == "alice")
      #expect(try client.get("/", second).status == 401)
      published.withLock { $0 = Self.keys("first", "second") }
      // One that comes within the pause is still refused.
      try waitUntil { (try? client.get("/", second).status) == 200 }
      // Neither a secret nor what is published as another kind of key.
      #expect(try client.get("/", "Authorization: Bearer \(Self.symmetric)").status == 401)
    }

    @Test func manyUnknownKeysCauseOneFetch() throws {
      let upstream = try ScriptedUpstream.echoing()
      let login = try ScriptedUpstream.answering { _ in ok(Self.keys("first")) }
      let fixture = try Fixture(to: upstream) {
        $0.all.policies[Configuration.JWT.self] = tokens(login.url)
      }
      let client = try fixture.client()
      try waitUntil {
        (try? client.get("/", "Authorization: Bearer \(Self.first)").status) == 200
      }
      let fetches = login.requests.count
      for _ in 0..<20 {
        #expect(try client.get("/", "Authorization: Bearer \(Self.second)").status == 401)
      }
      #expect(login.requests.count == fetches)
      // The same place, so the keys stay over a reload.
      var next = fixture.gateway.configuration
      next.all.policies[Configuration.JWT.self]?.claims.headers = ["X-Sub": "sub"]
      try fixture.gateway.reload(next)
      #expect(try client.get("/", "Authorization: Bearer \(Self.first)").status == 200)
      #expect(upstream.requests.last?["X-Sub"] == "alice")
      #expect(login.requests.count == fetches)
    }

    @Test func withoutKeysNobodyPasses() throws {
      let upstream = try ScriptedUpstream.echoing()
      let port = try unusedPort()
      let fixture = try Fixture(to: upstream) {
        $0.all.policies[Configuration.JWT.self] = tokens("http://127.0.0.1:\(port)/keys")
      }
      let response = try fixture.get("/", "Authorization: Bearer \(Self.first)")
      #expect(response.status == 503)
      #expect(response.code == "check-unavailable")
      // They come up later, and it is noticed.
      let login = try ScriptedUpstream.answering(port: port) { _ in ok(Self.keys("first")) }
      try waitUntil {
        (try? fixture.get("/", "Authorization: Bearer \(Self.first)").status) == 200
      }
      #expect(login.requests.first?.target == "/keys")
      #expect(upstream.requests.count == 1)
    }

    /// What is no set of keys leaves those that are known, and a slow one holds nobody up who has one.
    @Test(arguments: 0..<11)
    func aSetThatIsNoneLeavesTheFormer(lie: Int) throws {
      let answer = Self.lies[lie]
      let upstream = try ScriptedUpstream.echoing()
      let published = Locked(ok(Self.keys("first")))
      let login = try ScriptedUpstream.answering { _ in published.withLock { $0 } }
      let fixture = try Fixture(to: upstream) {
        var settings = tokens(login.url)
        settings.jwks?.pause = .milliseconds(1)
        settings.jwks?.timeout = .milliseconds(200)
        settings.cacheSize = 0
        $0.all.policies[Configuration.JWT.self] = settings
      }
      let (first, second) = (
        "Authorization: Bearer \(Self.first)", "Authorization: Bearer \(Self.second)"
      )
      try waitUntil { (try? fixture.get("/", first).status) == 200 }
      published.withLock { $0 = answer }
      let before = login.requests.count
      // Makes it be fetched.
      try waitUntil {
        _ = try? fixture.get("/", second)
        return login.requests.count > before
      }
      #expect(try fixture.get("/", second).status == 401)
      #expect(try fixture.get("/", first).status == 200)
      // And the truth is noticed when it is told again.
      published.withLock { $0 = ok(Self.keys("second")) }
      try waitUntil { (try? fixture.get("/", second).status) == 200 }
      #expect(try fixture.get("/", first).status == 401)
    }

    /// A token that was seen is not believed for longer than its key.
    @Test func aKeyThatIsPublishedNoMoreEndsItsTrust() async throws {
      let upstream = try ScriptedUpstream { peer in
        while let request = try peer.readRequest() {
          guard let key = request["Sec-WebSocket-Key"] else {
            try peer.send(ok("here"))
            continue
          }
          try peer.send(WebSocketPeer.accept(key))
          return try WebSocketPeer(peer.socket, peer.reader, masks: false).echo()
        }
      }
      let published = Locked(ok(Self.ownKeys))
      let login = try ScriptedUpstream.answering { _ in published.withLock { $0 } }
      let fixture = try Fixture(to: upstream) {
        var settings = tokens(login.url)
        settings.jwks?.pause = .milliseconds(1)
        // One set for both routes.
        $0.policies[Configuration.JWT.self] = settings
        var sockets = $0.all
        sockets.kind = .websocket
        sockets.match.path = "/socket"
        $0.routes["sockets"] = sockets
      }
      let (first, second) = (
        "Authorization: Bearer \(Self.first)", "Authorization: Bearer \(Self.second)"
      )
      try waitUntil { (try? fixture.get("/", first).status) == 200 }
      let socket = try fixture.client().open(first)
      // The same key by another name, and another one besides: nothing has ended.
      published.withLock { $0 = ok(Self.keys("second")) }
      try waitUntil { (try? fixture.get("/", second).status) == 200 }
      try socket.send(text: "still")
      #expect(try socket.text() == "still")
      published.withLock { $0 = ok(Self.otherKeys) }
      try waitUntil {
        _ = try? fixture.get("/", "Authorization: Bearer \(TestToken.make())")
        return (try? fixture.get("/", second).status) == 401
      }
      #expect(try socket.read()?.closeCode == 1_008)
      try socket.sendClose(1_008)
      let gateway = fixture.gateway
      try await eventually { await gateway.sessions(of: "sockets").closed == [.policy: 1] }
      #expect(try fixture.get("/", first).status == 401)
    }

    /// Where a session without its key stays and is mute, it may speak when the key is published again, or its
    /// caller shows a token of another one.
    @Test func aMuteSessionSpeaksWhenItsKeyIsBack() async throws {
      let upstream = try ScriptedUpstream { try $0.accept().echo() }
      let published = Locked(ok(Self.ownKeys))
      let login = try ScriptedUpstream.answering { _ in published.withLock { $0 } }
      let fixture = try Fixture(to: upstream) {
        var settings = tokens(login.url)
        settings.keys = TestToken.policy.keys
        settings.jwks?.refresh = .milliseconds(100)
        $0.all.policies[Configuration.JWT.self] = settings
        $0.all.kind = .websocket
        var connection = Configuration.ConnectionSettings()
        connection.onDenial = .refuse
        connection.refresh = Configuration.TokenRefresh()
        $0.all.connection = connection
      }
      let socket = try fixture.client().open("Authorization: Bearer \(Self.first)")
      func isHeard() throws -> Bool {
        try socket.send(text: "heard?")
        return try socket.text() == "heard?"
      }
      #expect(try isHeard())
      published.withLock { $0 = ok(Self.otherKeys) }
      try waitUntil("silence") { try !isHeard() }
      published.withLock { $0 = ok(Self.ownKeys) }
      try waitUntil("its voice") { try isHeard() }
      published.withLock { $0 = ok(Self.otherKeys) }
      try waitUntil("silence again") { try !isHeard() }
      let page = await fixture.gateway.page(SessionQuery())
      let id = try #require(page.sessions.first?.id)
      let answer = try fixture.client().exchange(
        "POST /.sluice/connections/\(id)/token HTTP/1.1\r\nHost: gateway.test\r\n"
          + "Content-Length: 0\r\n\(TestToken.bearer())\r\n\r\n")
      #expect(answer.status == 204)
      #expect(try isHeard())
    }

    private static let lies = [
      ok("<html>"), ok("{}"), ok("{\"keys\":{}}"), ok("{\"keys\":\"none\"}"), ok(""),
      ok("{\"keys\":[],\"keys\":[]}"),
      "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"keys\":[]}",
      "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n"
        + String(repeating: " ", count: 2_000_000),
      "garbage\r\n\r\n",
    ]

    private static let ownKeys = keys("first")
    /// RFC 7515 A.3.
    private static let otherKeys =
      #"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#

    /// Neither what a token says of keys nor where it says one is.
    @Test func aTokensOwnKeyIsNotAsked() throws {
      let upstream = try ScriptedUpstream.echoing()
      let evil = try ScriptedUpstream.answering { _ in ok(Self.keys("first")) }
      let fixture = try Fixture(to: upstream) {
        var settings = TestToken.policy
        settings.keys[0].id = "own"
        $0.all.policies[Configuration.JWT.self] = settings
      }
      let secret = "ffffffffffffffffffffffffffffffff"
      for header in [
        #"{"alg":"HS256","jwk":{"kty":"oct","k":"ZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY"}}"#,
        #"{"alg":"HS256","jku":"\#(evil.url)/keys","x5u":"\#(evil.url)/x","kid":"own"}"#,
        #"{"alg":"HS256","kid":"/dev/null"}"#, #"{"alg":"HS256","kid":"own' OR '1'='1"}"#,
      ] {
        let token = TestToken.make(header: header, secret: secret)
        #expect(try fixture.get("/", "Authorization: Bearer \(token)").status == 401)
      }
      // With the right secret another key's name is another key.
      let named = TestToken.make(header: #"{"alg":"HS256","kid":"../own"}"#)
      #expect(try fixture.get("/", "Authorization: Bearer \(named)").status == 401)
      let good = TestToken.make(header: #"{"alg":"HS256","kid":"own"}"#)
      #expect(try fixture.get("/", "Authorization: Bearer \(good)").status == 200)
      // Larger than any token is, and than a head may be.
      let huge = String(repeating: "a", count: 20_000)
      #expect(try fixture.get("/", "Authorization: Bearer \(huge)").status == 401)
      #expect(try fixture.get("/", "Authorization: Bearer \(huge)\(huge)").status == 431)
      #expect(evil.requests.isEmpty)
      #expect(upstream.requests.count == 1)
    }

    // MARK: Forward-auth

    /// Lets `let-me-in` pass.
    private func door() throws -> ScriptedUpstream {
      try ScriptedUpstream.answering { request in
        switch request["Authorization"] {
        case "let-me-in":
          ok("", "X-User: alice", "X-Groups: staff, partners", "X-Email: a@example.test")
        case "broken": "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
        case "garbled": "nonsense\r\n\r\n"
        default:
          "HTTP/1.1 302 Found\r\nLocation: /login\r\nSet-Cookie: back=1\r\nX-Internal: 1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nlogin"
        }
      }
    }

    private func fixture(
      _ upstream: ScriptedUpstream, _ door: ScriptedUpstream,
      _ edit: (inout Configuration) -> Void = { _ in }
    ) throws -> Fixture {
      try Fixture(to: upstream) {
        var service = Configuration.Service()
        service.targets = [Configuration.Target(url: door.url)]
        $0.services["door"] = service
        var settings = Configuration.ForwardAuth()
        settings.service = "door"
        settings.path = "/verify"
        settings.responseHeaders = ["X-Email"]
        settings.consumerHeader = "X-User"
        settings.groupsHeader = "X-Groups"
        $0.all.policies[Configuration.ForwardAuth.self] = settings
        edit(&$0)
      }
    }

    @Test func anotherServiceDecides() throws {
      let upstream = try ScriptedUpstream.echoing()
      let door = try door()
      let fixture = try fixture(upstream, door) {
        $0.all.policies[Configuration.ACL.self] = Configuration.ACL(allow: ["partners"])
      }
      let client = try fixture.client()
      let response = try client.exchange(
        "POST /a?b=c HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: let-me-in\r\nX-Email: forged\r\nX-Forwarded-For: 6.6.6.6\r\nContent-Length: 4\r\n\r\nbody"
      )
      #expect(response.status == 200)
      let asked = try #require(door.requests.first)
      #expect(asked.method == "GET")
      #expect(asked.target == "/verify")
      #expect(asked["X-Forwarded-Method"] == "POST")
      #expect(asked["X-Forwarded-Uri"] == "/a?b=c")
      #expect(asked["X-Forwarded-Host"] == "gateway.test")
      #expect(asked["X-Forwarded-For"] == "127.0.0.1")
      #expect(asked["Host"] == "127.0.0.1:\(door.port)")
      #expect(asked["Content-Length"] == nil)
      let request = try #require(upstream.requests.first)
      #expect(request.text == "body")
      #expect(request["X-Email"] == "a@example.test")
      #expect(request["X-Consumer-Username"] == "alice")
      #expect(request["X-Consumer-Groups"] == "staff, partners")

      let refused = try client.get("/", "Authorization: wrong")
      #expect(refused.status == 302)
      #expect(refused["Location"] == "/login")
      #expect(refused["Set-Cookie"] == "back=1")
      #expect(refused["X-Internal"] == nil)
      #expect(refused["Content-Type"] == "text/plain")
      #expect(refused.text == "login")
      #expect(upstream.requests.count == 1)
    }

    /// What would look to the service like the gateway's own word, also behind CGI, WSGI and the like.
    @Test func callersForgeNothingForTheServiceThatIsAsked() throws {
      let upstream = try ScriptedUpstream.echoing()
      let door = try door()
      let fixture = try fixture(upstream, door)
      let forged = [
        "X_Forwarded_Uri": "/public", "X-Forwarded_Method": "GET", "X-Forwarded-Uri": "/public",
        "X-Consumer-Username": "root", "X-Consumer-Groups": "admins",
        "Sluice-Connection-Id": "AbCdEfGhIjKlMnOpQrStUv", "Sluice-Reconnect": "1",
      ]
      let response = try fixture.client().exchange(
        "GET /private HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: let-me-in\r\nX-Own: 1\r\n"
          + forged.map { "\($0): \($1)\r\n" }.joined() + "\r\n")
      #expect(response.status == 200)
      let asked = try #require(door.requests.first)
      #expect(asked["X-Forwarded-Uri"] == "/private" && asked["X-Own"] == "1")
      for name in forged.keys where name != "X-Forwarded-Uri" {
        #expect(asked[name] == nil, "\(name)")
      }
      let request = try #require(upstream.requests.first)
      #expect(request["Sluice-Connection-Id"] == nil && request["X_Forwarded_Uri"] == nil)
    }

    @Test func withoutAnAnswerNobodyPasses() throws {
      let upstream = try ScriptedUpstream.echoing()
      let door = try door()
      let silent = try ScriptedUpstream { peer in while try peer.readRequest() != nil {} }
      let gone = try unusedPort()
      let fixture = try fixture(upstream, door) {
        for (name, url) in [("silent", silent.url), ("gone", "http://127.0.0.1:\(gone)")] {
          var service = Configuration.Service()
          service.targets = [Configuration.Target(url: url)]
          $0.services[name] = service
          var route = $0.all
          route.match.prefix = "/\(name)"
          route.policies[Configuration.ForwardAuth.self]?.service = name
          route.policies[Configuration.ForwardAuth.self]?.timeout = .milliseconds(200)
          $0.routes[name] = route
        }
      }
      for (target, authorization) in [
        ("/", "broken"), ("/", "garbled"), ("/silent", "let-me-in"), ("/gone", "let-me-in"),
      ] {
        let response = try fixture.get(target, "Authorization: \(authorization)")
        #expect(response.status == 503, "\(target) \(authorization)")
        #expect(response.code == "check-unavailable")
      }
      #expect(try fixture.get("/", "Authorization: let-me-in").status == 200)
      #expect(upstream.requests.count == 1)
    }

    /// The caller leaves while the service thinks: nothing is left behind.
    @Test func callersMayLeaveWhileTheServiceThinks() throws {
      let upstream = try ScriptedUpstream.echoing()
      let gate = Gate()
      let door = try ScriptedUpstream.answering { _ in
        gate.wait()
        return ok("")
      }
      let fixture = try fixture(upstream, door)
      let leaving = try fixture.client()
      try leaving.send("GET /left HTTP/1.1\r\nHost: a\r\n\r\n")
      let staying = try fixture.client()
      try staying.send("GET /stays HTTP/1.1\r\nHost: a\r\n\r\n")
      try waitUntil { door.requests.count == 2 }
      leaving.socket.setToReset()
      leaving.socket.interrupt()
      leaving.socket.close()
      gate.open()
      #expect(try staying.reader.readResponse().text == "/stays")
      #expect(try fixture.get("/next").text == "/next")
    }

    // MARK: Introspection

    @Test func introspectionIsAskedOnceAndRemembered() throws {
      let upstream = try ScriptedUpstream.echoing()
      let login = try ScriptedUpstream.answering { request in
        switch request.text {
        case "token=good%2F1&token_type_hint=access_token":
          ok(
            "{\"active\":true,\"scope\":\"time.read other\",\"username\":\"alice\",\"exp\":4102444800}"
          )
        case "token=narrow&token_type_hint=access_token":
          ok("{\"active\":true,\"scope\":\"other\",\"username\":\"alice\"}")
        case "token=broken&token_type_hint=access_token": ok("{")
        // Some servers call a token active whose time is over.
        case "token=over&token_type_hint=access_token":
          ok("{\"active\":true,\"scope\":\"time.read\",\"username\":\"alice\",\"exp\":1}")
        default: ok("{\"active\":false}")
        }
      }
      let fixture = try Fixture(to: upstream) {
        var settings = Configuration.Introspection()
        settings.url = login.url + "/introspect"
        settings.clientID = "gateway"
        settings.clientSecret = Secret("p:w")
        settings.scopes = ["time.read"]
        settings.claims.consumer = "username"
        $0.all.policies[Configuration.Introspection.self] = settings
      }
      let client = try fixture.client()
      for _ in 0..<3 {
        #expect(try client.get("/", "Authorization: Bearer good/1").status == 200)
        #expect(try client.get("/", "Authorization: Bearer narrow").status == 403)
        #expect(try client.get("/", "Authorization: Bearer bad").status == 401)
      }
      #expect(upstream.requests.count == 3)
      #expect(upstream.requests.allSatisfy { $0["X-Consumer-Username"] == "alice" })
      #expect(login.requests.count == 3)
      #expect(login.requests[0].startLine == "POST /introspect HTTP/1.1")
      #expect(
        login.requests[0]["Authorization"]
          == "Basic " + Data("gateway:p%3Aw".utf8).base64EncodedString())
      let broken = try client.get("/", "Authorization: Bearer broken")
      #expect(broken.status == 503)
      #expect(broken.code == "check-unavailable")
      #expect(try client.get("/").status == 401)
      #expect(try client.get("/", "Authorization: Bearer over").status == 401)
      // Without the server what is remembered still counts, and nothing else.
      login.stop()
      #expect(try client.get("/", "Authorization: Bearer good/1").status == 200)
      #expect(try client.get("/", "Authorization: Bearer new").status == 503)
    }
  }
}
