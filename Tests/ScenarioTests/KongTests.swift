import Foundation
import SluiceConfiguration
import SluiceControl
import SluiceGateway
import SluiceImport
import Testing

/// A gateway that runs a file of Kong in front of one target.
struct KongFixture {
  let upstream: ScriptedUpstream
  let fixture: Fixture
  let result: ReadResult

  /// `TARGET` in the text is the target's host and port.
  init(_ text: String, answering: ScriptedUpstream? = nil) throws {
    let upstream = try answering ?? ScriptedUpstream.echoing()
    self.upstream = upstream
    let text = text.replacing("TARGET", with: "127.0.0.1:\(upstream.port)")
    result = ConfigurationFile.read(text: text, file: "kong.yaml")
    var configuration = try #require(result.configuration, "\(result.diagnostics)")
    configuration.workers = .count(1)
    configuration.accessLog.format = .off
    configuration.shutdown.timeout = .milliseconds(50)
    for name in configuration.listeners.keys {
      configuration.listeners[name]?.address = "127.0.0.1:0"
    }
    configuration.listeners["web"] = configuration.listeners.removeValue(forKey: "proxy")
    for (name, route) in configuration.routes {
      configuration.routes[name]?.match.listeners = route.match.listeners.map {
        $0 == "proxy" ? "web" : $0
      }
    }
    fixture = try Fixture(configuration)
  }

  func ask(_ target: String, host: String, _ fields: String...) throws -> Message {
    try fixture.client().exchange(
      "GET \(target) HTTP/1.1\r\nHost: \(host)\r\n"
        + fields.map { $0 + "\r\n" }.joined() + "\r\n")
  }
}

extension Scenarios {
  /// What Kong's documentation says, asked of a gateway that runs Kong's file.
  @Suite struct KongTests {
    // MARK: Paths

    struct PathRow {
      var service: String
      var route: String?
      var strips: [Bool]
      var handling: [String]
      var request: String
      var arrives: String

      init(
        _ service: String, _ route: String?, _ strips: [Bool], _ handling: [String],
        _ request: String, _ arrives: String
      ) {
        self.service = service
        self.route = route
        self.strips = strips
        self.handling = handling
        self.request = request
        self.arrives = arrives
      }
    }

    private static let both = [false, true]
    private static let every = ["v0", "v1"]

    /// developer.konghq.com/gateway/entities/route, path handling; 61 cases of
    /// github.com/Kong/kong/blob/master/spec/fixtures/router_path_handling_tests.lua.
    static let pathRows: [PathRow] = [
      .init("/", "/", both, every, "/", "/"),
      .init("/", "/", both, every, "/route", "/route"),
      .init("/", "/", both, every, "/route/", "/route/"),
      .init("/", "/", both, every, "/route/req", "/route/req"),
      .init("/", "/route", [false], every, "/route", "/route"),
      .init("/", "/route", [false], every, "/route/", "/route/"),
      .init("/", "/route", [false], every, "/routereq", "/routereq"),
      .init("/", "/route", [true], every, "/route", "/"),
      .init("/", "/route", [true], every, "/route/", "/"),
      .init("/", "/route", [true], every, "/routereq", "/req"),
      .init("/", "/route/", [false], every, "/route/", "/route/"),
      .init("/", "/route/", [false], every, "/route/req", "/route/req"),
      .init("/", "/route/", [true], every, "/route/", "/"),
      .init("/", "/route/", [true], every, "/route/req", "/req"),
      .init("/srv", "/rou", [false], ["v0"], "/roureq", "/srv/roureq"),
      .init("/srv", "/rou", [false], ["v1"], "/roureq", "/srvroureq"),
      .init("/srv", "/rou", [true], ["v0"], "/roureq", "/srv/req"),
      .init("/srv", "/rou", [true], ["v1"], "/roureq", "/srvreq"),
      .init("/srv/", "/rou", [false], every, "/rou", "/srv/rou"),
      .init("/srv/", "/rou", [true], ["v0"], "/rou", "/srv"),
      .init("/srv/", "/rou", [true], ["v1"], "/rou", "/srv/"),
      .init("/service", "/", both, every, "/", "/service"),
      .init("/service", "/", both, ["v0"], "/route", "/service/route"),
      .init("/service", "/", both, ["v1"], "/route", "/serviceroute"),
      .init("/service", "/", both, ["v0"], "/route/", "/service/route/"),
      .init("/service", "/", both, ["v1"], "/route/", "/serviceroute/"),
      .init("/service", "/route", [false], ["v0"], "/route", "/service/route"),
      .init("/service", "/route", [false], ["v1"], "/route", "/serviceroute"),
      .init("/service", "/route", [false], ["v0"], "/route/", "/service/route/"),
      .init("/service", "/route", [false], ["v0"], "/routereq", "/service/routereq"),
      .init("/service", "/route", [true], every, "/route", "/service"),
      .init("/service", "/route", [true], every, "/route/", "/service/"),
      .init("/service", "/route", [true], ["v0"], "/routereq", "/service/req"),
      .init("/service", "/route", [true], ["v1"], "/routereq", "/servicereq"),
      .init("/service", "/route/", [false], ["v0"], "/route/", "/service/route/"),
      .init("/service", "/route/", [false], ["v1"], "/route/req", "/serviceroute/req"),
      .init("/service", "/route/", [true], every, "/route/", "/service"),
      .init("/service", "/route/", [true], ["v0"], "/route/req", "/service/req"),
      .init("/service", "/route/", [true], ["v1"], "/route/req", "/servicereq"),
      .init("/service/", "/", [false], every, "/", "/service/"),
      .init("/service/", "/", [true], ["v0"], "/", "/service"),
      .init("/service/", "/", [true], ["v1"], "/", "/service/"),
      .init("/service/", "/", both, every, "/route", "/service/route"),
      .init("/service/", "/", both, every, "/route/", "/service/route/"),
      .init("/service/", "/route", [false], every, "/route", "/service/route"),
      .init("/service/", "/route", [true], ["v0"], "/route", "/service"),
      .init("/service/", "/route", [true], ["v1"], "/route", "/service/"),
      .init("/service/", "/route", [true], every, "/route/", "/service/"),
      .init("/service/", "/route", [true], every, "/routereq", "/service/req"),
      .init("/service/", "/route/", [true], ["v0"], "/route/", "/service"),
      .init("/service/", "/route/", [true], ["v1"], "/route/", "/service/"),
      .init("/service/", "/route/", [true], every, "/route/req", "/service/req"),
      .init("/", nil, both, every, "/", "/"),
      .init("/", nil, both, every, "/route", "/route"),
      .init("/service", nil, both, every, "/", "/service"),
      .init("/service", nil, both, ["v0"], "/route", "/service/route"),
      .init("/service", nil, both, ["v1"], "/route", "/serviceroute"),
      .init("/service/", nil, [false], every, "/", "/service/"),
      .init("/service/", nil, [true], ["v0"], "/", "/service"),
      .init("/service/", nil, [true], ["v1"], "/", "/service/"),
      .init("/service/", nil, both, every, "/route", "/service/route"),
    ]

    @Test func pathsAreJoinedAsInKong() throws {
      var text = "_format_version: '3.0'\nservices:\n"
      var expected: [(host: String, row: PathRow)] = []
      for row in Self.pathRows {
        for strips in row.strips {
          for handling in row.handling {
            let host = "r\(expected.count).test"
            expected.append((host, row))
            text += """
                - name: s\(expected.count)
                  url: http://TARGET\(row.service)
                  routes:
                    - name: r\(expected.count)
                      hosts: [\(host)]
                      \(row.route.map { "paths: ['\($0)']" } ?? "tags: []")
                      strip_path: \(strips)
                      path_handling: \(handling)

              """
          }
        }
      }
      let kong = try KongFixture(text)
      for (host, row) in expected {
        #expect(try kong.ask(row.request, host: host).text == row.arrives, "\(host) \(row)")
      }
    }

    // MARK: Priority

    /// Routes and what a request finds; the answer is the route's name.
    struct PriorityRow {
      var source: String
      var routes: [(name: String, fields: String)]
      var requests: [(request: String, fields: [String], route: String)]
    }

    static let priorityRows: [PriorityRow] = [
      .init(
        source:
          "developer.konghq.com/gateway/routing/traditional: the route with the most conditions",
        routes: [
          ("host", "hosts: [example.com]"),
          ("both", "hosts: [example.com], methods: [POST]"),
        ],
        requests: [("GET /", [], "host"), ("POST /", [], "both")]),
      .init(
        source: "same page: hosts with wildcards come after plain ones",
        routes: [
          ("wild", "hosts: ['*.com'], paths: [/]"), ("plain", "hosts: [example.com], paths: [/]"),
        ],
        requests: [("GET /a/long/path", [], "plain")]),
      .init(
        source: "same page: longer prefixes first",
        routes: [
          ("short", "paths: [/service]"), ("long", "paths: [/service/resource]"),
        ],
        requests: [
          ("GET /service/resource", [], "long"), ("GET /service/resources", [], "long"),
          ("GET /service/other", [], "short"), ("GET /services", [], "short"),
        ]),
      .init(
        source: "same page: regular expressions before prefixes, and by regex_priority",
        routes: [
          ("prefix", "paths: [/version/any/]"),
          ("one", "paths: ['~/version/\\d+/x'], regex_priority: 0"),
          ("six", "paths: ['~/version/\\d+'], regex_priority: 6"),
        ],
        requests: [
          ("GET /version/1/x", [], "six"), ("GET /version/any/", [], "prefix"),
          ("GET /version/12/anything", [], "six"),
        ]),
      .init(
        source: "same page: more headers first",
        routes: [
          ("one", "headers: {x-version: [v1]}"),
          ("two", "headers: {x-version: [v1], x-tier: [gold, silver]}"),
        ],
        requests: [
          ("GET /", ["X-Version: v1"], "one"),
          ("GET /", ["X-Version: v1", "X-Tier: silver"], "two"),
          ("GET /", ["X-Version: v1", "X-Tier: iron"], "one"),
        ]),
      .init(
        source: "kong/router/transform.lua: kinds of conditions outweigh hosts",
        routes: [
          ("host", "hosts: [example.com]"), ("path", "paths: [/a], methods: [GET]"),
        ],
        requests: [("GET /a", [], "path"), ("GET /b", [], "host")]),
      .init(
        source: "kong/router/transform.lua: plain hosts outweigh headers, these a regex",
        routes: [
          ("headers", "headers: {x-a: [b]}, paths: [/a]"),
          ("regex", "methods: [GET], paths: ['~/a']"),
          ("plain", "hosts: [example.com], paths: [/]"),
        ],
        requests: [
          ("GET /a", ["X-A: b"], "plain"), ("GET /a", [], "plain"),
        ]),
      .init(
        source: "kong/router/transform.lua: headers outweigh a regex",
        routes: [
          ("regex", "methods: [GET], paths: ['~/a']"),
          ("headers", "headers: {x-a: [b]}, paths: [/a]"),
        ],
        requests: [("GET /a", ["X-A: b"], "headers"), ("GET /a", [], "regex")]),
      .init(
        source: "kong/router/utils.lua: each path of a route counts for itself",
        routes: [
          ("many", "paths: [/a, /a/b/c]"), ("between", "paths: [/a/b]"),
        ],
        requests: [
          ("GET /a/b/c", [], "many"), ("GET /a/b/d", [], "between"), ("GET /a/x", [], "many"),
        ]),
      .init(
        source: "kong/router/transform.lua: names of TLS are a kind of condition, also without TLS",
        routes: [
          ("names", "paths: [/a], snis: [x.test]"), ("plain", "paths: [/a/b]"),
          ("three", "paths: [/a/b], methods: [GET], hosts: [example.com]"),
        ],
        requests: [
          ("GET /a/b", [], "three"), ("POST /a/b", [], "names"), ("GET /b", [], "404"),
        ]),
      .init(
        source: "kong/router/transform.lua: any wildcard makes hosts less than plain ones",
        routes: [
          ("end", "hosts: ['example.*'], paths: [/a/b/c]"),
          ("mixed", "hosts: [example.com, 'x.*'], paths: [/a/b]"),
          ("plain", "hosts: [example.com], paths: [/a]"),
        ],
        requests: [("GET /a/b/c", [], "plain"), ("GET /a", [], "plain"), ("GET /b", [], "404")]),
      .init(
        source:
          "developer.konghq.com/gateway/entities/route: prefixes have no borders, regexes no end",
        routes: [("prefix", "paths: [/time]"), ("regex", "paths: ['~/v\\d/x$', '~/w']")],
        requests: [
          ("GET /timeout", [], "prefix"), ("GET /v1/x", [], "regex"), ("GET /worse", [], "regex"),
          ("GET /v1/xy", [], "404"), ("GET /tim", [], "404"),
        ]),
    ]

    @Test(arguments: priorityRows.indices)
    func routesAreTriedAsInKong(index: Int) throws {
      let row = Self.priorityRows[index]
      var text = """
        _format_version: '3.0'
        services:
          - name: one
            url: http://TARGET
        routes:

        """
      for (name, fields) in row.routes {
        text += """
            - {name: \(name), service: one, \(fields), plugins: [{name: request-termination, config: {status_code: 200, content_type: text/plain, body: \(name)}}]}

          """
      }
      let kong = try KongFixture(text)
      for (request, fields, route) in row.requests {
        let parts = request.split(separator: " ").map(String.init)
        let answer = try kong.fixture.client().exchange(
          "\(parts[0]) \(parts[1]) HTTP/1.1\r\nHost: example.com\r\n"
            + fields.map { $0 + "\r\n" }.joined() + "\r\n")
        let found = answer.status == 200 ? answer.text : "\(answer.status)"
        #expect(found == route, "\(request) \(fields): \(row.source)")
      }
    }

    // MARK: Plugins

    /// developer.konghq.com/gateway/entities/plugin, plugin precedence: of several instances the most
    /// specific one runs.
    @Test func theMostSpecificPluginRuns() throws {
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        services:
          - {name: one, url: 'http://TARGET', routes: [{name: a, paths: [/a]}, {name: b, paths: [/b]}]}
          - {name: two, url: 'http://TARGET', routes: [{name: c, paths: [/c]}]}
        consumer_groups: [{name: gold}]
        consumers:
          - {username: ann, keyauth_credentials: [{key: k-ann}], groups: [{name: gold}]}
          - {username: bob, keyauth_credentials: [{key: k-bob}]}
          - {username: cid, keyauth_credentials: [{key: k-cid}]}
        plugins:
          - {name: key-auth}
          - {name: request-termination, config: {status_code: 200, message: global}}
          - {name: request-termination, service: one, config: {status_code: 200, message: service}}
          - {name: request-termination, route: a, config: {status_code: 200, message: route}}
          - {name: request-termination, consumer: bob, config: {status_code: 200, message: consumer}}
          - {name: request-termination, consumer_group: gold, config: {status_code: 200, message: group}}
          - {name: request-termination, route: b, service: one, config: {status_code: 200, message: route and service}}
          - {name: request-termination, consumer: bob, route: a, config: {status_code: 200, message: consumer and route}}
        """)
      for (key, path, wanted) in [
        ("k-cid", "/a", "route"), ("k-cid", "/c", "global"), ("k-cid", "/b", "route and service"),
        ("k-bob", "/c", "consumer"), ("k-bob", "/a", "consumer and route"),
        // Kong: route and service come before the consumer, which Sluice has the other way round.
        ("k-bob", "/b", "route and service"),
        ("k-ann", "/a", "group"), ("k-ann", "/c", "group"), ("k-ann", "/b", "route and service"),
      ] {
        let answer = try kong.ask(path, host: "x", "apikey: \(key)")
        #expect(answer.text == "{\"message\":\"\(wanted)\"}", "\(key) \(path)")
      }
    }

    @Test func callersAreKnownAndChecked() throws {
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        services: [{name: one, url: 'http://TARGET'}]
        routes:
          - {name: key, service: one, paths: [/key], strip_path: false, plugins: [{name: key-auth, config: {key_names: [x-key], hide_credentials: true}}, {name: acl, config: {allow: [in]}}]}
          - {name: basic, service: one, paths: [/basic], plugins: [{name: basic-auth}]}
          - {name: two, service: one, paths: [/two], plugins: [{name: basic-auth}, {name: key-auth}]}
          - {name: ip, service: one, paths: [/ip], plugins: [{name: ip-restriction, config: {deny: [127.0.0.0/8]}}]}
          - {name: closed, service: one, paths: [/closed], plugins: [{name: acl, config: {deny: [out]}}]}
        consumers:
          - {username: ann, acls: [{group: in}], keyauth_credentials: [{key: k-ann}], basicauth_credentials: [{username: ann, password: secret}]}
          - {username: bob, acls: [{group: out}], keyauth_credentials: [{key: k-bob}]}
        """)
      let basic = "Authorization: Basic " + Data("ann:secret".utf8).base64EncodedString()
      for (path, fields, status) in [
        ("/key", ["X-Key: k-ann"], 200), ("/key?x-key=k-ann", [], 200), ("/key", [], 401),
        ("/key", ["X-Key: other"], 401), ("/key", ["X-Key: k-bob"], 403),
        ("/key", ["apikey: k-ann"], 401), ("/basic", [basic], 200), ("/basic", [], 401),
        // Kong runs every plugin of authentication.
        ("/two", [basic], 401), ("/two", [basic, "apikey: k-ann"], 200),
        ("/two", ["apikey: k-ann"], 401), ("/ip", [], 403),
        // acl without anybody known: 401, for deny, too.
        ("/closed", [], 401),
      ] {
        let answer = try kong.fixture.client().exchange(
          "GET \(path) HTTP/1.1\r\nHost: x\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
        #expect(answer.status == status, "\(path) \(fields)")
      }
      let seen = try #require(kong.upstream.requests.first)
      #expect(seen["X-Key"] == nil)
      #expect(seen["X-Consumer-Username"] == "ann")
    }

    /// developer.konghq.com/plugins/request-transformer: add only what is not there, replace only what
    /// is; the order is remove, rename, replace, add, append.
    @Test func requestsAreTransformed() throws {
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        services: [{name: one, url: 'http://TARGET/base'}]
        routes: [{name: a, service: one, paths: [/a]}]
        plugins:
          - name: request-transformer
            config:
              remove: {headers: [x-gone], querystring: [gone]}
              rename: {headers: ['x-old:x-new']}
              replace: {headers: ['x-there:new', 'x-missing:new']}
              add: {headers: ['x-there:added', 'x-added:a $(headers.x_from) $5', 'x-twice:1', 'x-twice:2'], querystring: ['q:1']}
              append: {headers: ['x-list:2']}
        """)
      _ = try kong.ask(
        "/a/b?gone=1&kept=2", host: "x", "X-Gone: 1", "X-Old: o", "X-There: old", "X-From: f",
        "X-List: 1")
      let seen = try #require(kong.upstream.requests.first)
      #expect(seen.target == "/base/b?kept=2&q=1")
      #expect(seen["X-Gone"] == nil)
      #expect(seen["X-New"] == "o")
      #expect(seen["X-There"] == "new")
      #expect(seen["X-Missing"] == nil)
      #expect(seen["X-Added"] == "a f $5")
      #expect(seen["X-Twice"] == "1")
      #expect(seen["Host"] == "127.0.0.1:\(kong.upstream.port)")
    }

    /// developer.konghq.com/plugins/rate-limiting: headers and status.
    @Test func limitsAreToldAsInKong() throws {
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        services: [{name: one, url: 'http://TARGET'}]
        routes: [{name: a, service: one, paths: [/a, /b], plugins: [{name: rate-limiting, config: {month: 2, year: 5, limit_by: ip}}]}]
        """)
      let first = try kong.ask("/a", host: "x")
      #expect(first["X-RateLimit-Limit-Month"] == "2")
      #expect(first["X-RateLimit-Remaining-Month"] == "1")
      #expect(first["X-RateLimit-Remaining-Year"] == "4")
      #expect(first["RateLimit-Limit"] == "2")
      #expect(first["RateLimit-Remaining"] == "1")
      #expect(
        first["RateLimit-Reset"].flatMap { Int($0) }.map { (1...2_592_000).contains($0) } == true)
      #expect(first["X-Kong-Upstream-Latency"].flatMap { Int($0) } != nil)
      #expect(first["X-Kong-Proxy-Latency"].flatMap { Int($0) } != nil)
      // Both paths are one route.
      _ = try kong.ask("/b", host: "x")
      let refused = try kong.ask("/a", host: "x")
      #expect(refused.status == 429)
      #expect(refused["X-RateLimit-Remaining-Month"] == "0")
      #expect(refused["Retry-After"] != nil)
      #expect(refused["X-Kong-Response-Latency"].flatMap { Int($0) } != nil)
    }
  }
}
