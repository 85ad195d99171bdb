import SluiceConfiguration
import Testing

@testable import SluiceImport

/// What plugins of Kong and the balancing of its upstreams become, field by field.
@Suite struct KongPluginConverterTests {
  private static let head = """
    _format_version: "3.0"
    services: [{name: s, url: "http://a.test:81"}]
    routes: [{name: r, service: s, paths: [/r], strip_path: false, protocols: [http, ws]}]

    """

  private func read(_ rest: String, variables: Set<String> = []) throws -> (
    Configuration, [String]
  ) {
    let result = readKong(Self.head + rest, variables: variables)
    return (try #require(result.configuration, "\(result.messages)"), result.messages)
  }

  // MARK: Logs

  /// developer.konghq.com/plugins/file-log/reference: path, reopen, custom_fields_by_lua.
  @Test(arguments: [
    ("/tmp/a.log", "/tmp/a.log"), ("/dev/stdout", "stdout"), ("/dev/stderr", "stderr"),
    ("a.log", "./a.log"),
  ])
  func fileLogIsCarriedOver(path: String, expected: String) throws {
    let (configuration, messages) = try read(
      "plugins: [{name: file-log, config: {path: \(path), reopen: true, custom_fields_by_lua: {a: return 1}}}]"
    )
    let log = try #require(configuration.policies[Configuration.FileLog.self])
    #expect(log.path == expected && log.format == .kong)
    #expect(messages.contains { $0.contains("custom_fields_by_lua is Lua, which is not run") })
  }

  /// developer.konghq.com/plugins/http-log/reference, queue (developer.konghq.com/gateway/entities/plugin,
  /// plugin queuing), and the fields of before 3.3.
  @Test func httpLogIsCarriedOver() throws {
    let (configuration, messages) = try read(
      """
      plugins:
        - name: http-log
          config:
            http_endpoint: "http://user:pass@logs.test:9000/in?a=b"
            method: PUT
            content_type: application/json; charset=utf-8
            timeout: 2500
            keepalive: 1000
            retry_count: 3
            headers: {X-Token: "{vault://env/log-token}", X-Other: [one, two]}
            custom_fields_by_lua: {a: return 1}
            queue:
              max_batch_size: 20
              max_coalescing_delay: 0.25
              max_entries: 500
              max_bytes: 100000
              max_retry_time: -1
              initial_retry_delay: 0.001
              max_retry_delay: 2
              concurrency_limit: -1
      """, variables: ["LOG_TOKEN"])
    let log = try #require(configuration.policies[Configuration.HTTPLog.self])
    #expect(log.url == "http://logs.test:9000/in?a=b")
    #expect(log.urls == ["http://logs.test:9000"])
    #expect(log.method == .put && log.contentType == "application/json; charset=utf-8")
    #expect(log.headers["Authorization"]?.reveal() == "Basic dXNlcjpwYXNz")
    #expect(log.headers["X-Token"]?.reveal() == "value-of-LOG_TOKEN")
    #expect(log.headers["X-Other"]?.reveal() == "one")
    #expect(log.timeout == .milliseconds(2_500) && log.format == .kong)
    #expect(log.batchSize == 20 && log.batchDelay == .milliseconds(250))
    #expect(log.maxLines == 500 && log.maxBytes.bytes == 100_000)
    #expect(log.retryFor == .milliseconds(0))
    #expect(log.firstPause == .milliseconds(1) && log.maxPause == .seconds(2))
    for part in ["keepalive", "retry_count", "custom_fields_by_lua", "concurrency_limit"] {
      #expect(messages.contains { $0.contains(": warning: ") && $0.contains(part) }, "\(part)")
    }
    let (old, _) = try read(
      "plugins: [{name: http-log, config: {http_endpoint: 'http://l.test/', queue_size: 5, flush_timeout: 2}}]"
    )
    let former = try #require(old.policies[Configuration.HTTPLog.self])
    #expect(former.batchSize == 5 && former.batchDelay == .seconds(2))
    #expect(former.timeout == .seconds(10) && former.maxLines == 10_000)
  }

  @Test(arguments: [
    ("{name: file-log}", "it needs a path"),
    ("{name: http-log}", "it needs an http_endpoint"),
    (
      "{name: http-log, config: {http_endpoint: 'http://a:b@l.test', headers: {authorization: x}}}",
      "http_endpoint says authorization, too"
    ),
    (
      "{name: http-log, config: {http_endpoint: 'ftp://l.test'}}",
      "the scheme must be http or https"
    ),
    (
      "{name: http-log, config: {http_endpoint: 'http://l.test', headers: {Host: x}}}",
      "the gateway itself writes this field"
    ),
    (
      "{name: http-log, config: {http_endpoint: 'http://l.test', queue: {max_batch: 3}}}",
      "unknown field 'max_batch'"
    ),
    (
      "{name: http-log, config: {http_endpoint: 'http://l.test', queue: {max_retry_time: soon}}}",
      "max_retry_time must be a number of seconds"
    ),
    ("{name: http-log, config: {http_endpoint: 'http://l.test', method: GET}}", "method"),
  ])
  func logsAreChecked(plugin: String, message: String) {
    let result = readKong(Self.head + "plugins: [\(plugin)]")
    #expect(result.configuration == nil)
    #expect(result.messages.contains { $0.contains(message) }, "\(result.messages)")
    // Neither part of a URL that may let somebody in is shown.
    #expect(!result.messages.contains { $0.contains("a:b") })
  }

  /// Logs may be for one consumer or group, as in Kong.
  @Test func logsMayBeAnywhere() throws {
    let (configuration, _) = try read(
      """
      consumers: [{username: c}]
      consumer_groups: [{name: g}]
      plugins:
        - {name: file-log, config: {path: /tmp/all}}
        - {name: file-log, service: s, config: {path: /tmp/s}}
        - {name: file-log, route: r, config: {path: /tmp/r}}
        - {name: http-log, consumer: c, config: {http_endpoint: 'http://c.test'}}
        - {name: http-log, route: r, consumer_group: g, config: {http_endpoint: 'http://g.test'}}
      """)
    func logs(_ consumer: String?, _ groups: [String]) -> [String] {
      configuration.policies(ofRoute: "r", consumer: consumer, groups: groups).compactMap {
        ($0.settings as? Configuration.FileLog)?.path
          ?? ($0.settings as? Configuration.HTTPLog)?.url
      }
    }
    #expect(logs(nil, []) == ["/tmp/r"])
    #expect(logs("c", []) == ["/tmp/r", "http://c.test"])
    #expect(logs("d", ["g"]) == ["/tmp/r", "http://g.test"])
  }

  /// developer.konghq.com/plugins/prometheus/reference.
  @Test func prometheusIsTheAdminListener() throws {
    let (configuration, messages) = try read(
      "plugins: [{name: prometheus, config: {per_consumer: true, status_code_metrics: true, latency_metrics: true, bandwidth_metrics: false, upstream_health_metrics: true}}]"
    )
    #expect(configuration.admin?.address == "127.0.0.1:9901")
    #expect(messages.contains { $0.contains("per_consumer is not there") })
    #expect(messages.contains { $0.contains("http://127.0.0.1:9901/metrics") })
    #expect(
      !readKong(Self.head + "plugins: [{name: prometheus}]").messages.contains {
        $0.contains("per_consumer")
      })
  }

  // MARK: Callers

  /// developer.konghq.com/plugins/key-auth/reference.
  @Test func keysMayBeInBodies() throws {
    let (configuration, _) = try read(
      "plugins: [{name: key-auth, config: {key_in_body: true, key_in_query: false, run_on_preflight: false}}]"
    )
    let policy = try #require(configuration.policies[Configuration.KeyAuth.self])
    #expect(policy.body && policy.header && !policy.query && !policy.preflight && !policy.hide)
    let (hiding, _) = try read(
      "plugins: [{name: key-auth, config: {key_in_body: true, hide_credentials: true}}]")
    let hidden = try #require(hiding.policies[Configuration.KeyAuth.self])
    #expect(hidden.body && hidden.hide)
  }

  /// developer.konghq.com/plugins/jwt/reference.
  @Test func tokensMayBeInSeveralPlaces() throws {
    let (configuration, _) = try read(
      """
      consumers: [{username: c, jwt_secrets: [{key: k, secret: 0123456789abcdef0123456789abcdef}]}]
      plugins:
        - name: jwt
          config:
            header_names: [authorization, x-token, x-other]
            uri_param_names: [jwt, token]
            cookie_names: [a, b]
            key_claim_name: kid
            claims_to_verify: [exp, nbf]
            maximum_expiration: 3600
            run_on_preflight: false
      """)
    let policy = try #require(configuration.policies[Configuration.JWT.self])
    #expect(policy.header == "authorization" && policy.headers == ["x-token", "x-other"])
    #expect(policy.query == ["jwt", "token"] && policy.cookies == ["a", "b"])
    #expect(policy.keyClaim == "kid" && policy.keyInHeader)
    #expect(policy.maxLifetime == .seconds(3_600) && !policy.preflight)
    #expect(policy.require == ["exp", "nbf"])
    let refused = readKong(
      Self.head + "plugins: [{name: jwt, config: {maximum_expiration: 3600}}]")
    #expect(refused.messages.contains { $0.contains("needs exp in claims_to_verify") })
  }

  /// Whoever fails is anonymous in Kong (developer.konghq.com/gateway/authentication, anonymous access).
  @Test func anonymousIsForWrongCredentialsToo() throws {
    let (configuration, messages) = try read(
      """
      consumers: [{username: guest}]
      plugins: [{name: key-auth, config: {anonymous: guest}}]
      """)
    let policy = try #require(configuration.policies[Configuration.Anonymous.self])
    #expect(policy.consumer == "guest" && policy.wrongCredentials)
    #expect(!messages.contains { $0.contains("anonymous") })
  }

  /// With several plugins each is asked unless all of them have `anonymous` (kong/plugins/key-auth/handler.lua,
  /// `logical_OR_authentication`): one without it lets nobody pass.
  @Test func anonymousOpensNoOtherPlugin() throws {
    let refused = readKong(
      Self.head + """
        consumers: [{username: guest}]
        plugins: [{name: key-auth, config: {anonymous: guest}}, {name: jwt}]
        """)
    #expect(refused.configuration == nil)
    #expect(
      refused.messages.contains { $0.contains("anonymous would let callers pass plugin jwt, too") })
    let (both, _) = try read(
      """
      consumers: [{username: guest}]
      plugins: [{name: key-auth, config: {anonymous: guest}}, {name: basic-auth, config: {anonymous: guest}}]
      """)
    #expect(both.policies[Configuration.Anonymous.self]?.consumer == "guest")
    #expect(both.routes.values.allSatisfy { $0.policies[Configuration.Identify.self] == nil })
    let different = readKong(
      Self.head + """
        consumers: [{username: guest}, {username: other}]
        plugins: [{name: key-auth, config: {anonymous: guest}}, {name: basic-auth, route: r, config: {anonymous: other}}]
        """)
    #expect(different.messages.contains { $0.contains("different consumers as anonymous") })
  }

  /// A plugin of a route replaces the one of everything, `anonymous` with it.
  @Test func anonymousIsOfItsOwnPlugin() throws {
    let (configuration, _) = try read(
      """
      consumers: [{username: guest}]
      plugins: [{name: key-auth, config: {anonymous: guest}}, {name: key-auth, route: r}]
      """)
    let policies = configuration.policies(ofRoute: "r")
    #expect(!policies.contains { $0.name == "anonymous" })
    #expect(policies.contains { $0.name == "key-auth" })
  }

  // MARK: Limits and answers

  /// developer.konghq.com/plugins/rate-limiting/reference: all six windows, error_code, error_message.
  @Test func sixWindowsAndAnAnswerOfItsOwn() throws {
    let (configuration, _) = try read(
      "plugins: [{name: rate-limiting, config: {second: 1, minute: 2, hour: 3, day: 4, month: 5, year: 6, error_code: 420, error_message: 'Slow \"down\"'}}]"
    )
    let policy = try #require(configuration.policies[Configuration.RateLimit.self])
    #expect(policy.windows.map(\.limit) == [1, 2, 3, 4, 5, 6])
    // kong/tools/timestamp.lua, get_timestamps: periods of the calendar, in UTC.
    #expect(policy.algorithm == .calendarWindow)
    #expect(
      policy.windows.map(\.window)
        == [1, 60, 3_600, 86_400, 2_592_000, 31_536_000].map { Timespan.seconds($0) })
    #expect(policy.refusal?.status == 420)
    #expect(policy.refusal?.body == #"{"message":"Slow \"down\""}"#)
    let refused = readKong(
      Self.head + "plugins: [{name: rate-limiting, config: {second: 1, error_code: 200}}]")
    #expect(refused.messages.contains { $0.contains("from 400 to 599") })
    let unordered = readKong(
      Self.head + "plugins: [{name: rate-limiting, config: {minute: 5, hour: 4}}]")
    #expect(
      unordered.messages.contains { $0.contains("by hour can't be lower than that by minute") })
  }

  /// kong/plugins/rate-limiting/handler.lua, get_identifier, and policies/init.lua, get_local_key: by service
  /// all plugins of one service or route count together, whosever they are.
  @Test func limitsByServiceMayBeThoseOfConsumers() throws {
    let (configuration, messages) = try read(
      """
      consumers: [{username: c}]
      consumer_groups: [{name: g}]
      plugins:
        - {name: rate-limiting, consumer: c, config: {minute: 3, limit_by: service}}
        - {name: rate-limiting, consumer_group: g, service: s, config: {minute: 4, limit_by: service}}
        - {name: rate-limiting, route: r, config: {minute: 5, limit_by: service}}
        - {name: response-ratelimiting, config: {limits: {video: {day: 1}}}}
      """)
    func limit(_ consumer: String?, _ groups: [String]) -> Configuration.RateLimit? {
      configuration.policies(ofRoute: "r", consumer: consumer, groups: groups).compactMap {
        $0.settings as? Configuration.RateLimit
      }.first
    }
    let own = try #require(limit("c", []))
    #expect(own.windows.map(\.limit) == [3] && own.budget == "g.s" && own.by == .all)
    let group = try #require(limit(nil, ["g"]))
    #expect(group.windows.map(\.limit) == [4] && group.budget == "s.s")
    let anybody = try #require(limit(nil, []))
    #expect(anybody.windows.map(\.limit) == [5] && anybody.budget == "r.r")
    #expect(configuration.policies[Configuration.ResponseLimit.self]?.calendar == true)
    #expect(!messages.contains { $0.contains("rate-limiting") })
  }

  /// kong/init.lua, Kong.access: a route needs no service; behind its plugins Kong says 503.
  @Test func routesNeedNoService() throws {
    let result = readKong(
      """
      _format_version: "3.0"
      services: [{name: no-service, url: "http://a.test:81"}]
      routes:
        - {name: a, paths: [/a], plugins: [{name: request-termination, config: {status_code: 410}}]}
        - {name: b, paths: [/b], plugins: [{name: request-termination, config: {trigger: x}}]}
        - {name: c, paths: [/c], service: no-service}
        - {paths: [/d]}
      plugins: [{name: rate-limiting, config: {minute: 9, limit_by: service}}]
      """)
    let configuration = try #require(result.configuration, "\(result.messages)")
    #expect(configuration.routes["a"]?.service == "no-service-2")
    #expect(configuration.routes["c"]?.service == "no-service")
    #expect(configuration.routes["route"]?.service == "no-service-2")
    let nobody = try #require(configuration.services["no-service-2"])
    #expect(nobody.targets.map(\.url) == ["http+unix:///dev/null"])
    #expect(nobody.policies[Configuration.RateLimit.self]?.by == .address)
    #expect(
      configuration.services["no-service"]?.policies[Configuration.RateLimit.self]?.by == .all)
    let warned = result.messages.filter { $0.contains("it has no service, and no plugin answers") }
    #expect(warned.count == 2)
    #expect(warned.first?.contains("route b") == true)
  }

  /// kong/plugins/basic-auth/crypto.lua: SHA-1 of the password and the consumer's id.
  @Test func passwordsMayBeThoseOfAnExport() throws {
    let (configuration, _) = try read(
      """
      _transform: false
      consumers:
        - username: a
          id: 0b3aa0b9-8a24-4a3c-a7a5-6a6d1d2f3c44
          basicauth_credentials: [{username: alice, password: 7042d089f03a97e331b0438233d9c46debbb7987}]
      """)
    let credential = configuration.consumers["a"]?.credentials.first?.basicAuth
    #expect(
      credential?.digest?.reveal()
        == "{SSHA}cELQifA6l+MxsEOCM9nEbeu7eYcwYjNhYTBiOS04YTI0LTRhM2MtYTdhNS02YTZkMWQyZjNjNDQ=")
    #expect(credential?.password == nil)
  }

  /// developer.konghq.com/plugins/ip-restriction/reference, request-termination/reference.
  @Test func refusalsAndTriggersAreCarriedOver() throws {
    let (configuration, _) = try read(
      """
      plugins:
        - {name: ip-restriction, config: {deny: [10.0.0.0/8], status: 404, message: Nobody here}}
        - {name: request-termination, config: {trigger: x-stop, status_code: 418}}
      """)
    let restriction = try #require(configuration.policies[Configuration.IPRestriction.self])
    #expect(restriction.refusal?.status == 404)
    #expect(restriction.refusal?.body == #"{"message":"Nobody here"}"#)
    #expect(configuration.policies[Configuration.Mock.self]?.trigger == "x-stop")
  }

  // MARK: Balancing

  /// developer.konghq.com/gateway/entities/upstream, consistent-hashing.
  @Test(
    arguments: [
      ("hash_on: consumer", Configuration.HashKey.consumer, nil, nil),
      ("hash_on: ip", .address, nil, nil), ("hash_on: path", .path, nil, nil),
      ("hash_on: header, hash_on_header: X-A", .field(.header("X-A")), nil, nil),
      ("hash_on: cookie, hash_on_cookie: sid", .field(.cookie("sid")), nil, "/"),
      (
        "hash_on: cookie, hash_on_cookie: sid, hash_on_cookie_path: /shop", .field(.cookie("sid")),
        nil,
        "/shop"
      ),
      ("hash_on: query_arg, hash_on_query_arg: user", .parameter("user"), nil, nil),
      ("hash_on: uri_capture, hash_on_uri_capture: id", .capture("id"), nil, nil),
      ("hash_on: consumer, hash_fallback: ip", .consumer, .address, nil),
      (
        "hash_on: header, hash_on_header: X-A, hash_fallback: query_arg, hash_fallback_query_arg: u",
        .field(.header("X-A")), .parameter("u"), nil
      ),
      (
        "hash_on: header, hash_on_header: X-A, hash_fallback: cookie, hash_on_cookie: a, hash_on_cookie_path: /p",
        .field(.header("X-A")), .field(.cookie("a")), "/p"
      ),
      (
        "hash_on: path, hash_fallback: uri_capture, hash_fallback_uri_capture: id", .path,
        .capture("id"), nil
      ),
    ] as [(String, Configuration.HashKey, Configuration.HashKey?, String?)])
  func everythingCanBeHashed(
    fields: String, key: Configuration.HashKey, fallback: Configuration.HashKey?, path: String?
  ) throws {
    let result = readKong(
      """
      _format_version: "3.0"
      upstreams: [{name: u, algorithm: consistent-hashing, \(fields), targets: ["a.test:1", "b.test:2"]}]
      services: [{name: s, host: u, routes: [{name: r, paths: ["~/x/(?<id>.*)"], protocols: [http, ws]}]}]
      """)
    let service = try #require(result.configuration?.services["s"], "\(result.messages)")
    #expect(service.hash == key && service.hashFallback == fallback)
    #expect(service.hashCookiePath == path)
  }

  @Test func stickySessionsAreACookie() throws {
    func service(_ fields: String) -> (Configuration.Service?, [String]) {
      let result = readKong(
        """
        _format_version: "3.0"
        upstreams: [{name: u, algorithm: sticky-sessions, \(fields)targets: ["a.test:1", "b.test:2"]}]
        services: [{name: s, host: u, routes: [{name: r, paths: [/], protocols: [http, ws]}]}]
        """)
      return (result.configuration?.services["s"], result.messages)
    }
    let (sticky, messages) = service("sticky_sessions_cookie: gw, ")
    #expect(sticky?.hash == .field(.cookie("gw")) && sticky?.hashCookiePath == "/", "\(messages)")
    let other = service("sticky_sessions_cookie: gw, sticky_sessions_cookie_path: /a, ").0
    #expect(other?.hashCookiePath == "/a")
    #expect(service("").1.contains { $0.contains("sticky-sessions needs sticky_sessions_cookie") })
  }

  @Test(arguments: [
    ("hash_on: header", "hash_on header needs hash_on_header"),
    ("hash_on: planet", "planet can't be hashed"),
    ("hash_on: ip, hash_fallback: cookie", "hash_fallback cookie needs hash_on_cookie"),
    (
      "hash_on: cookie, hash_on_cookie: a, hash_fallback: ip",
      "hash_fallback has no use with hash_on"
    ),
    ("hash_on: ip, hash_fallback: header", "hash_fallback header needs hash_fallback_header"),
  ])
  func hashesAreChecked(fields: String, message: String) {
    let result = readKong(
      """
      _format_version: "3.0"
      upstreams: [{name: u, algorithm: consistent-hashing, \(fields), targets: ["a.test:1"]}]
      services: [{name: s, host: u}]
      """)
    #expect(result.messages.contains { $0.contains(": error: ") && $0.contains(message) })
  }
}
