import Testing

@testable import SluiceReactor

@Suite struct TLSRecordTests {
  private func frame(_ bytes: [UInt8]) -> TLSRecord.Frame {
    bytes.withUnsafeBytes { TLSRecord.frame($0) }
  }

  private func message(_ bytes: [UInt8]) -> TLSRecord.Message {
    bytes.withUnsafeBytes { TLSRecord.message($0) }
  }

  // MARK: Headers

  @Test func aHeaderSaysHowLongItsRecordIs() {
    #expect(frame([23, 3, 3, 0, 17]) == .record(17))
    #expect(frame([23, 3, 1, 0x41, 0]) == .record(16_640))
    #expect(frame([23, 3, 3, 0x12, 0x34, 9, 9]) == .record(0x1234))
  }

  @Test func aHeaderIsWaitedFor() {
    #expect(frame([]) == .needsMore)
    for count in 1..<5 { #expect(frame(Array([23, 3, 3, 0, 17][..<count])) == .needsMore) }
  }

  @Test func whatIsNoSealedRecordIsRefused() {
    // An alert, a handshake message and a change of ciphers in clear text, and HTTP.
    for type: UInt8 in [21, 22, 20, 0x47, 0, 24] {
      #expect(frame([type]) == .refused(.unexpectedMessage))
      #expect(frame([type, 3, 3, 0, 20]) == .refused(.unexpectedMessage))
    }
    #expect(frame([23, 2, 3, 0, 20]) == .refused(.unexpectedMessage))
    #expect(frame([23, 3, 3, 0x41, 1]) == .refused(.recordOverflow))
    #expect(frame([23, 3, 3, 0xFF, 0xFF]) == .refused(.recordOverflow))
    #expect(frame([23, 3, 3, 0, 16]) == .refused(.decodeError))
    #expect(frame([23, 3, 3, 0, 0]) == .refused(.decodeError))
  }

  @Test func wholeRecordsAreCounted() {
    let record = [23, 3, 3, 0, 17] + [UInt8](repeating: 1, count: 17)
    let count = { (bytes: [UInt8]) in bytes.withUnsafeBytes { TLSRecord.count(in: $0) } }
    #expect(count([]) == 0)
    #expect(count(record) == 1)
    #expect(count(record + record) == 2)
    for end in 1..<record.count { #expect(count(record + record[..<end]) == nil) }
    #expect(count([22, 3, 3, 0, 17] + record[5...]) == nil)
  }

  // MARK: Content

  @Test func paddingIsLeftOut() {
    #expect(message([1, 2, 3, 23]) == .text(3))
    #expect(message([1, 0, 0, 23, 0, 0, 0]) == .text(3))
    #expect(message([23]) == .text(0))
    #expect(message([23, 0, 0]) == .text(0))
    #expect(message([23, 23, 0]) == .text(1))
  }

  @Test func contentWithoutATypeIsRefused() {
    for bytes: [UInt8] in [[], [0], [0, 0, 0], [1, 2, 20], [1, 24], [9, 1], [1, 255]] {
      #expect(message(bytes) == .refused(.unexpectedMessage))
    }
  }

  @Test func moreThanARecordsTextIsRefused() {
    let text = [UInt8](repeating: 7, count: TLSRecord.maxText)
    #expect(message(text + [23]) == .text(TLSRecord.maxText))
    #expect(message(text + [7, 23]) == .refused(.recordOverflow))
    // Padding counts (RFC 8446 5.4).
    let zeros = [UInt8](repeating: 0, count: TLSRecord.maxText)
    #expect(message([23] + zeros) == .text(0))
    #expect(message([7, 23] + zeros) == .refused(.recordOverflow))
    #expect(message([1, 0, 21] + zeros) == .refused(.recordOverflow))
    #expect(message(zeros + [0, 0]) == .refused(.recordOverflow))
  }

  @Test func alerts() {
    #expect(message([1, 0, 21]) == .closeNotify)
    #expect(message([2, 0, 21, 0, 0]) == .closeNotify)
    #expect(message([1, 90, 21]) == .ignored)
    #expect(message([2, 20, 21]) == .failed(20))
    #expect(message([1, 112, 21]) == .failed(112))
    // An empty one is no alert at all (RFC 8446 5.4).
    for bytes: [UInt8] in [[21], [21, 0, 0]] {
      #expect(message(bytes) == .refused(.unexpectedMessage))
    }
    for bytes: [UInt8] in [[1, 21], [1, 0, 1, 21]] {
      #expect(message(bytes) == .refused(.decodeError))
    }
  }

  @Test func handshakeMessages() {
    #expect(message([24, 0, 0, 1, 0, 22]) == .keyUpdate(wantsAnswer: false))
    #expect(message([24, 0, 0, 1, 1, 22, 0]) == .keyUpdate(wantsAnswer: true))
    #expect(message([24, 0, 0, 1, 2, 22]) == .refused(.decodeError))
    #expect(message([24, 0, 0, 2, 1, 22]) == .refused(.decodeError))
    #expect(message([24, 1, 0, 1, 1, 22]) == .refused(.decodeError))
    #expect(message([24, 0, 1, 1, 1, 22]) == .refused(.decodeError))
    // In pieces, with another behind it, and a ClientHello: renegotiation is none of TLS 1.3.
    #expect(message([24, 0, 22]) == .refused(.decodeError))
    #expect(message([24, 0, 0, 1, 0, 24, 0, 0, 1, 0, 22]) == .refused(.unexpectedMessage))
    #expect(message([1, 0, 0, 1, 0, 22]) == .refused(.unexpectedMessage))
    #expect(message([22]) == .refused(.unexpectedMessage))
  }
}
