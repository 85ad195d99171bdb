import SluiceReactor

/// What one worker counted of one route. Touched by that worker only; read through its mailbox.
final class RouteCounters {
  /// Upper bounds of the latency buckets in nanoseconds; one more bucket is open.
  static let bounds: [Int64] = [
    500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
    250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
  ]
  static let statusClasses = 5

  /// By status class (1xx…5xx), then bucket.
  private(set) var buckets: [UInt64] = []
  private(set) var durationNanoseconds: [UInt64] = []
  private(set) var bytesReceived: UInt64 = 0
  private(set) var bytesSent: UInt64 = 0
  /// Answers that the gateway made itself, by `GatewayError`.
  private(set) var errors: [UInt64] = []
  var retries: UInt64 = 0

  /// Of a `websocket` route, from its first session on; others have none.
  var sessions: SessionCounters {
    if let ownSessions { return ownSessions }
    let sessions = SessionCounters()
    ownSessions = sessions
    return sessions
  }
  private var ownSessions: SessionCounters?
  var hasSessions: Bool { ownSessions != nil }

  /// Routes that were never used own no buckets.
  private func allocate() {
    buckets = Array(repeating: 0, count: Self.statusClasses * Self.bucketCount)
    durationNanoseconds = Array(repeating: 0, count: Self.statusClasses)
    errors = Array(repeating: 0, count: GatewayError.allCases.count)
  }

  func record(_ exchange: borrowing ExchangeRecord, status: Int, now: MonotonicTime) {
    let nanoseconds = now.nanoseconds(since: exchange.started)
    // A handshake that succeeded is no request; what follows is counted by its session.
    if exchange.isUpgraded { return sessions.shook(nanoseconds: nanoseconds) }
    if buckets.isEmpty { allocate() }
    let statusClass = min(max(status / 100 - 1, 0), Self.statusClasses - 1)
    buckets[statusClass &* Self.bucketCount &+ Self.bucket(nanoseconds)] &+= 1
    durationNanoseconds[statusClass] &+= UInt64(max(0, nanoseconds))
    bytesReceived &+= exchange.received
    bytesSent &+= exchange.sent
    if let error = exchange.error { errors[Int(error.rawValue)] &+= 1 }
  }

  static let bucketCount = 15

  static func bucket(_ nanoseconds: Int64) -> Int {
    // The first bucket holds nearly everything; the table is not even looked at.
    if nanoseconds <= 500_000 { return 0 }
    return bounds.firstIndex { nanoseconds <= $0 } ?? bounds.count
  }
}
