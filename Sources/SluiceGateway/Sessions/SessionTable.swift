import SluiceReactor

/// Finds sessions by id: linear hashing (Litwin, 1980) over the sessions' own links.
///
/// Ids are random, so they are their own hashes. The table grows by one bucket with every session
/// instead of doubling at once: no session's opening waits for a million others to be moved. It costs
/// four bytes a session here and four in the session, and never shrinks. One worker's.
struct SessionTable {
  /// Places in the loop (`HandlerToken.index`); `SessionLinks.none` for an empty bucket.
  private var buckets: [UInt32] = [SessionLinks.none]
  /// Buckets below were split already in this round; a round ends when the number has doubled.
  private var splitAt = 0
  /// The number of buckets when the round began, a power of two.
  private var roundSize = 1
  private(set) var count = 0

  var bucketCount: Int { buckets.count }

  private func bucket(of id: SessionID) -> Int {
    let hash = Int(truncatingIfNeeded: id.low)
    let index = hash & (roundSize - 1)
    return index < splitAt ? hash & (2 * roundSize - 1) : index
  }

  /// The first session of a bucket; the others follow by `idNext`.
  func first(in bucket: Int) -> UInt32 { buckets[bucket] }

  func find(_ id: SessionID, in loop: EventLoop) -> Session? {
    var place = buckets[bucket(of: id)]
    while let session = Session.at(place, in: loop) {
      if session.id == id { return session }
      place = session.links.idNext
    }
    return nil
  }

  mutating func insert(_ session: Session) {
    let bucket = bucket(of: session.id)
    session.links.idNext = buckets[bucket]
    buckets[bucket] = session.place
    count += 1
    if count > buckets.count { split(in: session.loop) }
  }

  mutating func remove(_ session: Session) {
    let bucket = bucket(of: session.id)
    var place = buckets[bucket]
    if place == session.place {
      buckets[bucket] = session.links.idNext
      count -= 1
      return
    }
    while let other = Session.at(place, in: session.loop) {
      if other.links.idNext == session.place {
        other.links.idNext = session.links.idNext
        count -= 1
        return
      }
      place = other.links.idNext
    }
  }

  /// Deals one bucket's sessions out to it and its new sibling.
  private mutating func split(in loop: EventLoop) {
    let old = splitAt
    var place = buckets[old]
    buckets[old] = SessionLinks.none
    buckets.append(SessionLinks.none)
    splitAt += 1
    if splitAt == roundSize {
      splitAt = 0
      roundSize *= 2
    }
    while let session = Session.at(place, in: loop) {
      place = session.links.idNext
      let bucket = bucket(of: session.id)
      session.links.idNext = buckets[bucket]
      buckets[bucket] = session.place
    }
  }
}
