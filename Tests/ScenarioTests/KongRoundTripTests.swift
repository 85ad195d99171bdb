import Foundation
import SluiceConfiguration
import SluiceControl
import SluiceGateway
import SluiceImport
import Testing

extension Scenarios {
  /// `sluice run kong.yaml` and `sluice run` of what `sluice convert kong.yaml` wrote answer alike, and
  /// targets see the same.
  @Suite struct KongRoundTripTests {
    struct Row: Sendable {
      var name: String
      var text: String
      /// Method, path and fields; asked one after the other on one connection each.
      var requests: [(line: String, fields: [String], body: String)]

      init(_ name: String, _ text: String, _ requests: [String]) {
        self.name = name
        self.text = text
        self.requests = requests.map { request in
          let parts = request.split(separator: " | ", omittingEmptySubsequences: false).map(
            String.init)
          let fields = parts.dropFirst().filter { !$0.hasPrefix("body=") }
          let body = parts.first { $0.hasPrefix("body=") }?.dropFirst(5) ?? ""
          return (parts[0], fields, String(body))
        }
      }
    }

    static let rows: [Row] = [
      Row(
        "paths",
        """
        _format_version: "3.0"
        services:
          - {name: a, url: 'http://TARGET/base', routes: [{name: a1, paths: [/a, "~/x/(?<id>\\\\d+)$"]}, {name: a2, paths: [/a/b], strip_path: false, methods: [POST]}]}
          - {name: b, url: 'http://TARGET', routes: [{name: b1, hosts: [b.test, "*.b.test"], preserve_host: true}, {name: b2, headers: {x-v: [v1, "~*^v2"]}, paths: [/]}]}
        """,
        [
          "GET /a", "GET /a/c?d=e", "POST /a/b/c", "GET /x/17", "GET /x/y", "GET / | Host: b.test",
          "GET /z | Host: c.b.test", "GET /h | X-V: V1", "GET /h | X-V: v29", "GET /h | X-V: v3",
          "DELETE /a/b", "GET /none",
        ]),
      Row(
        "callers",
        """
        _format_version: "3.0"
        services: [{name: s, url: 'http://TARGET'}]
        routes:
          - {name: keys, service: s, paths: [/keys], plugins: [{name: key-auth, config: {key_names: [apikey, x-key], key_in_body: true, run_on_preflight: false}}, {name: acl, config: {allow: [staff]}}]}
          - {name: basic, service: s, paths: [/basic], plugins: [{name: basic-auth, config: {hide_credentials: true}}]}
          - {name: guests, service: s, paths: [/guests], plugins: [{name: key-auth, config: {anonymous: guest}}]}
        consumers:
          - {username: ann, custom_id: one, keyauth_credentials: [{key: k-ann}], acls: [{group: staff}], basicauth_credentials: [{username: ann, password: pw}]}
          - {username: bob, keyauth_credentials: [{key: k-bob}]}
          - {username: guest}
        """,
        [
          "GET /keys", "GET /keys | apikey: k-ann", "GET /keys?x-key=k-ann",
          "GET /keys | apikey: k-bob",
          "GET /keys | apikey: none", "OPTIONS /keys", "OPTIONS /keys | apikey: k-ann",
          "POST /keys | Content-Type: application/json | body={\"apikey\":\"k-ann\"}",
          "GET /basic | Authorization: Basic YW5uOnB3",
          "GET /basic | Authorization: Basic YW5uOnB4",
          "GET /guests", "GET /guests | apikey: wrong", "GET /guests | apikey: k-bob",
        ]),
      Row(
        "levels",
        """
        _format_version: "3.0"
        services:
          - {name: one, url: 'http://TARGET', routes: [{name: a, paths: [/a]}, {name: b, paths: [/b]}]}
          - {name: two, url: 'http://TARGET', routes: [{name: c, paths: [/c]}]}
        consumer_groups: [{name: gold, plugins: [{name: response-transformer, config: {add: {headers: ["x-l:gold"]}}}]}]
        consumers:
          - {username: ann, keyauth_credentials: [{key: k-ann}], groups: [{name: gold}]}
          - {username: bob, keyauth_credentials: [{key: k-bob}]}
        plugins:
          - {name: key-auth}
          - {name: response-transformer, config: {add: {headers: ["x-l:all"]}}}
          - {name: response-transformer, service: one, config: {add: {headers: ["x-l:one"]}}}
          - {name: response-transformer, route: a, config: {add: {headers: ["x-l:a"]}}}
          - {name: response-transformer, route: b, service: one, config: {add: {headers: ["x-l:b one"]}}}
          - {name: response-transformer, consumer: bob, route: a, config: {add: {headers: ["x-l:bob a"]}}}
          - {name: response-transformer, consumer_group: gold, service: two, config: {add: {headers: ["x-l:gold two"]}}}
        """,
        ["a", "b", "c"].flatMap { path in
          ["k-ann", "k-bob", "none"].map { "GET /\(path) | apikey: \($0)" }
        }),
      Row(
        "plugins",
        """
        _format_version: "3.0"
        services: [{name: s, url: 'http://TARGET', retries: 0}]
        routes:
          - {name: t, service: s, paths: ["~/t/(?<id>[a-z]+)", /u], strip_path: false}
          - {name: off, service: s, paths: [/off], plugins: [{name: request-termination, config: {status_code: 418, message: no, trigger: x-off}}]}
          - {name: gone, service: s, paths: [/gone], plugins: [{name: redirect, config: {location: "https://new.test/x", status_code: 302}}]}
          - {name: ip, service: s, paths: [/ip], plugins: [{name: ip-restriction, config: {deny: [127.0.0.1], status: 410, message: Away}}]}
          - {name: small, service: s, paths: [/small], plugins: [{name: request-size-limiting, config: {allowed_payload_size: 4, size_unit: bytes}}]}
          - {name: few, service: s, paths: [/few], plugins: [{name: rate-limiting, config: {year: 2, limit_by: ip, error_code: 420, error_message: Enough}}]}
          - {name: pages, service: s, paths: [/pages], plugins: [{name: cors, config: {origins: ["https://a.test"], credentials: true, max_age: 60}}]}
        plugins:
          - {name: request-transformer, route: t, config: {add: {headers: ["x-id:$(uri_captures.id)", "x-a:b"], querystring: ["q:r"]}, remove: {headers: [x-secret]}, rename: {headers: ["x-old:x-new"]}}}
          - {name: correlation-id, config: {header_name: x-trace, echo_downstream: false}}
          - {name: bot-detection, config: {deny: [evil]}}
        """,
        [
          "GET /t/abc | X-Secret: 1 | X-Old: 2", "GET /u?z=1", "GET /off", "GET /off | X-Off: 1",
          "GET /off?x-off", "GET /gone", "GET /ip", "POST /small | body=abcd",
          "POST /small | body=abcde",
          "GET /few", "GET /few", "GET /few",
          "OPTIONS /pages | Origin: https://a.test | Access-Control-Request-Method: GET",
          "GET /pages | Origin: https://a.test", "GET /pages | Origin: https://b.test",
          "GET /u | User-Agent: evil", "GET /u | User-Agent: curl/8",
        ]),
      Row(
        "snippet",
        """
        plugins:
          - {name: request-transformer, config: {add: {headers: ["X-Forwarded-For:$remote_addr", "X-Caller:$remote_addr"]}}}
        routes: [{name: time, paths: [/time], methods: [GET], strip_path: true, service: time}]
        services: [{name: time, url: 'http://TARGET'}]
        """, ["GET /time", "GET /time/zone?x", "POST /time", "GET /other"]),
    ]

    /// What differs from one request to the next, whoever asks.
    private static let changing: Set<String> = [
      "date", "x-kong-upstream-latency", "x-kong-proxy-latency", "x-kong-response-latency",
      "x-trace",
      "ratelimit-reset", "retry-after", "x-request-id", "x-forwarded-port",
    ]

    private func plain(_ message: Message) -> [String] {
      let body = message.text.replacing(/"requestId":"[^"]*"/, with: "")
      return [message.startLine]
        + message.fields.filter { !Self.changing.contains($0.name.lowercased()) }.map {
          "\($0.name): \($0.value)"
        }.sorted() + [body]
    }

    private func results(_ kong: KongFixture, _ row: Row) throws -> (
      answers: [[String]], seen: [[String]]
    ) {
      let former = kong.upstream.requests.count
      let answers = try row.requests.map { request in
        let client = try kong.fixture.client()
        let hasHost = request.fields.contains { $0.hasPrefix("Host:") }
        var text = "\(request.line) HTTP/1.1\r\n" + (hasHost ? "" : "Host: kong.test\r\n")
        text += request.fields.map { "\($0)\r\n" }.joined()
        if !request.body.isEmpty { text += "Content-Length: \(request.body.utf8.count)\r\n" }
        return plain(try client.exchange(text + "\r\n" + request.body))
      }
      return (answers, kong.upstream.requests.dropFirst(former).map { plain($0) })
    }

    @Test(arguments: rows.indices) func whatIsConvertedAnswersTheSame(index: Int) throws {
      let row = Self.rows[index]
      let upstream = try ScriptedUpstream.echoing()
      let first = try results(try KongFixture(row.text, answering: upstream), row)
      // Both have the target at one address, so that what is seen can be compared.
      let text = row.text.replacing("TARGET", with: "127.0.0.1:\(upstream.port)")
      let conversion = KongConverter.convert(text, file: "kong.yaml")
      #expect(!conversion.hasErrors)
      let yaml = conversion.yaml().text
      let second = try results(try KongFixture(yaml, answering: upstream), row)
      for (number, request) in row.requests.enumerated() {
        #expect(first.answers[number] == second.answers[number], "\(row.name): \(request)")
      }
      #expect(first.seen == second.seen, "\(row.name)")
      #expect(!first.seen.isEmpty && Set(first.answers.map { $0[0] }).count > 1)
      // Once more: what is written is in its last form.
      #expect(ConfigurationFile.read(text: yaml, file: "sluice.yaml").diagnostics.isEmpty)
    }
  }
}
