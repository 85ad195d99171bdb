import COpenSSL

/// How the gateway speaks TLS to targets; paths of PEM files.
public struct TLSClientSettings: Hashable, Sendable {
  /// Whether a target has to prove who it is.
  public var verifies = true
  /// Who vouches for targets; the system's authorities without.
  public var authorities: String?
  /// Lists of what these have revoked; only with `authorities`.
  public var revocations: String?
  /// What the gateway shows to a target that asks.
  public var certificate: String?
  public var key: String?
  /// What ALPN offers, the best first.
  public var protocols = ["http/1.1"]

  public init() {}
}

/// What TLS to targets needs before a connection; one for all workers, and never changed.
// SAFETY: nothing here changes after init; OpenSSL's contexts may be used by several threads.
public final class TLSClientContext: @unchecked Sendable {
  fileprivate let context: OpaquePointer
  fileprivate let verifies: Bool
  /// Equal for contexts made from the same settings and the same content of files.
  public let digest: [UInt8]

  public init(_ settings: TLSClientSettings) throws(TLSError) {
    guard let context = TLSProfile.makeContext(TLS_client_method()) else {
      throw TLSError("tls", OpenSSLError.take())
    }
    self.context = context
    verifies = settings.verifies
    var digest = TLSDigest()
    do throws(TLSError) {
      try Self.trust(settings, context, &digest)
      try Self.identify(settings, context, &digest)
    } catch {
      SSL_CTX_free(context)
      throw error
    }
    self.digest = digest.finish()
    _ = copenssl_ctx_set_min_version(context, TLS1_2_VERSION)
    TLSProfile.applyCommon(to: context)
    let protocols = settings.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    SSL_CTX_set_alpn_protos(context, protocols, UInt32(protocols.count))
    copenssl_ctx_set_session_cache(context, Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL))
    SSL_CTX_sess_set_new_cb(context) { ssl, session in
      guard let data = SSL_get_ex_data(ssl, 0), let session else { return 0 }
      // SAFETY: the data is the origin of this connection, whose layer keeps it.
      Unmanaged<TLSOrigin>.fromOpaque(data)._withUnsafeGuaranteedRef { $0.keep(session) }
      return 1
    }
    ERR_clear_error()
  }

  deinit { SSL_CTX_free(context) }

  private static func trust(
    _ settings: TLSClientSettings, _ context: OpaquePointer, _ digest: inout TLSDigest
  ) throws(TLSError) {
    digest.add([settings.verifies ? 1 : 0])
    digest.add(Array(settings.protocols.joined(separator: ",").utf8))
    if let path = settings.authorities {
      guard let store = X509_STORE_new() else { throw TLSError("ca", OpenSSLError.take()) }
      SSL_CTX_set_cert_store(context, store)
      for authority in try TLSFile.certificates(path, "ca") {
        X509_STORE_add_cert(store, authority)
        X509_free(authority)
      }
      try digest.add(file: path, "ca")
      if let path = settings.revocations {
        try TLSRevocations.add(path, "crl", to: store)
        try digest.add(file: path, "crl")
      }
    } else if settings.verifies {
      SSL_CTX_set_default_verify_paths(context)
    }
    SSL_CTX_set_verify(context, settings.verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
  }

  private static func identify(
    _ settings: TLSClientSettings, _ context: OpaquePointer, _ digest: inout TLSDigest
  ) throws(TLSError) {
    guard let path = settings.certificate, let key = settings.key else { return }
    let own = try TLSCertificate(
      TLSServerSettings.Certificate(certificate: path, key: key), setting: "clientCertificate")
    let chain = copenssl_stack_new()
    defer { copenssl_stack_free(chain) }
    for issuer in own.chain.dropFirst() { copenssl_stack_push(chain, issuer) }
    if SSL_CTX_use_cert_and_key(context, own.leaf, own.key, chain, 1) != 1 {
      throw TLSError("clientCertificate.certificate", OpenSSLError.take())
    }
    try digest.add(file: path, "clientCertificate.certificate")
    try digest.add(file: key, "clientCertificate.key")
  }
}

/// One server that a loop speaks TLS to: who it has to be, and the session to take up again.
public final class TLSOrigin {
  public let context: TLSClientContext
  /// A host name or an IP address.
  private let name: String
  private let isAddress: Bool
  /// From the last connection that got one; lives on this loop only.
  private var session: OpaquePointer?

  public init(_ context: TLSClientContext, name: String, isAddress: Bool) {
    self.context = context
    self.name = name
    self.isAddress = isAddress
  }

  deinit { if let session { SSL_SESSION_free(session) } }

  /// Takes ownership of one reference.
  fileprivate func keep(_ new: OpaquePointer) {
    if let session { SSL_SESSION_free(session) }
    session = new
  }

  /// `offer`: all that ALPN offers, instead of the context's. Nil without memory.
  func makeSSL(offering offer: StaticString?) -> OpaquePointer? {
    guard let ssl = SSL_new(context.context) else { return nil }
    // SAFETY: whoever uses the connection keeps this origin.
    SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
    var isDone: Int32 = 1
    if isAddress {
      // SNI has no addresses (RFC 6066 3).
      if context.verifies { isDone &= X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) }
    } else {
      isDone &= copenssl_set_server_name(ssl, name)
      if context.verifies {
        SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        isDone &= SSL_set1_host(ssl, name)
      }
    }
    if let offer {
      let protocols = [UInt8(offer.utf8CodeUnitCount)] + Array("\(offer)".utf8)
      // Zero is success for this one.
      if SSL_set_alpn_protos(ssl, protocols, UInt32(protocols.count)) != 0 { isDone = 0 }
    }
    // Without the name nothing would be verified.
    guard isDone == 1 else {
      SSL_free(ssl)
      return nil
    }
    if let session, SSL_SESSION_is_resumable(session) == 1 { SSL_set_session(ssl, session) }
    return ssl
  }
}
