import SluiceWire

/// What a password was turned into, so that it can be checked and not be known: `$scrypt$…` or
/// `$pbkdf2-sha256$…`, in the form of the Password Hashing Competition.
///
/// `sluice hash-password` makes one.
public struct PasswordDigest: Hashable, Sendable {
  public enum Algorithm: Hashable, Sendable {
    /// RFC 7914; memory is 128 × r × 2^logN bytes.
    case scrypt(logN: Int, r: Int, p: Int)
    /// RFC 8018.
    case pbkdf2(hash: PBKDF2Hash, iterations: Int)
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
    let parts = text.split(separator: "$", omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[0].isEmpty else {
      throw TextProblem("it is no digest", hint: "sluice hash-password makes one of a password")
    }
    switch parts[1] {
    case "scrypt", "pbkdf2-sha256", "pbkdf2-sha512": break
    case "2a", "2b", "2y", "argon2i", "argon2d", "argon2id", "5", "6", "y":
      throw TextProblem(
        "digests of this kind can't be checked", hint: "use scrypt: sluice hash-password makes one")
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
    }
  }

  private static func text(_ bytes: [UInt8]) -> String {
    var output = ByteBuffer()
    output.append(base64: bytes.span, .standard)
    let text = String(decoding: output.copiedBytes(), as: UTF8.self)
    return String(text.prefix { $0 != "=" })
  }
}
