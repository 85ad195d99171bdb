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
