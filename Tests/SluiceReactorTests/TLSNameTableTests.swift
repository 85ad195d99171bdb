import Testing

@testable import SluiceReactor

@Suite struct TLSNameTableTests {
  private func group(_ table: TLSNameTable, _ name: String) -> [Int]? {
    table.group(of: name).map { table.groups[$0] }
  }

  @Test func exactNamesComeBeforeWildcards() {
    let table = TLSNameTable([
      (names: ["*.a.test"], keyKind: 1), (names: ["b.a.test"], keyKind: 1),
    ])
    #expect(group(table, "b.a.test") == [1])
    #expect(group(table, "c.a.test") == [0])
    #expect(group(table, "C.A.TEST.") == [0])
    #expect(group(table, "d.c.a.test") == nil)
    #expect(group(table, "a.test") == nil)
    #expect(group(table, ".a.test") == nil)
    #expect(group(table, "") == nil)
    #expect(table.groups[0] == [0])
  }

  @Test func oneOfEachKindServesAName() {
    let table = TLSNameTable([
      (names: ["a.test", "b.test"], keyKind: 1), (names: ["a.test"], keyKind: 2),
      (names: ["a.test"], keyKind: 2),
    ])
    #expect(group(table, "a.test") == [0, 1])
    #expect(group(table, "b.test") == [0])
    // The fallback is what serves the first name of the first certificate.
    #expect(table.groups[0] == [0, 1])
  }

  @Test func aCertificateWithoutNamesServesWhoNamesNobody() {
    let table = TLSNameTable([(names: [], keyKind: 1), (names: ["a.test"], keyKind: 1)])
    #expect(table.groups[0] == [0])
    #expect(group(table, "a.test") == [1])
    #expect(group(table, "x.test") == nil)
  }
}

@Suite struct TLSTicketKeyTests {
  private let half = TLSTicketKeys.lifetime / 2

  @Test func aKeySealsForHalfALifetimeAndOpensForOneMore() throws {
    let keys = TLSTicketKeys()
    let first = try #require(keys.sealing(now: 1_000))
    #expect(keys.sealing(now: 1_000 + half - 1)?.name == first.name)
    #expect(keys.opening(name: first.name, now: 1_000 + half - 1)?.isOld == false)
    let second = try #require(keys.sealing(now: 1_000 + half))
    #expect(second.name != first.name)
    let end = 1_000 + half + TLSTicketKeys.lifetime
    #expect(keys.opening(name: first.name, now: end - 1)?.isOld == true)
    #expect(keys.opening(name: first.name, now: end) == nil)
  }

  @Test func keysAreFewWhateverHappens() {
    let keys = TLSTicketKeys()
    for turn in 0..<100 { _ = keys.sealing(now: turn * half) }
    #expect(keys.count <= 4)
    #expect(keys.opening(name: [UInt8](repeating: 0, count: 16), now: 100 * half) == nil)
  }
}
