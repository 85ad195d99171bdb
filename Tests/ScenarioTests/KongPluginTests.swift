import Foundation
import SluiceGateway
import Testing

extension Scenarios {
  /// What Kong's plugins do, asked of a gateway that runs Kong's file.
  @Suite struct KongPluginTests {
    /// kong/plugins/bot-detection/handler.lua: allow, then deny, then the known ones (rules.lua); nobody's
    /// name passes, two names are refused.
    @Test func botsAreKeptOut() throws {
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        services: [{name: one, url: 'http://TARGET'}]
        routes: [{name: a, service: one, paths: [/]}]
        plugins: [{name: bot-detection, config: {allow: ['^okhttp/4', FriendBot], deny: [evil]}}]
        """)
      for (agents, status) in [
        ([], 200), (["Mozilla/5.0 (X11; Linux x86_64) Firefox/120.0"], 200), (["curl/8.0"], 200),
        (["Twitterbot/1.0"], 403), (["facebookexternalhit/1.1"], 403),
        (["Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"], 403),
        (["Mozilla/5.0 (compatible; bingbot/2.0)"], 403), (["Go-http-client/1.1"], 403),
        (["Python-urllib/3.11"], 403), (["okhttp/3.1"], 403), (["okhttp/4.9"], 200),
        (["aws-cli/2.0"], 403), (["some-spider/1.2"], 403), (["an evil thing"], 403),
        (["evil FriendBot/1.0"], 200), (["Abbott Laboratories"], 200),
        (["Mozilla/5.0 (Linux; Android 9; CUBOT X18) Chrome/90"], 200), (["a", "b"], 400),
      ] {
        let answer = try kong.fixture.client().exchange(
          "GET / HTTP/1.1\r\nHost: x\r\n" + agents.map { "User-Agent: \($0)\r\n" }.joined()
            + "\r\n")
        #expect(answer.status == status, "\(agents)")
      }
    }

    /// kong/plugins/cors/handler.lua: what is not plain is a regular expression for the whole origin, or for
    /// its host where it has no colon.
    @Test(
      arguments: [
        ("https://a.test", "https://a.test", true), ("https://a.test", "https://b.test", false),
        ("^https://[a-z]+\\.a\\.test$", "https://b.a.test", true),
        ("https://[a-z]+\\.a\\.test", "https://b.a.test.evil", false),
        ("https://[a-z]+\\.a\\.test", "http://b.a.test", false),
        (".*\\.a\\.test", "https://b.a.test", true), (".*\\.a\\.test", "http://b.a.test:81", true),
        (".*\\.a\\.test", "https://ba.test", false),
        (".*\\.a\\.test", "https://b.a.test.evil", false),
        ("(a|b)\\.test", "https://b.test", true), ("(a|b)\\.test", "https://xb.test", false),
        ("(a|b)\\.test", "https://evil/b.test", false),
      ])
    func originsMayBeRegularExpressions(written: String, origin: String, mayRead: Bool) throws {
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        services: [{name: one, url: 'http://TARGET'}]
        routes: [{name: a, service: one, paths: [/]}]
        plugins: [{name: cors, config: {origins: ['\(written)', 'https://other.test']}}]
        """)
      let answer = try kong.ask("/", host: "x", "Origin: \(origin)")
      #expect(answer["Access-Control-Allow-Origin"] == (mayRead ? origin : nil))
      #expect(answer["Vary"] == "Origin")
    }

    /// kong/plugins/request-termination/handler.lua, kong/plugins/redirect/handler.lua.
    @Test func answersAreThoseOfKong() throws {
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        services: [{name: one, url: 'http://TARGET'}]
        routes:
          - {name: a, service: one, paths: [/a], plugins: [{name: request-termination}]}
          - {name: b, service: one, paths: [/b], plugins: [{name: request-termination, config: {status_code: 404}}]}
          - {name: c, service: one, paths: [/c], plugins: [{name: request-termination, config: {status_code: 418}}]}
          - {name: d, service: one, paths: [/d], plugins: [{name: request-termination, config: {status_code: 200, content_type: application/xml, body: <a/>}}]}
          - {name: e, service: one, paths: [/e], plugins: [{name: redirect, config: {location: 'https://new.test/other?x=1', keep_incoming_path: true}}]}
          - {name: f, service: one, paths: [/f], plugins: [{name: redirect, config: {location: 'https://new.test/other', status_code: 308}}]}
        """)
      for (path, status, body) in [
        ("/a", 503, "{\"message\":\"Service unavailable\"}"),
        ("/b", 404, "{\"message\":\"Not found\"}"), ("/c", 418, ""), ("/d", 200, "<a/>"),
      ] {
        let answer = try kong.ask(path, host: "x")
        #expect(answer.status == status)
        #expect(answer.text == body, "\(path)")
      }
      #expect(try kong.ask("/d", host: "x")["Content-Type"] == "application/xml")
      let kept = try kong.ask("/e/f?g=h", host: "x")
      #expect(kept.status == 301)
      #expect(kept["Location"] == "https://new.test/e/f?g=h")
      let other = try kong.ask("/f/g", host: "x")
      #expect(other.status == 308)
      #expect(other["Location"] == "https://new.test/other")
    }

    /// kong/init.lua, Kong.access: plugins of a route without a service run; who gets no answer from one gets
    /// 503.
    @Test func routesWithoutAServiceAnswer() throws {
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        services: [{name: one, url: 'http://TARGET'}]
        consumers: [{username: alice, keyauth_credentials: [{key: alice-key}]}]
        routes:
          - {name: a, paths: [/a], plugins: [{name: request-termination, config: {status_code: 410, message: Gone}}]}
          - {name: b, paths: [/b], plugins: [{name: redirect, config: {location: 'https://new.test/'}}]}
          - {name: c, paths: [/c], plugins: [{name: request-termination, config: {trigger: x-stop, status_code: 418}}]}
          - {name: d, paths: [/d], plugins: [{name: key-auth}]}
          - {name: e, service: one, paths: [/]}
        """)
      for (path, fields, status) in [
        ("/a", "X-A: 1", 410), ("/b/c", "X-A: 1", 301), ("/c", "X-A: 1", 503),
        ("/c", "X-Stop: 1", 418), ("/d", "X-A: 1", 401), ("/d", "apikey: alice-key", 503),
        ("/other", "X-A: 1", 200),
      ] {
        #expect(try kong.ask(path, host: "x", fields).status == status, "\(path) \(fields)")
      }
      #expect(try kong.ask("/a", host: "x").text == "{\"message\":\"Gone\"}")
      #expect(kong.upstream.requests.count == 1)
    }

    /// kong/plugins/key-auth/handler.lua: with key_in_body and hide_credentials the key is taken out of the body.
    @Test(arguments: [
      ("application/x-www-form-urlencoded", "a=1&apikey=k%2D1&b=2", "a=1&b=2", 200),
      ("application/x-www-form-urlencoded", "apikey=k-1", "", 200),
      ("application/x-www-form-urlencoded", "apikey=wrong", "", 401),
      (
        "application/json", #"{"a": 1, "apikey": "k\u002d1", "b": {"apikey": "x"}}"#,
        #"{"a": 1, "b": {"apikey": "x"}}"#, 200
      ),
      ("application/json", #"{"apikey": "k-1"}"#, "{}", 200),
      ("application/json", #"{"apikey": "k-1", "apikey": "k-1"}"#, "", 401),
    ])
    func keysAreHiddenInBodies(type: String, body: String, arrives: String, status: Int) throws {
      let upstream = try ScriptedUpstream.answering { request in
        "HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n"
          + String(decoding: request.body, as: UTF8.self)
      }
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        services: [{name: one, url: 'http://TARGET'}]
        routes: [{name: a, service: one, paths: [/]}]
        consumers: [{username: alice, keyauth_credentials: [{key: k-1}]}]
        plugins: [{name: key-auth, config: {key_in_body: true, hide_credentials: true}}]
        """, answering: upstream)
      let answer = try kong.fixture.client().exchange(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
          + body)
      #expect(answer.status == status)
      if status == 200 { #expect(answer.text == arrives) }
    }

    /// kong/plugins/response-transformer/handler.lua: header_filter sees whatever is answered, and by whom
    /// (kong/init.lua, execute_collected_plugins_iterator).
    @Test func ownAnswersAreTransformed() throws {
      let upstream = try ScriptedUpstream.answering { _ in
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Old: a\r\n\r\n"
      }
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        services: [{name: one, url: 'http://TARGET'}]
        routes:
          - {name: a, service: one, paths: [/a]}
          - {name: b, service: one, paths: [/b], plugins: [{name: key-auth}]}
          - {name: c, service: one, paths: [/c], plugins: [{name: request-termination, config: {status_code: 404}}]}
          - {name: d, service: one, paths: [/d], plugins: [{name: rate-limiting, config: {year: 1, limit_by: ip}}]}
        plugins:
          - name: response-transformer
            config:
              remove: {headers: [X-RateLimit-Limit-Year]}
              rename: {headers: ['X-Old:X-New', 'WWW-Authenticate:X-Challenge']}
              replace: {headers: ['Content-Type:text/x-other', 'X-New:never', 'X-RateLimit-Remaining-Year:some']}
              add: {headers: ['X-New:b', 'X-Frame-Options:DENY']}
              append: {headers: ['X-New:c']}
        """, answering: upstream)
      let passed = try kong.ask("/a", host: "x")
      #expect(passed.values("X-New") == ["a", "c"])
      for (path, status, new) in [
        ("/b", 401, ["b", "c"]), ("/c", 404, ["b", "c"]), ("/d", 200, ["a", "c"]),
        ("/d", 429, ["b", "c"]),
      ] {
        let answer = try kong.ask(path, host: "x")
        #expect(answer.status == status)
        #expect(answer.values("X-New") == new, "\(path)")
        #expect(answer.values("X-Frame-Options") == ["DENY"])
        #expect(answer["X-RateLimit-Limit-Year"] == nil)
        #expect(answer["X-RateLimit-Remaining-Year"] == (path == "/d" ? "some" : nil))
        #expect(answer["WWW-Authenticate"] == nil)
        #expect((answer["X-Challenge"] != nil) == (status == 401))
        #expect(answer["Content-Type"] == (status == 200 ? nil : "text/x-other"))
      }
    }

    /// kong/plugins/basic-auth/crypto.lua, of what `kong config db_export` writes.
    @Test func hashedPasswordsAreChecked() throws {
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        _transform: false
        services: [{name: one, url: 'http://TARGET'}]
        routes: [{name: a, service: one, paths: [/]}]
        consumers:
          - username: alice
            id: 0b3aa0b9-8a24-4a3c-a7a5-6a6d1d2f3c44
            basicauth_credentials: [{username: alice, password: 7042d089f03a97e331b0438233d9c46debbb7987}]
        plugins: [{name: basic-auth}]
        """)
      for (password, status) in [
        ("päss word", 200), ("7042d089f03a97e331b0438233d9c46debbb7987", 401), ("", 401),
        ("päss word0b3aa0b9-8a24-4a3c-a7a5-6a6d1d2f3c44", 401), ("päss word", 200),
      ] {
        let field = "Authorization: Basic \(Data("alice:\(password)".utf8).base64EncodedString())"
        #expect(try kong.ask("/", host: "x", field).status == status, "\(password)")
      }
    }

    /// developer.konghq.com/plugins/request-transformer: captures of the route's expression.
    @Test func capturesOfThePathAreVariables() throws {
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        services: [{name: one, url: 'http://TARGET'}]
        routes: [{name: a, service: one, paths: ['~/users/(?<id>\\d+)/(\\w+)'], strip_path: false}]
        plugins:
          - name: request-transformer
            config:
              add: {headers: ['x-id:$(uri_captures["id"])', 'x-same:$(uri_captures.id)', 'x-what:$(uri_captures[2])']}
        """)
      _ = try kong.ask("/users/17/orders", host: "x")
      let seen = try #require(kong.upstream.requests.first)
      #expect(seen["X-Id"] == "17")
      #expect(seen["X-Same"] == "17")
      #expect(seen["X-What"] == "orders")
    }

    /// kong/plugins/rate-limiting/handler.lua: by service all callers of a service count together, by path
    /// those who ask for this path, and others by address.
    @Test func limitsMayBeOfServicesAndPaths() throws {
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        services:
          - {name: one, url: 'http://TARGET', routes: [{name: a, paths: [/a]}, {name: b, paths: [/b], preserve_host: true}]}
          - {name: two, url: 'http://TARGET', routes: [{name: c, paths: [/c]}]}
          - {name: own, url: 'http://TARGET', routes: [{name: d, paths: [/d]}], plugins: [{name: rate-limiting, config: {year: 1, limit_by: service}}]}
          - {name: path, url: 'http://TARGET', routes: [{name: e, paths: [/e]}], plugins: [{name: rate-limiting, config: {year: 2, limit_by: path, path: /e/x}}]}
        plugins: [{name: rate-limiting, config: {year: 2, limit_by: service}}]
        """)
      for (path, status) in [
        ("/a", 200), ("/b", 200), ("/a", 429), ("/b", 429), ("/c", 200), ("/c/d", 200),
        ("/c", 429), ("/d", 200), ("/d", 429), ("/e/x", 200), ("/e/y", 200), ("/e/x", 200),
        ("/e/x?q", 429), ("/e/z", 200), ("/e/z", 429),
      ] {
        #expect(try kong.ask(path, host: "x").status == status, "\(path)")
      }
    }

    /// kong/plugins/response-ratelimiting (access.lua, header_filter.lua): targets say what a response costs
    /// and get what is left; a response that costs something where nothing is left becomes 429.
    @Test func targetsSayWhatResponsesCost() throws {
      let upstream = try ScriptedUpstream.answering { request in
        let cost = request.target.drop { $0 != "?" }.dropFirst()
        return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
          + (cost.isEmpty ? "" : "X-Kong-Limit: \(cost.replacing("&", with: ", "))\r\n") + "\r\n"
      }
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        services: [{name: one, url: 'http://TARGET'}]
        routes:
          - {name: a, service: one, paths: [/a], plugins: [{name: response-ratelimiting, config: {limit_by: ip, limits: {video: {year: 5}, data: {month: 10, year: 20}}}}]}
          - {name: b, service: one, paths: [/b], plugins: [{name: response-ratelimiting, config: {limit_by: ip, block_on_first_violation: true, hide_client_headers: true, limits: {video: {year: 1}}}}]}
        """, answering: upstream)
      for (path, status, video, data) in [
        ("/a", 200, "5", "10"), ("/a?video=2", 200, "3", "10"),
        ("/a?video=1&data=4", 200, "2", "6"), ("/a?other=9&video=x", 200, "2", "6"),
        // More than is left passes and leaves nothing.
        ("/a?video=7", 200, "0", "6"), ("/a?data=1", 200, "0", "5"), ("/a?video=1", 429, "0", "5"),
        // A response that is refused costs nothing.
        ("/a?video=1&data=1", 429, "0", "5"), ("/a", 200, "0", "5"),
      ] {
        let answer = try kong.ask(path, host: "x", "X-RateLimit-Remaining-video: 99")
        #expect(answer.status == status, "\(path)")
        #expect(answer["X-RateLimit-Limit-video-Year"] == "5")
        #expect(answer["X-RateLimit-Remaining-video-Year"] == video, "\(path)")
        #expect(answer["X-RateLimit-Remaining-data-Month"] == data, "\(path)")
        #expect(answer["X-Kong-Limit"] == nil)
        #expect((answer["Retry-After"] != nil) == (status == 429))
      }
      // What targets are told is what was left before, whatever callers say of it.
      let told = upstream.requests.map { $0["X-RateLimit-Remaining-video"] ?? "-" }
      #expect(told == ["5", "5", "3", "2", "2", "0", "0", "0", "0"])
      let first = try kong.ask("/b?video=1", host: "x")
      #expect(first.status == 200)
      #expect(first["X-RateLimit-Remaining-video-Year"] == nil)
      #expect(try kong.ask("/b", host: "x").status == 429)
      #expect(upstream.requests.count == 10)
    }
  }
}
