import SluiceConfiguration
import SluiceWire

/// A token, and behind a line break a key of a published set: nothing is believed that was not signed
/// by the key, whatever token and key say of themselves.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: data, count: count))
  let parts = input.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
  let text = Array(parts.first ?? [])
  let published = parts.count == 2 ? JSONTree(parsing: Array(parts[1]).span) : nil
  guard let token = SignedToken(text.span) else { return 0 }
  check(token.claims.members != nil, "claims that are none")
  check(
    token.signedCount < text.count && text[token.signedCount] == 0x2E, "the wrong part is signed")
  for key in Keys.own where token.isSigned(by: key, text.span) {
    check(key.algorithms.contains(token.algorithm), "a key for another algorithm")
    check(Keys.signed.contains(Array(text[..<token.signedCount])), "nobody has signed this")
  }
  if let published {
    // Who publishes a key may have signed anything; it must only be one of a pair.
    if let key = VerificationKey(jwk: published, algorithms: Configuration.JWT().algorithms) {
      check(key.algorithms.allSatisfy { !$0.isSymmetric }, "a secret that was published")
      _ = token.isSigned(by: key, text.span)
    }
  }
  for time in [Int64(0), 1_300_819_380, 4_102_444_800, 1_000_000_000_000_000] {
    _ = Keys.rules.problem(token.claims, unixTime: time)
  }
  return 0
}

private func check(_ condition: Bool, _ message: StaticString) {
  if !condition { fatalError("\(message)") }
}

/// Of the tokens that the tests have too; made once.
private enum Keys {
  // SAFETY: the fuzzer has one thread.
  nonisolated(unsafe) static let own: [VerificationKey] =
    [
      (.rs256, TokenFixtures.rsa), (.ps256, TokenFixtures.rsa), (.es256, TokenFixtures.p256),
      (.es384, TokenFixtures.p384), (.edDSA, TokenFixtures.ed25519),
    ].map { algorithm, text in
      key(algorithm) { $0.publicKey = text }
    } + [key(.hs256) { $0.secret = Secret(TokenFixtures.secret) }]

  static let signed = Set(
    TokenFixtures.tokens.values.map {
      Array($0.utf8.prefix(upTo: $0.utf8.lastIndex(of: 0x2E) ?? $0.utf8.endIndex))
    })

  static let rules: TokenRules = {
    var settings = Configuration.JWT()
    settings.issuers = ["https://login.test/"]
    settings.audiences = ["time"]
    settings.require = ["exp"]
    return TokenRules(settings)
  }()

  private static func key(
    _ algorithm: Configuration.JWTAlgorithm, _ set: (inout Configuration.JWTKey) -> Void
  ) -> VerificationKey {
    var settings = Configuration.JWTKey()
    settings.algorithm = algorithm
    set(&settings)
    guard let key = try? VerificationKey(settings) else { fatalError("no key for \(algorithm)") }
    return key
  }
}
