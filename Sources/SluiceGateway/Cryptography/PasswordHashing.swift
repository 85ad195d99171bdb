import COpenSSL
public import SluiceConfiguration
import SluiceWire

extension PasswordDigest {
  /// A digest of a new password: scrypt with 32 MiB and a random salt.
  public static func make(of password: [UInt8]) -> PasswordDigest {
    var salt = [UInt8](repeating: 0, count: 16)
    precondition(RAND_bytes(&salt, Int32(salt.count)) == 1, "libcrypto has no random numbers")
    let algorithm = Algorithm.scrypt(logN: 15, r: 8, p: 1)
    return PasswordDigest(
      algorithm: algorithm, salt: salt,
      hash: derive(algorithm, password, salt: salt, count: 32) ?? [])
  }

  /// Whether the password is the one; takes as long as the parameters want, a tenth of a second or
  /// so. Never to be called on a worker's thread.
  func verifies(_ password: [UInt8]) -> Bool {
    guard let made = Self.derive(algorithm, password, salt: salt, count: hash.count) else {
      return false
    }
    return CRYPTO_memcmp(made, hash, hash.count) == 0
  }

  private static func derive(
    _ algorithm: Algorithm, _ password: [UInt8], salt: [UInt8], count: Int
  ) -> [UInt8]? {
    var output = [UInt8](repeating: 0, count: count)
    let done = password.withUnsafeBytes { bytes -> Int32 in
      // SAFETY: char and unsigned char are read alike; the pointer does not leave this call.
      let text = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
      switch algorithm {
      case .scrypt(let logN, let r, let p):
        return EVP_PBE_scrypt(
          text, bytes.count, salt, salt.count, 1 << UInt64(logN), UInt64(r), UInt64(p),
          320 << 20, &output, count)
      case .pbkdf2(let name, let iterations):
        let hash = name == .sha256 ? EVP_sha256() : EVP_sha512()
        return PKCS5_PBKDF2_HMAC(
          text, Int32(bytes.count), salt, Int32(salt.count), Int32(iterations), hash,
          Int32(count), &output)
      }
    }
    return done == 1 ? output : nil
  }
}
