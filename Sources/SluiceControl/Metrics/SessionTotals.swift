import SluiceGateway

/// What a route counts of its sessions, summed over the workers.
struct SessionTotals {
  private(set) var open = 0
  private(set) var opened: UInt64 = 0
  private(set) var reconnected: UInt64 = 0
  /// By `SessionCause`.
  private(set) var closed: [UInt64] = []
  /// By `SessionCloseCode`.
  private(set) var closedByCode: [UInt64] = []
  private(set) var messagesFromClient: UInt64 = 0
  private(set) var messagesFromUpstream: UInt64 = 0
  private(set) var bytesFromClient: UInt64 = 0
  private(set) var bytesFromUpstream: UInt64 = 0
  /// By `MessageDrop`.
  private(set) var droppedMessages: [UInt64] = []
  private(set) var backlog = 0
  private(set) var handshakes: [UInt64] = []
  private(set) var handshakeNanoseconds: UInt64 = 0
  private(set) var roundTrips: [UInt64] = []
  private(set) var roundTripNanoseconds: UInt64 = 0
  private(set) var lives: [UInt64] = []
  private(set) var lifeNanoseconds: UInt64 = 0

  mutating func add(_ report: SessionReport) {
    open += report.open
    opened += report.opened
    reconnected += report.reconnected
    RouteTotals.add(report.closed, to: &closed)
    RouteTotals.add(report.closedByCode, to: &closedByCode)
    messagesFromClient += report.messagesFromClient
    messagesFromUpstream += report.messagesFromUpstream
    bytesFromClient += report.bytesFromClient
    bytesFromUpstream += report.bytesFromUpstream
    RouteTotals.add(report.droppedMessages, to: &droppedMessages)
    backlog += report.backlog
    RouteTotals.add(report.handshakes, to: &handshakes)
    handshakeNanoseconds += report.handshakeNanoseconds
    RouteTotals.add(report.roundTrips, to: &roundTrips)
    roundTripNanoseconds += report.roundTripNanoseconds
    RouteTotals.add(report.lives, to: &lives)
    lifeNanoseconds += report.lifeNanoseconds
  }
}
