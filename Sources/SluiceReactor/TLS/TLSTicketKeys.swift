import COpenSSL
import Glibc

/// The keys that seal session tickets (RFC 5077, RFC 8446 4.6.1), shared by all workers and kept over
/// reloads, so that a caller may resume with any worker.
///
/// A key seals for half the lifetime of a ticket and opens for one lifetime more; then it is
/// overwritten. Thread-safe; touched by handshakes only.
public final class TLSTicketKeys: Sendable {
  /// Seconds for which a ticket is good.
  public static let lifetime = 8 * 3_600

  struct Key {
    let name: [UInt8]
    /// 32 bytes for AES-256-CBC and 32 for HMAC-SHA256.
    fileprivate(set) var secret: [UInt8]
    let madeAt: Int
  }

  private let keys = Locked<[Key]>([])
  private let now: @Sendable () -> Int

  /// By the system's clock.
  public convenience init() { self.init { time(nil) } }

  /// `now`: seconds of Unix time, by which keys are replaced; called on any thread, in handshakes.
  public init(now: @escaping @Sendable () -> Int) { self.now = now }

  /// The key that seals at this time.
  func sealing(now: Int) -> Key? {
    keys.withLock { keys in
      Self.rotate(&keys, now: now)
      return keys.first
    }
  }

  /// The key of this name, and whether a ticket that it sealed should be replaced by a new one.
  func opening(name: [UInt8], now: Int) -> (key: Key, isOld: Bool)? {
    keys.withLock { keys in
      Self.rotate(&keys, now: now)
      guard let index = keys.firstIndex(where: { $0.name == name }) else { return nil }
      return (keys[index], index > 0)
    }
  }

  /// Keys there are; for tests.
  var count: Int { keys.withLock { $0.count } }

  /// The newest comes first.
  private static func rotate(_ keys: inout [Key], now: Int) {
    while let last = keys.last, now - last.madeAt >= lifetime + lifetime / 2 {
      keys[keys.count - 1].secret.withUnsafeMutableBytes {
        OPENSSL_cleanse($0.baseAddress, $0.count)
      }
      keys.removeLast()
    }
    if let first = keys.first, now - first.madeAt < lifetime / 2 { return }
    var random = [UInt8](repeating: 0, count: 80)
    guard RAND_priv_bytes(&random, 80) == 1 else { return }
    keys.insert(
      Key(name: Array(random[..<16]), secret: Array(random[16...]), madeAt: now), at: 0)
  }
}

// MARK: What OpenSSL asks

extension TLSTicketKeys {
  /// Answers OpenSSL for a context whose application data are these keys; the results are those of
  /// SSL_CTX_set_tlsext_ticket_key_evp_cb(3).
  static func answer(
    _ ssl: OpaquePointer?, _ name: UnsafeMutablePointer<UInt8>?,
    _ vector: UnsafeMutablePointer<UInt8>?, _ cipher: OpaquePointer?, _ mac: OpaquePointer?,
    isSealing: Bool
  ) -> Int32 {
    guard let name, let vector, let cipher, let mac,
      let data = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0)
    else { return -1 }
    // SAFETY: the data are the keys of the context's owner, which every connection of it keeps alive.
    let keys = Unmanaged<TLSTicketKeys>.fromOpaque(data)
    return keys._withUnsafeGuaranteedRef {
      if isSealing { return $0.seal(name, vector, cipher, mac) }
      let result = $0.unseal(name, vector, cipher, mac)
      // A caller shows a ticket of TLS 1.3 once (RFC 8446 C.4), and would have none for its next connection.
      return result == 1 && SSL_version(ssl) == TLS1_3_VERSION ? 2 : result
    }
  }

  private func seal(
    _ name: UnsafeMutablePointer<UInt8>, _ vector: UnsafeMutablePointer<UInt8>,
    _ cipher: OpaquePointer, _ mac: OpaquePointer
  ) -> Int32 {
    guard let key = sealing(now: now()), RAND_bytes(vector, 16) == 1 else { return -1 }
    name.update(from: key.name, count: 16)
    guard
      EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nil, Array(key.secret[..<32]), vector) == 1,
      copenssl_mac_set_key(mac, Array(key.secret[32...]), 32) == 1
    else { return -1 }
    return 1
  }

  private func unseal(
    _ name: UnsafeMutablePointer<UInt8>, _ vector: UnsafeMutablePointer<UInt8>,
    _ cipher: OpaquePointer, _ mac: OpaquePointer
  ) -> Int32 {
    let wanted = Array(UnsafeBufferPointer(start: name, count: 16))
    guard let (key, isOld) = opening(name: wanted, now: now()) else { return 0 }
    guard
      EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nil, Array(key.secret[..<32]), vector) == 1,
      copenssl_mac_set_key(mac, Array(key.secret[32...]), 32) == 1
    else { return -1 }
    return isOld ? 2 : 1
  }
}
