import SluiceWire
import Testing

@testable import SluiceReactor

/// Two record layers over memory, with the secrets the other way around.
@Suite struct TLSRecordLayerTests {
  static let suites: [TLSCiphers.Suite] = [.aes128, .aes256, .chacha20]

  /// One side: what it wrote is in its transport's output.
  private final class Side {
    let transport = TLSTransport(readBufferSize: 64 * 1_024)
    let layer: TLSRecordLayer

    init(_ suite: TLSCiphers.Suite, isFirst: Bool, sealed: UInt64 = 0, opened: UInt64 = 0) throws {
      let secrets = TLSSecrets()
      let first = String(repeating: "5a", count: Int(suite.secretBytes))
      let second = String(repeating: "C3", count: Int(suite.secretBytes))
      secrets.note("SERVER_TRAFFIC_SECRET_0 00ff \(isFirst ? first : second)")
      secrets.note("CLIENT_TRAFFIC_SECRET_0 00ff \(isFirst ? second : first)")
      layer = try #require(
        TLSRecordLayer(suite, secrets, sealed: sealed, opened: opened, transport.ciphers))
    }

    func write(_ bytes: [UInt8]) throws {
      #expect(bytes.withUnsafeBytes { layer.write($0, transport) })
    }

    /// What it wrote since the last call.
    func written() -> [UInt8] {
      defer { transport.output.clear() }
      return transport.output.copiedBytes()
    }

    /// Reads `bytes` through a window of `room`; stops at what is no text.
    func read(_ bytes: [UInt8], room: Int = 32_768) -> (text: [UInt8], last: TLSPiece) {
      var text: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: room)
      var last = TLSPiece.needsMore
      bytes.withUnsafeBytes { all in
        transport.input = all
        while true {
          last = buffer.withUnsafeMutableBytes { layer.read(into: $0, transport) }
          guard case .bytes(let count) = last else { break }
          text += buffer[..<count]
        }
        transport.input = UnsafeRawBufferPointer(start: nil, count: 0)
      }
      return (text, last)
    }
  }

  private func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
  }

  @Test(arguments: suites) func whatOneSealsTheOtherOpens(_ suite: TLSCiphers.Suite) throws {
    let (one, other) = (try Side(suite, isFirst: true), try Side(suite, isFirst: false))
    for count in [1, 15, 16, 17, 1_000, 16_383, 16_384, 16_385, 100_000] {
      try one.write(bytes(count))
      let sealed = one.written()
      let records = (count + 16_383) / 16_384
      #expect(sealed.count == count + records * TLSRecord.overhead)
      #expect(other.read(sealed) == (bytes(count), .needsMore))
      try other.write(bytes(count))
      #expect(one.read(other.written(), room: 7) == (bytes(count), .needsMore))
    }
    #expect(!one.layer.hasPlaintext && !one.layer.hasPartOfRecord)
  }

  /// RFC 8446 has no vectors for these secrets; the digits are those of HKDF by hand: the first record
  /// of two layers that count differently can't be opened.
  @Test func recordsThatWereSealedBeforeCount() throws {
    let one = try Side(.aes128, isFirst: true, sealed: 2)
    try one.write(bytes(5))
    let sealed = one.written()
    #expect(try Side(.aes128, isFirst: false).read(sealed).last == .failed)
  }

  @Test(arguments: suites) func piecesMakeNoDifference(_ suite: TLSCiphers.Suite) throws {
    let one = try Side(suite, isFirst: true)
    try one.write(bytes(40))
    try one.write(bytes(3))
    one.layer.writeNotice(one.transport)
    let sealed = one.written()
    for split in 0...sealed.count {
      let other = try Side(suite, isFirst: false)
      let first = other.read(Array(sealed[..<split]))
      #expect(other.layer.heldBytes <= split)
      let second = other.read(Array(sealed[split...]))
      #expect(first.text + second.text == bytes(40) + bytes(3))
      #expect(second.last == .end || split == sealed.count && first.last == .end)
    }
    let other = try Side(suite, isFirst: false)
    var text: [UInt8] = []
    for byte in sealed { text += other.read([byte]).text }
    #expect(text == bytes(40) + bytes(3))
  }

  @Test func nothingIsTakenByAPeek() throws {
    let (one, other) = (try Side(.aes128, isFirst: true), try Side(.aes128, isFirst: false))
    let peek = { (bytes: [UInt8]) in
      bytes.withUnsafeBytes { all in
        other.transport.input = all
        defer { other.transport.input = UnsafeRawBufferPointer(start: nil, count: 0) }
        return other.layer.peek(other.transport)
      }
    }
    try one.write(bytes(20))
    let sealed = one.written()
    #expect(peek(Array(sealed[..<9])) == .needsMore)
    #expect(other.layer.hasPartOfRecord)
    #expect(peek(Array(sealed[9...])) == .bytes(1))
    #expect(peek([]) == .bytes(1))
    #expect(other.read([]) == (bytes(20), .needsMore))
    one.layer.writeNotice(one.transport)
    #expect(peek(one.written()) == .end)
  }

  @Test(arguments: suites) func everyFlippedBitIsNoticed(_ suite: TLSCiphers.Suite) throws {
    let one = try Side(suite, isFirst: true)
    try one.write(bytes(4))
    let sealed = one.written()
    for index in sealed.indices {
      for bit in 0..<8 {
        let other = try Side(suite, isFirst: false)
        var changed = sealed
        changed[index] ^= 1 << UInt8(bit)
        let (text, last) = other.read(changed)
        #expect(text.isEmpty)
        // A length that says more than there is waits for it; all else is refused, and the peer is told.
        if last != .needsMore {
          #expect(last == .failed && other.layer.failure != nil)
          let alert = other.written()
          #expect(alert.count == 2 + TLSRecord.overhead)
        }
        #expect(last == .failed || index == 3 || index == 4)
        #expect(other.read(sealed).last != .bytes(4))
      }
    }
  }

  @Test func aRecordIsGoodOnce() throws {
    let (one, other) = (try Side(.aes128, isFirst: true), try Side(.aes128, isFirst: false))
    try one.write(bytes(4))
    let sealed = one.written()
    #expect(other.read(sealed + sealed) == (bytes(4), .failed))
    #expect(other.layer.failure == "bad record mac")
    // And what comes after a failure is nothing.
    try one.write(bytes(4))
    #expect(other.read(one.written()) == ([], .failed))
  }

  // MARK: Messages that are no text

  @Test(arguments: suites) func keysAreRenewedOnBothSides(_ suite: TLSCiphers.Suite) throws {
    let (one, other) = (try Side(suite, isFirst: true), try Side(suite, isFirst: false))
    for turn in 0..<3 {
      #expect(one.layer.updateKeys(one.transport, wantsAnswer: true))
      try one.write(bytes(10 + turn))
      #expect(other.read(one.written()) == (bytes(10 + turn), .needsMore))
      // The answer, under the old keys, and what follows it under the new ones.
      try other.write(bytes(3))
      let answer = other.written()
      #expect(answer.count == 5 + 3 + 2 * TLSRecord.overhead)
      #expect(one.read(answer) == (bytes(3), .needsMore))
    }
  }

  @Test func aKeyHasItsMeasure() throws {
    let (one, other) = (
      try Side(.aes128, isFirst: true, sealed: TLSRecordLayer.recordsPerKey - 1),
      try Side(.aes128, isFirst: false, opened: TLSRecordLayer.recordsPerKey - 1)
    )
    for count in 1...3 {
      try one.write(bytes(count))
      let sealed = one.written()
      #expect(
        sealed.count == count + (count == 2 ? 5 + TLSRecord.overhead : 0) + TLSRecord.overhead)
      #expect(other.read(sealed) == (bytes(count), .needsMore))
    }
  }

  @Test(arguments: [false, true]) func whatBringsNothingIsLimited(isUpdate: Bool) throws {
    let (one, other) = (try Side(.aes128, isFirst: true), try Side(.aes128, isFirst: false))
    let send = {
      let isSealed =
        isUpdate
        ? one.layer.updateKeys(one.transport) : one.layer.seal(.applicationData, [], one.transport)
      #expect(isSealed)
    }
    for _ in 0..<TLSRecordLayer.maxIdleRecords { send() }
    #expect(other.read(one.written()).last == .needsMore)
    // Text in between begins the count anew.
    try one.write(bytes(1))
    for _ in 0..<TLSRecordLayer.maxIdleRecords { send() }
    #expect(other.read(one.written()) == (bytes(1), .needsMore))
    send()
    #expect(other.read(one.written()).last == .failed)
  }

  @Test func answersStopWhereNobodyReadsThem() throws {
    let (one, other) = (try Side(.aes128, isFirst: true), try Side(.aes128, isFirst: false))
    for _ in 0..<20 {
      #expect(one.layer.updateKeys(one.transport, wantsAnswer: true))
    }
    other.transport.outputLimit = 100
    #expect(other.read(one.written()).last == .needsMore)
    #expect(other.transport.output.count <= 100 + 5 + TLSRecord.overhead)
  }

  @Test func thePeersAlertIsTheReason() throws {
    let (one, other) = (try Side(.aes128, isFirst: true), try Side(.aes128, isFirst: false))
    #expect(one.layer.seal(.alert, [2, 42], one.transport))
    #expect(other.read(one.written()).last == .failed)
    #expect(other.layer.failure == "the peer's alert: bad certificate")
    #expect(other.written().isEmpty)
  }

  // MARK: Secrets

  @Test func secretsComeFromTheLinesOfTheKeyLog() {
    let secrets = TLSSecrets()
    #expect(!secrets.isComplete)
    secrets.note("EXPORTER_SECRET 00 5a5a")
    secrets.note("SERVER_HANDSHAKE_TRAFFIC_SECRET 00 5a5a")
    #expect(!secrets.isComplete)
    secrets.note("SERVER_TRAFFIC_SECRET_0 00 " + String(repeating: "aB", count: 32))
    #expect(!secrets.isComplete)
    secrets.note("CLIENT_TRAFFIC_SECRET_0 00 " + String(repeating: "09", count: 32))
    #expect(secrets.isComplete && secrets.byteCount == 32)
    // Of another length, with other letters, too long, half a byte.
    for digits in [
      "aa", "xyz", String(repeating: "aa", count: 49), String(repeating: "a", count: 63),
    ] {
      secrets.note("CLIENT_TRAFFIC_SECRET_0 00 " + digits)
      #expect(!secrets.isComplete)
    }
  }
}
