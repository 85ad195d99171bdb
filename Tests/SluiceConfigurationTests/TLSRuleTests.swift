import Testing

@testable import SluiceConfiguration

/// `tls` of listeners and services. The files themselves are looked at elsewhere.
@Suite struct TLSRuleTests {
  private static let certificate = "certificates: [{certificate: /c.pem, key: /k.pem}]"

  private func diagnostics(_ text: String, _ findings: [TLSFinding] = []) -> [String] {
    ConfigurationReader.read(contentsOf: text, file: "f.yaml", tlsCheck: { _ in findings })
      .diagnostics.map { $0.description.replacing("f.yaml:", with: "") }
  }

  @Test func everythingIsRead() throws {
    let text = file(
      listener:
        "tls: {certificates: [{certificate: a, key: b}, {certificate: c, key: d, ocsp: e}], "
        + "minVersion: 1.3, sessionTickets: false, clientCertificates: {mode: request, ca: f, crl: g}}",
      service: "tls: {ca: h, serverName: i.test, clientCertificate: {certificate: j, key: k}}"
    ).replacing("http://api", with: "https://api")
    let configuration = try #require(read(text).configuration)
    let tls = try #require(configuration.listeners["web"]?.tls)
    #expect(tls.certificates.map(\.certificate) == ["a", "c"])
    #expect(tls.certificates.map(\.key) == ["b", "d"])
    #expect(tls.certificates.map(\.ocsp) == [nil, "e"])
    #expect(tls.minVersion == .tls13)
    #expect(!tls.sessionTickets)
    #expect(tls.clientCertificates?.mode == .request)
    #expect(tls.clientCertificates?.ca == "f")
    #expect(tls.clientCertificates?.crl == "g")
    let service = try #require(configuration.services["api"]?.tls)
    #expect(service.ca == "h")
    #expect(service.verify)
    #expect(service.serverName == "i.test")
    #expect(service.clientCertificate?.key == "k")
  }

  @Test func defaults() throws {
    let text = file(
      listener: "tls: {\(Self.certificate), clientCertificates: {ca: a}}", rest: "")
    let configuration = try #require(read(text).configuration)
    let listener = try #require(configuration.listeners["web"])
    #expect(listener.tls?.minVersion == .tls12)
    #expect(listener.tls?.sessionTickets == true)
    #expect(listener.tls?.clientCertificates?.mode == .require)
    #expect(listener.redirectToHTTPS == nil)
    #expect(listener.timeouts.handshake == .seconds(10))
    let redirect = try #require(read(file(listener: "redirectToHTTPS: {}")).configuration)
    #expect(redirect.listeners["web"]?.redirectToHTTPS?.port == 443)
  }

  @Test(arguments: [
    ("tls: {}", "2:46: error: listeners.web.tls needs 'certificates'"),
    ("tls: {certificates: []}", "2:52: error: listeners.web.tls.certificates needs at least one"),
    (
      "tls: {certificates: [{certificate: a}]}",
      "2:67: error: listeners.web.tls.certificates[0] needs 'key'"
    ),
    (
      "tls: {\(certificate), minVersion: 1.1}",
      "2:116: error: listeners.web.tls.minVersion: '1.1' is not one of 1.2, 1.3"
    ),
    (
      "tls: {\(certificate)}, redirectToHTTPS: {}",
      "2:105: error: listeners.web.redirectToHTTPS is for a listener without 'tls'"
    ),
    (
      "redirectToHTTPS: {port: 0}",
      "2:70: error: listeners.web.redirectToHTTPS.port must be 1 to 65535, not '0'"
    ),
    (
      "tls: {certificates: [{certificate: a/, key: b}]}",
      "2:81: error: listeners.web.tls.certificates[0].certificate: 'a/' is not the path of a PEM file, or PEM text"
    ),
  ])
  func listeners(settings: String, expected: String) {
    let found = diagnostics(file(listener: settings))
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix(expected) == true, "\(found)")
  }

  @Test func proxyProtocolNeedsToKnowItsProxies() {
    #expect(
      diagnostics(file(listener: "proxyProtocol: true")) == [
        """
        2:46: error: listeners.web.proxyProtocol needs 'trustedProxies': nobody else is let in
          hint: name the load balancers' addresses
        """
      ])
    #expect(
      diagnostics(file(listener: "proxyProtocol: true, trustedProxies: [10.0.0.0/8]")) == [])
    #expect(
      diagnostics(
        file(listener: "proxyProtocol: true").replacing("127.0.0.1:8080", with: "unix:/run/a.sock"))
        == [])
    #expect(
      diagnostics(file(service: "proxyProtocol: v3")) == [
        "3:67: error: services.api.proxyProtocol: 'v3' is not one of v1, v2\n  hint: did you mean 'v1'?"
      ])
  }

  @Test func tlsWithoutATargetForIt() {
    #expect(
      diagnostics(file(service: "tls: {}")) == [
        """
        3:52: error: services.api.tls has no effect: no target is https
          hint: write the targets as https://host, or remove tls
        """
      ])
  }

  @Test func withoutVerificationThereIsAWarning() {
    let text = file(service: "tls: {verify: false}").replacing("http://api", with: "https://api")
    let found = diagnostics(text)
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("3:67: warning: services.api.tls.verify: ") == true, "\(found)")
  }

  @Test func whatIsWrongWithAFileIsShownAtItsSetting() {
    let text = file(
      listener: "tls: {certificates: [{certificate: a, key: b}, {certificate: c, key: d}]}")
    #expect(
      diagnostics(
        text,
        [
          TLSFinding(
            setting: "certificates[1].key", reason: "it does not belong to the certificate"),
          TLSFinding(setting: "certificates[0].certificate", reason: "it expired", isWarning: true),
        ]) == [
          "2:81: warning: listeners.web.tls.certificates[0].certificate: 'a': it expired",
          "2:115: error: listeners.web.tls.certificates[1].key: 'd': "
            + "it does not belong to the certificate",
        ])
  }
}
