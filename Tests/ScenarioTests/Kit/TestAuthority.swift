import COpenSSL
import Foundation

/// A certificate authority of a test; its files go with it.
final class TestAuthority {
  enum KeyKind { case ecdsa, rsa }

  /// Paths of PEM files.
  struct Identity {
    var certificate: String
    var key: String
    let serial: Int
  }

  let directory: URL
  /// The authority's own certificate.
  let path: String
  private let certificate: OpaquePointer
  private let key: OpaquePointer
  private var nextSerial = 2

  static let day = 86_400

  init(_ name: String = "Test Authority") {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent(
      "sluice-tls-\(UUID().uuidString)")
    try? FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    key = Self.makeKey(.ecdsa)
    certificate = Self.make(
      subject: name, key: key, serial: 1, from: -Self.day, to: 30 * Self.day, issuer: nil,
      signedBy: key,
      extensions: [
        (NID_basic_constraints, "critical,CA:TRUE"),
        (NID_key_usage, "critical,keyCertSign,cRLSign"),
      ])
    path = directory.appendingPathComponent("ca.pem").path
    Self.write(path) { PEM_write_bio_X509($0, certificate) }
  }

  deinit {
    X509_free(certificate)
    EVP_PKEY_free(key)
    try? FileManager.default.removeItem(at: directory)
  }

  /// `names` as in OpenSSL's configuration: `DNS:a.test`, `IP:127.0.0.1`, `URI:spiffe://a`.
  func issue(
    _ subject: String = "server", names: [String] = [], _ kind: KeyKind = .ecdsa,
    from: Int = -TestAuthority.day, to: Int = 10 * TestAuthority.day
  ) -> Identity {
    let serial = nextSerial
    nextSerial += 1
    let own = Self.makeKey(kind)
    defer { EVP_PKEY_free(own) }
    var extensions: [(Int32, String)] = [(NID_basic_constraints, "CA:FALSE")]
    if !names.isEmpty { extensions.append((NID_subject_alt_name, names.joined(separator: ","))) }
    let leaf = Self.make(
      subject: subject, key: own, serial: serial, from: from, to: to, issuer: certificate,
      signedBy: key, extensions: extensions)
    defer { X509_free(leaf) }
    let identity = Identity(
      certificate: directory.appendingPathComponent("\(serial).pem").path,
      key: directory.appendingPathComponent("\(serial).key").path, serial: serial)
    Self.write(identity.certificate) { PEM_write_bio_X509($0, leaf) }
    Self.write(identity.key) { PEM_write_bio_PrivateKey($0, own, nil, nil, 0, nil, nil) }
    return identity
  }

  /// A list of what this authority has revoked; a new file each time.
  func revocations(of identities: [Identity]) -> String {
    let list = X509_CRL_new()
    defer { X509_CRL_free(list) }
    X509_CRL_set_version(list, 1)
    X509_CRL_set_issuer_name(list, X509_get_subject_name(certificate))
    let now = X509_gmtime_adj(nil, -60)
    let next = X509_gmtime_adj(nil, TestAuthority.day)
    X509_CRL_set1_lastUpdate(list, now)
    X509_CRL_set1_nextUpdate(list, next)
    for identity in identities {
      let entry = X509_REVOKED_new()
      let serial = ASN1_INTEGER_new()
      ASN1_INTEGER_set(serial, identity.serial)
      X509_REVOKED_set_serialNumber(entry, serial)
      X509_REVOKED_set_revocationDate(entry, now)
      X509_CRL_add0_revoked(list, entry)
      ASN1_INTEGER_free(serial)
    }
    ASN1_STRING_free(now)
    ASN1_STRING_free(next)
    X509_CRL_sign(list, key, EVP_sha256())
    let path = directory.appendingPathComponent("\(UUID().uuidString).crl").path
    Self.write(path) { PEM_write_bio_X509_CRL($0, list) }
    return path
  }

  /// An OCSP response that says that the certificate is good, until `seconds` from now.
  func staple(for identity: Identity, until seconds: Int) -> String {
    let file = BIO_new_file(identity.certificate, "r")
    let leaf = PEM_read_bio_X509(file, nil, nil, nil)
    BIO_free(file)
    defer { X509_free(leaf) }
    let basic = OCSP_BASICRESP_new()
    defer { OCSP_BASICRESP_free(basic) }
    let id = OCSP_cert_to_id(EVP_sha1(), leaf, certificate)
    let now = X509_gmtime_adj(nil, -TestAuthority.day)
    let next = X509_gmtime_adj(nil, seconds)
    let entry = OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, nil, now, next)
    precondition(entry != nil, "no status")
    OCSP_CERTID_free(id)
    ASN1_STRING_free(now)
    ASN1_STRING_free(next)
    OCSP_basic_sign(basic, certificate, key, EVP_sha256(), nil, 0)
    let response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic)
    defer { OCSP_RESPONSE_free(response) }
    var bytes: UnsafeMutablePointer<UInt8>?
    let count = i2d_OCSP_RESPONSE(response, &bytes)
    defer { copenssl_free(bytes) }
    let path = directory.appendingPathComponent("\(UUID().uuidString).ocsp")
    try? Data(UnsafeBufferPointer(start: bytes, count: Int(count))).write(to: path)
    return path.path
  }

  // MARK: Making

  private static func makeKey(_ kind: KeyKind) -> OpaquePointer {
    let context = EVP_PKEY_CTX_new_id(kind == .ecdsa ? EVP_PKEY_EC : EVP_PKEY_RSA, nil)
    defer { EVP_PKEY_CTX_free(context) }
    EVP_PKEY_keygen_init(context)
    switch kind {
    case .ecdsa: EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1)
    case .rsa: EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2_048)
    }
    var key: OpaquePointer?
    guard EVP_PKEY_keygen(context, &key) == 1, let key else { fatalError("no key") }
    return key
  }

  private static func make(
    subject: String, key: OpaquePointer, serial: Int, from: Int, to: Int, issuer: OpaquePointer?,
    signedBy signer: OpaquePointer, extensions: [(Int32, String)]
  ) -> OpaquePointer {
    guard let certificate = X509_new() else { fatalError("no certificate") }
    X509_set_version(certificate, 2)
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial)
    X509_gmtime_adj(X509_getm_notBefore(certificate), from)
    X509_gmtime_adj(X509_getm_notAfter(certificate), to)
    X509_set_pubkey(certificate, key)
    X509_NAME_add_entry_by_txt(
      X509_get_subject_name(certificate), "CN", ascii, subject, -1, -1, 0)
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer ?? certificate))
    for (kind, value) in extensions {
      var context = X509V3_CTX()
      X509V3_set_ctx(&context, issuer ?? certificate, certificate, nil, nil, 0)
      let made = X509V3_EXT_conf_nid(nil, &context, kind, value)
      X509_add_ext(certificate, made, -1)
      X509_EXTENSION_free(made)
    }
    X509_sign(certificate, signer, EVP_sha256())
    return certificate
  }

  /// MBSTRING_ASC, which is a macro of macros.
  private static let ascii: Int32 = 0x1001

  private static func write(_ path: String, _ print: (OpaquePointer?) -> Int32) {
    let file = BIO_new_file(path, "w")
    _ = print(file)
    BIO_free(file)
  }
}
