import SluiceReactor
import Testing

@testable import SluiceGateway

@Suite struct RevocationTableTests {
  private func time(_ seconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: seconds * 1_000_000_000)
  }

  private func revocation(_ id: UInt64, _ name: String, until end: Int64) -> Revocation {
    Revocation(
      id: id, what: .consumer(Array(name.utf8)), reason: "", expires: time(end))
  }

  @Test func whatIsInItIsRevokedUntilItsEnd() {
    var table = RevocationTable()
    #expect(table.isEmpty)
    let isIn = table.insert(revocation(1, "alice", until: 10))
    #expect(isIn)
    #expect(!table.isEmpty)
    let alice = Identity(consumer: Array("alice".utf8))
    #expect(table.revokes(alice, now: time(9)))
    #expect(!table.revokes(alice, now: time(10)))
    #expect(!table.revokes(Identity(consumer: []), now: time(1)))
    #expect(!table.revokes(.credential(Array("alice".utf8)), now: time(1)))
    table.removeExpired(now: time(9))
    #expect(table.nextEnd == time(10))
    table.removeExpired(now: time(10))
    #expect(table.isEmpty && table.nextEnd == nil)
  }

  @Test func theSameThingAgainHasItsNewTimeOnly() {
    var table = RevocationTable()
    _ = table.insert(revocation(1, "alice", until: 10))
    _ = table.insert(revocation(2, "alice", until: 5))
    #expect(table.all.map(\.id) == [2])
    let former = table.remove(1)
    #expect(former == nil)
    table.removeExpired(now: time(5))
    #expect(table.isEmpty)
  }

  @Test func onesWithTheSameEndAreApart() {
    var table = RevocationTable()
    for id in UInt64(1)...5 { _ = table.insert(revocation(id, "c\(id)", until: 7)) }
    let removed = table.remove(3)
    #expect(removed?.id == 3)
    #expect(table.all.map(\.id) == [1, 2, 4, 5])
    table.removeExpired(now: time(7))
    #expect(table.isEmpty)
  }

  @Test func itIsBounded() {
    var table = RevocationTable()
    var isIn = true
    for id in 0..<UInt64(RevocationTable.maxEntries) {
      isIn = isIn && table.insert(revocation(id, "c\(id)", until: 100))
    }
    #expect(isIn && table.count == RevocationTable.maxEntries)
    isIn = table.insert(revocation(1_000_000, "one more", until: 100))
    #expect(!isIn)
    // What is in it may get another time.
    isIn = table.insert(revocation(1_000_001, "c5", until: 50))
    #expect(isIn)
    table.removeExpired(now: time(50))
    isIn = table.insert(revocation(1_000_002, "one more", until: 100))
    #expect(isIn)
  }
}
