import COpenSSL
import CTLS13
import Glibc
import Testing

@testable import SluiceReactor

/// The key schedule that OpenSSL's handshakes take, held against OpenSSL's own.
@Suite struct TLSKeyScheduleTests {
  /// What one derivation is told; nothing is left out and not empty.
  struct Derivation {
    var mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY
    var digest = "SHA2-256"
    var key: [UInt8]? = [UInt8](repeating: 7, count: 32)
    var salt: [UInt8]?
    var prefix: [UInt8]? = Array("tls13 ".utf8)
    var label: [UInt8]? = Array("c ap traffic".utf8)
    var data: [UInt8]?
    var count = 32
  }

  private func derive(_ told: Derivation, by properties: String) -> [UInt8]? {
    #expect(TLSProfile.makeContext(TLS_server_method()).map { SSL_CTX_free($0) } != nil)
    guard let kdf = EVP_KDF_fetch(nil, "TLS13-KDF", properties) else { return nil }
    defer { EVP_KDF_free(kdf) }
    let context = EVP_KDF_CTX_new(kdf)
    defer { EVP_KDF_CTX_free(context) }
    guard let builder = OSSL_PARAM_BLD_new() else { return nil }
    defer { OSSL_PARAM_BLD_free(builder) }
    // The builder copies neither names nor values before it is asked for the result.
    var copies: [UnsafeMutablePointer<CChar>?] = []
    defer { for copy in copies { free(copy) } }
    func copy(_ text: String) -> UnsafeMutablePointer<CChar>? {
      copies.append(strdup(text))
      return copies.last ?? nil
    }
    OSSL_PARAM_BLD_push_int(builder, copy("mode"), told.mode)
    OSSL_PARAM_BLD_push_utf8_string(builder, copy("digest"), copy(told.digest), 0)
    let octets = [
      ("key", told.key), ("salt", told.salt), ("prefix", told.prefix), ("label", told.label),
      ("data", told.data),
    ]
    for case (let name, let bytes?) in octets {
      let value = malloc(max(bytes.count, 1))
      copies.append(value?.assumingMemoryBound(to: CChar.self))
      value?.copyMemory(from: bytes, byteCount: bytes.count)
      #expect(OSSL_PARAM_BLD_push_octet_string(builder, copy(name), value, bytes.count) == 1)
    }
    let parameters = OSSL_PARAM_BLD_to_param(builder)
    defer { OSSL_PARAM_free(parameters) }
    var output = [UInt8](repeating: 0, count: told.count)
    defer { ERR_clear_error() }
    return EVP_KDF_derive(context, &output, output.count, parameters) == 1 ? output : nil
  }

  private func expectSame(_ told: Derivation, sourceLocation: SourceLocation = #_sourceLocation) {
    let theirs = derive(told, by: "provider=default")
    #expect(theirs != nil, sourceLocation: sourceLocation)
    #expect(derive(told, by: "provider=sluice") == theirs, sourceLocation: sourceLocation)
  }

  private static let digests: [(String, Int)] = [
    ("SHA256", 32), ("SHA2-256", 32), ("sha384", 48), ("SHA2-384", 48),
  ]

  @Test(arguments: digests)
  func expansionsAreThoseOfOpenSSL(_ digest: String, _ size: Int) {
    for count in [1, 12, 16, 31, 32, 33, 48, 49, 100, 255 * size] {
      for data in [0, 1, 32, 48, 255] {
        var told = Derivation(digest: digest, count: count)
        told.key = (0..<size).map { UInt8($0) }
        told.data = (0..<data).map { UInt8(truncatingIfNeeded: 3 * $0) }
        expectSame(told)
      }
    }
    for length in [1, 2, 100, 249] {
      expectSame(Derivation(digest: digest, label: [UInt8](repeating: 65, count: length)))
    }
  }

  @Test(arguments: digests)
  func extractionsAreThoseOfOpenSSL(_ digest: String, _ size: Int) {
    // Inputs of X25519, P-384, hybrids and large finite fields; none is that of no pre-shared key.
    for input in [nil, 1, 32, 48, 64, 66, 1_024] {
      for salt in [nil, size] {
        var told = Derivation(mode: EVP_KDF_HKDF_MODE_EXTRACT_ONLY, digest: digest, count: size)
        told.key = input.map { [UInt8](repeating: 9, count: $0) }
        told.salt = salt.map { [UInt8](repeating: 5, count: $0) }
        told.label = Array("derived".utf8)
        expectSame(told)
      }
    }
  }

  /// Contexts of TLS find it; and a provider that the process is bound to stays the only one for all else.
  @Test func contextsPreferItAndNothingElse() {
    #expect(TLSProfile.makeContext(TLS_server_method()).map { SSL_CTX_free($0) } != nil)
    let kdf = EVP_KDF_fetch(nil, "TLS13-KDF", ctls13_properties)
    defer { EVP_KDF_free(kdf) }
    #expect(EVP_KDF_get0_description(kdf).map { String(cString: $0) } == "RFC 8446 7.1")
    // A library context of its own: the defaults are everybody's.
    let library = OSSL_LIB_CTX_new()
    defer { OSSL_LIB_CTX_free(library) }
    let whole = EVP_MD_fetch(library, "SHA2-256", ctls13_properties)
    #expect(whole != nil)
    EVP_MD_free(whole)
    #expect(EVP_set_default_properties(library, "provider=elsewhere") == 1)
    #expect(EVP_MD_fetch(library, "SHA2-256", ctls13_properties) == nil)
    ERR_clear_error()
  }

  /// RFC 8448 3: the secrets of a handshake, from the shared one on.
  @Test func theScheduleOfRFC8448() throws {
    let early = try #require(
      derive(
        Derivation(
          mode: EVP_KDF_HKDF_MODE_EXTRACT_ONLY, key: nil, label: Array("derived".utf8)),
        by: "provider=sluice"))
    #expect(early.prefix(4) == [0x33, 0xAD, 0x0A, 0x1C])
    let shared: [UInt8] = [
      0x8B, 0xD4, 0x05, 0x4F, 0xB5, 0x5B, 0x9D, 0x63, 0xFD, 0xFB, 0xAC, 0xF9, 0xF0, 0x4B, 0x9F,
      0x0D,
      0x35, 0xE6, 0xD6, 0x3F, 0x53, 0x75, 0x63, 0xEF, 0xD4, 0x62, 0x72, 0x90, 0x0F, 0x89, 0x49,
      0x2D,
    ]
    let handshake = try #require(
      derive(
        Derivation(
          mode: EVP_KDF_HKDF_MODE_EXTRACT_ONLY, key: shared, salt: early,
          label: Array("derived".utf8)),
        by: "provider=sluice"))
    #expect(handshake.prefix(4) == [0x1D, 0xC8, 0x26, 0xE9])
  }

  @Test func whatIsMissingMalformedOrNotOfTLS13IsRefused() {
    let good = Derivation()
    #expect(derive(good, by: "provider=sluice") != nil)
    var refused: [Derivation] = []
    for change: (inout Derivation) -> Void in [
      { $0.key = nil }, { $0.prefix = nil }, { $0.label = nil }, { $0.digest = "SHA512" },
      { $0.digest = "" }, { $0.mode = EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND }, { $0.mode = 9 },
      { $0.label = [UInt8](repeating: 65, count: 250) },
      { $0.data = [UInt8](repeating: 65, count: 256) }, { $0.count = 255 * 32 + 1 },
      { $0.key = [UInt8](repeating: 65, count: 65) },
      { ($0.mode, $0.count) = (EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 31) },
      { ($0.mode, $0.count) = (EVP_KDF_HKDF_MODE_EXTRACT_ONLY, 33) },
    ] {
      var told = good
      change(&told)
      refused.append(told)
    }
    for told in refused { #expect(derive(told, by: "provider=sluice") == nil, "\(told)") }
  }

  /// Only the two secrets of application data, and only while a handshake runs.
  @Test(arguments: digests)
  func secretsAreKept(_ digest: String, _ size: Int) throws {
    let ciphers = TLSCiphers()
    let secrets = TLSSecrets()
    var told = Derivation(digest: digest, count: size)
    let labels = ["c hs traffic", "s hs traffic", "exp master", "c ap traffi", "c ap traffic "]
    for label in labels {
      told.label = Array(label.utf8)
      #expect(ciphers.withSecrets(secrets) { derive(told, by: "provider=sluice") } != nil)
    }
    #expect(secrets.byteCount == 0 && secrets.pointer.pointee.client_size == 0)
    told.label = Array("c ap traffic".utf8)
    let client = try #require(ciphers.withSecrets(secrets) { derive(told, by: "provider=sluice") })
    #expect(secrets.byteCount == 0)
    told.label = Array("s ap traffic".utf8)
    let server = try #require(ciphers.withSecrets(secrets) { derive(told, by: "provider=sluice") })
    #expect(secrets.byteCount == size && client != server)
    withUnsafeBytes(of: secrets.pointer.pointee.client) {
      #expect($0.prefix(size).elementsEqual(client))
    }
    withUnsafeBytes(of: secrets.pointer.pointee.server) {
      #expect($0.prefix(size).elementsEqual(server))
    }
    // Another handshake's do not come here.
    told.key = [UInt8](repeating: 1, count: 32)
    #expect(derive(told, by: "provider=sluice") != server)
    #expect(ciphers.withSecrets(nil) { derive(told, by: "provider=sluice") } != server)
    withUnsafeBytes(of: secrets.pointer.pointee.server) {
      #expect($0.prefix(size).elementsEqual(server))
    }
  }
}
