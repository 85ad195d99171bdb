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
    case label(route: String, SessionLabel)
  }

  struct Limit: Sendable {
    let key: Key
    let most: Int
  }

  /// So many new sessions per second.
  struct Pace: Sendable {
    let key: Key
    let perSecond: Int
  }

  private struct Counts: ~Copyable {
    var open: [Key: Int] = [:]
    /// When the next session may open if they come evenly (GCRA's arrival time). What is over by now says
    /// nothing; such entries leave when there are `sweepAt`, so that strangers' addresses do not pile up.
    var arrivals: [Key: MonotonicTime] = [:]
    var sweepAt = SessionAdmission.leastSwept

    /// Nothing counts for longer than a second, so what stays is what opened within one. Costs each opening
    /// the look at two entries at most.
    mutating func sweep(now: MonotonicTime) {
      if arrivals.count < sweepAt { return }
      arrivals = arrivals.filter { $0.value > now }
      sweepAt = max(SessionAdmission.leastSwept, 2 * arrivals.count)
    }
  }

  fileprivate static let leastSwept = 1_024

  private let counts = Locked(Counts())

  /// A place under every limit, or none under any: nil when one of them is full.
  func admit(_ limits: [Limit]) -> SessionTicket? {
    let isAdmitted = counts.withLock { counts in
      for limit in limits where counts.open[limit.key, default: 0] >= limit.most { return false }
      for limit in limits { counts.open[limit.key, default: 0] += 1 }
      return true
    }
    return isAdmitted ? SessionTicket(admission: self, keys: limits.map(\.key), cells: []) : nil
  }

  /// A place that is taken already, in a cell of `concurrency-limit`; the ticket gives it back.
  func ticket(holding cell: LimitCell) -> SessionTicket {
    SessionTicket(admission: self, keys: [], cells: [cell])
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

  /// Whether one more session may open now under every pace: the generic cell rate algorithm with a
  /// burst of one second (ITU-T I.371). Who may not under one counts for none.
  func mayOpen(_ paces: [Pace], now: MonotonicTime) -> Bool {
    counts.withLock { counts in
      var next: [(Key, MonotonicTime)] = []
      for pace in paces {
        let interval = 1_000_000_000 / Int64(pace.perSecond)
        let arrival = max(counts.arrivals[pace.key] ?? now, now)
        if arrival.nanoseconds(since: now) > 1_000_000_000 - interval { return false }
        next.append((pace.key, arrival.advanced(byNanoseconds: interval)))
      }
      for (key, arrival) in next { counts.arrivals[key] = arrival }
      counts.sweep(now: now)
      return true
    }
  }

  /// How many paces are remembered.
  var rememberedPaces: Int { counts.withLock { $0.arrivals.count } }

  /// Places under other limits in the place of `former`, however full they are: of a session that is there
  /// when a reload sets them. Those in cells stay.
  func exchange(_ former: SessionTicket?, for limits: [Limit]) -> SessionTicket? {
    let keys = limits.map(\.key)
    if keys == former?.keys ?? [] { return former }
    counts.withLock { counts in
      for key in keys { counts.open[key, default: 0] += 1 }
    }
    let cells = former?.cells ?? []
    if let former { release(former.keys) }
    return keys.isEmpty && cells.isEmpty
      ? nil : SessionTicket(admission: self, keys: keys, cells: cells)
  }
}

/// A session's place under the limits; given back once. A class, because most sessions have none.
final class SessionTicket: Sendable {
  private let admission: SessionAdmission
  fileprivate let keys: [SessionAdmission.Key]
  fileprivate let cells: [LimitCell]

  fileprivate init(
    admission: SessionAdmission, keys: [SessionAdmission.Key], cells: [LimitCell]
  ) {
    self.admission = admission
    self.keys = keys
    self.cells = cells
  }

  /// One ticket for the places of both.
  func joined(with other: SessionTicket) -> SessionTicket {
    SessionTicket(admission: admission, keys: keys + other.keys, cells: cells + other.cells)
  }

  func release() {
    if !keys.isEmpty { admission.release(keys) }
    for cell in cells { InFlight.leave(cell) }
  }
}
