import SluiceReactor
import SluiceWire

/// Counts open sessions for the limits that hold in the whole process.
///
/// Handshakes ask it, and only on routes that have such limits; messages never do. Thread-safe by a
/// lock that is held for a few look-ups.
final class SessionAdmission: Sendable {
  enum Key: Hashable, Sendable {
    case process
    case route(String)
    case address(route: String, IPAddress)
    case consumer(route: String, [UInt8])
  }

  struct Limit: Sendable {
    let key: Key
    let most: Int
  }

  private struct Counts: ~Copyable {
    var open: [Key: Int] = [:]
    /// By route: when the next session may open if they come evenly (GCRA's arrival time).
    var arrivals: [String: MonotonicTime] = [:]
  }

  private let counts = Locked(Counts())

  /// A place under every limit, or none under any: nil when one of them is full.
  func admit(_ limits: [Limit]) -> SessionTicket? {
    let isAdmitted = counts.withLock { counts in
      for limit in limits where counts.open[limit.key, default: 0] >= limit.most { return false }
      for limit in limits { counts.open[limit.key, default: 0] += 1 }
      return true
    }
    return isAdmitted ? SessionTicket(admission: self, keys: limits.map(\.key)) : nil
  }

  /// Gives the places back; once for each ticket.
  fileprivate func release(_ keys: [Key]) {
    counts.withLock { counts in
      for key in keys {
        let open = counts.open[key, default: 0] - 1
        counts.open[key] = open > 0 ? open : nil
      }
    }
  }

  /// Whether one more session of the route may open now, when `perSecond` may: the generic cell rate
  /// algorithm with a burst of one second (ITU-T I.371).
  func mayOpen(route: String, perSecond: Int, now: MonotonicTime) -> Bool {
    let interval = 1_000_000_000 / Int64(perSecond)
    return counts.withLock { counts in
      let arrival = max(counts.arrivals[route] ?? now, now)
      if arrival.nanoseconds(since: now) > 1_000_000_000 - interval { return false }
      counts.arrivals[route] = arrival.advanced(byNanoseconds: interval)
      return true
    }
  }
}

/// A session's place under the limits; given back once. A class, because most sessions have none.
final class SessionTicket: Sendable {
  private let admission: SessionAdmission
  private let keys: [SessionAdmission.Key]

  fileprivate init(admission: SessionAdmission, keys: [SessionAdmission.Key]) {
    self.admission = admission
    self.keys = keys
  }

  func release() { admission.release(keys) }
}
