import SluiceReactor
import SluiceWire

/// The live sessions of one worker and their indexes. Touched by that worker only; others ask through
/// its mailbox.
final class SessionRegistry {
  private let loop: EventLoop
  private var table = SessionTable()
  private var byRoute = SessionIndex<String>(.route)
  private var byConsumer = SessionIndex<[UInt8]>(.consumer)
  private var byAddress = SessionIndex<IPAddress>(.address)
  /// Sessions with labels are few among many, and one may have several.
  private var byLabel: [SessionLabel: Set<UInt32>] = [:]

  init(loop: EventLoop) { self.loop = loop }

  var count: Int { table.count }

  subscript(id: SessionID) -> Session? { table.find(id, in: loop) }

  func count(ofRoute name: String) -> Int { byRoute.count(of: name) }

  func insert(_ session: Session) {
    table.insert(session)
    byRoute.insert(session, session.route.name)
    if let consumer = session.consumer { byConsumer.insert(session, consumer) }
    if let address = session.client.ip { byAddress.insert(session, address) }
    insertLabels(of: session)
  }

  /// After its labels have changed.
  func insertLabels(of session: Session) {
    for label in session.facts.labels { byLabel[label, default: []].insert(session.place) }
  }

  func remove(_ session: Session) {
    table.remove(session)
    byRoute.remove(session, session.route.name)
    if let consumer = session.consumer { byConsumer.remove(session, consumer) }
    if let address = session.client.ip { byAddress.remove(session, address) }
    removeLabels(of: session)
  }

  /// Before its labels change.
  func removeLabels(of session: Session) {
    for label in session.facts.labels {
      byLabel[label]?.remove(session.place)
      if byLabel[label]?.isEmpty == true { byLabel[label] = nil }
    }
  }

  // MARK: Queries

  /// A copy of references, so that sessions may end meanwhile.
  func all() -> [Session] {
    var sessions: [Session] = []
    sessions.reserveCapacity(count)
    forEach { sessions.append($0) }
    return sessions
  }

  /// Calls `body` for every session that the filter lets through, in no order. `body` must not open
  /// or end sessions; collect tokens for that. Costs what the narrowest index has.
  func forEach(matching filter: SessionFilter, now: MonotonicTime, _ body: (Session) -> Void) {
    func consider(_ session: Session) {
      if filter.matches(session, now: now) { body(session) }
    }
    if let label = filter.labels.first {
      let key = SessionLabel(name: Array(label.key.utf8), value: Array(label.value.utf8))
      for place in byLabel[key] ?? [] {
        if let session = Session.at(place, in: loop) { consider(session) }
      }
    } else if let consumer = filter.consumer {
      walk(byConsumer, Array(consumer.utf8), consider)
    } else if let address = filter.address, address.prefixLength == 128 {
      walk(byAddress, address.first, consider)
    } else if let route = filter.route {
      walk(byRoute, route, consider)
    } else {
      forEach(consider)
    }
  }

  /// How many sessions `forEach(matching:)` would look at.
  func candidates(for filter: SessionFilter) -> Int {
    if let label = filter.labels.first {
      let key = SessionLabel(name: Array(label.key.utf8), value: Array(label.value.utf8))
      return byLabel[key]?.count ?? 0
    }
    if let consumer = filter.consumer { return byConsumer.count(of: Array(consumer.utf8)) }
    if let address = filter.address, address.prefixLength == 128 {
      return byAddress.count(of: address.first)
    }
    return filter.route.map { byRoute.count(of: $0) } ?? count
  }

  /// Every session, in no order; the same rule for `body`.
  func forEach(_ body: (Session) -> Void) {
    var bucket = 0
    while bucket < table.bucketCount {
      forEach(inBucket: bucket, body)
      bucket += 1
    }
  }

  /// A part of all sessions, for walks that let others have their turns in between: sessions that are
  /// there from the first call to the last are met at least once when `cursor` goes from 0 until nil.
  ///
  /// A bucket that is split meanwhile gives its sessions to one behind every cursor so far.
  func forEach(from cursor: Int, limit: Int, _ body: (Session) -> Void) -> Int? {
    var bucket = cursor
    var left = limit
    while bucket < table.bucketCount, left > 0 {
      forEach(inBucket: bucket) {
        left -= 1
        body($0)
      }
      bucket += 1
      left -= 1
    }
    return bucket < table.bucketCount ? bucket : nil
  }

  private func forEach(inBucket bucket: Int, _ body: (Session) -> Void) {
    var place = table.first(in: bucket)
    while let session = Session.at(place, in: loop) {
      place = session.links.idNext
      body(session)
    }
  }

  private func walk<Key: Hashable>(
    _ index: SessionIndex<Key>, _ key: Key, _ body: (Session) -> Void
  ) {
    guard let start = index.start(of: key) else { return }
    var place = start.first
    for _ in 0..<start.count {
      guard let session = Session.at(place, in: loop) else { return }
      place = index.next(after: session)
      body(session)
    }
  }
}

extension SessionFilter {
  /// Costs a few comparisons for every condition that is given.
  func matches(_ session: Session, now: MonotonicTime) -> Bool {
    if let route, session.route.name != route { return false }
    if let service, session.service.name != service { return false }
    if let target, session.target.displayName != target { return false }
    if let consumer, session.consumer?.elementsEqual(consumer.utf8) != true {
      return false
    }
    if let address {
      guard let ip = session.client.ip, address.contains(ip) else { return false }
    }
    let age = now.nanoseconds(since: session.opened)
    if let minAge, age < minAge { return false }
    if let maxAge, age > maxAge { return false }
    if let idleFor, now.nanoseconds(since: session.lastActivity) < idleFor { return false }
    return labels.allSatisfy { name, value in
      session.facts.labels.contains {
        $0.name.elementsEqual(name.utf8) && $0.value.elementsEqual(value.utf8)
      }
    }
  }
}
