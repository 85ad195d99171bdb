import Foundation
import SluiceConfiguration
import SluiceGateway
import Testing

/// What `check` finds in the files of TLS settings, before anything runs.
@Suite struct TLSFileTests {
  let authority = TestAuthority()

  private func findings(_ certificates: Configuration.Certificate...) -> [TLSFinding] {
    var tls = Configuration.ListenerTLS()
    tls.certificates = certificates
    return TLSFiles.findings(about: .listener(tls))
  }

  private func certificate(
    _ identity: TestAuthority.Identity, _ edit: (inout Configuration.Certificate) -> Void = { _ in }
  ) -> Configuration.Certificate {
    var certificate = Configuration.Certificate()
    certificate.certificate = identity.certificate
    certificate.key = identity.key
    edit(&certificate)
    return certificate
  }

  private func file(_ text: String) throws -> String {
    let url = authority.directory.appendingPathComponent(UUID().uuidString)
    try text.write(to: url, atomically: true, encoding: .utf8)
    return url.path
  }

  @Test func everyMistakeIsFound() throws {
    let good = authority.issue("a")
    let other = authority.issue("b")
    let empty = try file("")
    let half = try file(
      String(String(contentsOfFile: good.certificate, encoding: .utf8).dropLast(60)))
    let locked = try file(
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n")
    let found = findings(
      certificate(good),
      certificate(good) { $0.key = other.key },
      certificate(good) { $0.key = "/nowhere/k.pem" },
      certificate(good) { $0.certificate = empty },
      certificate(good) { $0.certificate = half },
      certificate(good) { $0.key = good.certificate },
      certificate(good) { $0.key = locked },
      certificate(good) { $0.ocsp = empty },
      certificate(good) { $0.certificate = "/tmp" })
    #expect(found.allSatisfy { !$0.isWarning })
    #expect(
      found.map { "\($0.setting): \($0.reason)" } == [
        "certificates[1].key: it does not belong to the certificate",
        "certificates[2].key: it can't be read: No such file or directory",
        "certificates[3].certificate: it holds no certificate in PEM form",
        "certificates[4].certificate: a certificate in it is damaged",
        "certificates[5].key: it holds no private key in PEM form",
        "certificates[6].key: it holds no private key in PEM form",
        "certificates[7].ocsp: it is no successful OCSP response in DER form",
        "certificates[8].certificate: it is no file",
      ])
    #expect(findings(certificate(good), certificate(other)) == [])
  }

  @Test func whatIsOutOfDateIsAWarning() {
    let late = authority.issue("late", from: -3 * 86_400, to: -86_400)
    let early = authority.issue("early", from: 86_400, to: 3 * 86_400)
    let found = findings(certificate(late), certificate(early))
    #expect(
      found == [
        TLSFinding(
          setting: "certificates[0].certificate", reason: "it has expired", isWarning: true),
        TLSFinding(
          setting: "certificates[1].certificate", reason: "it is not valid yet", isWarning: true),
      ])
  }

  /// What a file holds may stand in the place of its path.
  @Test func pemTextIsReadAsAFileIs() throws {
    let (good, other) = (authority.issue("a"), authority.issue("b"))
    func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
    let found = findings(
      certificate(good) {
        $0.certificate = (try? text(good.certificate)) ?? ""
        $0.key = (try? text(good.key)) ?? ""
      },
      certificate(good) { $0.key = (try? text(other.key)) ?? "" },
      certificate(good) { $0.key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----" })
    #expect(
      found.map { "\($0.setting): \($0.reason)" } == [
        "certificates[1].key: it does not belong to the certificate",
        "certificates[2].key: it holds no private key in PEM form",
      ])
  }

  @Test func authoritiesAndListsAreLookedAt() throws {
    var tls = Configuration.ListenerTLS(authority.issue("a"))
    var callers = Configuration.ClientCertificates()
    callers.ca = "/nowhere"
    tls.clientCertificates = callers
    #expect(TLSFiles.findings(about: .listener(tls)).map(\.setting) == ["clientCertificates.ca"])
    callers.ca = authority.path
    callers.crl = authority.path
    tls.clientCertificates = callers
    #expect(TLSFiles.findings(about: .listener(tls)).map(\.setting) == ["clientCertificates.crl"])
    callers.crl = authority.revocations(of: [])
    tls.clientCertificates = callers
    #expect(TLSFiles.findings(about: .listener(tls)).isEmpty)

    var service = Configuration.ServiceTLS()
    service.ca = "/nowhere"
    #expect(TLSFiles.findings(about: .service(service)).map(\.setting) == ["ca"])
    service.ca = authority.path
    #expect(TLSFiles.findings(about: .service(service)).isEmpty)
    var identity = Configuration.ClientIdentity()
    identity.certificate = authority.issue("a").certificate
    identity.key = authority.issue("b").key
    service.clientCertificate = identity
    #expect(
      TLSFiles.findings(about: .service(service)).map(\.setting) == ["clientCertificate.key"])
  }
}
