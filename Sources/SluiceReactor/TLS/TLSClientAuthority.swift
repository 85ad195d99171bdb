import COpenSSL

/// Who vouches for callers: a listener's authorities and their lists of revoked certificates.
final class TLSClientAuthority {
  private let isRequired: Bool
  private let authorities: [OpaquePointer]
  private let store: OpaquePointer
  /// Changes with everything that decides whether a caller is believed.
  let digest: [UInt8]

  init(_ settings: TLSServerSettings.ClientCertificates) throws(TLSError) {
    isRequired = settings.isRequired
    authorities = try TLSFile.certificates(settings.authorities, "clientCertificates.ca")
    guard let store = X509_STORE_new() else {
      throw TLSError("clientCertificates.ca", OpenSSLError.take())
    }
    self.store = store
    for authority in authorities { X509_STORE_add_cert(store, authority) }
    var digest = TLSDigest()
    digest.add([isRequired ? 1 : 0])
    try digest.add(file: settings.authorities, "clientCertificates.ca")
    if let path = settings.revocations {
      try TLSRevocations.add(path, "clientCertificates.crl", to: store)
      try digest.add(file: path, "clientCertificates.crl")
    }
    self.digest = digest.finish()
    ERR_clear_error()
  }

  deinit {
    for authority in authorities { X509_free(authority) }
    X509_STORE_free(store)
  }

  func apply(to context: OpaquePointer) {
    SSL_CTX_set1_cert_store(context, store)
    for authority in authorities { SSL_CTX_add_client_CA(context, authority) }
    let required = isRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, nil)
  }
}

/// SHA-256 over several pieces, each with its length.
struct TLSDigest: ~Copyable {
  private let context: OpaquePointer

  init() {
    guard let context = EVP_MD_CTX_new() else { preconditionFailure("no memory for a digest") }
    self.context = context
    EVP_DigestInit_ex(context, EVP_sha256(), nil)
  }

  deinit { EVP_MD_CTX_free(context) }

  mutating func add(_ bytes: [UInt8]) { bytes.withUnsafeBytes { add($0) } }

  mutating func add(file path: String, _ setting: String) throws(TLSError) {
    let context = context
    try TLSFile.read(path, setting) { (bytes) throws(TLSError) in Self.add(bytes, to: context) }
  }

  private mutating func add(_ bytes: UnsafeRawBufferPointer) { Self.add(bytes, to: context) }

  private static func add(_ bytes: UnsafeRawBufferPointer, to context: OpaquePointer) {
    var count = UInt64(bytes.count)
    EVP_DigestUpdate(context, &count, 8)
    EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
  }

  mutating func finish() -> [UInt8] {
    var result = [UInt8](repeating: 0, count: 32)
    EVP_DigestFinal_ex(context, &result, nil)
    return result
  }
}
