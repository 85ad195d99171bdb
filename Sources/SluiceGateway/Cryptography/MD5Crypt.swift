import COpenSSL
import SluiceConfiguration

/// A thousand rounds of MD5: what crypt(3) calls `$1$` and Apache's htpasswd `$apr1$`.
///
/// The steps are those of md5crypt by Poul-Henning Kamp (FreeBSD, 1994); Apache's differ in the magic that is
/// mixed in. Quick to guess by today's measure, and here for files of passwords that others have made. One check
/// takes about a millisecond.
final class MD5Crypt {
  private let context: OpaquePointer
  private let algorithm: OpaquePointer
  private static let count = 16

  /// Nil where libcrypto has no MD5, as in FIPS mode.
  init?() {
    guard let algorithm = EVP_MD_fetch(nil, "MD5", nil) else { return nil }
    guard let context = EVP_MD_CTX_new() else {
      EVP_MD_free(algorithm)
      return nil
    }
    self.context = context
    self.algorithm = algorithm
  }

  deinit {
    EVP_MD_free(algorithm)
    EVP_MD_CTX_free(context)
  }

  private func digest(_ parts: [[UInt8]]) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: Self.count)
    var done = EVP_DigestInit_ex2(context, algorithm, nil) == 1
    for part in parts { done = done && EVP_DigestUpdate(context, part, part.count) == 1 }
    done = done && EVP_DigestFinal_ex(context, &output, nil) == 1
    precondition(done, "libcrypto can't make a digest")
    return output
  }

  /// The 22 characters behind the salt.
  func hash(_ password: [UInt8], salt: [UInt8], _ kind: PasswordDigest.MD5Kind) -> [UInt8] {
    let inner = digest([password, salt, password])
    var parts = [password, Array("$\(kind.rawValue)$".utf8), salt]
    var left = password.count
    while left > 0 {
      parts.append(left >= Self.count ? inner : Array(inner[..<left]))
      left -= Self.count
    }
    // For each bit of the length a zero, or the password's first byte.
    var bits = password.count
    while bits > 0 {
      parts.append(bits & 1 == 1 ? [0] : [password[0]])
      bits >>= 1
    }
    var state = digest(parts)
    for round in 0..<1_000 {
      let isOdd = round & 1 == 1
      var parts = [isOdd ? password : state]
      if round % 3 != 0 { parts.append(salt) }
      if round % 7 != 0 { parts.append(password) }
      parts.append(isOdd ? state : password)
      state = digest(parts)
    }
    return Self.text(of: state)
  }

  private static let alphabet = Array(
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

  /// Six bits a character, lowest first, of the bytes in an order of its own.
  private static func text(of bytes: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    func append(_ value: Int, _ count: Int) {
      for place in 0..<count { output.append(alphabet[value >> (6 * place) & 63]) }
    }
    for first in 0..<5 {
      let last = first == 4 ? 5 : first + 12
      append(Int(bytes[first]) << 16 | Int(bytes[first + 6]) << 8 | Int(bytes[last]), 4)
    }
    append(Int(bytes[11]), 2)
    return output
  }
}
