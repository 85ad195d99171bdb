import COpenSSL

/// The answer to Sec-WebSocket-Key (RFC 6455 4.2.2): the key and a constant, hashed.
public enum WebSocketAccept {
  private static let suffix = Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)

  // Every other way to say which hash asks OpenSSL's providers for it again.
  // SAFETY: it is never freed, and OpenSSL counts the references to it atomically.
  private nonisolated(unsafe) static let hash = EVP_MD_fetch(nil, "SHA1", nil)

  public static func value(forKey key: Span<UInt8>) -> [UInt8] {
    var input: [UInt8] = []
    input.reserveCapacity(key.count + suffix.count)
    key.withUnsafeBufferPointer { input.append(contentsOf: $0) }
    input.append(contentsOf: suffix)
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20 + 29) { room in
      let digest = room.baseAddress.unsafelyUnwrapped
      EVP_Digest(input, input.count, digest, nil, hash, nil)
      // 28 characters and the terminating zero that OpenSSL appends.
      EVP_EncodeBlock(digest + 20, digest, 20)
      return Array(room[20..<48])
    }
  }
}
