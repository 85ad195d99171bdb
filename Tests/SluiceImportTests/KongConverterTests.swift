import SluiceConfiguration
import Testing

@testable import SluiceImport

/// What a file of Kong becomes, and what is said about it.
@Suite struct KongConverterTests {
  private static let head = """
    _format_version: "3.0"
    services: [{name: s, url: "http://a.test:81"}]
    routes: [{name: r, service: s, paths: [/r], strip_path: false, protocols: [http, ws]}]

    """

  // MARK: Mistakes

  /// Nothing is dropped in silence: each has its place and says what.
  @Test(arguments: [
    ("plugins: 1", "4:10: error: the file: plugins must be a list"),
    ("nonsense: []", "4:1: error: the file: unknown field 'nonsense'"),
    (
      "consumer: []",
      "4:1: error: the file: unknown field 'consumer'\n  hint: did you mean 'consumers'?"
    ),
    ("consumers: [{}]", "4:13: error: a consumer needs a username or a custom_id"),
    ("consumers: [7]", "4:13: error: a consumer: it must be a map"),
    (
      "consumers: [{username: a}, {username: a}]",
      "4:39: error: consumer a: another one has this username"
    ),
    (
      "plugins: [{name: aclx}]",
      "4:11: error: there is no plugin aclx\n  hint: did you mean 'acl'?"
    ),
    ("plugins: [{}]", "4:11: error: a plugin needs a name"),
    (
      "plugins: [{name: key-auth, config: {key_nams: [a]}}]",
      "4:37: error: plugin key-auth: unknown field 'key_nams'\n  hint: did you mean 'key_names'?"
    ),
    (
      "plugins: [{name: key-auth, route: other}]",
      "4:35: error: plugin key-auth: there is no route 'other'"
    ),
    (
      "plugins: [{name: key-auth}, {name: key-auth}]",
      "4:29: error: plugin key-auth: the same place has one on line 4 already"
    ),
    (
      "plugins: [{name: openid-connect, config: {any: thing}}]",
      "4:11: error: plugin openid-connect is not carried over, and requests would be answered otherwise without it\n  hint: convert without it, and add the policy jwt with jwks"
    ),
    (
      "plugins: [{name: cors, config: {origins: [example.com]}}]",
      "4:43: error: plugin cors: 'example.com' is no origin\n  hint: write it with its scheme, as https://name"
    ),
    (
      "plugins: [{name: rate-limiting, config: {policy: local}}]",
      "4:11: error: plugin rate-limiting: it needs a limit, as minute: 5"
    ),
    (
      "plugins: [{name: request-size-limiting, config: {allowed_payload_size: many}}]",
      "4:50: error: plugin request-size-limiting: allowed_payload_size must be a whole number from 0 to 1000000000"
    ),
    (
      "plugins: [{name: request-transformer, config: {add: {headers: [no-colon]}}}]",
      "4:64: error: plugin request-transformer: 'no-colon' has no colon\n  hint: write name:value"
    ),
    (
      "plugins: [{name: request-transformer, config: {add: {headers: ['Host:a']}}}]",
      "4:64: error: plugin request-transformer: Host is the gateway's own\n  hint: set preserve_host of the route, or host of the service in the converted file"
    ),
    (
      "plugins: [{name: request-transformer, config: {add: {headers: ['a:$(shared.x)']}}}]",
      "4:64: error: plugin request-transformer: $(shared.x) is not understood\n  hint: $(headers.name), $(query_params.name) and $(uri_captures.name) are"
    ),
    (
      "plugins: [{name: request-transformer, config: {add: {headers: ['a:${client.address}']}}}]",
      "4:64: error: plugin request-transformer: ${ can't be written in a value"
    ),
    (
      "plugins: [{name: acl, config: {allow: ['bad name']}}]",
      "4:40: error: policies.acl.allow[0]: 'bad name' is not a name: a name has 1 to 64 letters, digits, '.', '_' and '-', the first a letter or digit"
    ),
    (
      "keyauth_credentials: [{consumer: nobody, key: k}]",
      "4:34: error: a key: there is no such consumer"
    ),
    (
      "consumers: [{username: a, keyauth_credentials: [{key: k, ttl: 60}]}]",
      "4:58: error: a key: ttl counts from a moment that the file does not tell: the key would be good for ever\n  hint: write created_at beside it, or take it out, convert, and say in the converted file when the key expires"
    ),
    (
      "consumers: [{username: a, keyauth_credentials: [{key: '{vault://aws/key}'}]}]",
      "4:55: error: a key: key: only the vault 'env' is there: {vault://env/name} is a variable NAME"
    ),
    (
      "consumers: [{username: a, keyauth_credentials: [{key: '{vault://env/a/b}'}]}]",
      "4:55: error: a key: key: only a whole variable can be referred to: {vault://env/name}"
    ),
    (
      "upstreams: [{name: u}]", "4:13: error: upstream u: it has no targets"
    ),
    (
      "certificates: [{cert: a}]",
      "4:16: error: a certificate: it needs cert and key, and cert_alt with key_alt"
    ),
    (
      "certificates: [{cert: a, key: b, cert_alt: c}]",
      "4:16: error: a certificate: it needs cert and key, and cert_alt with key_alt"
    ),
    (
      "snis: [{name: a.test, certificate: {id: 7}}]",
      "4:36: error: sni a.test: there is no such certificate\n  hint: certificate is the id of one in certificates"
    ),
    (
      "certificates: [{cert: /etc/c.pem, key: b}]",
      "4:17: error: a certificate: cert is no PEM text"
    ),
    (
      "ca_certificates: [{id: 7, cert: /etc/c.pem}]",
      "4:27: error: ca certificate 7: cert is no PEM text"
    ),
    (
      "certificates: [{id: 7, cert: '{vault://env/a}', key: '{vault://env/b}', snis: [{name: a.*}]}]",
      "4:87: error: sni a.*: a certificate can't be for names that end in a wildcard\n  hint: write the names"
    ),
    (
      "certificates: [{id: 7, cert: '{vault://env/a}', key: '{vault://env/b}', snis: [a.test, a.test]}]",
      "4:88: error: sni a.test: another one has this name"
    ),
    ("ca_certificates: [{id: 7}]", "4:19: error: ca certificate 7: it has no cert"),
    (
      "plugins: [{name: bot-detection, consumer: a}]",
      "4:43: error: plugin bot-detection: there is no consumer 'a'"
    ),
    (
      "plugins: [{name: bot-detection, config: {deny: ['']}}]",
      "4:49: error: policies.user-agent-restriction.deny[0]: '' is not a regular expression: it is empty"
    ),
    (
      "plugins: [{name: grpc-web, config: {proto: a.proto}}]",
      "4:37: error: plugin grpc-web: proto is not read: messages stay what they are, and JSON is not made of them"
    ),
    (
      "plugins: [{name: response-ratelimiting, config: {limits: {video: {minut: 1}}}}]",
      "4:67: error: plugin response-ratelimiting: limits: video: unknown field 'minut'\n  hint: did you mean 'minute'?"
    ),
    (
      "plugins: [{name: response-ratelimiting}]",
      "4:11: error: plugin response-ratelimiting: it needs limits, as {video: {minute: 5}}"
    ),
    (
      "plugins: [{name: rate-limiting, config: {minute: 1, limit_by: path}}]",
      "4:11: error: plugin rate-limiting: limit_by path needs path"
    ),
    (
      "plugins: [{name: rate-limiting, config: {minute: 1, limit_by: team}}]",
      "4:53: error: plugin rate-limiting: limit_by team is not there\n  hint: consumer, credential, ip, service, header and path are"
    ),
    // kong/plugins/request-termination/schema.lua, custom_validator.
    (
      "plugins: [{name: request-termination, config: {message: a, body: b}}]",
      "4:48: error: plugin request-termination: message can't be used with body or content_type, in Kong, too"
    ),
    (
      "plugins: [{name: request-termination, config: {content_type: text/html}}]",
      "4:48: error: plugin request-termination: content_type needs a body, in Kong, too"
    ),
    (
      "plugins: [{name: request-termination, config: {echo: true}}]",
      "4:48: error: plugin request-termination: echo is not there: what callers send is not sent back\n  hint: take it out to go on without it"
    ),
    // kong/plugins/basic-auth/crypto.lua: the hash is that of the password and the consumer's id.
    (
      "_transform: false\nconsumers: [{username: a, id: some-id, basicauth_credentials: [{username: a, password: secret}]}]",
      "5:88: error: password a: _transform: false says that passwords are hashed, and this is no SHA-1\n  hint: take out _transform, if it is the password itself"
    ),
    (
      "_transform: false\nconsumers: [{username: a, basicauth_credentials: [{username: a, password: 7042d089f03a97e331b0438233d9c46debbb7987}]}]",
      "5:75: error: password a: its consumer has no id, and the hash was made with that\n  hint: take id over from Kong's export, or give the consumer a new password"
    ),
    (
      "_transform: false\nconsumers: [{username: a, id: some-id, basicauth_credentials: [{username: a, password: '{vault://env/p}'}]}]",
      "5:88: error: password a: with _transform: false the password can't be a reference"
    ),
    (
      "plugins: [{name: redirect, config: {location: /x, keep_incoming_path: true}}]",
      "4:47: error: plugin redirect: keep_incoming_path needs a location with scheme and host"
    ),
  ])
  func mistakesHaveAPlace(text: String, message: String) {
    let result = readKong(Self.head + text)
    #expect(result.configuration == nil, "\(result.yaml)")
    #expect(result.messages.contains("k:" + message), "\(result.messages.joined(separator: "\n"))")
  }

  @Test(arguments: [
    ("service: x, paths: [/a]", "3:29: error: route q: there is no service 'x'"),
    ("service: s", "3:10: error: route q: it needs one of methods, hosts, headers and paths"),
    ("service: s, paths: [a]", "3:40: error: route q: a path starts with / or ~"),
    (
      "service: s, hosts: ['a:81']",
      "error: route q: the port of a host is that of Kong's listener"
    ),
    // "cannot set 'sources' when 'protocols' is 'http' or 'https'" (docs.konghq.com, proxying; the same of
    // destinations: kong/db/schema/entities/routes_subschemas.lua).
    (
      "service: s, paths: [/a], sources: [{ip: 10.0.0.1}]", "error: route q: sources are for routes"
    ),
    (
      "service: s, paths: [/a], destinations: [{port: 80}]",
      "error: route q: destinations are for routes"
    ),
    (
      "service: s, paths: [/a], protocols: [tcp]",
      "error: route q: the protocol tcp is not carried over"
    ),
    (
      "service: s, paths: [/a], protocols: [grpc], strip_path: true",
      "error: route q: strip_path can't be true for gRPC"
    ),
    ("service: s, snis: [a]", "error: route q: it needs one of methods, hosts, headers and paths"),
    ("service: s, paths: [/a], path_handling: v2", "error: route q: path_handling is v0 or v1"),
    (
      "service: s, paths: [/a], headers: {x: []}", "error: route q: the header has no value"
    ),
    ("service: s, paths: ['/a?b']", "error: routes.q.match.startsWith:"),
  ])
  func routesAreChecked(fields: String, message: String) {
    let result = readKong(
      """
      _format_version: "3.0"
      services: [{name: s, url: "http://a.test:81"}]
      routes: [{name: q, \(fields)}]
      """)
    #expect(result.configuration == nil)
    #expect(result.messages.contains { $0.contains(message) }, "\(result.messages)")
    #expect(result.messages.allSatisfy { $0.hasPrefix("k:") })
  }

  @Test(arguments: [
    "a", "[]", "{", "- a", "services: {", "\u{0}", "&a *a", "<<: 1", "_format_version: [1]",
    "_format_version: 9.9", "services: [[]]", "services: [{url: 7}]", "services: [{url: ''}]",
    "services: [{url: 'http://'}]", "services: [{url: 'http://[::1'}]", "plugins: [{name: []}]",
    "plugins: [{name: jwt, config: []}]", "plugins: [{name: acl, config: 7}]", "routes: [null]",
    "upstreams: [{name: a, targets: [a, {}]}]", "consumers: {a: b}", "_transform: maybe",
    "consumers: [{username: 'a', acls: [{}]}]", "services: [&a {name: x, routes: [*a]}]",
  ])
  func whatIsBrokenIsAnError(text: String) {
    let result = readKong("_comment: x\n" + text)
    #expect(result.configuration == nil)
    #expect(result.messages.contains { $0.contains(": error: ") })
  }

  // MARK: What becomes of what

  @Test func entitiesMayBeNestedOrNot() throws {
    let nested = readKong(
      """
      _format_version: "3.0"
      services:
        - name: s
          url: http://a.test:81/base
          routes:
            - name: r
              paths: [/r]
              plugins: [{name: key-auth}]
      consumers:
        - username: c
          keyauth_credentials: [{key: k}]
          acls: [{group: g}]
      """)
    let flat = readKong(
      """
      _format_version: "3.0"
      services: [{name: s, protocol: http, host: a.test, port: 81, path: /base}]
      routes: [{name: r, paths: [/r], service: {name: s}}]
      consumers: [{username: c}]
      keyauth_credentials: [{key: k, consumer: {username: c}}]
      acls: [{consumer: c, group: g}]
      plugins: [{name: key-auth, route: r}]
      """)
    let configuration = try #require(nested.configuration, "\(nested.messages)")
    #expect(configuration == flat.configuration)
    #expect(configuration.services["s"]?.targets == [.init(url: "http://a.test:81")])
    #expect(configuration.services["s"]?.host == .target)
    #expect(configuration.services["s"]?.retries.connect == 5)
    #expect(configuration.routes["r"]?.path.replacePrefix == "/base")
    #expect(configuration.routes["r"]?.policies[Configuration.KeyAuth.self]?.hide == false)
    #expect(configuration.consumers["c"]?.groups == ["g"])
    #expect(configuration.consumers["c"]?.credentials.first?.keyAuth?.key == Secret("k"))
  }

  @Test func referencesStayReferences() throws {
    let result = readKong(
      Self.head
        + "consumers: [{username: c, keyauth_credentials: [{key: '{vault://env/my-key}'}]}]",
      variables: ["MY_KEY"])
    let consumer = try #require(result.configuration?.consumers["c"], "\(result.messages)")
    #expect(consumer.credentials.first?.keyAuth?.key == Secret("value-of-MY_KEY"))
    #expect(result.yaml.contains("${env:MY_KEY}"))
  }

  @Test func upstreamsBecomeServices() throws {
    let result = readKong(
      """
      _format_version: "3.0"
      services: [{name: s, host: u, routes: [{name: r, paths: [/r], preserve_host: true}]}]
      upstreams:
        - name: u
          algorithm: consistent-hashing
          hash_on: header
          hash_on_header: X-Id
          healthchecks: {passive: {unhealthy: {tcp_failures: 3, http_failures: 5}}}
          targets: [{target: "a:81", weight: 2000}, {target: b, weight: 1}]
      """)
    let service = try #require(result.configuration?.services["s"], "\(result.messages)")
    #expect(
      service.targets == [
        .init(url: "http://a:81", weight: 1_000), .init(url: "http://b:8000", weight: 1),
      ])
    #expect(service.balance == .consistentHash)
    #expect(service.hash == .field(.header("X-Id")))
    #expect(service.health.failures == 3)
    #expect(service.host == .preserve)
  }

  /// Kong's Admin API, upstream object: `healthchecks.active`.
  @Test func activeChecksAreCarriedOver() throws {
    func check(
      _ active: String, protocol: String = "http"
    ) -> (Configuration.HealthCheck?, [String]) {
      let result = readKong(
        """
        _format_version: "3.0"
        services: [{name: s, host: u, protocol: \(`protocol`), routes: [{name: r, paths: [/r], protocols: [\(`protocol` == "http" ? "http, https, ws, wss" : `protocol`)]}]}]
        upstreams:
          - name: u
            healthchecks: {active: \(active)}
            targets: [{target: "a:81"}]
        """)
      return (result.configuration?.services["s"]?.health.check, result.messages)
    }
    let (http, messages) = check(
      "{http_path: /ok, timeout: 0.5, concurrency: 5, healthy: {interval: 5, successes: 2, "
        + "http_statuses: [200, 204]}, unhealthy: {interval: 5, http_failures: 3, timeouts: 2}}")
    var expected = Configuration.HealthCheck()
    expected.path = "/ok"
    expected.statuses = [.init(200, 200), .init(204, 204)]
    expected.timeout = .milliseconds(500)
    expected.healthyAfter = 2
    expected.unhealthyAfter = 2
    #expect(http == expected)
    #expect(messages == [])
    #expect(check("{type: tcp, unhealthy: {interval: 1, tcp_failures: 1}}").0?.type == .tcp)
    #expect(
      check("{type: grpcs, unhealthy: {interval: 1, tcp_failures: 1}}", protocol: "grpc").0?.type
        == .grpc)
    // Nobody is asked.
    #expect(check("{healthy: {interval: 0}, unhealthy: {tcp_failures: 3}}").0 == nil)
    let (none, reason) = check("{healthy: {interval: 5}}")
    #expect(none == nil)
    #expect(reason.contains { $0.contains("without a count of failures") })
    #expect(check("{unhealthy: {interval: x}}").1.contains { $0.contains("seconds") })
  }

  @Test func aServiceForBothKindsOfHosts() throws {
    let result = readKong(
      """
      _format_version: "3.0"
      services:
        - {name: s, url: "http://a", routes: [{name: x, paths: [/x]}, {name: y, paths: [/y], preserve_host: true}]}
      """)
    let configuration = try #require(result.configuration, "\(result.messages)")
    #expect(configuration.routes["x"]?.service == "s")
    #expect(configuration.routes["y"]?.service == "s.preserve-host")
    #expect(configuration.services["s.preserve-host"]?.host == .preserve)
  }

  /// A consumer group and a group of acl with one name are not one group.
  @Test func groupsOfTwoKindsStayApart() throws {
    let result = readKong(
      Self.head + """
        consumer_groups: [{name: gold}]
        consumers: [{username: c, groups: [{name: gold}]}, {username: d, acls: [{group: gold}]}]
        plugins: [{name: acl, config: {allow: [gold]}}, {name: key-auth}]
        """)
    let configuration = try #require(result.configuration, "\(result.messages)")
    #expect(configuration.consumers["c"]?.groups == ["gold.consumer-group"])
    #expect(configuration.consumers["d"]?.groups == ["gold"])
    #expect(configuration.policies[Configuration.ACL.self]?.allow == ["gold"])
  }

  @Test func disabledIsAsIfNotThere() throws {
    let result = readKong(
      """
      _format_version: "3.0"
      services:
        - {name: s, url: "http://a", routes: [{name: x, paths: [/x]}]}
        - {name: t, url: "http://b", enabled: false, routes: [{name: y, paths: [/y]}]}
      plugins: [{name: key-auth, enabled: false}]
      """)
    let configuration = try #require(result.configuration, "\(result.messages)")
    #expect(configuration.routes.keys.sorted() == ["x"])
    #expect(configuration.services.keys.sorted() == ["s"])
    #expect(configuration.policies[Configuration.KeyAuth.self] == nil)
  }

  @Test func jwtIsCarriedOver() throws {
    let result = readKong(
      Self.head + """
        plugins: [{name: jwt, config: {claims_to_verify: [exp], secret_is_base64: true, cookie_names: [t]}}]
        consumers: [{username: c, jwt_secrets: [{key: iss, secret: c2VjcmV0LW9mLW1vcmUtdGhhbi0zMi1ieXRlcy1oZXJlLQ}]}]
        """)
    let configuration = try #require(result.configuration, "\(result.messages)")
    let policy = try #require(configuration.policies[Configuration.JWT.self])
    #expect(policy.require == ["exp"])
    #expect(policy.query == ["jwt"])
    #expect(policy.cookies == ["t"])
    #expect(configuration.consumers["c"]?.credentials.first?.jwt?.encoding == .base64url)
  }

  // MARK: Snippets

  private static let brief = """
    plugins:
      - name: request-transformer
        config:
          add:
            headers:
              - "X-Forwarded-For:$remote_addr"
              - "X-Caller:$remote_addr"
      - name: acl
        config:
          allow:
            - group_A
    routes:
      - name: time-api-route
        paths:
          - /time
        strip_path: true
        service: time-service
    services:
      - name: time-service
        url: http://time-service.internal:8080
    """

  @Test func aSnippetIsReadAsItIsMeant() throws {
    let result = readKong(Self.brief, variables: ["SLUICE_KEY_GROUP_A"])
    let configuration = try #require(result.configuration, "\(result.messages)")
    let transform = configuration.policies[Configuration.RequestTransform.self]
    #expect(transform?.add.headers == ["X-Caller": "${client.address}"])
    #expect(configuration.policies[Configuration.KeyAuth.self]?.hide == true)
    #expect(configuration.consumers["group_A"]?.groups == ["group_A"])
    #expect(configuration.routes["time-api-route"]?.path == Configuration.PathRewrite())
    #expect(configuration.routes["time-api-route"]?.match.startsWith == "/time")
    #expect(
      result.messages.filter { $0.contains("Kong") }.map { $0.prefix { $0 != " " } }.sorted()
        == ["k:13:5:", "k:16:5:", "k:1:1:", "k:6:13:", "k:7:13:", "k:8:5:"].sorted(),
      "\(result.messages.joined(separator: "\n"))")
  }

  /// Nobody is in the group: nothing is opened by what is not there.
  @Test func aSnippetWithoutKeysLetsNobodyIn() throws {
    let configuration = try #require(readKong(Self.brief).configuration)
    #expect(configuration.consumers.isEmpty)
    #expect(configuration.policies[Configuration.KeyAuth.self] != nil)
    #expect(configuration.policies[Configuration.ACL.self]?.allow == ["group_A"])
  }

  /// With its version the file means what Kong does with it.
  @Test func aWholeFileIsReadAsKongDoes() throws {
    let result = readKong(
      "_format_version: '3.0'\n" + Self.brief, variables: ["SLUICE_KEY_GROUP_A"])
    let configuration = try #require(result.configuration, "\(result.messages)")
    #expect(configuration.routes["time-api-route"]?.path.stripPrefix == true)
    #expect(configuration.policies[Configuration.KeyAuth.self] == nil)
    #expect(configuration.consumers.isEmpty)
    #expect(
      configuration.policies[Configuration.RequestTransform.self]?.add.headers
        == ["X-Caller": "$remote_addr"])
  }

  @Test func groupsOfAPatternAreCounted() {
    for (pattern, count) in [
      ("/a", 0), ("(a)(b)", 2), ("(?:a)(b)", 1), ("(?<n>a)", 1), ("(?P<n>a)", 1), ("(?<=a)b", 0),
      ("\\(a\\)", 0), ("[(]a(b)", 1), ("(", 1), ("\\", 0), ("[", 0), ("(?i)(a)", 1),
    ] {
      #expect(KongPathPlan.groups(in: pattern) == count, "\(pattern)")
    }
  }
}
