import CCrypt
import COpenSSL
import Glibc
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
  /// so. Never to be called on a worker's thread if the digest `isSlow`.
  func verifies(_ password: [UInt8]) -> Bool {
    switch algorithm {
    case .crypt: return verifiesByCrypt(password)
    case .md5(let kind): return verifiesByMD5(password, kind)
    default: break
    }
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
      case .sha1:
        return EVP_Digest(
          password + salt, bytes.count + salt.count, &output, nil, EVP_sha1(), nil)
      // Their output is text, and is compared where it is made.
      case .crypt, .md5: return 0
      }
    }
    return done == 1 ? output : nil
  }

  /// What crypt(3) takes; each of a thousand rounds reads the password again.
  private static let longest = 511

  private func verifiesByMD5(_ password: [UInt8], _ kind: MD5Kind) -> Bool {
    // Those who made the digest ended at a zero.
    guard password.count <= Self.longest, !password.contains(0), let maker = MD5Crypt() else {
      return false
    }
    let made = maker.hash(password, salt: salt, kind)
    return made.count == hash.count && CRYPTO_memcmp(made, hash, hash.count) == 0
  }

  /// The digest itself is the setting by which crypt(3) makes the password's anew.
  private func verifiesByCrypt(_ password: [UInt8]) -> Bool {
    // crypt(3) would look at nothing behind a zero, so that other passwords were right, too.
    guard !password.contains(0) else { return false }
    let phrase = (password + [0]).map { CChar(bitPattern: $0) }
    let setting = (hash + [0]).map { CChar(bitPattern: $0) }
    // Memory of its own making, which has held the password.
    var scratch: UnsafeMutableRawPointer?
    var size: Int32 = 0
    defer {
      if let scratch {
        OPENSSL_cleanse(scratch, Int(size))
        free(scratch)
      }
    }
    guard let made = crypt_ra(phrase, setting, &scratch, &size) else { return false }
    return strlen(made) == hash.count && CRYPTO_memcmp(made, hash, hash.count) == 0
  }
}
