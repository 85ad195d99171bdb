import SluiceReactor
import SluiceWire

/// What only a session owns whose messages are inspected; transparent ones are smaller by it.
final class SessionInspection {
  private var fromClient: InspectedFlow
  private var fromUpstream: InspectedFlow
  /// What policies remember, see `MessagePolicy.firstCell`.
  var cells: [MonotonicTime]
  /// It would not be let in any more, see `onDenial`.
  var isBarred = false
  /// A reload has taken its consumer, which no reload has brought back.
  var lacksConsumer = false
  /// What is said of its messages beside the route's own settings.
  var policies = SessionPolicies()
  /// What a policy made of the message under way, see `MessageOutcome.change`.
  var changed = ByteBuffer()
  /// Messages towards a caller who does not take them.
  var queue = MessageQueue()

  /// Of a session that begins; extensions were kept out of its negotiation.
  init(_ settings: CompiledSession) {
    fromClient = InspectedFlow(from: .client, allowsRSV1: false, isActive: true)
    fromUpstream = InspectedFlow(from: .server, allowsRSV1: false, isActive: true)
    cells = Array(repeating: MonotonicTime(nanoseconds: 0), count: settings.pipeline.cellCount)
  }

  /// Of a session that was transparent until a reload; each end's messages are inspected from the
  /// next one on.
  init(_ settings: CompiledSession, allowsRSV1: Bool) {
    fromClient = InspectedFlow(from: .client, allowsRSV1: allowsRSV1, isActive: false)
    fromUpstream = InspectedFlow(from: .server, allowsRSV1: allowsRSV1, isActive: false)
    cells = Array(repeating: MonotonicTime(nanoseconds: 0), count: settings.pipeline.cellCount)
  }

  /// Whether this end's bytes come here already.
  func isActive(_ side: SessionSide) -> Bool {
    side == .client ? fromClient.isActive : fromUpstream.isActive
  }

  func activate(_ side: SessionSide) {
    if side == .client { fromClient.isActive = true } else { fromUpstream.isActive = true }
  }

  /// A reload may have brought more policies.
  func prepare(for pipeline: MessagePipeline) {
    while cells.count < pipeline.cellCount { cells.append(MonotonicTime(nanoseconds: 0)) }
  }

  // MARK: What one end sends

  func next(
    _ input: Span<UInt8>, from offset: Int, of side: SessionSide, _ settings: CompiledSession,
    _ scratch: inout ByteBuffer
  ) throws(WebSocketError) -> WebSocketMessageDecoder.Step {
    if side == .client {
      return try fromClient.decoder.next(
        input, from: offset, limits: settings.limits, scratch: &scratch)
    }
    return try fromUpstream.decoder.next(
      input, from: offset, limits: settings.limitsFromUpstream, scratch: &scratch)
  }

  func counts(_ side: SessionSide) -> (messages: UInt64, bytes: UInt64) {
    side == .client
      ? (fromClient.decoder.messages, fromClient.decoder.payloadBytes)
      : (fromUpstream.decoder.messages, fromUpstream.decoder.payloadBytes)
  }

  /// See `WebSocketMessageDecoder.refused`.
  func refused(
    _ error: WebSocketError, _ input: Span<UInt8>, _ offset: Int, of side: SessionSide
  ) -> WebSocketFrameGlimpse {
    side == .client
      ? fromClient.decoder.refused(error, input, from: offset)
      : fromUpstream.decoder.refused(error, input, from: offset)
  }

  func takeEmptyFragments(_ side: SessionSide) -> Int {
    side == .client
      ? fromClient.decoder.takeEmptyFragments() : fromUpstream.decoder.takeEmptyFragments()
  }

  /// Messages of this end that the other did not get.
  func dropped(_ side: SessionSide) -> UInt64 {
    side == .client ? fromClient.dropped : fromUpstream.dropped
  }

  func countDropped(_ side: SessionSide) {
    if side == .client { fromClient.dropped &+= 1 } else { fromUpstream.dropped &+= 1 }
  }

  // MARK: Waiting

  /// When a limit lets this end be read again; `distantFuture` when none holds it.
  func delayEnd(_ side: SessionSide) -> MonotonicTime {
    side == .client ? fromClient.delayEnd : fromUpstream.delayEnd
  }

  func setDelayEnd(_ side: SessionSide, _ time: MonotonicTime) {
    if side == .client { fromClient.delayEnd = time } else { fromUpstream.delayEnd = time }
  }

  func isDelayed(_ side: SessionSide) -> Bool { delayEnd(side) != .distantFuture }

  /// Bytes that were read and have to wait for their turn.
  func heldBytes(_ side: SessionSide) -> Int {
    side == .client ? fromClient.held.count : fromUpstream.held.count
  }

  func hold(_ bytes: Span<UInt8>, of side: SessionSide) {
    if side == .client { fromClient.held.append(bytes) } else { fromUpstream.held.append(bytes) }
  }

  func swapHeld(_ bytes: inout ByteBuffer, of side: SessionSide) {
    if side == .client { swap(&bytes, &fromClient.held) } else { swap(&bytes, &fromUpstream.held) }
  }

  /// Another sender goes on in the place of this end, from a message's border; counts stay.
  func restart(_ side: SessionSide) {
    if side == .client { fromClient.restart() } else { fromUpstream.restart() }
  }

  // MARK: Pongs

  /// The last ping of this end came when it did not read, and its pong has to wait.
  func owePong(_ payload: [UInt8], to side: SessionSide) {
    if side == .client { fromClient.owedPong = payload } else { fromUpstream.owedPong = payload }
  }

  func takeOwedPong(to side: SessionSide) -> [UInt8]? {
    if side == .client {
      defer { fromClient.owedPong = nil }
      return fromClient.owedPong
    }
    defer { fromUpstream.owedPong = nil }
    return fromUpstream.owedPong
  }
}

/// What one end of an inspected session sends.
private struct InspectedFlow: ~Copyable {
  var decoder: WebSocketMessageDecoder
  var isActive: Bool
  var held = ByteBuffer()
  var delayEnd = MonotonicTime.distantFuture
  var dropped: UInt64 = 0
  var owedPong: [UInt8]?

  init(from sender: WebSocketSender, allowsRSV1: Bool, isActive: Bool) {
    decoder = WebSocketMessageDecoder(from: sender, allowsRSV1: allowsRSV1)
    self.isActive = isActive
  }

  mutating func restart() {
    decoder.restart()
    held.release()
    delayEnd = .distantFuture
    owedPong = nil
  }
}
