import COpenSSL
import CTLS13

/// The cipher contexts of one loop, which all connections with record layers of our own share: a
/// context is some 1.2 KB, a connection's keys are 112 bytes for each direction. A context remembers the
/// key of its last record, so that the next one costs less, until other keys need it or `forget` comes.
///
/// Every failure leaves OpenSSL's error queue empty.
final class TLSCiphers {
  /// The ciphers of TLS 1.3 that `TLSProfile` offers, by the second byte of their number.
  enum Suite: UInt8 {
    case aes128 = 1
    case aes256 = 2
    case chacha20 = 3

    /// Of OpenSSL's id, which has 0x0300 in front of the two bytes.
    init?(cipher id: UInt32) {
      guard id & 0xFFFF_FF00 == 0x0300_1300 else { return nil }
      self.init(rawValue: UInt8(truncatingIfNeeded: id))
    }

    var keyBytes: UInt8 { self == .aes128 ? 16 : 32 }
    /// Of the digest, and so of every secret.
    var secretBytes: UInt8 { self == .aes256 ? 48 : 32 }
    /// Of its contexts.
    var slot: Int { Int(rawValue) - 1 }

    fileprivate var cipher: OpaquePointer? {
      switch self {
      case .aes128: EVP_aes_128_gcm()
      case .aes256: EVP_aes_256_gcm()
      case .chacha20: EVP_chacha20_poly1305()
      }
    }
  }

  /// One context for one suite and direction; made with the first record that needs it.
  struct Context {
    let pointer: OpaquePointer
    /// The id of the keys that it has from its last use.
    fileprivate var key: UInt64 = 0
  }

  private(set) var sealing: [Context?] = [nil, nil, nil]
  private(set) var opening: [Context?] = [nil, nil, nil]
  /// What secrets and keys are derived with; nothing of them is left after a call.
  let digests = UnsafeMutablePointer<ctls13_digests>.allocate(capacity: 1)
  private var lastID: UInt64 = 0

  init() { digests.initialize(to: ctls13_digests()) }

  deinit {
    for context in sealing + opening { EVP_CIPHER_CTX_free(context?.pointer) }
    ctls13_digests_release(digests)
    digests.deallocate()
  }

  private static func make(_ suite: Suite, isSealing: Bool) -> Context? {
    guard let context = EVP_CIPHER_CTX_new() else { return nil }
    if EVP_CipherInit_ex(context, suite.cipher, nil, nil, nil, isSealing ? 1 : 0) == 1 {
      return Context(pointer: context)
    }
    EVP_CIPHER_CTX_free(context)
    ERR_clear_error()
    return nil
  }

  private static func isDone(_ result: Int32) -> Bool {
    if result == 1 { return true }
    ERR_clear_error()
    return false
  }

  // MARK: Keys

  /// Runs a step of OpenSSL's handshake, which puts the secrets that it derives into `secrets`. Needs a context
  /// that was made for `ctls13_properties`.
  func withSecrets<R>(_ secrets: TLSSecrets?, _ step: () -> R) -> R {
    ctls13_begin(digests, secrets?.pointer)
    defer { ctls13_end() }
    return step()
  }

  /// Derives key and IV from the secret in `keys`. False when OpenSSL fails; then they can't be used.
  func derive(_ keys: UnsafeMutablePointer<ctls13_traffic_keys>, _ suite: Suite) -> Bool {
    lastID += 1
    keys.pointee.secret_size = suite.secretBytes
    keys.pointee.key_size = suite.keyBytes
    return Self.isDone(ctls13_keys_derive(keys, digests, lastID))
  }

  /// Replaces `keys` by the next ones. False when OpenSSL fails; then they are what they were.
  func advance(_ keys: UnsafeMutablePointer<ctls13_traffic_keys>, _ suite: Suite) -> Bool {
    lastID += 1
    forget(keys, suite)
    return Self.isDone(ctls13_keys_advance(keys, digests, lastID))
  }

  /// Overwrites what the contexts remember of `keys`: for whoever drops them. Costs nothing when others
  /// have used the contexts since, else one key schedule.
  func forget(_ keys: UnsafePointer<ctls13_traffic_keys>, _ suite: Suite) {
    if sealing[suite.slot]?.key == keys.pointee.id { Self.forget(&sealing[suite.slot]) }
    if opening[suite.slot]?.key == keys.pointee.id { Self.forget(&opening[suite.slot]) }
  }

  private static func forget(_ context: inout Context?) {
    guard let pointer = context?.pointer else { return }
    context?.key = 0
    if isDone(ctls13_cipher_forget(pointer)) { return }
    // Freeing overwrites, too.
    EVP_CIPHER_CTX_free(pointer)
    context = nil
  }

  // MARK: Records

  /// Writes a record to `output`, which has room for `TLSRecord.overhead` more than `text` has. False
  /// when OpenSSL fails; then there is nothing in `output`.
  func seal(
    _ suite: Suite, _ keys: UnsafeMutablePointer<ctls13_traffic_keys>,
    _ content: TLSRecord.Content, _ text: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawPointer
  ) -> Bool {
    if sealing[suite.slot] == nil { sealing[suite.slot] = Self.make(suite, isSealing: true) }
    guard let context = sealing[suite.slot] else { return false }
    let isKeyed: Int32 = context.key == keys.pointee.id ? 1 : 0
    // Whatever happens in between, the context has no other key by mistake.
    sealing[suite.slot]?.key = 0
    // SAFETY: bytes are bytes; the callers give the room.
    let isSealed = ctls13_record_seal(
      context.pointer, keys, isKeyed, content.rawValue,
      text.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(text.count),
      output.assumingMemoryBound(to: UInt8.self))
    if !Self.isDone(isSealed) {
      Self.forget(&sealing[suite.slot])
      return false
    }
    sealing[suite.slot]?.key = keys.pointee.id
    return true
  }

  /// Opens `record`, header and all, into `output`, which has room for what is behind the header but the
  /// tag. False when it was sealed with other keys; then `output` is overwritten.
  func open(
    _ suite: Suite, _ keys: UnsafeMutablePointer<ctls13_traffic_keys>,
    _ record: UnsafeRawBufferPointer, into output: UnsafeMutableRawPointer
  ) -> Bool {
    if opening[suite.slot] == nil { opening[suite.slot] = Self.make(suite, isSealing: false) }
    guard let context = opening[suite.slot], let start = record.baseAddress else { return false }
    let isKeyed: Int32 = context.key == keys.pointee.id ? 1 : 0
    opening[suite.slot]?.key = 0
    // SAFETY: bytes are bytes; the callers give a whole record and the room.
    let isOpen = ctls13_record_open(
      context.pointer, keys, isKeyed, start.assumingMemoryBound(to: UInt8.self),
      Int32(record.count - TLSRecord.headerBytes), output.assumingMemoryBound(to: UInt8.self))
    if !Self.isDone(isOpen) {
      Self.forget(&opening[suite.slot])
      return false
    }
    opening[suite.slot]?.key = keys.pointee.id
    return true
  }
}
