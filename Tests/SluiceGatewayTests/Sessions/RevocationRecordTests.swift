import Foundation
import SluiceWire
import Testing

@testable import SluiceGateway

/// The file that keeps revocations: its lines, what is left of it after a crash, and that it does not grow.
@Suite struct RevocationRecordTests {
  private func text(_ records: [RevocationRecord]) -> [UInt8] {
    var output = ByteBuffer()
    for record in records { record.append(to: &output) }
    return output.copiedBytes()
  }

  private func read(_ line: [UInt8]) -> RevocationRecord? { RevocationRecord(line.span) }

  private func replay(_ text: [UInt8]) throws -> RevocationReplay {
    try RevocationReplay(text.span)
  }

  private func revoked(_ id: UInt64, _ name: String = "alice") -> RevocationRecord {
    .revoked(id: id, .consumer(Array(name.utf8)), reason: "r", until: 1_789_000_000_000)
  }

  @Test func everyRecordIsReadAsItWasWritten() throws {
    let odd = Array("\"\\\u{1}\u{7f}é,}".utf8)
    for record in [
      RevocationRecord.began(lastID: .max), .takenBack(id: 0), .takenBack(id: .max),
      .revoked(id: 1, .consumer(odd), reason: "", until: 0),
      .revoked(id: .max, .credential([]), reason: "a\nb", until: .max),
      .revoked(id: 3, .tokenID(odd), reason: "\u{0}", until: 1),
      .revoked(id: 4, .subject(odd), reason: "é", until: 1),
    ] {
      let line = text([record])
      #expect(line.last == 0x0A && line.count { $0 == 0x0A } == 1)
      #expect(read(Array(line.dropLast())) == record)
    }
  }

  @Test(arguments: [
    "", "{}", "[]", "{\"id\":-1}", "{\"id\":\"1\"}", "{\"id\":1.5}",
    "{\"revocations\":2,\"last\":1}",
    "{\"revocations\":1}",
    "{\"id\":1,\"until\":1,\"by\":\"session\",\"value\":\"a\",\"reason\":\"\"}",
    "{\"id\":1,\"until\":1,\"by\":\"consumer\",\"value\":\"a\"}", "{\"id\":1,\"id\":2}",
    "{\"id\":1} x",
    "{\"id\":1,\"until\":18446744073709551615,\"by\":\"sub\",\"value\":\"a\",\"reason\":\"\"}",
  ])
  func whatIsNoRecordIsNone(line: String) {
    #expect(read(Array(line.utf8)) == nil)
  }

  /// Wherever the machine stops, what was whole by then counts and nothing else.
  @Test func everyBeginningOfAFileIsReadOrRefused() throws {
    let records = [
      RevocationRecord.began(lastID: 4), revoked(5), revoked(6, "bob"), .takenBack(id: 5),
      revoked(9, "carol"),
    ]
    let whole = text(records)
    #expect(try replay(whole).records.keys.sorted() == [6, 9])
    for end in 0...whole.count {
      let part = Array(whole[..<end])
      let lines = part.count { $0 == 0x0A }
      if lines == 0 && end > 0 {
        // A file that was never whole is nobody's.
        #expect(throws: RevocationReplay.Problem(line: 1)) { try replay(part) }
        continue
      }
      let found = try replay(part)
      let ids: [[UInt64]] = [[], [], [5], [5, 6], [6], [6, 9]]
      #expect(found.records.keys.sorted() == ids[lines])
      #expect(found.lastID == [0, 4, 5, 6, 6, 9][lines])
    }
  }

  @Test func whatWasReplacedDoesNotComeBack() throws {
    let longer = RevocationRecord.revoked(
      id: 2, .consumer(Array("alice".utf8)), reason: "", until: 1_900_000_000_000)
    let whole = text([.began(lastID: 1), longer, revoked(3), .takenBack(id: 3)])
    #expect(try replay(whole).records.isEmpty)
  }

  @Test func aLineInTheMiddleThatIsNoneIsAnError() {
    let broken = text([.began(lastID: 1), revoked(2)]) + Array("{\"id\n".utf8) + text([revoked(3)])
    #expect(throws: RevocationReplay.Problem(line: 3)) { try replay(broken) }
    let headless = text([revoked(2)])
    #expect(throws: RevocationReplay.Problem(line: 1)) { try replay(headless) }
  }

  @Test func theFileDoesNotGrowForEver() throws {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "revocations-\(UUID().uuidString)").path
    defer { for end in ["", ".lock"] { try? FileManager.default.removeItem(atPath: path + end) } }
    do {
      let (file, empty) = try RevocationFile.open(path, spare: 16)
      #expect(empty == RevocationReplay())
      for id in 1...(200 as UInt64) {
        let isThere = file.add(revoked(id)) { [revoked(id)] }
        #expect(isThere)
      }
      // What is taken back last is not the last number.
      let isThere = file.add(.takenBack(id: 3)) { [revoked(200)] }
      #expect(isThere)
    }
    let size = try #require(
      try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    #expect(size < 40 * 100)
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    let (_, last) = try RevocationFile.open(path)
    #expect(last.lastID == 200)
    #expect(last.records[200] == revoked(200))
  }
}
