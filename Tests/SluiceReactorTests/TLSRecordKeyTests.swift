import COpenSSL
import CTLS13
import SluiceWire
import Testing

@testable import SluiceReactor

/// What keys are made of, that they are those of everybody else, and that they go.
@Suite struct TLSRecordKeyTests {
  // MARK: Known answers

  /// RFC 8448 3, "Simple 1-RTT Handshake", from the client's application data on. The server's record 0 is
  /// its ticket.
  private let server = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"
  private let client = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"
  private let text = (0..<50).map { UInt8($0) }

  private func digits(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }

  private func bytes(_ digits: String) throws -> [UInt8] {
    let digits = Array(digits.filter { $0 != " " && $0 != "\n" })
    return try stride(from: 0, to: digits.count, by: 2).map {
      try #require(UInt8(String(digits[$0..<$0 + 2]), radix: 16))
    }
  }

  private func keyAndIV(_ keys: ctls13_traffic_keys) -> [String] {
    let key = withUnsafeBytes(of: keys.key) { digits($0[..<Int(keys.key_size)]) }
    return [key, withUnsafeBytes(of: keys.iv) { digits($0) }]
  }

  @Test func theRecordsOfRFC8448() throws {
    let side = try RecordSide(.aes128, server: bytes(server), client: bytes(client), sealed: 1)
    #expect(
      keyAndIV(side.layer.keys[0]) == [
        "9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984",
      ])
    #expect(
      keyAndIV(side.layer.keys[1]) == [
        "17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9",
      ])
    let theirs = try bytes(
      """
      17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab 3f
      2b 98 19 a8 a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6
      3a ee bb 21 69 49 15 e4
      """)
    #expect(side.read(theirs) == (text, .needsMore))
    try side.write(text)
    let ours = try bytes(
      """
      17 03 03 00 43 2e 93 7e 11 ef 4a c7 40 e5 38 ad 36 00 5f c4 a4 69 32 fc 32 25 d0 5f 82 aa 1b 36
      e3 0e fa f9 7d 90 e6 df fc 60 2d cb 50 1a 59 a8 fc c4 9c 4b f2 e5 f0 a2 1c 00 47 c2 ab f3 32 54
      0d d0 32 e1 67 c2 95 5d
      """)
    #expect(side.written() == ours)
    let theirEnd = try bytes(
      "17 03 03 00 13 c9 87 27 60 65 56 66 b7 4d 7f f1 15 3e fd 6d b6 d0 b0 e3")
    #expect(side.read(theirEnd) == ([], .end))
    side.layer.writeNotice(side.transport)
    let ourEnd = try bytes(
      "17 03 03 00 13 b5 8f d6 71 66 eb f5 99 d2 47 20 cf be 7e fa 7a 88 64 a9")
    #expect(side.written() == ourEnd)
  }

  /// The RFC has neither other suites nor updates of keys: these are HMACs by Python's `hmac` module.
  @Test func keysOfOtherSuitesAndTheNextOnes() throws {
    let known: [(TLSCiphers.Suite, first: [String], next: [String])] = [
      (
        .aes256,
        [
          "6877d022f1c61d24ebb7487c16752d9a4798e40431c75b39320e537c90e23225",
          "42822531a0fe88648fc09e9f",
        ],
        [
          "eb354f3b48924ed78de34dd8aa6a6a0a51d857ddad1454d5cfa7b69f60712911",
          "8478ffbe4f2e5450789775b3",
        ]
      ),
      (
        .chacha20,
        [
          "2ffbc449e87844051c7768f61ffd8ad070830f01ec2c520ef65f08e8296dffa0",
          "2f41c846a431a163814bcd71",
        ],
        [
          "c690ede9a7525f64b759094f3bda2da3b5b52e50cffacd89a37bdf85affdd091",
          "4ef68fed17d39b5f23bb4b30",
        ]
      ),
    ]
    for (suite, first, next) in known {
      let secret = Array(0..<suite.secretBytes)
      let side = try RecordSide(suite, server: secret, client: secret)
      #expect(keyAndIV(side.layer.keys[0]) == first)
      #expect(side.layer.updateKeys(side.transport))
      #expect(keyAndIV(side.layer.keys[0]) == next)
      #expect(keyAndIV(side.layer.keys[1]) == first)
    }
    let side = try RecordSide(.aes128, server: bytes(server), client: bytes(client))
    #expect(side.layer.updateKeys(side.transport))
    #expect(
      keyAndIV(side.layer.keys[0]) == [
        "2e63be99d67b39097feb9786cf7a15a0", "628a0a8298ac953baef4255a",
      ])
  }

  // MARK: When OpenSSL fails

  /// A key that is derived only by half must not begin again with record 0.
  @Test func keysStayWhatTheyWereWhenTheNextOnesFail() throws {
    let side = try RecordSide(.aes128, server: bytes(server), client: bytes(client), sealed: 7)
    let keys = side.layer.keys
    let before = (keyAndIV(keys[0]), keys[0].id)
    // More than its digest has: that key can't be derived.
    keys[0].key_size = 48
    leaveError()
    #expect(!side.transport.ciphers.advance(keys, .aes128))
    #expect(ERR_peek_error() == 0)
    keys[0].key_size = 16
    #expect((keyAndIV(keys[0]), keys[0].id) == before && keys[0].sequence == 7)
    #expect(withUnsafeBytes(of: keys[0].secret) { digits($0[..<32]) } == server)
  }

  @Test func nothingIsSealedWhenThePeersNextKeysFail() throws {
    let (one, other) = (
      try RecordSide(.aes128, isFirst: true), try RecordSide(.aes128, isFirst: false)
    )
    other.layer.keys[1].key_size = 48
    #expect(one.layer.updateKeys(one.transport, wantsAnswer: true))
    #expect(other.read(one.written()) == ([], .failed))
    #expect(other.layer.failure == "internal error")
    #expect(other.written().isEmpty)
  }

  private func leaveError() {
    #expect(BIO_new_file("/nowhere/at/all", "r") == nil)
    #expect(ERR_peek_error() != 0)
  }

  // MARK: What is left of secrets

  /// OpenSSL writes plaintext before it knows that the record was changed.
  @Test(arguments: TLSRecordLayerTests.suites)
  func aRecordThatCannotBeOpenedLeavesNoText(_ suite: TLSCiphers.Suite) throws {
    let (one, other) = (try RecordSide(suite, isFirst: true), try RecordSide(suite, isFirst: false))
    try one.write([UInt8](repeating: 7, count: 100))
    var sealed = one.written()
    sealed[sealed.count - 1] ^= 1
    var room = [UInt8](repeating: 0, count: 200)
    let piece = sealed.withUnsafeBytes { all in
      other.transport.input = all
      return room.withUnsafeMutableBytes { other.layer.read(into: $0, other.transport) }
    }
    #expect(piece == .failed)
    #expect(room.allSatisfy { $0 == 0 })
  }

  /// What the context seals or opens without being given a key: the tag of nothing.
  private func tag(_ context: OpaquePointer?) -> [UInt8] {
    let nonce = [UInt8](repeating: 0, count: 12)
    var tag = [UInt8](repeating: 0, count: 16)
    var count: Int32 = 0
    #expect(EVP_CipherInit_ex(context, nil, nil, nil, nonce, 1) == 1)
    #expect(EVP_CipherFinal_ex(context, &tag, &count) == 1)
    #expect(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, &tag) == 1)
    return tag
  }

  /// The tag of nothing under a key of zeros, from a context that never had another one.
  private func tagOfZeros(_ suite: TLSCiphers.Suite) -> [UInt8] {
    let context = EVP_CIPHER_CTX_new()
    defer { EVP_CIPHER_CTX_free(context) }
    let cipher =
      switch suite {
      case .aes128: EVP_aes_128_gcm()
      case .aes256: EVP_aes_256_gcm()
      case .chacha20: EVP_chacha20_poly1305()
      }
    let zeros = [UInt8](repeating: 0, count: 32)
    #expect(EVP_CipherInit_ex(context, cipher, nil, zeros, zeros, 1) == 1)
    return tag(context)
  }

  enum Farewell: CaseIterable { case end, update, failure }

  /// Contexts are shared and live on: they must not keep a key that is over.
  @Test(arguments: TLSRecordLayerTests.suites, Farewell.allCases)
  func contextsForgetKeys(_ suite: TLSCiphers.Suite, _ farewell: Farewell) throws {
    let one = try RecordSide(suite, isFirst: true)
    var other: RecordSide? = try RecordSide(suite, isFirst: false)
    let transport = try #require(other?.transport)
    let ciphers = transport.ciphers
    try one.write([1, 2, 3])
    try other?.write([4])
    #expect(other?.read(one.written()).text == [1, 2, 3])
    let sealing = { ciphers.sealing[suite.slot]?.pointer }
    let opening = { ciphers.opening[suite.slot]?.pointer }
    let zeros = tagOfZeros(suite)
    switch farewell {
    case .end: other = nil
    case .update:
      #expect(one.layer.updateKeys(one.transport, wantsAnswer: true))
      #expect(other?.read(one.written()).last == .needsMore)
    case .failure:
      #expect(other?.read([23, 3, 3, 0, 17] + [UInt8](repeating: 5, count: 17)).last == .failed)
    }
    #expect(tag(opening()) == zeros)
    if farewell != .failure { #expect(tag(sealing()) == zeros) }
    _ = other
  }

  /// Others' keys are not touched, and they read on.
  @Test func contextsKeepTheKeysOfOthers() throws {
    let transport = TLSTransport(readBufferSize: 1_024)
    let secrets = TLSSecrets(server: try bytes(server), client: try bytes(client))
    let make = { TLSRecordLayer(.aes128, secrets, sealed: 0, transport.ciphers) }
    var first = make()
    let second = try #require(make())
    let peer = try RecordSide(.aes128, server: bytes(client), client: bytes(server))
    #expect(first != nil)
    #expect([1].withUnsafeBytes { first?.write($0, transport) } == true)
    transport.output.clear()
    for turn: UInt8 in 0..<3 {
      #expect([turn].withUnsafeBytes { second.write($0, transport) })
      if turn == 0 { first = nil }
      let sealed = transport.output.copiedBytes()
      transport.output.clear()
      #expect(peer.read(sealed) == ([turn], .needsMore))
    }
  }

  /// What the contexts hold after a call is what they hold after zeros.
  @Test(arguments: TLSRecordLayerTests.suites)
  func digestsForgetSecrets(_ suite: TLSCiphers.Suite) throws {
    let side = try RecordSide(suite, isFirst: true)
    let digests = side.transport.ciphers.digests
    let isLong = suite.secretBytes == 48
    let last = {
      let context = isLong ? digests.pointee.contexts.1 : digests.pointee.contexts.0
      var digest = [UInt8](repeating: 0, count: 64)
      var count: UInt32 = 0
      #expect(EVP_DigestFinal_ex(context, &digest, &count) == 1)
      return Array(digest[..<Int(count)])
    }
    let zeros = [UInt8](repeating: 0, count: isLong ? 127 : 63)
    var known = [UInt8](repeating: 0, count: Int(suite.secretBytes))
    #expect(
      EVP_Digest(zeros, zeros.count, &known, nil, isLong ? EVP_sha384() : EVP_sha256(), nil) == 1)
    #expect(last() == known)
    #expect(side.layer.updateKeys(side.transport))
    #expect(last() == known)
  }

  /// Bytes of memory that a caller's keys take (docs/decisions/0020-own-records-of-tls-1.3.md).
  @Test func keysAreSmall() {
    #expect(2 * MemoryLayout<ctls13_traffic_keys>.size == 224)
  }

  /// One of them alone, or of another length, is nothing to go on with.
  @Test func secretsAreCompleteTogether() {
    #expect(TLSSecrets().byteCount == 0)
    let one = [UInt8](repeating: 1, count: 32)
    #expect(TLSSecrets(server: one, client: []).byteCount == 0)
    #expect(TLSSecrets(server: one, client: one + one).byteCount == 0)
    #expect(TLSSecrets(server: one, client: one).byteCount == 32)
  }
}
