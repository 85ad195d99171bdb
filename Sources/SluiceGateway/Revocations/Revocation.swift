public import SluiceReactor

/// Trust that was taken back before its time.
public struct Revocation: Sendable, Equatable {
  /// What is not trusted any more.
  public enum What: Hashable, Sendable {
    case consumer([UInt8])
    /// By the name that targets and logs see, never by the secret.
    case credential([UInt8])
    /// The claim `jti` of a token.
    case tokenID([UInt8])
    /// The claim `sub` of a token.
    case subject([UInt8])
    case session(SessionID)
  }

  /// Never used twice by this process, nor, but for those of sessions, by others that have the same file after it.
  public let id: UInt64
  public let what: What
  public var reason: String
  public var expires: MonotonicTime
}

/// Which revocations are in force; pure. The same in the gateway's list and on every worker.
///
/// Bounded by `maxEntries`: whoever revokes is the operator, but the list is only as good as its memory.
struct RevocationTable {
  static let maxEntries = 100_000

  private var entries: [Revocation.What: Revocation] = [:]
  private var things: [UInt64: Revocation.What] = [:]
  /// By the time of their end.
  private var ends: [(time: MonotonicTime, id: UInt64)] = []

  /// What a request looks at first: nothing is looked up while nothing is revoked.
  private(set) var isEmpty = true

  var count: Int { entries.count }
  /// Oldest first.
  var all: [Revocation] { entries.values.sorted { $0.id < $1.id } }
  /// When the first of them is over.
  var nextEnd: MonotonicTime? { ends.first?.time }

  subscript(what: Revocation.What) -> Revocation? { entries[what] }

  /// Takes the place of what was said about the same thing. False when the table is full.
  mutating func insert(_ revocation: Revocation) -> Bool {
    if let former = entries[revocation.what] {
      _ = remove(former.id)
    } else if entries.count >= Self.maxEntries {
      return false
    }
    entries[revocation.what] = revocation
    things[revocation.id] = revocation.what
    ends.insert((revocation.expires, revocation.id), at: place(revocation.expires, revocation.id))
    isEmpty = false
    return true
  }

  mutating func remove(_ id: UInt64) -> Revocation? {
    guard let what = things.removeValue(forKey: id),
      let revocation = entries.removeValue(forKey: what)
    else { return nil }
    ends.remove(at: place(revocation.expires, id))
    isEmpty = entries.isEmpty
    return revocation
  }

  mutating func removeExpired(now: MonotonicTime) {
    let over = ends.prefix { $0.time <= now }
    for end in over {
      if let what = things.removeValue(forKey: end.id) { entries[what] = nil }
    }
    ends.removeFirst(over.count)
    isEmpty = entries.isEmpty
  }

  /// Where this end belongs, or is.
  private func place(_ time: MonotonicTime, _ id: UInt64) -> Int {
    var (low, high) = (0, ends.count)
    while low < high {
      let middle = (low + high) / 2
      if (ends[middle].time, ends[middle].id) < (time, id) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }

  // MARK: Asking

  func revokes(_ what: Revocation.What, now: MonotonicTime) -> Bool {
    entries[what].map { $0.expires > now } ?? false
  }

  /// Costs a look-up for each name that the identity has.
  func revokes(_ identity: Identity, now: MonotonicTime) -> Bool {
    func isTakenBack(_ name: [UInt8], _ what: ([UInt8]) -> Revocation.What) -> Bool {
      !name.isEmpty && revokes(what(name), now: now)
    }
    return isTakenBack(identity.consumer, Revocation.What.consumer)
      || isTakenBack(identity.credential, Revocation.What.credential)
      || isTakenBack(identity.proof.tokenID, Revocation.What.tokenID)
      || isTakenBack(identity.proof.subject, Revocation.What.subject)
  }
}

extension Revocation.What {
  /// Whether this is said of the session or of anybody who proved something for it.
  func concerns(_ session: Session) -> Bool {
    if case .session(let id) = self { return session.id == id }
    return session.isProved(by: { concerns($0) })
  }

  private func concerns(_ identity: Identity) -> Bool {
    switch self {
    case .consumer(let name): identity.consumer == name
    case .credential(let name): identity.credential == name
    case .tokenID(let name): identity.proof.tokenID == name
    case .subject(let name): identity.proof.subject == name
    case .session: false
    }
  }
}
