import SluiceConfiguration
import SluiceWire

/// A token in compact form (RFC 7515 3.1), taken apart and not believed yet.
struct SignedToken {
  let algorithm: Configuration.JWTAlgorithm
  let keyID: [UInt8]?
  let header: JSONTree
  let claims: JSONTree
  let signature: [UInt8]
  /// The first so many bytes of the text are what is signed.
  let signedCount: Int

  static let maximumBytes = 16 * 1_024

  /// Nil for anything but a signed set of claims of an algorithm that is known. `none` is none; an
  /// encrypted token has five parts; extensions that must be understood (`crit`) are not.
  init?(_ text: Span<UInt8>) {
    guard text.count <= Self.maximumBytes, let first = Self.dot(text, 0),
      let second = Self.dot(text, first + 1), Self.dot(text, second + 1) == nil,
      let header = Self.json(text.extracting(..<first)),
      let claims = Self.json(text.extracting((first + 1)..<second)), claims.members != nil,
      let signature = Self.decoded(text.extracting((second + 1)...)),
      header["crit"] == nil,
      let name = header["alg"]?.string,
      let algorithm = Configuration.JWTAlgorithm(rawValue: String(decoding: name, as: UTF8.self))
    else { return nil }
    if let id = header["kid"] {
      guard let id = id.string else { return nil }
      keyID = id
    } else {
      keyID = nil
    }
    self.algorithm = algorithm
    self.header = header
    self.claims = claims
    self.signature = signature
    signedCount = second
  }

  private static func dot(_ text: Span<UInt8>, _ start: Int) -> Int? {
    var at = start
    while at < text.count {
      if text[at] == 0x2E { return at }
      at += 1
    }
    return nil
  }

  private static func decoded(_ text: Span<UInt8>) -> [UInt8]? {
    var output = ByteBuffer()
    return output.append(decodingBase64: text, .urlSafe) ? output.copiedBytes() : nil
  }

  private static func json(_ text: Span<UInt8>) -> JSONTree? {
    guard let bytes = decoded(text) else { return nil }
    return JSONTree(parsing: bytes.span)
  }

  /// Whether this key may have signed it.
  func isSigned(by key: VerificationKey, _ text: Span<UInt8>) -> Bool {
    key.verifies(signature, of: text.extracting(..<signedCount), algorithm)
  }
}

/// What a token's claims must be, besides signed.
struct TokenRules {
  let issuers: Set<[UInt8]>
  let audiences: Set<[UInt8]>
  let required: [[UInt8]]
  let leeway: Int64
  /// Seconds that `exp` may be ahead; nil for any.
  let maxLifetime: Int64?

  init(_ settings: Configuration.JWT) {
    issuers = Set(settings.issuers.map { Array($0.utf8) })
    audiences = Set(settings.audiences.map { Array($0.utf8) })
    required = settings.require.map { Array($0.utf8) }
    leeway = settings.leeway.nanoseconds / 1_000_000_000
    maxLifetime = settings.maxLifetime.map { $0.nanoseconds / 1_000_000_000 }
  }

  /// What is wrong with the claims at `unixTime`; nil when they are good.
  func problem(_ claims: JSONTree, unixTime: Int64) -> StaticString? {
    if required.contains(where: { claims[$0] == nil || claims[$0] == .null }) {
      return "The token lacks a claim."
    }
    if let expiry = claims["exp"] {
      guard let expiry = expiry.seconds else { return "The token's exp is no time." }
      if unixTime >= expiry + leeway { return "The token has expired." }
    }
    if let maxLifetime {
      guard let expiry = claims["exp"]?.seconds else { return "The token lacks a claim." }
      // The other way round, expiry - unixTime could overflow.
      if expiry > unixTime + maxLifetime { return "The token is good for longer than allowed." }
    }
    if let start = claims["nbf"] {
      guard let start = start.seconds else { return "The token's nbf is no time." }
      if unixTime < start - leeway { return "The token is not good yet." }
    }
    if !issuers.isEmpty {
      guard let issuer = claims["iss"]?.string, issuers.contains(issuer) else {
        return "The token's issuer is not accepted."
      }
    }
    if !audiences.isEmpty {
      let named =
        claims["aud"]?.string.map { [$0] } ?? claims["aud"]?.elements?.compactMap(\.string)
      guard let named, named.contains(where: audiences.contains) else {
        return "The token is for somebody else."
      }
    }
    return nil
  }
}
