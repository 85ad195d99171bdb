import SluiceConfiguration
import Testing

/// What the file says about connections that are not decrypted, and about callers' certificates.
@Suite struct PassthroughRuleTests {
  private func text(_ listener: String, target: String = "https://10.0.0.7:993") -> String {
    """
    version: 1
    listeners: {web: {address: "127.0.0.1:1", \(listener)}}
    services: {mail: {targets: ["\(target)"]}, web: {targets: ["http://a"]}}
    routes: {all: {match: {prefix: /}, service: web}}
    """
  }

  @Test func defaults() throws {
    let text = text("passthrough: {names: {mail.test: mail, '*.Mail.test': mail}}")
    let configuration = try #require(read(text).configuration)
    let passthrough = try #require(configuration.listeners["web"]?.passthrough)
    #expect(passthrough.names == ["mail.test": "mail", "*.Mail.test": "mail"])
    #expect(passthrough.idleTimeout == .seconds(3_600))
    #expect(configuration.listeners["web"]?.http2.websockets == true)
  }

  @Test(arguments: [
    ("passthrough: {}", "https://a", "needs 'names'"),
    ("passthrough: {names: {}}", "https://a", "at least one"),
    ("passthrough: {names: {'a*': mail}}", "https://a", "a*"),
    ("passthrough: {names: {a: mial}}", "https://a", "no service is named 'mial'"),
    ("passthrough: {names: {a: mail}}", "http://a", "is no https://host:port"),
    ("passthrough: {names: {a: mail}}", "https://a/base", "is no https://host:port"),
    (
      "redirectToHTTPS: {}, passthrough: {names: {a: mail}}", "https://a",
      "put them on different listeners"
    ),
  ])
  func mistakes(listener: String, target: String, expected: String) {
    let found = diagnostics(text(listener, target: target))
    #expect(found.count == 1, "\(found)")
    #expect(found.first?.contains(expected) == true, "\(found)")
  }

  private static let digits = String(repeating: "aB:", count: 32).dropLast()

  @Test(arguments: [
    ("{}", "must hold exactly one of"), ("{dns: a.test, uri: b}", "must hold exactly one of"),
    ("{fingerprint: abc}", "64 hexadecimal digits"), ("{subject: ''}", "subject"),
    ("{dns: 'a b'}", "dns"), ("{fingerprint: \"\(digits)\"}", nil), ("{email: a@b}", nil),
  ])
  func certificates(credential: String, expected: String?) {
    let found = diagnostics(
      text("http2: {websockets: false}")
        + "\nconsumers: {alice: {credentials: [{mtls-auth: \(credential)}]}}")
    #expect(found.isEmpty == (expected == nil), "\(found)")
    if let expected { #expect(found.first?.contains(expected) == true, "\(found)") }
  }

  @Test func aCertificateIsOneConsumers() {
    let found = diagnostics(
      text("http2: {}") + """

        consumers:
          alice: {credentials: [{mtls-auth: {dns: A.test}}]}
          bob: {credentials: [{mtls-auth: {dns: a.test}}]}
          carol: {credentials: [{mtls-auth: {commonName: a.test}}]}
        """)
    #expect(
      found.count == 1 && found[0].contains("has the dns that consumer alice has"), "\(found)")
  }

  @Test func aPolicyThatNobodyCanMeetIsAMistake() {
    let policies = text("http2: {}").replacing(
      "service: web}", with: "service: web, policies: {mtls-auth: {}}}")
    let found = diagnostics(policies)
    #expect(found.count == 1 && found[0].contains("no listener asks callers"), "\(found)")
  }

  @Test func aListNeedsAnAuthority() {
    let found = diagnostics(
      text("http2: {}").replacing(
        "\"https://10.0.0.7:993\"]", with: "\"https://10.0.0.7:993\"], tls: {crl: a}"))
    #expect(found.contains { $0.contains("services.mail.tls.crl needs 'ca'") }, "\(found)")
  }
}
