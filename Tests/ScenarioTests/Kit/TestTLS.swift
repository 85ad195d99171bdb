import COpenSSL
import Foundation

/// How a test's peer speaks TLS.
final class TestTLSSettings: @unchecked Sendable {
  // SAFETY: set up by one thread before any connection; OpenSSL's contexts are thread-safe.
  let context: OpaquePointer
  let isServer: Bool
  private let serverName: String?
  private var session: OpaquePointer?

  /// A caller that trusts `authority` and wants `name`.
  init(
    trusting authority: TestAuthority?, name: String? = "localhost",
    identity: TestAuthority.Identity? = nil, version: Int32 = 0, ciphers: String? = nil,
    protocols: [String] = []
  ) {
    isServer = false
    serverName = name
    context = SSL_CTX_new(TLS_client_method())
    if let authority {
      SSL_CTX_load_verify_locations(context, authority.path, nil)
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    }
    finish(identity, version, ciphers)
    if !protocols.isEmpty {
      let wire = protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
      SSL_CTX_set_alpn_protos(context, wire, UInt32(wire.count))
    }
  }

  /// A target that shows `identity`, and agrees on `protocol` if that is offered.
  init(
    server identity: TestAuthority.Identity, version: Int32 = 0,
    callersOf authority: TestAuthority? = nil, protocol name: StaticString? = nil
  ) {
    isServer = true
    serverName = nil
    context = SSL_CTX_new(TLS_server_method())
    if let authority {
      SSL_CTX_load_verify_locations(context, authority.path, nil)
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    }
    SSL_CTX_set_session_id_context(context, [1], 1)
    finish(identity, version, nil)
    if let name { agree(on: name) }
  }

  private func agree(on name: StaticString) {
    // What ALPN's callback gets: the name behind its length. It lives as long as the tests.
    let wanted = UnsafeMutablePointer<UInt8>.allocate(capacity: name.utf8CodeUnitCount + 1)
    wanted[0] = UInt8(name.utf8CodeUnitCount)
    (wanted + 1).update(from: name.utf8Start, count: name.utf8CodeUnitCount)
    SSL_CTX_set_alpn_select_cb(
      context,
      { _, output, length, offered, count, wanted in
        guard let wanted = wanted?.assumingMemoryBound(to: UInt8.self), let offered else {
          return SSL_TLSEXT_ERR_NOACK
        }
        var at = 0
        while at < Int(count) {
          if offered[at] == wanted[0], memcmp(offered + at, wanted, Int(wanted[0]) + 1) == 0 {
            output?.pointee = offered + at + 1
            length?.pointee = offered[at]
            return SSL_TLSEXT_ERR_OK
          }
          at += Int(offered[at]) + 1
        }
        return SSL_TLSEXT_ERR_NOACK
      }, wanted)
  }

  private func finish(
    _ identity: TestAuthority.Identity?, _ version: Int32, _ ciphers: String?
  ) {
    // OpenSSL's own sockets write without MSG_NOSIGNAL.
    signal(SIGPIPE, SIG_IGN)
    copenssl_ctx_set_mode(
      context, Int(SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER))
    if let identity {
      SSL_CTX_use_certificate_chain_file(context, identity.certificate)
      SSL_CTX_use_PrivateKey_file(context, identity.key, SSL_FILETYPE_PEM)
    }
    if version != 0 {
      _ = copenssl_ctx_set_min_version(context, version)
      _ = copenssl_ctx_set_max_version(context, version)
    }
    if let ciphers { SSL_CTX_set_cipher_list(context, ciphers) }
  }

  deinit { SSL_CTX_free(context) }

  fileprivate func make(_ descriptor: Int32) -> OpaquePointer {
    guard let ssl = SSL_new(context) else { fatalError("no TLS") }
    SSL_set_fd(ssl, descriptor)
    if isServer {
      SSL_set_accept_state(ssl)
    } else {
      SSL_set_connect_state(ssl)
      if let serverName {
        _ = copenssl_set_server_name(ssl, serverName)
        SSL_set1_host(ssl, serverName)
      }
      copenssl_ask_for_staple(ssl)
      if let session { SSL_set_session(ssl, session) }
    }
    return ssl
  }

  /// Later connections resume what `tls` has.
  func resume(_ tls: TestTLS) { session = tls.session() }
}

/// TLS on a test's socket. Thread-safe.
final class TestTLS: @unchecked Sendable {
  // SAFETY: OpenSSL's object is used behind the lock only.
  private let ssl: OpaquePointer
  private let lock = NSLock()
  let settings: TestTLSSettings

  enum Outcome {
    case bytes(Int)
    case wantsRead, wantsWrite
    /// The peer's close_notify.
    case end
    /// The peer's FIN without it.
    case cut
    case reset
    case failed(String)
  }

  init(_ settings: TestTLSSettings, _ descriptor: Int32) {
    self.settings = settings
    ssl = settings.make(descriptor)
  }

  deinit {
    // Otherwise OpenSSL takes the session for one that must not be resumed.
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
    SSL_free(ssl)
  }

  func handshake() -> Outcome {
    lock.withLock {
      ERR_clear_error()
      let result = SSL_do_handshake(ssl)
      return result == 1 ? .bytes(0) : outcome(result)
    }
  }

  func read(_ buffer: UnsafeMutableBufferPointer<UInt8>) -> Outcome {
    lock.withLock {
      ERR_clear_error()
      let count = SSL_read(ssl, buffer.baseAddress, Int32(buffer.count))
      return count > 0 ? .bytes(Int(count)) : outcome(count)
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer) -> Outcome {
    lock.withLock {
      ERR_clear_error()
      let count = SSL_write(ssl, bytes.baseAddress, Int32(bytes.count))
      return count > 0 ? .bytes(Int(count)) : outcome(count)
    }
  }

  /// Sends close_notify.
  func finish() { lock.withLock { _ = SSL_shutdown(ssl) } }

  /// Sends close_notify, and forgets that nothing may follow it.
  func finishAndGoOn() {
    lock.withLock {
      _ = SSL_shutdown(ssl)
      SSL_set_shutdown(ssl, 0)
    }
  }

  /// Asks the peer for new keys, and to do the same.
  func updateKeys() { lock.withLock { _ = SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) } }

  /// Asks for another handshake, which there was until TLS 1.2.
  func renegotiate() { lock.withLock { _ = SSL_renegotiate(ssl) } }

  var version: String { lock.withLock { String(cString: SSL_get_version(ssl)) } }
  var isResumed: Bool { lock.withLock { SSL_session_reused(ssl) == 1 } }
  var cipher: String {
    lock.withLock { String(cString: SSL_CIPHER_get_name(SSL_get_current_cipher(ssl))) }
  }

  /// By ALPN.
  var negotiated: String {
    lock.withLock {
      var name: UnsafePointer<UInt8>?
      var count: UInt32 = 0
      SSL_get0_alpn_selected(ssl, &name, &count)
      return String(decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self)
    }
  }

  /// The common name of the peer's certificate, and the kind of its key.
  var peer: (name: String, keyKind: Int32)? {
    lock.withLock {
      guard let certificate = SSL_get0_peer_certificate(ssl) else { return nil }
      var name = [CChar](repeating: 0, count: 200)
      let count = X509_NAME_get_text_by_NID(
        X509_get_subject_name(certificate), NID_commonName, &name, 200)
      return (
        String(
          decoding: name.prefix(Int(max(0, count))).map { UInt8(bitPattern: $0) }, as: UTF8.self),
        EVP_PKEY_get_base_id(X509_get0_pubkey(certificate))
      )
    }
  }

  /// The OCSP response that the server stapled.
  var staple: [UInt8]? {
    lock.withLock {
      var bytes: UnsafePointer<UInt8>?
      let count = copenssl_staple(ssl, &bytes)
      return count > 0 ? Array(UnsafeBufferPointer(start: bytes, count: count)) : nil
    }
  }

  /// The ticket of the session that a later connection may resume; empty for none.
  var ticket: [UInt8] {
    lock.withLock {
      var bytes: UnsafePointer<UInt8>?
      var count = 0
      SSL_SESSION_get0_ticket(SSL_get_session(ssl), &bytes, &count)
      return Array(UnsafeBufferPointer(start: bytes, count: count))
    }
  }

  /// What a later connection may resume.
  fileprivate func session() -> OpaquePointer? { lock.withLock { SSL_get1_session(ssl) } }

  private func outcome(_ result: Int32) -> Outcome {
    let code = errno
    switch SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ: return .wantsRead
    case SSL_ERROR_WANT_WRITE: return .wantsWrite
    case SSL_ERROR_ZERO_RETURN: return .end
    case SSL_ERROR_SYSCALL where code == ECONNRESET || code == EPIPE: return .reset
    default:
      let error = ERR_peek_last_error()
      if copenssl_is_reason(error, ERR_LIB_SSL, SSL_R_UNEXPECTED_EOF_WHILE_READING) != 0 {
        return .cut
      }
      return .failed(ERR_reason_error_string(error).map { String(cString: $0) } ?? "\(code)")
    }
  }
}

/// Bytes of which no two runs have the same.
func randomBytes(_ count: Int) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: count)
  RAND_bytes(&bytes, Int32(count))
  return bytes
}
