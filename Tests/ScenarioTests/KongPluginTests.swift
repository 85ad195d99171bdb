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
