// LONG LINES: vectors as the RFCs print them.
import SluiceConfiguration
import SluiceWire
import Testing

@testable import SluiceGateway

/// The vectors of RFC 7519 and RFC 7520 beside those in `SignedTokenTests`, and what an attacker may write
/// into a token. Those of RFC 7520 are signed texts and no sets of claims, so the signature alone is looked at.
@Suite struct TokenVectorTests {
  // MARK: RFC 7520 4.1 to 4.4

  @Test(arguments: [
    (
      Configuration.JWTAlgorithm.rs256,
      #"{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}"#,
      "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"
    ),
    (
      Configuration.JWTAlgorithm.ps384,
      #"{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}"#,
      "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"
    ),
    (
      Configuration.JWTAlgorithm.es512,
      #"{"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}"#,
      "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"
    ),
  ])
  func theCookbooksPublicKeys(
    algorithm: Configuration.JWTAlgorithm, jwk: String, text: String
  ) throws {
    let tree = try #require(json(jwk))
    let key = try #require(VerificationKey(jwk: tree, algorithms: [algorithm]))
    try check(key, algorithm, text)
    // No set of claims, so no token, however well it is signed.
    #expect(token(text) == nil)
  }

  @Test func theCookbooksSecret() throws {
    var settings = Configuration.JWTKey()
    settings.algorithm = .hs256
    settings.encoding = .base64url
    settings.secret = Secret("hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg")
    let text =
      "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"
    try check(try VerificationKey(settings), .hs256, text)
  }

  private func check(
    _ key: VerificationKey, _ algorithm: Configuration.JWTAlgorithm, _ text: String
  ) throws {
    let parts = text.split(separator: ".")
    let signed = Array("\(parts[0]).\(parts[1])".utf8)
    var signature = ByteBuffer()
    let isDecoded = signature.append(decodingBase64: Array(parts[2].utf8).span, .urlSafe)
    #expect(isDecoded)
    var bytes = signature.copiedBytes()
    #expect(verifies(key, bytes, signed, algorithm))
    // Another payload, another signature, another algorithm, half of it, nothing.
    var other = signed
    other[other.count - 1] ^= 1
    #expect(!verifies(key, bytes, other, algorithm))
    #expect(!verifies(key, Array(bytes.dropLast()), signed, algorithm))
    #expect(!verifies(key, bytes + [0], signed, algorithm))
    #expect(!verifies(key, [], signed, algorithm))
    for wrong in Configuration.JWTAlgorithm.allCases where wrong != algorithm {
      #expect(!verifies(key, bytes, signed, wrong), "\(wrong)")
    }
    bytes[bytes.count / 2] ^= 1
    #expect(!verifies(key, bytes, signed, algorithm))
  }

  // MARK: RFC 7519

  /// 6.1, a token that says of itself that it needs no signature; the same in other letters, and the forms of
  /// RFC 7515 7.2 that are JSON.
  @Test(arguments: [
    "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
    encoded(#"{"alg":"None"}"#, "{}", ""), encoded(#"{"alg":"NONE"}"#, "{}", "AAAA"),
    encoded(#"{"alg":"nOnE"}"#, "{}", ""), encoded(#"{"alg":""}"#, "{}", "AAAA"),
    encoded(#"{"alg":null}"#, "{}", "AAAA"), encoded(#"{"alg":["HS256"]}"#, "{}", "AAAA"),
    encoded(#"{"alg":"HS256 "}"#, "{}", "AAAA"), encoded(#"{"alg":"hs256"}"#, "{}", "AAAA"),
    encoded("{}", "{}", "AAAA"),
    #"{"payload":"e30","signatures":[{"protected":"eyJhbGciOiJIUzI1NiJ9","signature":"AAAA"}]}"#,
    #"{"payload":"e30","protected":"eyJhbGciOiJIUzI1NiJ9","signature":"AAAA"}"#,
  ])
  func whatNeedsNoSignatureIsNoToken(text: String) {
    #expect(token(text) == nil)
  }

  // MARK: Attacks

  /// Two readers could each take another one of them.
  @Test(arguments: [
    encoded(#"{"alg":"HS256","alg":"none"}"#, "{}", "AAAA"),
    encoded(#"{"alg":"HS256","\u0061lg":"none"}"#, "{}", "AAAA"),
    encoded(#"{"alg":"HS256"}"#, #"{"sub":"alice","sub":"root"}"#, "AAAA"),
    encoded(#"{"alg":"HS256"}"#, #"{"sub":"alice","s\u0075b":"root"}"#, "AAAA"),
    encoded(#"{"alg":"HS256","kid":"a","kid":"b"}"#, "{}", "AAAA"),
    encoded(#"{"alg":"HS256"} {}"#, "{}", "AAAA"), encoded(#"{"alg":"HS256"}"#, "{} {}", "AAAA"),
  ])
  func whatIsThereTwiceIsNoToken(text: String) {
    #expect(token(text) == nil)
  }

  /// A header's own key, and where to fetch one, say nothing: the token is read, and its key is looked for
  /// among those that are known.
  @Test(arguments: [
    #"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#,
    #"{"alg":"HS256","jku":"https://evil.test/keys","x5u":"https://evil.test/x","x5c":["AAAA"]}"#,
    #"{"alg":"HS256","kid":"../../../../dev/null"}"#,
    #"{"alg":"HS256","kid":"x' UNION SELECT 'AAAA"}"#, #"{"alg":"HS256","kid":"\u0000\n|id"}"#,
  ])
  func aHeadersOwnKeyIsNone(header: String) throws {
    let text = Self.encoded(header, "{}", String(repeating: "A", count: 43))
    let parsed = try #require(token(text))
    var settings = Configuration.JWTKey()
    settings.algorithm = .hs256
    settings.secret = Secret(TokenFixtures.secret)
    let key = try VerificationKey(settings)
    #expect(!isSigned(parsed, key, text))
  }

  /// Neither many bytes nor deep ones cost much: they are refused before a signature is looked at.
  @Test func hugeTokensAreRefused() {
    let deep =
      String(repeating: #"{"a":"#, count: 2_000) + "1" + String(repeating: "}", count: 2_000)
    for text in [
      Self.encoded(#"{"alg":"HS256"}"#, deep, "AAAA"), Self.encoded(deep, "{}", "AAAA"),
      Self.encoded(
        #"{"alg":"HS256"}"#, #"{"a":""# + String(repeating: "x", count: 13_000) + "\"}", "AAAA"),
      String(repeating: ".", count: 16_384), String(repeating: "a", count: 1 << 20),
    ] {
      #expect(token(text) == nil)
    }
  }

  /// Of the last character two bits say nothing (RFC 4648 3.5); other padding and alphabets are none.
  @Test func aSignatureHasOneSpelling() throws {
    let text = try #require(TokenFixtures.tokens["HS256"])
    var settings = Configuration.JWTKey()
    settings.algorithm = .hs256
    settings.secret = Secret(TokenFixtures.secret)
    let key = try VerificationKey(settings)
    func isGood(_ text: String) -> Bool {
      token(text).map { isSigned($0, key, text) } ?? false
    }
    #expect(isGood(text))
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    let others = alphabet.filter { $0 != text.last }.map { String(text.dropLast()) + String($0) }
    for other in others + [text + "=", text + "A", " " + text, text + " ", text + "\n"] {
      #expect(!isGood(other), "\(other.suffix(4))")
    }
  }

  private func json(_ text: String) -> JSONTree? { JSONTree(parsing: Array(text.utf8).span) }
  private func token(_ text: String) -> SignedToken? { SignedToken(Array(text.utf8).span) }

  private func isSigned(_ token: SignedToken, _ key: VerificationKey, _ text: String) -> Bool {
    token.isSigned(by: key, Array(text.utf8).span)
  }

  private func verifies(
    _ key: VerificationKey, _ signature: [UInt8], _ signed: [UInt8],
    _ algorithm: Configuration.JWTAlgorithm
  ) -> Bool {
    key.verifies(signature, of: signed.span, algorithm)
  }

  private static func encoded(_ header: String, _ claims: String, _ signature: String) -> String {
    "\(base64(header)).\(base64(claims)).\(signature)"
  }

  private static func base64(_ text: String) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    let bytes = Array(text.utf8)
    var output = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let value = (0..<3).reduce(0) {
        $0 << 8 | (start + $1 < bytes.count ? Int(bytes[start + $1]) : 0)
      }
      for index in 0...group.count { output.append(alphabet[value >> (18 - 6 * index) & 63]) }
    }
    return output
  }
}
