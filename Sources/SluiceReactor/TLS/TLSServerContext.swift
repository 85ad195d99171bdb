import COpenSSL
import SluiceWire

/// What a listener's TLS is made from; paths of PEM files, or PEM text.
public struct TLSServerSettings: Equatable, Sendable {
  public struct Certificate: Equatable, Sendable {
    public var certificate: String
    public var key: String
    /// An OCSP response in DER form.
    public var staple: String?
    /// In the place of those in the certificate, if there are any; `*.` stands for one label.
    public var names: [String]

    public init(certificate: String, key: String, staple: String? = nil, names: [String] = []) {
      self.names = names
      self.certificate = certificate
      self.key = key
      self.staple = staple
    }
  }

  public struct ClientCertificates: Equatable, Sendable {
    /// A caller without a certificate is refused.
    public var isRequired: Bool
    public var authorities: String
    public var revocations: String?

    public init(isRequired: Bool, authorities: String, revocations: String? = nil) {
      self.isRequired = isRequired
      self.authorities = authorities
      self.revocations = revocations
    }
  }

  /// At least one; the first serves callers who name nobody or nobody known.
  public var certificates: [Certificate]
  public var onlyTLS13 = false
  public var hasTickets = true
  public var clientCertificates: ClientCertificates?
  /// What ALPN may agree on, the best first.
  public var protocols = ["http/1.1", "http/1.0"]
  /// A session begun under one identity is not resumed under another: what was verified there may
  /// not be what is demanded here.
  public var identity = ""

  public init(certificates: [Certificate]) { self.certificates = certificates }
}

/// A listener's TLS: certificates by name, and everything OpenSSL has to know before a caller comes.
///
/// One for all workers: handshakes read it, OpenSSL counts its references atomically, and nobody
/// changes it. A reload makes another; connections keep the one that they began with.
// SAFETY: nothing here changes after init; OpenSSL's contexts may be used by several threads.
public final class TLSServerContext: @unchecked Sendable {
  private let certificates: [TLSCertificate]
  private let keys: TLSTicketKeys
  /// As ALPN has them: each name behind its length.
  private let protocols: [UInt8]
  private let names: TLSNameTable
  /// One for every set of certificates that serves the same names.
  private var contexts: [OpaquePointer] = []

  /// For callers who name nobody.
  var fallback: OpaquePointer { contexts[0] }

  /// Reads the files. Throws for the first setting that is wrong.
  public init(_ settings: TLSServerSettings, keys: TLSTicketKeys) throws(TLSError) {
    precondition(!settings.certificates.isEmpty, "a TLS listener has a certificate")
    self.keys = keys
    var certificates: [TLSCertificate] = []
    for (index, entry) in settings.certificates.enumerated() {
      certificates.append(try TLSCertificate(entry, setting: "certificates[\(index)]"))
    }
    self.certificates = certificates
    protocols = settings.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    names = TLSNameTable(certificates.map { (names: $0.names, keyKind: $0.keyKind) })
    let callers = try settings.clientCertificates.map { (callers) throws(TLSError) in
      try TLSClientAuthority(callers)
    }
    for group in names.groups {
      let context = try makeContext(settings, callers)
      contexts.append(context)
      for index in group { try use(certificates[index], in: context, "certificates[\(index)]") }
    }
  }

  deinit { for context in contexts { SSL_CTX_free(context) } }

  private func makeContext(
    _ settings: TLSServerSettings, _ callers: TLSClientAuthority?
  ) throws(TLSError) -> OpaquePointer {
    guard let context = TLSProfile.makeContext(TLS_server_method()) else {
      throw TLSError("tls", OpenSSLError.take())
    }
    TLSProfile.apply(to: context, onlyTLS13: settings.onlyTLS13)
    copenssl_ctx_set_session_cache(context, Int(SSL_SESS_CACHE_OFF))
    SSL_CTX_set_timeout(context, TLSTicketKeys.lifetime)
    // Each connection gets one, which replaces the one that it may have used up; OpenSSL's two for a new
    // caller cost 6 % of its handshake.
    SSL_CTX_set_num_tickets(context, 1)
    if !settings.hasTickets {
      SSL_CTX_set_options(context, copenssl_op_no_ticket)
      SSL_CTX_set_num_tickets(context, 0)
    }
    callers?.apply(to: context)
    var identity = TLSDigest()
    identity.add(Array(settings.identity.utf8))
    if let callers { identity.add(callers.digest) }
    SSL_CTX_set_session_id_context(context, identity.finish(), 32)
    setCallbacks(context)
    return context
  }

  private func use(
    _ certificate: TLSCertificate, in context: OpaquePointer, _ setting: String
  ) throws(TLSError) {
    let chain = copenssl_stack_new()
    defer { copenssl_stack_free(chain) }
    for issuer in certificate.chain.dropFirst() { copenssl_stack_push(chain, issuer) }
    ERR_clear_error()
    if SSL_CTX_use_cert_and_key(context, certificate.leaf, certificate.key, chain, 1) != 1 {
      throw TLSError("\(setting).certificate", OpenSSLError.take())
    }
  }

  // MARK: Callbacks

  private func setCallbacks(_ context: OpaquePointer) {
    // SAFETY: every connection keeps this object, so the pointer is good whenever OpenSSL follows it.
    let this = Unmanaged.passUnretained(self).toOpaque()
    copenssl_ctx_set_name_callback(
      context,
      { ssl, _, argument in
        guard let server = TLSServerContext.of(argument) else { return SSL_TLSEXT_ERR_OK }
        return server._withUnsafeGuaranteedRef { $0.select(ssl) }
      }, this)
    copenssl_ctx_set_status_callback(
      context,
      { ssl, argument in
        guard let server = TLSServerContext.of(argument) else { return SSL_TLSEXT_ERR_NOACK }
        return server._withUnsafeGuaranteedRef { $0.staple(ssl) }
      }, this)
    SSL_CTX_set_alpn_select_cb(
      context,
      { _, selected, selectedCount, offered, offeredCount, argument in
        guard let server = TLSServerContext.of(argument) else { return SSL_TLSEXT_ERR_NOACK }
        return server._withUnsafeGuaranteedRef {
          $0.agree(selected, selectedCount, offered, offeredCount)
        }
      }, this)
    // SAFETY: this object keeps the keys.
    SSL_CTX_set_ex_data(context, 0, Unmanaged.passUnretained(keys).toOpaque())
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context) { ssl, name, vector, cipher, mac, isSealing in
      TLSTicketKeys.answer(ssl, name, vector, cipher, mac, isSealing: isSealing == 1)
    }
    copenssl_ctx_judge_tickets(context)
  }

  private static func of(_ argument: UnsafeMutableRawPointer?) -> Unmanaged<TLSServerContext>? {
    // SAFETY: `setCallbacks` passed the object that owns the context, which the connection keeps.
    argument.map { Unmanaged<TLSServerContext>.fromOpaque($0) }
  }

  /// SNI: switches to the certificates of the name that the caller asks for.
  private func select(_ ssl: OpaquePointer?) -> Int32 {
    guard let text = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else {
      return SSL_TLSEXT_ERR_NOACK
    }
    guard let group = names.group(of: String(cString: text)) else { return SSL_TLSEXT_ERR_NOACK }
    if contexts[group] != SSL_get_SSL_CTX(ssl) { SSL_set_SSL_CTX(ssl, contexts[group]) }
    return SSL_TLSEXT_ERR_OK
  }

  /// OCSP: the response for the certificate that this connection uses.
  private func staple(_ ssl: OpaquePointer?) -> Int32 {
    let used = SSL_get_certificate(ssl)
    guard let staple = certificates.first(where: { $0.leaf == used })?.currentStaple,
      let copy = copenssl_malloc(staple.count)
    else { return SSL_TLSEXT_ERR_NOACK }
    copy.copyMemory(from: staple, byteCount: staple.count)
    // SAFETY: the memory is new, and as long as the staple.
    let bytes = copy.assumingMemoryBound(to: UInt8.self)
    if copenssl_set_staple(ssl, bytes, staple.count) == 1 { return SSL_TLSEXT_ERR_OK }
    copenssl_free(copy)
    return SSL_TLSEXT_ERR_NOACK
  }

  /// ALPN; who offers nothing that we speak is refused (RFC 7301 3.2).
  private func agree(
    _ selected: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ selectedCount: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?,
    _ offeredCount: UInt32
  ) -> Int32 {
    var name: UnsafeMutablePointer<UInt8>?
    // SAFETY: `protocols` never changes, so what is selected of it stays as long as the connection.
    let result = protocols.withUnsafeBufferPointer {
      SSL_select_next_proto(
        &name, selectedCount, $0.baseAddress, UInt32($0.count), offered, offeredCount)
    }
    guard result == OPENSSL_NPN_NEGOTIATED else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    selected?.pointee = name.map { UnsafePointer($0) }
    return SSL_TLSEXT_ERR_OK
  }
}
