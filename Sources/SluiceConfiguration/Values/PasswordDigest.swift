import SluiceWire

/// What a password was turned into, so that it can be checked and not be known: `$scrypt$…` or
/// `$pbkdf2-sha256$…`, in the form of the Password Hashing Competition; what crypt(3) and `htpasswd` make,
/// `$2y$…` (bcrypt), `$5$…`, `$6$…`, `$apr1$…` and `$1$…`; and `{SSHA}…` and `{SHA}…`.
///
/// `sluice hash-password` makes one of the first kind.
public struct PasswordDigest: Hashable, Sendable {
  public enum Algorithm: Hashable, Sendable {
    /// RFC 7914; memory is 128 × r × 2^logN bytes.
    case scrypt(logN: Int, r: Int, p: Int)
    /// RFC 8018.
    case pbkdf2(hash: PBKDF2Hash, iterations: Int)
    /// bcrypt, or SHA-256 or SHA-512 as crypt(3) has them. `hash` is the whole text, which holds the salt.
    case crypt
    /// A thousand rounds of MD5. Quick to guess; `hash` is the text behind the salt.
    case md5(MD5Kind)
    /// One SHA-1 of the password and the salt, of which `{SHA}` has none. Quick to guess; for what other
    /// gateways have stored.
    case sha1
  }

  /// Whose `md5crypt` it is, by what stands between the dollar signs.
  public enum MD5Kind: String, Hashable, Sendable {
    case apache = "apr1"
    case original = "1"
  }

  /// Whether checking a password takes so long that no worker may wait for it.
  public var isSlow: Bool { algorithm != .sha1 }

  /// Whether who has the digest has the password soon, unless it is a long one: nobody should make new ones.
  public var isWeak: Bool {
    switch algorithm {
    case .sha1, .md5: true
    case .scrypt, .pbkdf2, .crypt: false
    }
  }

  public enum PBKDF2Hash: String, Hashable, Sendable { case sha256, sha512 }

  public let algorithm: Algorithm
  public let salt: [UInt8]
  public let hash: [UInt8]

  public init(algorithm: Algorithm, salt: [UInt8], hash: [UInt8]) {
    self.algorithm = algorithm
    self.salt = salt
    self.hash = hash
  }

  /// Reads the text; the error says what is wrong with it and holds none of it.
  public init(parsing text: String) throws(TextProblem) {
    if text.hasPrefix("{") {
      let parts = try Self.sha1(text)
      salt = parts.salt
      hash = parts.hash
      algorithm = .sha1
      return
    }
    let parts = text.split(separator: "$", omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[0].isEmpty else {
      throw TextProblem("it is no digest", hint: "sluice hash-password makes one of a password")
    }
    switch parts[1] {
    case "scrypt", "pbkdf2-sha256", "pbkdf2-sha512": break
    case "2a", "2b", "2y", "5", "6":
      guard Self.isCrypt(parts) else {
        throw TextProblem(
          "it is no whole digest of this kind, or one that takes too long to check",
          hint: "bcrypt costs 4 to 15, $5$ and $6$ have 1000 to 1000000 rounds")
      }
      algorithm = .crypt
      salt = []
      hash = Array(text.utf8)
      return
    case "apr1", "1":
      guard let kind = MD5Kind(rawValue: String(parts[1])), Self.isMD5(parts) else {
        throw TextProblem(
          "it is no whole digest of this kind",
          hint: "$\(parts[1])$, a salt of 1 to 8 characters, $ and 22 characters")
      }
      algorithm = .md5(kind)
      salt = Array(parts[2].utf8)
      hash = Array(parts[3].utf8)
      return
    case "argon2i", "argon2d", "argon2id", "y", "7":
      throw TextProblem(
        "digests of this kind can't be checked",
        hint: "use scrypt or bcrypt: sluice hash-password and htpasswd -B make them")
    default: throw TextProblem("digests of this kind are not known")
    }
    guard parts.count == 5, let salt = Self.bytes(parts[3]), let hash = Self.bytes(parts[4]) else {
      throw TextProblem("it is not $\(parts[1])$parameters$salt$hash")
    }
    guard salt.count >= 8, (16...64).contains(hash.count) else {
      throw TextProblem("its salt has less than 8 bytes, or its hash less than 16 or more than 64")
    }
    algorithm = try Self.algorithm(parts[1], parts[2])
    self.salt = salt
    self.hash = hash
  }

  private static func algorithm(
    _ name: Substring, _ parameters: Substring
  ) throws(TextProblem) -> Algorithm {
    guard name == "scrypt" else {
      let number = parameters.hasPrefix("i=") ? parameters.dropFirst(2) : parameters
      guard let iterations = Int(number), (10_000...10_000_000).contains(iterations) else {
        throw TextProblem("its iterations are not a number from 10000 to 10000000")
      }
      return .pbkdf2(hash: name == "pbkdf2-sha256" ? .sha256 : .sha512, iterations: iterations)
    }
    var values: [Substring: Int] = [:]
    for part in parameters.split(separator: ",") {
      let pair = part.split(separator: "=", maxSplits: 1)
      if pair.count == 2, let value = Int(pair[1]) { values[pair[0]] = value }
    }
    guard let logN = values["ln"], let r = values["r"], let p = values["p"],
      (10...20).contains(logN), (1...32).contains(r), (1...16).contains(p),
      128 * r << logN <= 256 << 20
    else { throw TextProblem("its parameters are not ln=…,r=…,p=… within 256 MiB of memory") }
    return .scrypt(logN: logN, r: r, p: p)
  }

  /// Whether it is written in the alphabet of crypt(3).
  private static func isText(_ part: Substring, _ counts: ClosedRange<Int>) -> Bool {
    counts.contains(part.utf8.count)
      && part.utf8.allSatisfy { byte in
        byte >= 0x2E && byte <= 0x39 || byte >= 0x41 && byte <= 0x5A
          || byte >= 0x61 && byte <= 0x7A
      }
  }

  /// Whether the parts are those of a digest by MD5. Salts of some tools have other characters, too.
  private static func isMD5(_ parts: [Substring]) -> Bool {
    parts.count == 4 && (1...8).contains(parts[2].utf8.count)
      && parts[2].utf8.allSatisfy { (0x21...0x7E).contains($0) } && isText(parts[3], 22...22)
  }

  /// Whether the parts are those of a digest that crypt(3) makes, within bounds of the time it takes.
  private static func isCrypt(_ parts: [Substring]) -> Bool {
    if parts[1].hasPrefix("2") {
      guard parts.count == 4, parts[2].utf8.count == 2, let cost = Int(parts[2]) else {
        return false
      }
      // 22 characters of salt and 31 of hash.
      return (4...15).contains(cost) && isText(parts[3], 53...53)
    }
    var rest = parts[2...]
    if let first = rest.first, first.hasPrefix("rounds=") {
      guard let rounds = Int(first.dropFirst(7)), (1_000...1_000_000).contains(rounds) else {
        return false
      }
      rest = rest.dropFirst()
    }
    let length = parts[1] == "5" ? 43 : 86
    return rest.count == 2 && isText(rest.first ?? "", 1...16)
      && isText(rest.last ?? "", length...length)
  }

  /// `{SSHA}` and the Base64 of a SHA-1 with the salt behind it, or `{SHA}` without one, as directories, Apache
  /// and nginx have them.
  private static func sha1(
    _ text: String
  ) throws(TextProblem) -> (salt: [UInt8], hash: [UInt8]) {
    let isSalted = text.hasPrefix("{SSHA}")
    guard isSalted || text.hasPrefix("{SHA}") else {
      throw TextProblem(
        "of digests in braces there are only {SSHA} and {SHA}",
        hint: "htpasswd -B and sluice hash-password make better ones")
    }
    let name = isSalted ? "{SSHA}" : "{SHA}"
    var output = ByteBuffer()
    let encoded = Array(text.utf8.dropFirst(name.utf8.count))
    guard output.append(decodingBase64: encoded.span, .standard) else {
      throw TextProblem("what follows \(name) is no Base64")
    }
    let bytes = output.copiedBytes()
    guard (isSalted ? 24...128 : 20...20).contains(bytes.count) else {
      throw TextProblem(
        isSalted
          ? "it has not 20 bytes of SHA-1 and 4 to 108 of salt" : "it has not 20 bytes of SHA-1")
    }
    return (Array(bytes[20...]), Array(bytes[..<20]))
  }

  /// Without padding; `.` is what some write for `+`.
  private static func bytes(_ text: Substring) -> [UInt8]? {
    var padded = text.utf8.map { $0 == UInt8(ascii: ".") ? UInt8(ascii: "+") : $0 }
    while padded.count % 4 != 0 { padded.append(UInt8(ascii: "=")) }
    var output = ByteBuffer()
    return output.append(decodingBase64: padded.span, .standard) ? output.copiedBytes() : nil
  }

  public var text: String {
    switch algorithm {
    case .scrypt(let logN, let r, let p):
      "$scrypt$ln=\(logN),r=\(r),p=\(p)$\(Self.text(salt))$\(Self.text(hash))"
    case .pbkdf2(let name, let iterations):
      "$pbkdf2-\(name.rawValue)$\(iterations)$\(Self.text(salt))$\(Self.text(hash))"
    case .crypt: String(decoding: hash, as: UTF8.self)
    case .md5(let kind):
      "$\(kind.rawValue)$\(String(decoding: salt + [0x24] + hash, as: UTF8.self))"
    case .sha1: "\(salt.isEmpty ? "{SHA}" : "{SSHA}")\(Self.padded(hash + salt))"
    }
  }

  private static func text(_ bytes: [UInt8]) -> String {
    String(padded(bytes).prefix { $0 != "=" })
  }

  private static func padded(_ bytes: [UInt8]) -> String {
    var output = ByteBuffer()
    output.append(base64: bytes.span, .standard)
    return String(decoding: output.copiedBytes(), as: UTF8.self)
  }
}
