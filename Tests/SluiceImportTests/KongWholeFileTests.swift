import SluiceConfiguration
import Testing

@testable import SluiceImport

/// Converts, reads the result and returns all that was said, with places of Kong's file.
func readKong(
  _ text: String, variables: Set<String> = []
) -> (configuration: Configuration?, messages: [String], yaml: String) {
  let conversion = KongConverter.convert(text, file: "k") { variables.contains($0) }
  let converted = conversion.yaml()
  var diagnostics = conversion.diagnostics
  guard !conversion.hasErrors else {
    return (nil, diagnostics.map(\.description), converted.text)
  }
  let environment = Dictionary(uniqueKeysWithValues: variables.map { ($0, "value-of-\($0)") })
  let result = ConfigurationReader.read(
    contentsOf: converted.text, file: "k", environment: environment)
  diagnostics += result.diagnostics.map(converted.placed)
  return (result.configuration, diagnostics.map(\.description), converted.text)
}

/// Files of Kong with much in them.
@Suite struct KongWholeFileTests {
  /// developer.konghq.com/plugins/grpc-web; services of gRPC speak HTTP/2.
  @Test func gRPCIsCarriedOver() throws {
    let result = readKong(
      """
      _format_version: "3.0"
      services:
        - name: g
          protocol: grpc
          host: g.test
          port: 50051
          routes:
            - {name: g, protocols: [grpc, grpcs], paths: [/hello.Greeter/]}
            - {name: w, paths: [/web], plugins: [{name: grpc-web, config: {allow_origin_header: "https://a.test"}}]}
        - {name: t, url: "grpcs://t.test", tls_verify: true, routes: [{name: t, protocols: [grpcs], paths: [/t]}]}
      """)
    let configuration = try #require(result.configuration, "\(result.messages)")
    #expect(configuration.services["g"]?.protocol == .http2)
    #expect(configuration.services["g"]?.targets == [.init(url: "http://g.test:50051")])
    #expect(configuration.services["t"]?.targets == [.init(url: "https://t.test:80")])
    #expect(configuration.routes["g"]?.path == Configuration.PathRewrite())
    let policies = try #require(configuration.routes["w"]?.policies)
    #expect(policies[Configuration.GRPCWeb.self] != nil)
    #expect(policies[Configuration.CORS.self]?.origins == ["https://a.test"])
    // Without a certificate for callers nobody comes by TLS.
    #expect(configuration.routes["t"]?.policies[Configuration.Mock.self]?.status == 426)
    #expect(result.messages.contains { $0.contains("its port is 80, as in Kong") })
  }

  /// What `convert` writes says the same when it is read again, and needs nothing of Kong's file.
  /// `ttl` of a key is a moment in exports of Kong, and else seconds from the key's creation.
  @Test(
    arguments: [
      ("ttl: 1801439999", "2027-01-31T23:59:59Z", 0),
      ("ttl: 100000001, created_at: 1", "1973-03-03T09:46:41Z", 0),
      ("ttl: 100000000, created_at: 1801439999", "2030-04-03T09:46:39Z", 1),
      ("ttl: 60, created_at: 1801439999", "2027-02-01T00:00:59Z", 1),
      ("ttl: 0, created_at: 1801439999", nil, 0), ("ttl: 0", nil, 0), ("created_at: 5", nil, 0),
    ] as [(String, String?, Int)])
  func keysEnd(fields: String, moment: String?, warnings: Int) throws {
    let result = readKong(
      """
      _format_version: "3.0"
      consumers: [{username: a, keyauth_credentials: [{key: k, \(fields)}]}]
      services: [{name: s, host: a.test, routes: [{name: r, paths: [/]}], plugins: [{name: key-auth}]}]
      """)
    let credentials = try #require(
      result.configuration?.consumers["a"]?.credentials, "\(result.messages)")
    #expect(credentials.first?.keyAuth?.expires == moment)
    let found = result.messages.filter { $0.contains("ttl counts from created_at") }
    #expect(found.count == warnings, "\(result.messages)")
  }

  /// Who forgets to fill in `$KEY` has a key that everybody can guess.
  @Test(arguments: [
    ("$ANON_KEY", true), ("${ANON_KEY_2}", true), ("<your-key>", true), ("$", false), ("$a", false),
    ("$2y$05$x", false), ("a$KEY", false), ("{vault://env/key}", false), ("<>", false),
    ("key", false),
  ])
  func secretsToBeFilledInAreWarnedOf(text: String, isWarned: Bool) {
    for field in [
      "keyauth_credentials: [{key: 'TEXT'}]", "jwt_secrets: [{key: a, secret: 'TEXT'}]",
      "basicauth_credentials: [{username: a, password: 'TEXT'}]",
      "hmacauth_credentials: [{username: a, secret: 'TEXT'}]",
    ] {
      let result = readKong(
        """
        _format_version: "3.0"
        consumers: [{username: a, \(field.replacing("TEXT", with: text))}]
        """, variables: ["KEY"])
      let found = result.messages.contains { $0.contains("is these very characters") }
      #expect(found == isWarned, "\(field) \(result.messages)")
    }
  }

  @Test func commentsAndServicesOfWebSockets() throws {
    let result = readKong(
      """
      _format_version: "3.0"
      services:
      - {name: a, _comment: text, _ignore: [x], host: a.test, port: 8080, protocol: wss, routes: [{name: a, protocols: [ws, wss], paths: [/a]}]}
      - {name: b, url: "http://b.test:4000/s", protocol: ws, routes: [{name: b, _comment: c, protocols: [ws], paths: [/b]}]}
      - {name: c, url: "http://c.test", protocol: wss, routes: [{name: c, paths: [/c]}]}
      """)
    let services = try #require(result.configuration?.services, "\(result.messages)")
    #expect(services["a"]?.targets.map(\.url) == ["https://a.test:8080"])
    #expect(services["b"]?.targets.map(\.url) == ["http://b.test:4000"])
    #expect(services["c"]?.targets.map(\.url) == ["http://c.test:80"])
    let found = result.messages.filter { $0.contains("which counts, as in Kong") }
    #expect(found.count == 1 && found[0].contains("service c"), "\(result.messages)")
  }

  @Test func whatIsWrittenIsReadAsTheSame() throws {
    let text = """
      _format_version: "3.0"
      services:
        - name: s
          url: https://a.test/base
          tls_verify: true
          client_certificate: {id: d}
          ca_certificates: [a]
          routes:
            - {name: r, protocols: [https], snis: [a.test, "b.*"], hosts: ["x.*", "y.test:8443"], paths: ["~/v(?<n>\\\\d+)", /p]}
            - {name: h, headers: {x-a: [Gold, "~*^v[12]$"], x-b: ["1"]}, methods: [GET], protocols: [http, ws]}
      certificates:
        - {id: c, cert: "{vault://env/cert}", key: "{vault://env/key}", snis: [{name: a.test}, "*.b.test", "*"]}
        - {id: d, cert: "-----BEGIN CERTIFICATE-----\\nA$$B${C}\\n", key: "-----BEGIN PRIVATE KEY-----\\n"}
      ca_certificates: [{id: a, cert: "-----BEGIN CERTIFICATE-----\\nCA\\n"}]
      plugins:
        - {name: bot-detection, config: {allow: [ours], deny: ["evil$"]}}
        - {name: cors, service: s, config: {origins: ["https://a.test", "^.*\\\\.b\\\\.test$"]}}
        - {name: rate-limiting, config: {minute: 5, limit_by: service}}
        - {name: response-ratelimiting, route: r, config: {limits: {video: {minute: 5, hour: 7}}}}
      """
    let result = readKong(text, variables: ["CERT", "KEY"])
    let configuration = try #require(result.configuration, "\(result.messages)")
    let tls = try #require(configuration.listeners["proxy-tls"]?.tls)
    #expect(tls.certificates.map(\.key) == ["value-of-KEY"])
    #expect(tls.certificates.map(\.names) == [["a.test", "*.b.test"]])
    let service = try #require(configuration.services["s"])
    #expect(service.tls?.ca == "-----BEGIN CERTIFICATE-----\nCA\n")
    #expect(
      service.tls?.clientCertificate?.certificate == "-----BEGIN CERTIFICATE-----\nA$$B${C}\n")
    #expect(service.policies[Configuration.CORS.self]?.originsRegex.count == 1)
    #expect(service.policies[Configuration.RateLimit.self]?.by == .all)
    #expect(service.policies[Configuration.RateLimit.self]?.budget == "g.s")
    let named = configuration.routes.values.filter { !$0.match.serverNames.isEmpty }
    #expect(Set(named.map { $0.match.listeners }) == [["proxy-tls"]])
    #expect(Set(named.map { $0.match.hosts }) == [["x.*", "y.test"]])
    #expect(named.count == 2)
    let fields = configuration.routes.values.compactMap { $0.match.headersRegex["x-a"] }
    #expect(Set(fields) == ["(?is)(?:Gold|.*(?:^v[12]$).*)"])
    #expect(
      configuration.routes["r"]?.policies[Configuration.ResponseLimit.self]?.header
        == "X-Kong-Limit")
    #expect(!result.messages.contains { $0.contains(": error: ") })
  }
}
