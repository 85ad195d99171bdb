import COpenSSL
import Glibc

/// Who a caller is by its certificate, which the listener's authority vouched for.
public final class TLSClientCertificate: Sendable {
  /// As RFC 2253 writes it: `CN=alice,O=Example`.
  public let subject: String
  /// Who has signed it, written in the same way.
  public let issuer: String
  /// The first common name of the subject.
  public let commonName: String?
  public let names: TLSCertificateNames
  /// SHA-256 of the certificate.
  public let fingerprint: [UInt8]
  /// SHA-1 of it, which other servers name certificates by; no proof of anything.
  public let fingerprintSHA1: [UInt8]
  /// Hexadecimal digits in upper case.
  public let serialNumber: String
  /// When it expires, in seconds of Unix time.
  public let notAfter: Int64

  /// Nil when the peer has shown none.
  init?(of ssl: OpaquePointer) {
    guard let certificate = SSL_get0_peer_certificate(ssl), SSL_get_verify_result(ssl) == X509_V_OK
    else { return nil }
    let subject = X509_get_subject_name(certificate)
    self.subject = Self.text { X509_NAME_print_ex($0, subject, 0, copenssl_name_rfc2253) }
    let issuer = X509_get_issuer_name(certificate)
    self.issuer = Self.text { X509_NAME_print_ex($0, issuer, 0, copenssl_name_rfc2253) }
    commonName = TLSCertificateNames.commonName(of: certificate)
    names = TLSCertificateNames(of: certificate)
    var digest = [UInt8](repeating: 0, count: 32)
    X509_digest(certificate, EVP_sha256(), &digest, nil)
    fingerprint = digest
    var shortDigest = [UInt8](repeating: 0, count: 20)
    X509_digest(certificate, EVP_sha1(), &shortDigest, nil)
    fingerprintSHA1 = shortDigest
    notAfter = Self.seconds(X509_get0_notAfter(certificate))
    serialNumber = Self.text { i2a_ASN1_INTEGER($0, X509_get0_serialNumber(certificate)) }
  }

  /// What cannot be read has expired.
  private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
    var date = tm()
    guard let time, ASN1_TIME_to_tm(time, &date) == 1 else { return 0 }
    return Int64(timegm(&date))
  }

  /// What `print` writes to a BIO.
  private static func text(_ print: (OpaquePointer) -> Int32) -> String {
    guard let bio = BIO_new(BIO_s_mem()) else { return "" }
    defer { BIO_free(bio) }
    guard print(bio) > 0 else { return "" }
    var bytes = [UInt8](repeating: 0, count: BIO_ctrl_pending(bio))
    let count = BIO_read(bio, &bytes, Int32(clamping: bytes.count))
    return String(decoding: bytes.prefix(Int(max(0, count))), as: UTF8.self)
  }
}

/// A certificate's subject alternative names (RFC 5280 4.2.1.6).
public struct TLSCertificateNames: Equatable, Sendable {
  public var dns: [String] = []
  public var emails: [String] = []
  public var uris: [String] = []

  init(of certificate: OpaquePointer) {
    guard let extensions = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else {
      return
    }
    let list = OpaquePointer(extensions)
    defer { GENERAL_NAMES_free(list) }
    for index in 0..<copenssl_names_count(list) {
      var type: Int32 = 0
      guard let value = GENERAL_NAME_get0_value(copenssl_names_item(list, index), &type) else {
        continue
      }
      // SAFETY: for these three types the value is an ASN1_IA5STRING.
      let text = { Self.text(value.assumingMemoryBound(to: ASN1_STRING.self)) }
      switch type {
      case GEN_DNS: if let name = text() { dns.append(name.lowercased()) }
      case GEN_EMAIL: if let name = text() { emails.append(name) }
      case GEN_URI: if let name = text() { uris.append(name) }
      default: break
      }
    }
  }

  static func commonName(of certificate: OpaquePointer) -> String? {
    let subject = X509_get_subject_name(certificate)
    let index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
    guard index >= 0,
      let value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index))
    else { return nil }
    return text(value)
  }

  /// Nil for what has a NUL in it: another reader would take the part before for the whole.
  private static func text(_ value: UnsafePointer<ASN1_STRING>) -> String? {
    // SAFETY: OpenSSL says how many bytes there are, and the value lives as long as its certificate.
    let bytes = UnsafeBufferPointer(
      start: ASN1_STRING_get0_data(value), count: Int(ASN1_STRING_length(value)))
    return bytes.contains(0) ? nil : String(decoding: bytes, as: UTF8.self)
  }
}
