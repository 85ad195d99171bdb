import SluiceReactor

/// What one worker counted of one route's sessions. Touched by that worker only.
final class SessionCounters {
  /// Upper bounds of the lifetime buckets in nanoseconds; one more is open.
  static let lifeBounds: [Int64] = [1, 10, 60, 600, 3_600, 21_600, 86_400].map {
    $0 * 1_000_000_000
  }

  private(set) var open = 0
  private(set) var openedTotal: UInt64 = 0
  private(set) var reconnectedTotal: UInt64 = 0
  /// By `SessionCause`.
  private(set) var closedTotal = [UInt64](repeating: 0, count: SessionCause.allCases.count)
  /// By `SessionCloseCode`.
  private(set) var closedByCode = [UInt64](repeating: 0, count: SessionCloseCode.count)
  private(set) var messagesFromClient: UInt64 = 0
  private(set) var messagesFromUpstream: UInt64 = 0
  private(set) var bytesFromClient: UInt64 = 0
  private(set) var bytesFromUpstream: UInt64 = 0
  /// By `MessageDrop`.
  private(set) var droppedMessages = [UInt64](repeating: 0, count: MessageDrop.allCases.count)
  /// Bytes that either end of open sessions did not take yet.
  var backlog = 0
  /// From the handshake's first byte to the 101; buckets as `RouteCounters.bounds`.
  private(set) var handshakes = LatencyHistogram()
  /// From a ping to its pong.
  private(set) var roundTrips = LatencyHistogram()
  private(set) var lives = [UInt64](repeating: 0, count: lifeBounds.count + 1)
  private(set) var lifeNanoseconds: UInt64 = 0

  func opened() {
    open += 1
    openedTotal &+= 1
  }

  func closed(_ cause: SessionCause, code: UInt16, life nanoseconds: Int64) {
    open -= 1
    closedTotal[Int(cause.rawValue)] &+= 1
    closedByCode[SessionCloseCode.index(of: code)] &+= 1
    lifeNanoseconds &+= UInt64(max(0, nanoseconds))
    lives[Self.lifeBounds.firstIndex { nanoseconds <= $0 } ?? Self.lifeBounds.count] &+= 1
  }

  func reconnected() { reconnectedTotal &+= 1 }

  func passed(_ side: SessionSide, messages: UInt64, bytes: UInt64) {
    if side == .client {
      messagesFromClient &+= messages
      bytesFromClient &+= bytes
    } else {
      messagesFromUpstream &+= messages
      bytesFromUpstream &+= bytes
    }
  }

  func dropped(_ reason: MessageDrop) { droppedMessages[Int(reason.rawValue)] &+= 1 }
  func shook(nanoseconds: Int64) { handshakes.record(nanoseconds) }
  func answered(nanoseconds: Int64) { roundTrips.record(nanoseconds) }
}

/// Counts by the latency buckets of `RouteCounters`.
struct LatencyHistogram {
  private(set) var buckets = [UInt64](repeating: 0, count: RouteCounters.bucketCount)
  private(set) var nanoseconds: UInt64 = 0

  mutating func record(_ nanoseconds: Int64) {
    buckets[RouteCounters.bucket(nanoseconds)] &+= 1
    self.nanoseconds &+= UInt64(max(0, nanoseconds))
  }
}
