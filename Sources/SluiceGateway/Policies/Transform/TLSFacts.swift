import Glibc
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
    case .notAfter: Self.date(notAfter)
    }
  }

  private static let months = Array("JanFebMarAprMayJunJulAugSepOctNovDec".utf8)

  /// Of a time in seconds of Unix time, as `ASN1_TIME_print` has it.
  private static func date(_ seconds: Int64) -> [UInt8] {
    var (time, parts) = (time_t(seconds), tm())
    guard gmtime_r(&time, &parts) != nil else { return [] }
    func digits(_ number: Int32, _ pad: UInt8) -> [UInt8] {
      let text = Array(String(number).utf8)
      return text.count < 2 ? [pad] + text : text
    }
    let month = Int(parts.tm_mon) * 3
    let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { digits($0, 0x30) }
    return Array(months[month..<month + 3]) + [0x20] + digits(parts.tm_mday, 0x20) + [0x20]
      + Array(clock.joined(separator: [0x3A])) + [0x20] + Array(String(parts.tm_year + 1_900).utf8)
      + Array(" GMT".utf8)
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
  }
}
