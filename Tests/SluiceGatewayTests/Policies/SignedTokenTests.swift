import SluiceConfiguration
import SluiceWire
import Testing

@testable import SluiceGateway

/// Tokens against their keys: the vectors of the RFCs, every algorithm, and the known attacks.
@Suite struct SignedTokenTests {
  // MARK: Vectors

  /// RFC 7515 A.1 to A.3.
  @Test(arguments: [
    (
      #"""
      {"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}
      """#,
      "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
    ),
    (
      #"""
      {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
      """#,
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    ),
  ])
  func publicKeysOfTheRFC(jwk: String, text: String) throws {
    let tree = try #require(json(jwk))
    let key = try #require(
      VerificationKey(jwk: tree, algorithms: Configuration.JWT().algorithms))
    let parsed = try #require(token(text))
    #expect(parsed.claims["iss"] == .string(Array("joe".utf8)))
    #expect(parsed.claims["exp"]?.seconds == 1_300_819_380)
    #expect(isSigned(parsed, key, text))
    #expect(!isSigned(parsed, key, text.replacing("eyJpc3", with: "eyJpc2")))
  }

  @Test func theSecretOfTheRFC() throws {
    var settings = Configuration.JWTKey()
    settings.algorithm = .hs256
    settings.encoding = .base64url
    settings.secret = Secret(
      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
    let text =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    #expect(isSigned(try #require(token(text)), try VerificationKey(settings), text))
  }

  /// RFC 8037 A.4; its payload is no set of claims.
  @Test func theEd25519KeyOfTheRFC() throws {
    let tree = try #require(
      json(
        #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#))
    let key = try #require(VerificationKey(jwk: tree, algorithms: [.edDSA]))
    var signature = ByteBuffer()
    let text = Array(
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        .utf8)
    let isDecoded = signature.append(decodingBase64: text.span, .urlSafe)
    #expect(isDecoded)
    let signed = Array("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".utf8)
    let isGood = key.verifies(signature.copiedBytes(), of: signed.span, .edDSA)
    #expect(isGood)
  }

  // MARK: Every algorithm

  @Test(arguments: Configuration.JWTAlgorithm.allCases)
  func everyAlgorithmChecks(algorithm: Configuration.JWTAlgorithm) throws {
    let text = try #require(TokenFixtures.tokens[algorithm.rawValue])
    let parsed = try #require(token(text))
    #expect(parsed.algorithm == algorithm)
    let key = try self.key(algorithm)
    #expect(isSigned(parsed, key, text))
    // Any other token is not its, whatever its algorithm.
    for (name, other) in TokenFixtures.tokens where name != algorithm.rawValue {
      #expect(!isSigned(try #require(token(other)), key, other))
    }
    // A bit of the signature, of the claims, of the header.
    for offset in [text.utf8.count - 10, text.utf8.count / 2 - 60, 12] {
      var bytes = Array(text.utf8)
      bytes[offset] = bytes[offset] == 0x41 ? 0x42 : 0x41
      let changed = String(decoding: bytes, as: UTF8.self)
      if let other = token(changed) { #expect(!isSigned(other, key, changed)) }
    }
  }

  // MARK: Attacks

  @Test(arguments: [
    TokenFixtures.unsigned, TokenFixtures.critical, TokenFixtures.twice, "", ".", "..", "...",
    "a.b.c", "e30.e30.e30", "e30.e30.e30.e30.e30", "eyJhbGciOiJIUzI1NiJ9.W10.AAAA",
    "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiIsImtpZCI6MX0.e30.AAAA",
    String(repeating: "a", count: 20_000),
  ])
  func whatIsNoTokenIsRefused(text: String) {
    #expect(token(text) == nil)
  }

  /// RFC 8725 2.1: a public key taken for the secret of an HMAC.
  @Test func aPublicKeyIsNoSecret() throws {
    let text = TokenFixtures.confused
    let parsed = try #require(token(text))
    #expect(parsed.algorithm == .hs256)
    #expect(!isSigned(parsed, try self.key(.rs256), text))
  }

  /// Signatures of zeros were good for every key of a well-known library (CVE-2022-21449).
  @Test func signaturesOfZerosAreNone() throws {
    let text = try #require(TokenFixtures.tokens["ES256"])
    let parts = text.split(separator: ".")
    let zeros = "\(parts[0]).\(parts[1])." + String(repeating: "A", count: 86)
    #expect(!isSigned(try #require(token(zeros)), try self.key(.es256), zeros))
    // DER is another form of the same numbers; only one form is a signature.
    let short = "\(parts[0]).\(parts[1])." + String(repeating: "A", count: 84)
    #expect(!isSigned(try #require(token(short)), try self.key(.es256), short))
  }

  @Test func weakAndUnfitKeysAreRefused() {
    for (algorithm, pem, secret) in [
      (Configuration.JWTAlgorithm.rs256, TokenFixtures.shortRSA, nil as String?),
      (.es256, TokenFixtures.p384, nil), (.es256, TokenFixtures.rsa, nil),
      (.ps512, TokenFixtures.p256, nil), (.edDSA, TokenFixtures.p256, nil),
      (.rs256, "no key", nil), (.hs256, "", "0123456789012345678901234567890"),
    ] {
      var settings = Configuration.JWTKey()
      settings.algorithm = algorithm
      settings.publicKey = pem
      settings.secret = secret.map { Secret($0) }
      #expect(throws: VerificationKey.Problem.self) { _ = try VerificationKey(settings) }
    }
  }

  /// Secrets are not published, keys for encryption don't sign, and a kind or curve must be known.
  @Test(arguments: [
    #"{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}"#,
    #"{"kty":"EC","crv":"P-256","use":"enc","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    #"{"kty":"EC","crv":"P-256","alg":"HS256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}"#,
    #"{"kty":"EC","crv":"secp256k1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, #"{"kty":"none"}"#, "{}",
  ])
  func keysThatAreNotForSignaturesAreLeftOut(jwk: String) throws {
    let tree = try #require(json(jwk))
    #expect(VerificationKey(jwk: tree, algorithms: Configuration.JWT().algorithms) == nil)
  }

  // MARK: Claims

  @Test func claimsAreChecked() throws {
    var settings = Configuration.JWT()
    settings.issuers = ["https://login.test/"]
    settings.audiences = ["time"]
    let rules = TokenRules(settings)
    func problem(_ text: String, at time: Int64 = 2_000_000_000) throws -> String? {
      rules.problem(try #require(token(text)).claims, unixTime: time).map { "\($0)" }
    }
    let good = try #require(TokenFixtures.tokens["HS256"])
    #expect(try problem(good) == nil)
    // To the second, with thirty of leeway.
    #expect(try problem(good, at: 4_102_444_829) == nil)
    #expect(try problem(good, at: 4_102_444_830) == "The token has expired.")
    #expect(try problem(TokenFixtures.notYet) == "The token is not good yet.")
    #expect(try problem(TokenFixtures.notYet, at: 3_999_999_970) == nil)
    #expect(try problem(TokenFixtures.otherIssuer) == "The token's issuer is not accepted.")
    #expect(try problem(TokenFixtures.otherAudience) == "The token is for somebody else.")
    #expect(try problem(TokenFixtures.withoutExpiry) == "The token lacks a claim.")
  }

  // MARK: Helpers

  private func json(_ text: String) -> JSONTree? { JSONTree(parsing: Array(text.utf8).span) }
  private func token(_ text: String) -> SignedToken? { SignedToken(Array(text.utf8).span) }

  private func isSigned(_ token: SignedToken, _ key: VerificationKey, _ text: String) -> Bool {
    token.isSigned(by: key, Array(text.utf8).span)
  }

  private func key(_ algorithm: Configuration.JWTAlgorithm) throws -> VerificationKey {
    var settings = Configuration.JWTKey()
    settings.algorithm = algorithm
    switch algorithm {
    case .hs256, .hs384, .hs512: settings.secret = Secret(TokenFixtures.secret)
    case .es256: settings.publicKey = TokenFixtures.p256
    case .es384: settings.publicKey = TokenFixtures.p384
    case .es512: settings.publicKey = TokenFixtures.p521
    case .edDSA: settings.publicKey = TokenFixtures.ed25519
    default: settings.publicKey = TokenFixtures.rsa
    }
    return try VerificationKey(settings)
  }
}
