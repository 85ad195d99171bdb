import SluiceReactor

/// What one worker counted of one route. Touched by that worker only; read through its mailbox.
///
/// With thousands of routes in use none of this is in the processor's cache, so what a request touches
/// lies together: this object's first line and the first one or two of a `StatusClassCounters`.
final class RouteCounters {
  /// Upper bounds of the latency buckets in nanoseconds; one more bucket is open.
  static let bounds: [Int64] = [
    500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
    250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
  ]
  static let bucketCount = 15
  static let statusClasses = 5

  /// By status class (1xx…5xx); classes that never occurred own nothing.
  private var classes = InlineArray<5, UnsafeMutablePointer<StatusClassCounters>?>(repeating: nil)
  var retries: UInt64 = 0
  /// Answers that the gateway made itself, by `GatewayError`; empty when there were none.
  private(set) var errors: [UInt64] = []

  /// Of a `websocket` route, from its first session on; others have none.
  var sessions: SessionCounters {
    if let ownSessions { return ownSessions }
    let sessions = SessionCounters()
    ownSessions = sessions
    return sessions
  }
  private var ownSessions: SessionCounters?
  var hasSessions: Bool { ownSessions != nil }

  func record(_ exchange: borrowing ExchangeRecord, status: Int, now: MonotonicTime) {
    let nanoseconds = now.nanoseconds(since: exchange.started)
    // A handshake that succeeded is no request; what follows is counted by its session.
    if exchange.isUpgraded { return sessions.shook(nanoseconds: nanoseconds) }
    counters(ofClass: min(max(status / 100 - 1, 0), Self.statusClasses - 1))
      .pointee.record(exchange, nanoseconds: nanoseconds)
    if let error = exchange.error { count(error) }
  }

  private func counters(ofClass index: Int) -> UnsafeMutablePointer<StatusClassCounters> {
    if let counters = classes[index] { return counters }
    let counters = UnsafeMutablePointer<StatusClassCounters>.allocate(capacity: 1)
    counters.initialize(to: StatusClassCounters())
    classes[index] = counters
    return counters
  }

  deinit { for index in classes.indices { classes[index]?.deallocate() } }

  private func count(_ error: GatewayError) {
    if errors.isEmpty { errors = Array(repeating: 0, count: GatewayError.allCases.count) }
    errors[Int(error.rawValue)] &+= 1
  }

  static func bucket(_ nanoseconds: Int64) -> Int {
    // The first bucket holds nearly everything; the table is not even looked at.
    if nanoseconds <= 500_000 { return 0 }
    return bounds.firstIndex { nanoseconds <= $0 } ?? bounds.count
  }

  // MARK: Reading

  /// By status class, then bucket; empty when the route was never used.
  var buckets: [UInt64] {
    list { counters in (0..<Self.bucketCount).map { counters?.buckets[$0] ?? 0 } }
  }

  /// By status class; empty when the route was never used.
  var durationNanoseconds: [UInt64] { list { [$0?.nanoseconds ?? 0] } }

  var bytesReceived: UInt64 { list { [$0?.bytesReceived ?? 0] }.reduce(0, &+) }
  var bytesSent: UInt64 { list { [$0?.bytesSent ?? 0] }.reduce(0, &+) }

  private func list(_ values: (StatusClassCounters?) -> [UInt64]) -> [UInt64] {
    if classes.indices.allSatisfy({ classes[$0] == nil }) { return [] }
    return classes.indices.flatMap { values(classes[$0]?.pointee) }
  }
}

/// What a route's responses of one status class add up to.
///
/// In the order in which it is touched: the sums and the buckets up to 10 ms are 64 bytes. A pointer leads
/// here and no object, which would be counted twice a request.
private struct StatusClassCounters {
  private(set) var nanoseconds: UInt64 = 0
  private(set) var bytesReceived: UInt64 = 0
  private(set) var bytesSent: UInt64 = 0
  private(set) var buckets = InlineArray<15, UInt64>(repeating: 0)

  mutating func record(_ exchange: borrowing ExchangeRecord, nanoseconds: Int64) {
    self.nanoseconds &+= UInt64(max(0, nanoseconds))
    bytesReceived &+= exchange.received
    bytesSent &+= exchange.sent
    buckets[RouteCounters.bucket(nanoseconds)] &+= 1
  }
}
