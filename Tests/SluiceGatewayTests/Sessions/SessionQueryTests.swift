import Testing

@testable import SluiceGateway

/// Pages of sessions, against sorting all of them.
@Suite struct SessionQueryTests {
  private struct Entry: Equatable {
    let value: Int64
    let id: SessionID
  }

  private static func entries(
    _ count: Int, values: Int64, _ random: inout SplitMix64
  ) -> [Entry] {
    (0..<count).map { _ in
      Entry(
        value: Int64(random.next() % UInt64(values)) - values / 2,
        id: SessionID(high: random.next(), low: random.next()))
    }
  }

  private static func builder(_ entries: [Entry], _ query: SessionQuery) -> SessionPageBuilder {
    var builder = SessionPageBuilder(query)
    for entry in entries where builder.wants(entry.id, value: entry.value) {
      builder.insert(SessionInfo(id: entry.id), value: entry.value)
    }
    return builder
  }

  private static func sorted(_ entries: [Entry], _ sort: SessionSort) -> [SessionID] {
    let ascending = entries.sorted {
      ($0.value, $0.id.high, $0.id.low) < ($1.value, $1.id.high, $1.id.low)
    }
    return (sort.isDescending ? ascending.reversed() : ascending).map(\.id)
  }

  /// All pages, each from entries that are spread over workers.
  private static func walk(_ entries: [Entry], _ query: SessionQuery, workers: Int) -> [SessionID] {
    var query = query
    var ids: [SessionID] = []
    repeat {
      var whole = SessionPageBuilder(query)
      for worker in 0..<workers {
        let own = entries.enumerated().filter { $0.offset % workers == worker }.map(\.element)
        whole.merge(builder(own, query))
      }
      let page = whole.page()
      ids += page.sessions.map(\.id)
      query.cursor = page.next
    } while query.cursor != nil
    return ids
  }

  @Test(arguments: [("opened", 5, 1), ("-opened", 7, 3), ("messages", 1, 2), ("-bytes", 1_000, 4)])
  func pagesAreTheSortedList(sort: String, limit: Int, workers: Int) throws {
    var random = SplitMix64(seed: 7)
    var query = SessionQuery()
    query.sort = try #require(SessionSort(sort))
    query.limit = limit
    for count in [0, 1, limit, limit + 1, 60] {
      // Few values, so that many places differ by id alone.
      let entries = Self.entries(count, values: 4, &random)
      #expect(
        Self.walk(entries, query, workers: workers) == Self.sorted(entries, query.sort), "\(count)")
    }
  }

  @Test func whatComesAndGoesBetweenPagesShiftsNoOther() throws {
    var random = SplitMix64(seed: 11)
    var entries = Self.entries(30, values: 1_000, &random)
    var query = SessionQuery()
    query.sort = SessionSort(.opened)
    query.limit = 10
    let first = Self.builder(entries, query).page()
    let expected = Array(Self.sorted(entries, query.sort)[10..<20])
    // Everything of the first page ends, the cursor's own session included.
    let gone = Set(first.sessions.map(\.id))
    entries.removeAll { gone.contains($0.id) }
    query.cursor = first.next
    #expect(Self.builder(entries, query).page().sessions.map(\.id) == expected)
  }

  @Test(arguments: SessionSortKey.allCases.flatMap { [$0.rawValue, "-\($0.rawValue)"] })
  func cursorsAreText(sort: String) throws {
    let sort = try #require(SessionSort(sort))
    for value in [Int64.min, -1, 0, 1, .max] {
      let cursor = SessionCursor(
        sort: sort, place: SessionPlace(value: value, id: SessionID(high: .max, low: 1)))
      #expect(SessionCursor(cursor.text) == cursor)
      #expect(cursor.text.utf8.allSatisfy { !"%&=+ #?/".utf8.contains($0) })
    }
  }

  @Test(arguments: [
    "", "id", "id~0", "id~0~x", "id~x~AAAAAAAAAAAAAAAAAAAAAA", "age~0~AAAAAAAAAAAAAAAAAAAAAA",
    "id~0~AAAAAAAAAAAAAAAAAAAAAA~", "id~0~zzzzzzzzzzzzzzzzzzzzzz",
  ])
  func otherTextIsNoCursor(text: String) { #expect(SessionCursor(text) == nil) }
}
