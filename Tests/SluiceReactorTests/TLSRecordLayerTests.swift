import SluiceWire
import Testing

@testable import SluiceReactor

/// Two record layers over memory, with the secrets the other way around.
@Suite struct TLSRecordLayerTests {
  static let suites: [TLSCiphers.Suite] = [.aes128, .aes256, .chacha20]

  private typealias Side = RecordSide

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

  /// The first record of two layers that count differently can't be opened.
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
    try one.write(bytes(20))
    let sealed = one.written()
    #expect(other.peek(Array(sealed[..<9])) == .needsMore)
    #expect(other.layer.hasPartOfRecord)
    #expect(other.peek(Array(sealed[9...])) == .bytes(1))
    #expect(other.peek([]) == .bytes(1))
    #expect(other.read([]) == (bytes(20), .needsMore))
    one.layer.writeNotice(one.transport)
    #expect(other.peek(one.written()) == .end)
  }

  // MARK: Ends

  /// RFC 8446 6.1: what comes behind a close_notify is ignored, also by who only looks.
  @Test func nothingComesBehindThePeersEnd() throws {
    let one = try Side(.aes128, isFirst: true)
    try one.write(bytes(3))
    #expect(one.layer.seal(.alert, [1, 0], one.transport))
    let end = one.transport.output.count
    try one.write(bytes(9))
    let sealed = one.written()
    for split in end...sealed.count {
      let other = try Side(.aes128, isFirst: false)
      #expect(other.read(Array(sealed[..<split])) == (bytes(3), .end))
      #expect(other.peek(Array(sealed[split...])) == .end)
      #expect(other.read(Array(sealed[split...])) == ([], .end))
      #expect(other.read(Array(sealed[..<split])) == ([], .end))
      #expect(!other.layer.hasPlaintext && !other.layer.hasPartOfRecord)
      #expect(other.written().isEmpty && other.layer.failure == nil)
    }
    let peeking = try Side(.aes128, isFirst: false)
    #expect(peeking.peek(sealed) == .bytes(1))
    #expect(peeking.read([]) == (bytes(3), .needsMore))
    #expect(peeking.peek(Array(sealed[(3 + TLSRecord.overhead)...])) == .end)
    #expect(peeking.peek(sealed) == .end)
  }

  /// Nor is anything sealed behind ours: no answer to an update, no alert, no text.
  @Test func nothingIsSaidBehindOurEnd() throws {
    let (one, other) = (try Side(.aes128, isFirst: true), try Side(.aes128, isFirst: false))
    other.layer.writeNotice(other.transport)
    #expect(one.read(other.written()).last == .end)
    #expect(one.layer.updateKeys(one.transport, wantsAnswer: true))
    try one.write(bytes(4))
    // The peer's next keys are taken nevertheless.
    #expect(other.read(one.written()) == (bytes(4), .needsMore))
    #expect(!bytes(4).withUnsafeBytes { other.layer.write($0, other.transport) })
    #expect(other.read([0x47]).last == .failed)
    #expect(other.layer.failure == "unexpected message")
    #expect(other.written().isEmpty)
  }

  /// What a header announces need never come.
  @Test func memoryGrowsWithWhatArrives() throws {
    let (one, other) = (try Side(.aes128, isFirst: true), try Side(.aes128, isFirst: false))
    try one.write(bytes(16_384))
    let sealed = one.written()
    #expect(other.read(Array(sealed[..<6])).last == .needsMore)
    for at in 6..<sealed.count - 1 {
      #expect(other.read([sealed[at]]).last == .needsMore)
      #expect(other.layer.partial.allocatedBytes <= max(64, 2 * (at + 1)))
    }
    #expect(other.read([sealed[sealed.count - 1]]) == (bytes(16_384), .needsMore))
    #expect(other.layer.partial.allocatedBytes == 0)
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

  /// A byte of text does not earn a new key, 4 KB do.
  @Test func updatesCostText() throws {
    let (one, other) = (try Side(.aes128, isFirst: true), try Side(.aes128, isFirst: false))
    let turn = { (count: Int) in
      #expect(one.layer.updateKeys(one.transport))
      try one.write(bytes(count))
      return other.read(one.written())
    }
    for _ in 0..<200 {
      let text = bytes(TLSRecordLayer.textPerUpdate)
      #expect(try turn(text.count) == (text, .needsMore))
    }
    // The first of them is paid with the text of the last.
    for _ in 0..<TLSRecordLayer.maxUpdates { #expect(try turn(1) == (bytes(1), .needsMore)) }
    #expect(try turn(1) == ([], .failed))
    #expect(other.layer.failure == "unexpected message")
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
}
