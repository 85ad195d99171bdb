import SluiceReactor
import SluiceWire

/// What a list of sessions is sorted by. Keys are absolute (a time, not an age), so that a session's
/// place changes only when something happens on it.
public enum SessionSortKey: String, CaseIterable, Sendable {
  /// By id, which is random: the cheapest order that is always the same.
  case id
  /// When it opened.
  case opened
  /// When anything last passed: in ascending order the longest idle come first.
  case active
  /// Messages of both directions.
  case messages
  /// Payload bytes of both directions.
  case bytes
  /// Bytes that wait for either side.
  case backlog
  /// The latest ping round trip; without one, as if it were shortest.
  case rtt
}

public struct SessionSort: Hashable, Sendable {
  public var key: SessionSortKey
  public var isDescending: Bool

  public init(_ key: SessionSortKey, isDescending: Bool = false) {
    self.key = key
    self.isDescending = isDescending
  }

  /// Reads `opened` or, descending, `-opened`.
  public init?(_ text: String) {
    let isDescending = text.hasPrefix("-")
    guard let key = SessionSortKey(rawValue: isDescending ? String(text.dropFirst()) : text) else {
      return nil
    }
    self.init(key, isDescending: isDescending)
  }

  public var text: String { (isDescending ? "-" : "") + key.rawValue }

  /// The value that a session is sorted by.
  func value(of session: Session) -> Int64 {
    let (client, upstream) = (session.fromClient.follower, session.fromUpstream.follower)
    switch key {
    case .id: return 0
    case .opened: return session.opened.nanoseconds
    case .active: return session.lastActivity.nanoseconds
    case .messages: return Int64(clamping: client.messages &+ upstream.messages)
    case .bytes: return Int64(clamping: client.payloadBytes &+ upstream.payloadBytes)
    case .backlog: return Int64(session.downstream.backlog + session.upstream.backlog)
    case .rtt: return Int64(session.roundTrip)
    }
  }
}

/// A place in a sorted list of sessions, from one page to the next. It names no session that must
/// still be there: the next page begins behind the place.
public struct SessionCursor: Hashable, Sendable {
  public let sort: SessionSort
  let place: SessionPlace

  init(sort: SessionSort, place: SessionPlace) {
    self.sort = sort
    self.place = place
  }

  /// Needs no escaping in a URL.
  public var text: String { "\(sort.text)~\(place.value)~\(place.id)" }

  public init?(_ text: String) {
    let parts = text.split(separator: "~", omittingEmptySubsequences: false)
    guard parts.count == 3, let sort = SessionSort(String(parts[0])), let value = Int64(parts[1]),
      let id = SessionID(parts[2])
    else { return nil }
    self.init(sort: sort, place: SessionPlace(value: value, id: id))
  }
}

/// Sorted value and, where that is equal, id: every session has a place of its own.
struct SessionPlace: Hashable, Comparable, Sendable {
  let value: Int64
  let id: SessionID

  static func < (left: SessionPlace, right: SessionPlace) -> Bool {
    (left.value, left.id.high, left.id.low) < (right.value, right.id.high, right.id.low)
  }

  func isBefore(_ other: SessionPlace, _ sort: SessionSort) -> Bool {
    sort.isDescending ? other < self : self < other
  }
}

public struct SessionQuery: Sendable {
  public var filter = SessionFilter()
  public var sort = SessionSort(.id)
  /// Sessions on a page, at least 1.
  public var limit = 100
  /// Where the page before ended; of the same sort.
  public var cursor: SessionCursor?

  public init() {}
}

public struct SessionPage: Sendable {
  public var sessions: [SessionInfo] = []
  /// Nil on the last page.
  public var next: SessionCursor?

  public init() {}
}

/// Keeps the first `limit` sessions behind the cursor of all that it is shown, in any order: what
/// one worker contributes to a page. One more is kept, to know whether there is a next page.
public struct SessionPageBuilder: Sendable {
  private let query: SessionQuery
  private var entries: [(place: SessionPlace, info: SessionInfo)] = []

  public init(_ query: SessionQuery) { self.query = query }

  /// Whether the session would be on the page; asked before a copy of it is made.
  public func wants(_ id: SessionID, value: Int64) -> Bool {
    let place = SessionPlace(value: value, id: id)
    if let cursor = query.cursor, !cursor.place.isBefore(place, query.sort) { return false }
    guard entries.count > query.limit, let last = entries.last else { return true }
    return place.isBefore(last.place, query.sort)
  }

  /// Only after `wants` said yes.
  public mutating func insert(_ info: SessionInfo, value: Int64) {
    let place = SessionPlace(value: value, id: info.id)
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].place.isBefore(place, query.sort) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    entries.insert((place, info), at: low)
    if entries.count > query.limit + 1 { entries.removeLast() }
  }

  public mutating func merge(_ other: SessionPageBuilder) {
    for entry in other.entries where wants(entry.info.id, value: entry.place.value) {
      insert(entry.info, value: entry.place.value)
    }
  }

  public func page() -> SessionPage {
    var page = SessionPage()
    page.sessions = entries.prefix(query.limit).map(\.info)
    if entries.count > query.limit, query.limit > 0 {
      page.next = SessionCursor(sort: query.sort, place: entries[query.limit - 1].place)
    }
    return page
  }
}
