/// What one worker counted of one route's sessions, as a value that may leave its thread.
public struct SessionReport: Sendable {
  /// Upper bounds of the buckets of `lives` in nanoseconds; there is one more.
  public static var lifeBounds: [Int64] { SessionCounters.lifeBounds }

  public let open: Int
  public let opened: UInt64
  /// Times that a session lost its target and went on.
  public let reconnected: UInt64
  /// By `SessionCause`.
  public let closed: [UInt64]
  /// By `SessionCloseCode`.
  public let closedByCode: [UInt64]
  public let messagesFromClient: UInt64
  public let messagesFromUpstream: UInt64
  /// Payload bytes of messages; of open sessions, too.
  public let bytesFromClient: UInt64
  public let bytesFromUpstream: UInt64
  /// By `MessageDrop`.
  public let droppedMessages: [UInt64]
  /// Bytes that either end of open sessions did not take yet.
  public let backlog: Int
  /// Buckets with the bounds `WorkerReport.latencyBounds`, and the sum of what they hold.
  public let handshakes: [UInt64]
  public let handshakeNanoseconds: UInt64
  public let roundTrips: [UInt64]
  public let roundTripNanoseconds: UInt64
  public let lives: [UInt64]
  public let lifeNanoseconds: UInt64

  init(_ counters: SessionCounters) {
    open = counters.open
    opened = counters.openedTotal
    reconnected = counters.reconnectedTotal
    closed = counters.closedTotal
    closedByCode = counters.closedByCode
    messagesFromClient = counters.messagesFromClient
    messagesFromUpstream = counters.messagesFromUpstream
    bytesFromClient = counters.bytesFromClient
    bytesFromUpstream = counters.bytesFromUpstream
    droppedMessages = counters.droppedMessages
    backlog = counters.backlog
    handshakes = counters.handshakes.buckets
    handshakeNanoseconds = counters.handshakes.nanoseconds
    roundTrips = counters.roundTrips.buckets
    roundTripNanoseconds = counters.roundTrips.nanoseconds
    lives = counters.lives
    lifeNanoseconds = counters.lifeNanoseconds
  }

  public func dropped(_ reason: MessageDrop) -> UInt64 { droppedMessages[Int(reason.rawValue)] }
  public func closed(_ cause: SessionCause) -> UInt64 { closed[Int(cause.rawValue)] }
}
