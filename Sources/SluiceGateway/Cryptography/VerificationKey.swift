import COpenSSL
import SluiceConfiguration
import SluiceWire

/// A key that signatures are checked with, and the algorithms that it is good for.
///
/// That a token names an algorithm never decides how its key is used: a public key is no HMAC secret
/// and RSA is no ECDSA, whatever the token says (RFC 8725 3.1).
final class VerificationKey {
  typealias Algorithm = Configuration.JWTAlgorithm

  private enum Material {
    case secret([UInt8])
    case publicKey(OpaquePointer)
  }

  /// The `kid`; nil fits any token.
  let id: [UInt8]?
  let algorithms: Set<Algorithm>
  /// Tells the key from every other, whatever it is called and however it was written. No secret: those
  /// have at least 32 bytes.
  let fingerprint: SHA256Digest
  private let material: Material

  /// Why there is no key.
  struct Problem: Error {
    let text: String
  }

  private static let minimumSecretBytes = 32
  private static let minimumRSABits: Int32 = 2_048

  init(_ settings: Configuration.JWTKey) throws(Problem) {
    id = settings.id.map { Array($0.utf8) }
    algorithms = [settings.algorithm]
    if settings.algorithm.isSymmetric {
      let secret = try Self.secret(settings)
      guard secret.count >= Self.minimumSecretBytes else {
        throw Problem(text: "the secret has less than 32 bytes, which can be guessed")
      }
      material = .secret(secret)
      fingerprint = Self.fingerprint(ofSecret: secret)
      return
    }
    let text = Array((settings.publicKey ?? "").utf8)
    guard let key = sluice_key_from_pem(text, Int32(text.count)) else {
      throw Problem(text: "publicKey is no public key or certificate in PEM")
    }
    material = .publicKey(key)
    fingerprint = Self.fingerprint(of: key)
    guard Self.fits(key, settings.algorithm) else {
      throw Problem(
        text:
          "publicKey can't be used with \(settings.algorithm.rawValue), or is RSA of less than 2048 bits"
      )
    }
  }

  private static func secret(_ settings: Configuration.JWTKey) throws(Problem) -> [UInt8] {
    let text = Array((settings.secret?.reveal() ?? "").utf8)
    if settings.encoding == .text { return text }
    var output = ByteBuffer()
    guard
      output.append(
        decodingBase64: text.span, settings.encoding == .base64 ? .standard : .urlSafe)
    else { throw Problem(text: "the secret is not \(settings.encoding.rawValue)") }
    return output.copiedBytes()
  }

  /// A key of a published set (RFC 7517); nil for those that are not meant for signatures, are of a kind
  /// that is not known, or are secrets, which nobody publishes. `algorithms` is for keys that name none.
  init?(jwk: JSONTree, algorithms: [Algorithm]) {
    if let use = jwk["use"], use.string != Array("sig".utf8) { return nil }
    if let operations = jwk["key_ops"]?.elements,
      !operations.contains(.string(Array("verify".utf8)))
    {
      return nil
    }
    guard let key = Self.publicKey(jwk) else { return nil }
    var possible = Set(algorithms)
    if let name = jwk["alg"]?.string {
      guard let algorithm = Algorithm(rawValue: String(decoding: name, as: UTF8.self)) else {
        EVP_PKEY_free(key)
        return nil
      }
      possible = [algorithm]
    }
    id = jwk["kid"]?.string
    self.algorithms = possible.filter { !$0.isSymmetric && Self.fits(key, $0) }
    material = .publicKey(key)
    fingerprint = Self.fingerprint(of: key)
    if self.algorithms.isEmpty { return nil }
  }

  private static func publicKey(_ jwk: JSONTree) -> OpaquePointer? {
    func number(_ name: String) -> [UInt8]? {
      guard let text = jwk[name]?.string else { return nil }
      var output = ByteBuffer()
      return output.append(decodingBase64: text.span, .urlSafe) ? output.copiedBytes() : nil
    }
    switch jwk["kty"]?.string.map({ String(decoding: $0, as: UTF8.self) }) {
    case "RSA":
      guard let n = number("n"), let e = number("e"), n.count <= 2_048, e.count <= 8 else {
        return nil
      }
      return sluice_key_from_rsa(n, Int32(n.count), e, Int32(e.count))
    case "EC":
      guard let curve = jwk["crv"]?.string, let x = number("x"), let y = number("y"),
        let (name, size) = curves[String(decoding: curve, as: UTF8.self)],
        x.count == size, y.count == size
      else { return nil }
      let point = [0x04] + x + y
      return sluice_key_from_point(name, point, point.count)
    case "OKP":
      guard let x = number("x"), let curve = jwk["crv"]?.string else { return nil }
      switch String(decoding: curve, as: UTF8.self) {
      case "Ed25519": return EVP_PKEY_new_raw_public_key_ex(nil, "ED25519", nil, x, x.count)
      case "Ed448": return EVP_PKEY_new_raw_public_key_ex(nil, "ED448", nil, x, x.count)
      default: return nil
      }
    default: return nil
    }
  }

  /// What OpenSSL calls a curve, and the bytes of its numbers.
  private static let curves: [String: (name: String, size: Int)] = [
    "P-256": ("prime256v1", 32), "P-384": ("secp384r1", 48), "P-521": ("secp521r1", 66),
  ]

  private static func fingerprint(ofSecret secret: [UInt8]) -> SHA256Digest {
    SHA256().digest(of: (Array("jwt-secret\0".utf8) + secret).span)
  }

  private static func fingerprint(of key: OpaquePointer) -> SHA256Digest {
    let count = i2d_PUBKEY(key, nil)
    precondition(count > 0, "a public key can't be written")
    var der = [UInt8](repeating: 0, count: Int(count))
    der.withUnsafeMutableBufferPointer { room in
      var end = room.baseAddress
      _ = i2d_PUBKEY(key, &end)
    }
    return SHA256().digest(of: der.span)
  }

  deinit {
    if case .publicKey(let key) = material { EVP_PKEY_free(key) }
  }

  private static func fits(_ key: OpaquePointer, _ algorithm: Algorithm) -> Bool {
    switch algorithm {
    case .hs256, .hs384, .hs512: false
    case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512:
      sluice_key_is(key, "RSA") == 1 && EVP_PKEY_get_bits(key) >= minimumRSABits
    case .es256: isOnCurve(key, "P-256")
    case .es384: isOnCurve(key, "P-384")
    case .es512: isOnCurve(key, "P-521")
    case .edDSA: sluice_key_is(key, "ED25519") == 1 || sluice_key_is(key, "ED448") == 1
    }
  }

  private static func isOnCurve(_ key: OpaquePointer, _ curve: String) -> Bool {
    guard sluice_key_is(key, "EC") == 1, let wanted = curves[curve]?.name else { return false }
    var name = [CChar](repeating: 0, count: 64)
    var length = 0
    guard EVP_PKEY_get_group_name(key, &name, name.count, &length) == 1 else { return false }
    return name.prefix(length).map { UInt8(bitPattern: $0) } == Array(wanted.utf8)
  }

  /// Whether the signature over `data` is this key's. False for algorithms that it is not good for.
  func verifies(_ signature: [UInt8], of data: Span<UInt8>, _ algorithm: Algorithm) -> Bool {
    guard algorithms.contains(algorithm) else { return false }
    switch material {
    case .secret(let secret): return verifies(signature, of: data, secret, algorithm)
    case .publicKey(let key):
      guard let signature = Self.form(signature, algorithm) else { return false }
      return data.withUnsafeBufferPointer { data in
        sluice_verify(
          key, algorithm.digest, algorithm.isPSS ? 1 : 0, data.baseAddress, data.count, signature,
          signature.count)
      } == 1
    }
  }

  private func verifies(
    _ signature: [UInt8], of data: Span<UInt8>, _ secret: [UInt8], _ algorithm: Algorithm
  ) -> Bool {
    var code = [UInt8](repeating: 0, count: 64)
    var length: UInt32 = 0
    let made = data.withUnsafeBufferPointer { data in
      HMAC(
        EVP_get_digestbyname(algorithm.digest), secret, Int32(secret.count), data.baseAddress,
        data.count, &code, &length)
    }
    guard made != nil, signature.count == Int(length) else { return false }
    return CRYPTO_memcmp(signature, code, signature.count) == 0
  }

  /// The signature as OpenSSL wants it: two numbers become DER, if they have the length of the curve.
  private static func form(_ signature: [UInt8], _ algorithm: Algorithm) -> [UInt8]? {
    let size: Int
    switch algorithm {
    case .es256: size = 64
    case .es384: size = 96
    case .es512: size = 132
    default: return signature
    }
    guard signature.count == size else { return nil }
    var der = [UInt8](repeating: 0, count: size + 16)
    let length = sluice_ecdsa_der(signature, Int32(size), &der)
    return length > 0 ? Array(der.prefix(Int(length))) : nil
  }
}

extension Configuration.JWTAlgorithm {
  /// What OpenSSL calls its digest; nil where the algorithm brings its own.
  var digest: String? {
    switch self {
    case .hs256, .rs256, .ps256, .es256: "SHA256"
    case .hs384, .rs384, .ps384, .es384: "SHA384"
    case .hs512, .rs512, .ps512, .es512: "SHA512"
    case .edDSA: nil
    }
  }

  var isPSS: Bool { self == .ps256 || self == .ps384 || self == .ps512 }
}
