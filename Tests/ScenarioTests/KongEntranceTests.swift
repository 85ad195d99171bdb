import Foundation
import SluiceConfiguration
import SluiceControl
import SluiceGateway
import Testing

extension Scenarios {
  /// How callers of a Kong file get to its routes: TLS, names, ports, header fields.
  @Suite struct KongEntranceTests {
    let authority = TestAuthority()

    private func pem(_ path: String, indent: Int) throws -> String {
      let text = try String(contentsOfFile: path, encoding: .utf8)
      let space = String(repeating: " ", count: indent)
      return "|\n" + text.split(separator: "\n").map { space + $0 }.joined(separator: "\n")
    }

    /// Two certificates whose own names are not those that Kong shows them for.
    private func certificates(_ one: TestAuthority.Identity, _ two: TestAuthority.Identity) throws
      -> String
    {
      """
      certificates:
        - id: 11111111-1111-1111-1111-111111111111
          cert: \(try pem(one.certificate, indent: 6))
          key: \(try pem(one.key, indent: 6))
          snis: [{name: one.test}, {name: "*.one.test"}]
        - id: 22222222-2222-2222-2222-222222222222
          cert: \(try pem(two.certificate, indent: 6))
          key: \(try pem(two.key, indent: 6))
      snis:
        - {name: two.test, certificate: {id: 22222222-2222-2222-2222-222222222222}}

      """
    }

    private func ask(
      _ kong: KongFixture, _ target: String, host: String, serverName: String?,
      _ fields: String...
    ) throws -> Message {
      let tls = TestTLSSettings(trusting: nil, name: serverName)
      let port = try #require(kong.fixture.port(ofListener: "proxy-tls"))
      return try TestClient(port: port, receiveBuffer: nil, tls).exchange(
        "GET \(target) HTTP/1.1\r\nHost: \(host)\r\n"
          + fields.map { $0 + "\r\n" }.joined() + "\r\n")
    }

    private static func routes(_ routes: [(name: String, fields: String)]) -> String {
      "routes:\n"
        + routes.map {
          "  - {name: \($0.name), service: one, \($0.fields), plugins: [{name: request-termination, config: "
            + "{status_code: 200, content_type: text/plain, body: \($0.name)}}]}\n"
        }.joined()
    }

    private static let head = """
      _format_version: '3.0'
      services:
        - {name: one, url: 'http://TARGET'}

      """

    private func text(_ answer: Message) -> String {
      answer.status == 200 ? answer.text : "\(answer.status)"
    }

    /// developer.konghq.com/gateway/entities/route, protocols and snis; kong/router/transform.lua: without
    /// TLS names are not looked at, and count among the kinds of conditions all the same.
    @Test func tlsNamesAndProtocolsDecide() throws {
      let kong = try KongFixture(
        try Self.head + certificates(authority.issue("x"), authority.issue("y"))
          + Self.routes([
            ("both", "paths: [/]"), ("plain", "paths: [/plain], protocols: [http]"),
            ("tls", "paths: [/tls], protocols: [https]"),
            ("moved", "paths: [/moved], protocols: [https], https_redirect_status_code: 301"),
            ("named", "paths: [/named], snis: [one.test, '*.one.test', 'two.*']"),
            ("only", "snis: [only.test], hosts: [only.test], protocols: [https]"),
          ]))
      for (path, name, host, expected) in [
        ("/", "one.test", "h", "both"), ("/", nil, "h", "both"),
        ("/plain", "one.test", "h", "both"), ("/tls", "one.test", "h", "tls"),
        ("/moved", "one.test", "h", "moved"), ("/named", "one.test", "h", "named"),
        ("/named", "ONE.test", "h", "named"), ("/named", "a.one.test", "h", "named"),
        ("/named", "two.test", "h", "named"), ("/named", "three.test", "h", "both"),
        ("/named", nil, "one.test", "both"), ("/x", "only.test", "only.test", "only"),
        ("/x", "one.test", "only.test", "both"),
      ] as [(String, String?, String, String)] {
        let answer = try ask(kong, path, host: host, serverName: name)
        #expect(text(answer) == expected, "\(path) \(name ?? "-") \(host)")
      }
      for (path, expected) in [
        ("/", "both"), ("/plain", "plain"), ("/tls", "426"), ("/named", "named"),
      ] { #expect(text(try kong.ask(path, host: "h")) == expected, "\(path)") }
      let moved = try kong.ask("/moved/x?y=1", host: "h:8000")
      #expect(moved.status == 301)
      #expect(moved["Location"] == "https://h/moved/x?y=1")
      #expect(text(try kong.ask("/tls", host: "h")) == "426")
    }

    /// What another caller names on a session that is taken up again is not what routes see.
    @Test func aResumedSessionHasItsName() throws {
      let kong = try KongFixture(
        try Self.head + certificates(authority.issue("x"), authority.issue("y"))
          + Self.routes([("both", "paths: [/]"), ("named", "paths: [/n], snis: [one.test]")]))
      let tls = TestTLSSettings(trusting: nil, name: "one.test")
      let port = try #require(kong.fixture.port(ofListener: "proxy-tls"))
      for _ in 0..<3 {
        let answer = try TestClient(port: port, receiveBuffer: nil, tls).exchange(
          "GET /n HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(answer.text == "named")
      }
    }

    /// developer.konghq.com/gateway/entities/certificate: the certificate is the one of the SNI, whatever
    /// names it has itself.
    @Test func certificatesAreThoseOfTheirNames() throws {
      let kong = try KongFixture(
        try Self.head + certificates(authority.issue("x"), authority.issue("y"))
          + Self.routes([("all", "paths: [/]")]))
      let listener = try #require(kong.result.configuration?.listeners["proxy-tls"]?.tls)
      #expect(listener.certificates.map(\.names) == [["one.test", "*.one.test"], ["two.test"]])
      for (name, identity) in [
        ("one.test", "x"), ("a.one.test", "x"), ("two.test", "y"), ("other.test", "x"),
      ] {
        let tls = TestTLSSettings(trusting: nil, name: name)
        let port = try #require(kong.fixture.port(ofListener: "proxy-tls"))
        let client = try TestClient(port: port, receiveBuffer: nil, tls)
        _ = try client.get("/")
        #expect(client.socket.tls?.peer?.name == identity, "\(name)")
      }
      // Keys stand in the file, and are shown nowhere.
      let configuration = try #require(kong.result.configuration)
      let shown = configuration.shownJSON(referencedPaths: [])
      #expect(!shown.contains("PRIVATE KEY"))
      #expect(!shown.contains("BEGIN"))
      #expect(kong.result.diagnostics.allSatisfy { !"\($0)".contains("BEGIN") })
    }

    /// kong/router/transform.lua: values are compared in lower case, `~*` is a regular expression that may
    /// match anywhere; a host may end in a wildcard, and its port is that of the listener.
    @Test(
      arguments: [
        ("headers: {x-a: [Gold, silver]}", "X-A: GOLD", "h", true),
        ("headers: {x-a: [Gold, silver]}", "X-A: Silver", "h", true),
        ("headers: {x-a: [Gold, silver]}", "X-A: golden", "h", false),
        ("headers: {x-a: [gold]}", "X-A: GOLD", "h", true),
        ("headers: {x-a: ['a.c(d)']}", "X-A: A.C(D)", "h", true),
        ("headers: {x-a: ['a.c(d)']}", "X-A: abcd", "h", false),
        ("headers: {x-a: ['1']}", "X-A: 1", "h", true),
        ("headers: {x-a: ['1']}", "X-A: 11", "h", false),
        ("headers: {x-a: ['*']}", "X-A: *", "h", true),
        ("headers: {x-a: ['*']}", "X-A: a", "h", false),
        ("headers: {x-a: ['~*^v[12]$']}", "X-A: V1", "h", true),
        ("headers: {x-a: ['~*^v[12]$']}", "X-A: v12", "h", false),
        ("headers: {x-a: ['~*beta']}", "X-A: the BETA one", "h", true),
        ("headers: {x-a: ['~*beta', exact]}", "X-A: exact", "h", true),
        ("headers: {x-a: ['~*beta', exact]}", "X-A: not exact", "h", false),
        ("headers: {x-a: ['~*beta']}", "X-B: beta", "h", false),
        ("hosts: ['example.*']", "X-A: 1", "example.com", true),
        ("hosts: ['example.*']", "X-A: 1", "Example.co.uk:8000", true),
        ("hosts: ['example.*']", "X-A: 1", "www.example.com", false),
        ("hosts: ['example.*']", "X-A: 1", "example", false),
        ("hosts: ['*.example.com']", "X-A: 1", "a.b.example.com", true),
        ("hosts: ['example.com:8000']", "X-A: 1", "example.com", true),
        ("hosts: ['example.com:8000', 'other.com:8443']", "X-A: 1", "other.com", false),
      ])
    func hostsAndFields(route: String, field: String, host: String, matches: Bool) throws {
      let kong = try KongFixture(Self.head + Self.routes([("r", route)]))
      let answer = try kong.ask("/", host: host, field)
      #expect(text(answer) == (matches ? "r" : "404"), "\(route) \(field) \(host)")
    }

    @Test func hostsHaveThePortOfTheirListener() throws {
      let kong = try KongFixture(
        try Self.head + certificates(authority.issue("x"), authority.issue("y"))
          + Self.routes([("r", "hosts: ['a.test:8443', 'b.test:8000', c.test]")]))
      for (host, plain, encrypted) in [
        ("a.test", "404", "r"), ("b.test", "r", "404"), ("c.test", "r", "r"),
      ] {
        #expect(text(try kong.ask("/", host: host)) == plain, "\(host)")
        #expect(
          text(try ask(kong, "/", host: host, serverName: "one.test")) == encrypted, "\(host)")
      }
    }

    /// developer.konghq.com/gateway/entities/service: client_certificate and ca_certificates.
    @Test func servicesHaveCertificatesOfTheirOwn() throws {
      let own = authority.issue("gateway")
      let upstream = try ScriptedUpstream.echoing(
        tls: TestTLSSettings(
          server: authority.issue("target", names: ["IP:127.0.0.1"]), callersOf: authority))
      let kong = try KongFixture(
        """
        _format_version: '3.0'
        certificates:
          - id: own
            cert: \(try pem(own.certificate, indent: 6))
            key: \(try pem(own.key, indent: 6))
        ca_certificates:
          - id: ca
            cert: \(try pem(authority.path, indent: 6))
        services:
          - name: one
            url: https://TARGET
            tls_verify: true
            client_certificate: {id: own}
            ca_certificates: [ca]
            routes: [{name: r, paths: [/]}]
        """, answering: upstream)
      #expect(try kong.ask("/x", host: "h").text == "/x")
      #expect(kong.result.configuration?.listeners.keys.sorted() == ["proxy"])
    }
  }
}
