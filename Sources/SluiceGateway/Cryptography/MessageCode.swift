import COpenSSL

/// HMACs (RFC 2104).
enum MessageCode {
  /// Whether `code` is that of `message`; takes the same time wherever two differ.
  static func verifies(
    _ code: [UInt8], of message: [UInt8], _ secret: [UInt8], _ algorithm: String
  ) -> Bool {
    var made = [UInt8](repeating: 0, count: 64)
    var length: UInt32 = 0
    let digest = EVP_get_digestbyname(algorithm)
    guard digest != nil,
      HMAC(
        digest, secret, Int32(secret.count), message, message.count, &made, &length) != nil,
      code.count == Int(length)
    else { return false }
    return CRYPTO_memcmp(code, made, code.count) == 0
  }
}
