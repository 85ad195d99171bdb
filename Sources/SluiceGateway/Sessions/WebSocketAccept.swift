import COpenSSL

/// The answer to Sec-WebSocket-Key (RFC 6455 4.2.2): the key and a constant, hashed.
public enum WebSocketAccept {
  private static let suffix = Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)

  public static func value(forKey key: Span<UInt8>) -> [UInt8] {
    let input = key.withUnsafeBufferPointer { Array($0) } + suffix
    var digest = [UInt8](repeating: 0, count: 20)
    SHA1(input, input.count, &digest)
    // 28 characters and the terminating zero that OpenSSL appends.
    var text = [UInt8](repeating: 0, count: 29)
    EVP_EncodeBlock(&text, digest, 20)
    return Array(text.dropLast())
  }
}
