import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension TLSHandshake {
  /// What `${connection.tls.…}` stands for. Copies; who does not ask pays nothing.
  func text(of fact: Template.TLSFact) -> [UInt8] {
    switch fact {
    case .version: Array(version.utf8)
    case .cipher: Array(cipher.utf8)
    case .serverName: serverName
    case .alpn: applicationProtocol
    case .resumed: Array((isResumed ? "true" : "").utf8)
    case .clientVerify: Array((hasClientCertificate ? "SUCCESS" : "NONE").utf8)
    }
  }
}

extension TLSClientCertificate {
  /// What `${client.certificate.…}` stands for. What could end a field's value is not in it: OpenSSL
  /// escapes control characters in names, and a common name with one is left out.
  func text(of fact: Template.CertificateFact) -> [UInt8] {
    switch fact {
    case .subject: Array(subject.utf8)
    case .issuer: Array(issuer.utf8)
    case .commonName:
      Array((commonName ?? "").utf8).contains { $0 < 0x20 || $0 == 0x7F }
        ? [] : Array((commonName ?? "").utf8)
    case .serialNumber: Array(serialNumber.utf8)
    case .sha256: Self.hexadecimal(fingerprint)
    case .sha1: Self.hexadecimal(fingerprintSHA1)
    }
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
  }
}
