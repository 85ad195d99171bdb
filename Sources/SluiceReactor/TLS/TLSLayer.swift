import COpenSSL
import Glibc
import SluiceWire

/// TLS on one connection: OpenSSL's object and what it can't say itself; of a caller with TLS 1.3, once
/// its handshake is over, a record layer of our own. Owns no buffer while nothing waits.
final class TLSLayer {
  enum Step {
    case done
    case needsMore
    case failed(TLSFailure)
  }

  /// OpenSSL's object. Nil where `records` has taken its place.
  private var ssl: OpaquePointer?
  private(set) var records: TLSRecordLayer?
  /// What the record layer begins with; until the end of a caller's handshake.
  private var secrets: TLSSecrets?
  /// Keeps alive what OpenSSL's callbacks refer to, while there is its object.
  private var context: AnyObject?
  private let transport: TLSTransport
  let isServer: Bool
  /// The handshake took up a former session.
  private(set) var isResumed = false
  /// What the handshake agreed on and named, for when OpenSSL's object is gone.
  private var facts = TLSHandshakeFacts()
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
  private(set) var hasFailed = false
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
    self.transport = transport
    isServer = true
    secrets = TLSSecrets()
    transport.attach(ssl)
    SSL_set_accept_state(ssl)
  }

  init?(client origin: TLSOrigin, offering name: StaticString? = nil, _ transport: TLSTransport) {
    guard let ssl = origin.makeSSL(offering: name) else { return nil }
    self.ssl = ssl
    context = origin
    self.transport = transport
    isServer = false
    transport.attach(ssl)
    SSL_set_connect_state(ssl)
  }

  deinit { freeSSL() }

  private func freeSSL() {
    guard let ssl else { return }
    // A session whose connection ends without ceremony is no worse for it; OpenSSL thinks so
    // unless it is told otherwise.
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
    SSL_free(ssl)
    self.ssl = nil
  }

  // MARK: Handshake

  /// Advances the handshake with the transport's input.
  func handshake() -> Step {
    guard let ssl else { return .done }
    ERR_clear_error()
    let result = transport.ciphers.withSecrets(secrets) { SSL_do_handshake(ssl) }
    if result == 1 {
      isEstablished = true
      isResumed = SSL_session_reused(ssl) == 1
      if isServer { clientCertificate = TLSClientCertificate(of: ssl) }
      takeOver(ssl)
      secrets = nil
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

  /// Lets a record layer of our own go on in OpenSSL's place, where it can: what OpenSSL holds, and what it
  /// has written under the last keys, is known. The transport's output is that of the handshake's last step.
  private func takeOver(_ ssl: OpaquePointer) {
    guard isServer, let secrets, SSL_version(ssl) == TLS1_3_VERSION,
      let suite = TLSCiphers.Suite(cipher: SSL_CIPHER_get_id(SSL_get_current_cipher(ssl))),
      secrets.byteCount == Int(suite.secretBytes), SSL_has_pending(ssl) == 0,
      !copenssl_has_small_records(ssl),
      let sealed = transport.output.withUnsafeBytes({ TLSRecord.count(in: $0) }),
      let facts = TLSHandshakeFacts(of: ssl),
      let records = TLSRecordLayer(suite, secrets, sealed: sealed, transport.ciphers)
    else { return ERR_clear_error() }
    self.facts = facts
    self.records = records
    freeSSL()
    context = nil
  }

  /// What the caller's handshake named; empty for nothing. Of a session of TLS 1.2 that is taken up
  /// again it is what that one was made for, if a certificate was found for it then.
  var serverName: [UInt8] { ssl.map { TLSHandshakeFacts.serverName(of: $0) } ?? facts.serverName }

  /// What was agreed on; a copy each time.
  var summary: TLSHandshake {
    TLSHandshake(
      // SAFETY: a text of OpenSSL's that ends in a NUL and is never freed.
      version: ssl.flatMap { SSL_get_version($0) }.map { String(cString: $0) } ?? "TLSv1.3",
      cipher: ssl.map { TLSHandshakeFacts.cipher(of: $0) } ?? facts.cipher,
      serverName: serverName,
      applicationProtocol: withNegotiatedProtocol { Array($0) }, isResumed: isResumed,
      hasClientCertificate: clientCertificate != nil)
  }

  // MARK: Records

  /// Plaintext that is held because what it was read for was full.
  var hasPlaintext: Bool { records?.hasPlaintext ?? (SSL_pending(ssl) > 0) }

  /// There are bytes that could not be decrypted, for want of the rest.
  var hasPartOfRecord: Bool { records?.hasPartOfRecord ?? (SSL_has_pending(ssl) == 1) }

  /// Ciphertext that comes out together with what is read next.
  var heldBytes: Int { records?.heldBytes ?? 0 }

  var hasEnded: Bool { hasPeerNotice || hasFailed }

  /// Decrypts the transport's input into `room`, which is not empty.
  func read(into room: UnsafeMutableRawBufferPointer) -> TLSPiece {
    if hasFailed { return .failed }
    if let records { return outcome(records.read(into: room, transport), records) }
    ERR_clear_error()
    let count = SSL_read(ssl, room.baseAddress, Int32(clamping: room.count))
    return count > 0 ? outcome(.bytes(Int(count)), nil) : outcome(of: count)
  }

  /// Whether plaintext, an end or nothing comes next; nothing of it is taken.
  func peek() -> TLSPiece {
    if hasFailed { return .failed }
    if let records { return outcome(records.peek(transport), records) }
    ERR_clear_error()
    var byte: UInt8 = 0
    let count = SSL_peek(ssl, &byte, 1)
    return count > 0 ? .bytes(1) : outcome(of: count)
  }

  private func outcome(_ piece: TLSPiece, _ records: TLSRecordLayer?) -> TLSPiece {
    switch piece {
    case .bytes: replyBytes = 0
    case .needsMore: break
    case .end: ended()
    case .failed: fail(records?.failure ?? "unknown TLS error")
    }
    return piece
  }

  /// The peer's close_notify: what lies behind it is nobody's (RFC 8446 6.1).
  private func ended() {
    hasPeerNotice = true
    dropInput()
  }

  private func fail(_ reason: String) {
    hasFailed = true
    failure = .handshake(reason)
    dropInput()
  }

  private func dropInput() {
    inbound.release()
    transport.input = UnsafeRawBufferPointer(start: nil, count: 0)
  }

  private func outcome(of count: Int32) -> TLSPiece {
    switch SSL_get_error(ssl, count) {
    case SSL_ERROR_WANT_READ: return .needsMore
    case SSL_ERROR_ZERO_RETURN:
      ended()
      return .end
    default:
      fail(OpenSSLError.take())
      return .failed
    }
  }

  /// So many bytes answered what the peer sent beside plaintext. `isClogged`: the peer
  /// does not read its answers. False when it is too much.
  func countReply(_ bytes: Int, isClogged: Bool) -> Bool {
    replyBytes += bytes
    if replyBytes <= Self.maxReplyBytes && !isClogged { return true }
    fail("the peer sends too much that is no plaintext")
    return false
  }

  /// Encrypts `bytes` into the transport's output; they are lost when the layer has failed.
  func write(_ bytes: Span<UInt8>) {
    bytes.withUnsafeBufferPointer { write(UnsafeRawBufferPointer($0)) }
  }

  private func write(_ bytes: UnsafeRawBufferPointer) {
    if hasFailed || hasSentNotice || bytes.isEmpty { return }
    ERR_clear_error()
    // The transport takes everything, so all is written or it fails for good.
    let isWritten =
      records?.write(bytes, transport)
      ?? (SSL_write(ssl, bytes.baseAddress, Int32(clamping: bytes.count)) > 0)
    if !isWritten { fail(records?.failure ?? OpenSSLError.take()) }
  }

  /// Puts a close_notify into the transport's output, once. What the peer still sends can be read.
  func writeNotice() {
    if hasFailed || hasSentNotice || !isEstablished { return }
    hasSentNotice = true
    if let records { return records.writeNotice(transport) }
    ERR_clear_error()
    if SSL_shutdown(ssl) < 0 { ERR_clear_error() }
  }

  /// The protocol that was agreed on by ALPN; empty for none.
  func withNegotiatedProtocol<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    guard let ssl else { return facts.withNegotiatedProtocol(body) }
    return TLSHandshakeFacts.withNegotiatedProtocol(of: ssl, body)
  }
}
