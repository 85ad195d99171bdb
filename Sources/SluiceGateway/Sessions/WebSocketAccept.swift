import COpenSSL

/// The answer to Sec-WebSocket-Key (RFC 6455 4.2.2): the key and a constant, hashed. One per thread, because
/// OpenSSL's context is used again: to make one costs as much as the hash.
public final class WebSocketAccept {
  private static let suffix = Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)

  private let context: OpaquePointer
  private let hash: OpaquePointer

  public init() {
    guard let context = EVP_MD_CTX_new(), let hash = EVP_MD_fetch(nil, "SHA1", nil) else {
      preconditionFailure("libcrypto has no SHA-1")
    }
    self.context = context
    self.hash = hash
  }

  deinit {
    EVP_MD_free(hash)
    EVP_MD_CTX_free(context)
  }

  public func value(forKey key: Span<UInt8>) -> [UInt8] {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20 + 29) { room in
      let digest = room.baseAddress.unsafelyUnwrapped
      let suffix = Self.suffix
      let isMade = key.withUnsafeBufferPointer { key in
        EVP_DigestInit_ex2(context, hash, nil) == 1
          && EVP_DigestUpdate(context, key.baseAddress, key.count) == 1
          && EVP_DigestUpdate(context, suffix, suffix.count) == 1
          && EVP_DigestFinal_ex(context, digest, nil) == 1
      }
      precondition(isMade, "libcrypto can't make a digest")
      // 28 characters and the terminating zero that OpenSSL appends.
      EVP_EncodeBlock(digest + 20, digest, 20)
      return Array(room[20..<48])
    }
  }

  /// The same for who needs one now and then.
  public static func value(forKey key: Span<UInt8>) -> [UInt8] {
    WebSocketAccept().value(forKey: key)
  }
}
