import COpenSSL
import Glibc

/// A certificate with its chain, its key and its OCSP response, as files hold them.
// SAFETY: nothing here changes after init, and OpenSSL counts references atomically.
final class TLSCertificate: @unchecked Sendable {
  /// The certificate itself comes first.
  let chain: [OpaquePointer]
  let key: OpaquePointer
  /// Lower-case; `*.` stands for one label.
  let names: [String]
  /// DER, and when it is not to be shown any more (seconds since 1970).
  private let staple: (bytes: [UInt8], until: Int)?

  var leaf: OpaquePointer { chain[0] }
  /// Certificates with keys of different kinds serve the same name side by side.
  var keyKind: Int32 { EVP_PKEY_get_base_id(key) }

  /// `setting`: what the entry is called in messages.
  init(_ settings: TLSServerSettings.Certificate, setting: String) throws(TLSError) {
    let chain = try TLSFile.certificates(settings.certificate, "\(setting).certificate")
    do throws(TLSError) {
      let key = try Self.key(settings.key, "\(setting).key")
      self.key = key
      guard X509_check_private_key(chain[0], key) == 1 else {
        ERR_clear_error()
        EVP_PKEY_free(key)
        throw TLSError("\(setting).key", "it does not belong to the certificate")
      }
      do throws(TLSError) {
        staple = try settings.staple.map { (path) throws(TLSError) in
          try Self.staple(path, "\(setting).ocsp")
        }
      } catch {
        EVP_PKEY_free(key)
        throw error
      }
    } catch {
      for certificate in chain { X509_free(certificate) }
      throw error
    }
    self.chain = chain
    let alternatives = TLSCertificateNames(of: chain[0]).dns
    let common = TLSCertificateNames.commonName(of: chain[0])?.lowercased()
    let own = alternatives.isEmpty ? [common].compactMap { $0 } : alternatives
    names = settings.names.isEmpty ? own : settings.names.map { $0.lowercased() }
  }

  deinit {
    for certificate in chain { X509_free(certificate) }
    EVP_PKEY_free(key)
  }

  private static func key(_ path: String, _ setting: String) throws(TLSError) -> OpaquePointer {
    try TLSFile.open(path, setting) { (bio) throws(TLSError) -> OpaquePointer in
      if let key = PEM_read_bio_PrivateKey(bio, nil, refusePassphrase, nil) { return key }
      let code = ERR_peek_last_error()
      if copenssl_is_reason(code, ERR_LIB_PEM, PEM_R_BAD_PASSWORD_READ) != 0
        || copenssl_is_reason(code, ERR_LIB_PEM, PEM_R_PROBLEMS_GETTING_PASSWORD) != 0
      {
        throw TLSError(setting, "it is encrypted; keys have to be without a passphrase")
      }
      throw TLSError(setting, "it holds no private key in PEM form")
    }
  }

  // MARK: OCSP

  /// The response to staple now, if there is one that is not out of date.
  var currentStaple: [UInt8]? {
    guard let staple, time(nil) < staple.until else { return nil }
    return staple.bytes
  }

  private static func staple(
    _ path: String, _ setting: String
  ) throws(TLSError) -> (bytes: [UInt8], until: Int) {
    try TLSFile.read(path, setting) { (bytes) throws(TLSError) in
      let content = Array(bytes)
      guard let until = expiry(ofResponse: content) else {
        ERR_clear_error()
        throw TLSError(setting, "it is no successful OCSP response in DER form")
      }
      return (content, until)
    }
  }

  /// The nextUpdate of a response; far away when it has none.
  private static func expiry(ofResponse bytes: [UInt8]) -> Int? {
    bytes.withUnsafeBufferPointer { buffer -> Int? in
      var start = buffer.baseAddress
      guard let response = d2i_OCSP_RESPONSE(nil, &start, buffer.count) else { return nil }
      defer { OCSP_RESPONSE_free(response) }
      guard OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL,
        let basic = OCSP_response_get1_basic(response)
      else { return nil }
      defer { OCSP_BASICRESP_free(basic) }
      guard let single = OCSP_resp_get0(basic, 0) else { return nil }
      var next: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
      OCSP_single_get0_status(single, nil, nil, nil, &next)
      guard let next else { return .max }
      var date = tm()
      guard ASN1_TIME_to_tm(next, &date) == 1 else { return nil }
      return timegm(&date)
    }
  }
}
