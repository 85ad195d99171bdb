import COpenSSL
import Glibc
import SluiceWire

/// TLS on one connection: OpenSSL's object and what it can't say itself. Owns no buffer while
/// nothing waits.
final class TLSLayer {
  enum Step {
    case done
    case needsMore
    case failed(TLSFailure)
  }

  /// What one look into OpenSSL brought.
  enum Piece {
    case bytes(Int)
    case needsMore
    /// The peer's close_notify.
    case end
    case failed
  }

  let ssl: OpaquePointer
  /// Keeps alive what OpenSSL's callbacks refer to.
  private let context: AnyObject
  let isServer: Bool
  private(set) var isEstablished = false
  /// The kernel has more ciphertext, or an end.
  var isSocketReadable = false
  /// Whether any byte came from the peer.
  var hasHeard = false
  /// Ciphertext that was read and did not fit into what it was read for.
  var inbound = ByteBuffer()
  /// The peer's close_notify came: its end is what it meant to say.
  private(set) var hasPeerNotice = false
  /// The peer's FIN came without a close_notify: somebody else may have cut the connection.
  var isCut = false
  private(set) var hasSentNotice = false
  private var hasFailed = false
  /// Why it has, once the handshake was over.
  private(set) var failure: TLSFailure?
  /// Bytes that answered the peer's handshake messages (key updates, renegotiation) since its last
  /// byte of plaintext. Each message costs memory and time, so a peer gets few.
  private var replyBytes = 0
  /// The client's certificate, verified.
  private(set) var clientCertificate: TLSClientCertificate?

  static let maxReplyBytes = 1_024

  /// Nil without memory.
  init?(server context: TLSServerContext, _ transport: TLSTransport) {
    guard let ssl = SSL_new(context.fallback) else { return nil }
    self.ssl = ssl
    self.context = context
    isServer = true
    transport.attach(ssl)
    SSL_set_accept_state(ssl)
  }

  init?(client origin: TLSOrigin, _ transport: TLSTransport) {
    guard let ssl = origin.makeSSL() else { return nil }
    self.ssl = ssl
    context = origin
    isServer = false
    transport.attach(ssl)
    SSL_set_connect_state(ssl)
  }

  deinit {
    // A session whose connection ends without ceremony is no worse for it; OpenSSL thinks so
    // unless it is told otherwise.
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
    SSL_free(ssl)
  }

  // MARK: Handshake

  /// Advances the handshake with the transport's input.
  func handshake() -> Step {
    ERR_clear_error()
    let result = SSL_do_handshake(ssl)
    if result == 1 {
      isEstablished = true
      if isServer { clientCertificate = TLSClientCertificate(of: ssl) }
      return .done
    }
    if SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ { return .needsMore }
    hasFailed = true
    let verification = SSL_get_verify_result(ssl)
    if verification != X509_V_OK {
      ERR_clear_error()
      return .failed(.certificate(String(cString: X509_verify_cert_error_string(verification))))
    }
    return .failed(.handshake(OpenSSLError.take()))
  }

  /// Whether the handshake took up a former session.
  var isResumed: Bool { SSL_session_reused(ssl) == 1 }

  /// What the caller's handshake named; empty for nothing. Of a session of TLS 1.2 that is taken up
  /// again it is what that one was made for, if a certificate was found for it then.
  var serverName: [UInt8] {
    guard let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else { return [] }
    // SAFETY: OpenSSL's own copy, which ends in a NUL and lives as long as its object.
    return unsafe Array(UnsafeRawBufferPointer(start: name, count: strlen(name)))
  }

  // MARK: Records

  /// Plaintext that OpenSSL holds because what it was read for was full.
  var hasPlaintext: Bool { SSL_pending(ssl) > 0 }

  /// OpenSSL holds bytes that it has not decrypted, for want of the rest.
  var hasPartOfRecord: Bool { SSL_has_pending(ssl) == 1 }

  var hasEnded: Bool { hasPeerNotice || hasFailed }

  /// Decrypts the transport's input into `room`, which is not empty.
  func read(into room: UnsafeMutableRawBufferPointer) -> Piece {
    if hasFailed { return .failed }
    ERR_clear_error()
    let count = SSL_read(ssl, room.baseAddress, Int32(clamping: room.count))
    if count > 0 {
      replyBytes = 0
      return .bytes(Int(count))
    }
    return outcome(of: count)
  }

  /// Whether plaintext, an end or nothing comes next; nothing of it is taken.
  func peek() -> Piece {
    if hasFailed { return .failed }
    ERR_clear_error()
    var byte: UInt8 = 0
    let count = SSL_peek(ssl, &byte, 1)
    return count > 0 ? .bytes(1) : outcome(of: count)
  }

  private func outcome(of count: Int32) -> Piece {
    switch SSL_get_error(ssl, count) {
    case SSL_ERROR_WANT_READ: return .needsMore
    case SSL_ERROR_ZERO_RETURN:
      hasPeerNotice = true
      return .end
    default:
      hasFailed = true
      failure = .handshake(OpenSSLError.take())
      return .failed
    }
  }

  /// OpenSSL answered, in so many bytes, what the peer sent beside plaintext. `isClogged`: the peer
  /// does not read its answers. False when it is too much.
  func countReply(_ bytes: Int, isClogged: Bool) -> Bool {
    replyBytes += bytes
    if replyBytes > Self.maxReplyBytes || isClogged { hasFailed = true }
    return !hasFailed
  }

  /// Encrypts `bytes` into the transport's output; they are lost when the layer has failed.
  func write(_ bytes: UnsafeRawBufferPointer) {
    if hasFailed || hasSentNotice || bytes.isEmpty { return }
    ERR_clear_error()
    // The transport takes everything, so OpenSSL writes all or fails for good.
    if SSL_write(ssl, bytes.baseAddress, Int32(clamping: bytes.count)) <= 0 {
      hasFailed = true
      ERR_clear_error()
    }
  }

  /// Puts a close_notify into the transport's output, once. What the peer still sends can be read.
  func writeNotice() {
    if hasFailed || hasSentNotice || !isEstablished { return }
    hasSentNotice = true
    ERR_clear_error()
    if SSL_shutdown(ssl) < 0 { ERR_clear_error() }
  }

  /// The protocol that was agreed on by ALPN; empty for none.
  func withNegotiatedProtocol<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(ssl, &name, &count)
    // SAFETY: the name belongs to `ssl` and stays for this call.
    return body(UnsafeRawBufferPointer(start: name, count: Int(count)))
  }
}
