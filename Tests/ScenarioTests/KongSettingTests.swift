import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

extension Scenarios {
  /// Settings of Kong's plugins that change who gets in and what is answered.
  @Suite struct KongSettingTests {
    private static let secret = "0123456789abcdef0123456789abcdef"

    private func kong(_ rest: String, answering: ScriptedUpstream? = nil) throws -> KongFixture {
      try KongFixture(
        """
        _format_version: '3.0'
        services: [{name: one, url: 'http://TARGET'}]
        routes: [{name: a, service: one, paths: [/]}]

        """ + rest, answering: answering)
    }

    private func post(_ kong: KongFixture, _ type: String, _ body: String, _ fields: String = "")
      throws -> Message
    {
      try kong.fixture.client().exchange(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: \(type)\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
      )
    }

    /// kong/plugins/key-auth/handler.lua: field, then query, then body.
    @Test func keysMayBeInBodies() throws {
      let kong = try kong(
        """
        consumers: [{username: ann, keyauth_credentials: [{key: 'k ann'}]}]
        plugins: [{name: key-auth, config: {key_in_body: true}}]
        """)
      let form = "application/x-www-form-urlencoded"
      for (type, body, status) in [
        (form, "apikey=k+ann", 200), (form, "a=b&apikey=k%20ann&c", 200),
        (form, "apikey=wrong", 401),
        (form, "other=k+ann", 401), ("\(form); charset=utf-8", "apikey=k+ann", 200),
        ("application/json", #"{"apikey":"k ann","n":1}"#, 200),
        ("application/json", #"{"a":{"apikey":"k ann"}}"#, 401),
        ("application/json", #"{"apikey":"k\u0020ann"}"#, 200),
        ("application/json", #"{"apikey":"k ann","apikey":"x"}"#, 401),
        ("application/json", #"{"apikey":7}"#, 401),
        ("application/json", #"{"apikey":"k ann""#, 401),
        ("application/json", "", 401), ("text/plain", "apikey=k+ann", 401),
      ] {
        #expect(try post(kong, type, body).status == status, "\(type) \(body)")
      }
      // What passes reaches the target whole, and a key elsewhere counts first.
      #expect(kong.upstream.requests.first?.text == "apikey=k+ann")
      #expect(try post(kong, form, "apikey=k+ann", "apikey: wrong\r\n").status == 401)
      #expect(try kong.ask("/?apikey=k%20ann", host: "x").status == 200)
      #expect(try kong.ask("/", host: "x").status == 401)
      let large = "apikey=" + String(repeating: "x", count: 70_000)
      #expect(try post(kong, form, large).status == 413)
      #expect(try post(kong, "text/plain", large).status == 401)
    }

    /// Who is known by something else waits for no body, and meets no limit of it.
    @Test func bodiesAreLookedIntoLast() throws {
      let kong = try kong(
        """
        consumers:
          - username: ann
            keyauth_credentials: [{key: 'k ann'}]
            basicauth_credentials: [{username: ann, password: secret}]
          - {username: guest}
        plugins:
          - {name: key-auth, config: {key_in_body: true, anonymous: guest}}
          - {name: basic-auth, config: {anonymous: guest}}
        """)
      let large = "{\"a\":\"\(String(repeating: "x", count: 70_000))\"}"
      let known = "Authorization: Basic \(Data("ann:secret".utf8).base64EncodedString())\r\n"
      #expect(try post(kong, "application/json", large, known).status == 200)
      #expect(kong.upstream.requests.last?["X-Consumer-Username"] == "ann")
      #expect(try post(kong, "application/json", large).status == 413)
      #expect(try post(kong, "application/json", #"{"apikey":"k ann"}"#).status == 200)
      #expect(kong.upstream.requests.last?["X-Consumer-Username"] == "ann")
      #expect(try post(kong, "application/json", #"{"apikey":"wrong"}"#).status == 200)
      #expect(kong.upstream.requests.last?["X-Consumer-Username"] == "guest")
    }

    /// kong/plugins/key-auth/handler.lua, jwt/handler.lua: run_on_preflight.
    @Test func preflightsMayPass() throws {
      let open = try kong(
        """
        consumers: [{username: ann, keyauth_credentials: [{key: k}], jwt_secrets: [{key: i, secret: \(Self.secret)}]}]
        plugins:
          - {name: key-auth, config: {run_on_preflight: false}}
          - {name: jwt, config: {run_on_preflight: false}}
        """)
      func options(_ kong: KongFixture) throws -> Int {
        try kong.fixture.client().exchange("OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n").status
      }
      #expect(try options(open) == 200)
      #expect(try open.ask("/", host: "x").status == 401)
      let token = TestToken.make(claims: ["iss": "i"])
      #expect(try open.ask("/?jwt=\(token)", host: "x").status == 401)
      #expect(try open.ask("/?jwt=\(token)&apikey=k", host: "x").status == 200)
      // One of two that asks is enough.
      let half = try kong(
        """
        consumers: [{username: ann, keyauth_credentials: [{key: k}], basicauth_credentials: [{username: a, password: b}]}]
        plugins:
          - {name: key-auth, config: {run_on_preflight: false}}
          - {name: basic-auth}
        """)
      #expect(try options(half) == 401)
      let basic = Data("a:b".utf8).base64EncodedString()
      let known = try half.fixture.client().exchange(
        "OPTIONS / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic \(basic)\r\n\r\n")
      #expect(known.status == 200)
      #expect(try half.ask("/", host: "x", "Authorization: Basic \(basic)").status == 401)
    }

    /// developer.konghq.com/gateway/authentication, anonymous access: whoever fails is the anonymous one.
    @Test func whoFailsIsAnonymous() throws {
      let kong = try kong(
        """
        consumers:
          - {username: ann, keyauth_credentials: [{key: k}], basicauth_credentials: [{username: a, password: b}]}
          - {username: guest}
        plugins:
          - {name: key-auth, config: {anonymous: guest}}
          - {name: basic-auth, config: {anonymous: guest}}
          - {name: request-termination, consumer: guest, config: {status_code: 203, message: guest}}
        """)
      let (good, bad) = (
        Data("a:b".utf8).base64EncodedString(), Data("a:c".utf8).base64EncodedString()
      )
      for (fields, status) in [
        ([], 203), (["apikey: k"], 200), (["apikey: wrong"], 203),
        (["Authorization: Basic \(bad)"], 203), (["Authorization: Basic \(good)"], 200),
        (["apikey: wrong", "Authorization: Basic \(good)"], 200),
        (["apikey: wrong", "Authorization: Basic \(bad)"], 203),
        (["apikey: k", "Authorization: Basic \(bad)"], 200),
      ] {
        let answer = try kong.fixture.client().exchange(
          "GET / HTTP/1.1\r\nHost: x\r\n" + fields.map { "\($0)\r\n" }.joined() + "\r\n")
        #expect(answer.status == status, "\(fields)")
      }
    }

    /// kong/plugins/jwt/handler.lua: where tokens are looked for, key_claim_name in the header,
    /// maximum_expiration.
    @Test func tokensAreFoundWhereKongFindsThem() throws {
      let kong = try kong(
        """
        consumers: [{username: ann, jwt_secrets: [{key: k-1, secret: \(Self.secret)}]}]
        plugins:
          - name: jwt
            config: {key_claim_name: kid, header_names: [authorization, x-a, x-b], uri_param_names: [t, u], cookie_names: [c, d], claims_to_verify: [exp], maximum_expiration: 600}
        """)
      func token(_ seconds: Double, header: Bool = true) -> String {
        TestToken.make(
          expiresIn: seconds, claims: header ? [:] : ["kid": "k-1"],
          header: header ? #"{"alg":"HS256","kid":"k-1"}"# : #"{"alg":"HS256"}"#)
      }
      let good = token(300)
      for (target, field, status) in [
        ("/", "Authorization: Bearer \(good)", 200), ("/", "X-A: Bearer \(good)", 200),
        ("/", "X-B: Bearer \(good)", 200), ("/?t=\(good)", "X-Z: z", 200),
        ("/?u=\(good)", "X-Z: z", 200), ("/", "Cookie: c=\(good)", 200),
        ("/", "Cookie: z=1; d=\(good)", 200), ("/", "X-C: Bearer \(good)", 401),
        ("/", "X-A: Bearer \(token(300, header: false))", 200),
        ("/", "X-A: Bearer \(token(4_000))", 401), ("/", "X-A: Bearer \(token(-60))", 401),
      ] {
        #expect(try kong.ask(target, host: "x", field).status == status, "\(target) \(field)")
      }
    }

    /// kong/plugins/rate-limiting/handler.lua: every window counts, and the answer is the file's.
    @Test func sixWindowsCountTogether() throws {
      let kong = try kong(
        "plugins: [{name: rate-limiting, config: {limit_by: ip, second: 500, minute: 600, hour: 700, day: 800, month: 900, year: 1000}}]"
      )
      let first = try kong.ask("/", host: "x")
      for (unit, limit) in [
        ("Second", 500), ("Minute", 600), ("Hour", 700), ("Day", 800), ("Month", 900),
        ("Year", 1_000),
      ] {
        #expect(first["X-RateLimit-Limit-\(unit)"] == "\(limit)")
        #expect(first["X-RateLimit-Remaining-\(unit)"] == "\(limit - 1)")
      }
      #expect(first["RateLimit-Limit"] == "500" && first["RateLimit-Remaining"] == "499")
      let few = try self.kong(
        "plugins: [{name: rate-limiting, config: {limit_by: ip, hour: 2, day: 2, month: 2, year: 9, error_code: 420, error_message: Enough}}]"
      )
      for _ in 0..<2 { #expect(try few.ask("/", host: "x").status == 200) }
      let refused = try few.ask("/", host: "x")
      #expect(refused.status == 420 && refused.text == #"{"message":"Enough"}"#)
      #expect(refused["Content-Type"] == "application/json" && refused["Retry-After"] != nil)
      // What was refused took nothing of the other windows.
      #expect(refused["X-RateLimit-Remaining-Year"] == "7")
    }

    /// kong/plugins/ip-restriction/handler.lua, request-termination/handler.lua.
    @Test func refusalsAndTriggers() throws {
      let restricted = try kong(
        "plugins: [{name: ip-restriction, config: {deny: [127.0.0.0/8], status: 404, message: Nobody here}}]"
      )
      let refused = try restricted.ask("/", host: "x")
      #expect(refused.status == 404 && refused.text == #"{"message":"Nobody here"}"#)
      let triggered = try kong(
        "plugins: [{name: request-termination, config: {status_code: 418, trigger: x-stop}}]")
      for (target, field, status) in [
        ("/", "X-Go: 1", 200), ("/", "X-Stop: ", 418), ("/", "x-stop: no", 418),
        ("/?x-stop", "A: b", 418),
        ("/?a=b&x-stop=1", "A: b", 418), ("/?X-STOP", "A: b", 200), ("/x-stop", "A: b", 200),
      ] {
        #expect(try triggered.ask(target, host: "x", field).status == status, "\(target) \(field)")
      }
    }

    /// kong/plugins/proxy-cache/handler.lua: X-Cache-Status.
    @Test func theCacheIsToldAsInKong() throws {
      let upstream = try ScriptedUpstream.answering { request in
        let type = request.target.hasSuffix(".html") ? "text/html" : "text/plain"
        let status = request.target.hasPrefix("/gone") ? "410 Gone" : "200 OK"
        return "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: 1\r\n\r\nx"
      }
      let kong = try kong(
        "plugins: [{name: proxy-cache, config: {strategy: memory, cache_ttl: 300}}]",
        answering: upstream)
      func status(_ method: String, _ target: String) throws -> String? {
        try kong.fixture.client().exchange("\(method) \(target) HTTP/1.1\r\nHost: x\r\n\r\n")[
          "X-Cache-Status"]
      }
      #expect(try status("GET", "/a") == "Miss")
      #expect(try status("GET", "/a") == "Hit")
      #expect(try status("GET", "/b") == "Miss")
      #expect(try status("POST", "/b") == "Bypass")
      // Neither the type nor the status is among those that Kong stores by default.
      for target in ["/x.html", "/gone"] {
        for _ in 0..<2 { #expect(try status("GET", target) == "Bypass") }
      }
      #expect(try kong.ask("/a", host: "x")["Cache-Status"] == nil)
      let silent = try self.kong(
        "plugins: [{name: proxy-cache, config: {strategy: memory, response_headers: {X-Cache-Status: false}}}]"
      )
      #expect(try silent.ask("/a", host: "x")["X-Cache-Status"] == nil)
    }

    // MARK: Balancing

    private func balanced(_ fields: String, _ rest: String = "") throws -> (
      KongFixture, [ScriptedUpstream]
    ) {
      let upstreams = try (0..<4).map { number in
        try ScriptedUpstream.answering { _ in
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(number)"
        }
      }
      let targets = upstreams.map { "'127.0.0.1:\($0.port)'" }.joined(separator: ", ")
      return (
        try KongFixture(
          """
          _format_version: '3.0'
          upstreams: [{name: u, algorithm: consistent-hashing, \(fields), targets: [\(targets)]}]
          services: [{name: s, host: u, routes: [{name: r, paths: ['~/of/(?<id>[^/]+)', /]}]}]

          """ + rest), upstreams
      )
    }

    /// developer.konghq.com/gateway/entities/upstream, consistent-hashing: what is alike goes to one
    /// target, and what differs is spread.
    @Test(arguments: [
      ("hash_on: query_arg, hash_on_query_arg: user", "/?user=%", "A: b"),
      ("hash_on: uri_capture, hash_on_uri_capture: id", "/of/%/x", "A: b"),
      ("hash_on: path", "/%", "A: b"),
      ("hash_on: header, hash_on_header: X-Id", "/", "X-Id: %"),
      ("hash_on: consumer", "/", "apikey: key-%"),
      (
        "hash_on: header, hash_on_header: X-None, hash_fallback: query_arg, hash_fallback_query_arg: u",
        "/?u=%", "A: b"
      ),
      ("hash_on: cookie, hash_on_cookie: sid", "/", "Cookie: sid=%"),
    ])
    func whatIsAlikeGoesToOneTarget(fields: String, target: String, field: String) throws {
      let consumers = (0..<20).map { "{username: c\($0), keyauth_credentials: [{key: key-\($0)}]}" }
      let needsKey = fields.contains("consumer")
      let (kong, upstreams) = try balanced(
        fields,
        needsKey
          ? "consumers: [\(consumers.joined(separator: ", "))]\nplugins: [{name: key-auth}]" : "")
      defer { withExtendedLifetime(upstreams) {} }
      var seen: Set<String> = []
      for number in 0..<20 {
        let answers = try (0..<3).map { _ in
          try kong.ask(
            target.replacing("%", with: "\(number)"), host: "x",
            field.replacing("%", with: "\(number)"))
        }
        #expect(answers.allSatisfy { $0.status == 200 && $0["Set-Cookie"] == nil })
        #expect(Set(answers.map(\.text)).count == 1)
        seen.insert(answers[0].text)
      }
      #expect(seen.count > 1)
    }

    /// Kong makes the cookie up where there is none; who sends it comes back to the same target.
    @Test(arguments: [
      "hash_on: cookie", "hash_on: header, hash_on_header: X-None, hash_fallback: cookie",
    ])
    func aCookieLeadsBack(fields: String) throws {
      let (kong, upstreams) = try balanced(
        "\(fields), hash_on_cookie: sid, hash_on_cookie_path: /shop")
      defer { withExtendedLifetime(upstreams) {} }
      var cookies: Set<String> = []
      for _ in 0..<10 {
        let first = try kong.ask("/", host: "x")
        let given = try #require(first["Set-Cookie"])
        #expect(given.hasPrefix("sid=") && given.hasSuffix("; Path=/shop; HttpOnly"))
        let cookie = String(given.prefix { $0 != ";" })
        cookies.insert(cookie)
        for _ in 0..<3 {
          let next = try kong.ask("/", host: "x", "Cookie: \(cookie)")
          #expect(next.text == first.text && next["Set-Cookie"] == nil)
        }
      }
      // Who has what is hashed first gets none.
      if fields.contains("fallback") {
        #expect(try kong.ask("/", host: "x", "X-None: 1")["Set-Cookie"] == nil)
      }
      #expect(cookies.count == 10)
    }

    /// Without what is hashed and without a fallback requests are spread.
    @Test func whatCannotBeHashedIsSpread() throws {
      let (kong, upstreams) = try balanced("hash_on: header, hash_on_header: X-Id")
      defer { withExtendedLifetime(upstreams) {} }
      let answers = try (0..<60).map { _ in try kong.ask("/", host: "x").text }
      #expect(Set(answers).count > 1)
    }

    // MARK: Logs

    /// developer.konghq.com/plugins/file-log: at every level, the most specific one.
    @Test func logsAreWritten() async throws {
      let path = FileManager.default.temporaryDirectory.appendingPathComponent(
        "sluice-kong-\(UUID().uuidString).log"
      ).path
      defer { try? FileManager.default.removeItem(atPath: path) }
      let server = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
      }
      let kong = try kong(
        """
        plugins:
          - {name: file-log, config: {path: '\(path)', reopen: true}}
          - {name: http-log, config: {http_endpoint: 'http://me:secret@127.0.0.1:\(server.port)/in', queue: {max_batch_size: 2, max_coalescing_delay: 3600}}}
        """)
      for target in ["/1", "/2"] { #expect(try kong.ask(target, host: "x").status == 200) }
      try await eventually("the lines") { kong.fixture.gateway.logCounts.httpSent == 2 }
      let request = try #require(server.requests.first)
      #expect(request["Authorization"] == "Basic bWU6c2VjcmV0")
      let sent = try #require(
        try JSONSerialization.jsonObject(with: Data(request.text.utf8)) as? [[String: Any]])
      #expect(
        sent.compactMap { ($0["request"] as? [String: Any])?["uri"] as? String } == ["/1", "/2"])
      try waitUntil("the file") {
        (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n").count == 2
      }
    }
  }
}
