import SluiceReactor
import SluiceWire

/// A caller's WebSocket before it has a target: the gateway has said 101, and waits for the message that
/// says who calls. Until then, and until a target has said 101 too, nothing else of the caller is read.
///
/// ```
///  waiting ──message──▶ deciding ──the target's 101──▶ a Session's
///     │                    │
///     │ close frame, FIN,  │ refusal
///     │ broken rules       ▼
///     └────────────────▶ closing ──the caller's FIN, or time──▶ closed
/// ```
///
/// Refusals are close frames here, because the status is out. It holds the message, bounded by
/// `limits`, and behind it at most what one read brought.
final class FirstMessageStream: StreamConnection {
  private enum State { case waiting, deciding, closing }

  let acceptor: HTTPListener
  let peer: SocketAddress
  /// Its connection counts by itself.
  let sharesConnection: Bool
  private let worker: Worker
  /// It holds this, and is let go of when it is over.
  private var exchange: Exchange?
  private let limits: WebSocketMessageLimits
  private var decoder = WebSocketMessageDecoder(from: .client, allowsRSV1: false)
  private var state = State.waiting
  private var controlFrames = 0
  private var lingered = 0
  /// What came behind the message.
  private var pending = ByteBuffer()

  /// More pings and pongs in front of the message are too many.
  static let maxControlFrames = 16
  /// Fragments of the message.
  private static let maxFragments = 64
  private static let readBytes = 4 * 1_024
  private static let lingerNanoseconds: Int64 = 2_000_000_000
  private static let lingerBytes = 1 << 20

  init(
    _ exchange: Exchange, acceptor: HTTPListener, maxSize: Int, sharesConnection: Bool = false
  ) {
    self.sharesConnection = sharesConnection
    self.exchange = exchange
    self.acceptor = acceptor
    peer = exchange.peer
    worker = exchange.worker
    limits = WebSocketMessageLimits(maxSize: maxSize, maxFragments: Self.maxFragments)
    super.init(loop: acceptor.loop)
  }

  // MARK: Reading

  override func streamReadable() {
    while isReadable && !isReadingPaused && !isClosed {
      if state == .deciding {
        // The rest is the session's, which gets a turn when it has the socket.
        if isBroken || hasPeerFinished && exchange?.endsWithCaller == true && isAtEnd() { gone() }
        return
      }
      switch read(into: room) {
      case .bytes(let count):
        // SAFETY: the loop's buffer outlives this call, and nothing reads into it meanwhile.
        let bytes = UnsafeBufferPointer(
          rebasing: loop.readBuffer.assumingMemoryBound(to: UInt8.self)[..<count])
        received(Span(_unsafeElements: bytes))
      case .wouldBlock: return
      case .end, .failed: return gone()
      }
    }
  }

  private var room: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(
      rebasing: loop.readBuffer[..<min(loop.readBuffer.count, Self.readBytes)])
  }

  override func streamFailed(_ code: Int32) { gone() }

  override func streamBrokeWhilePaused() { gone() }

  override func streamDrained() { exchange?.downstreamDrained() }

  /// Bytes of the caller, also those that came with its handshake.
  func received(_ input: Span<UInt8>) {
    var scratch = ByteBuffer()
    var offset = 0
    do throws(WebSocketError) {
      while offset < input.count && state == .waiting {
        switch try decoder.next(input, from: offset, limits: limits, scratch: &scratch) {
        case .needsMore: return
        case .control(let opcode, _, let consumed):
          offset = consumed
          control(opcode, scratch)
        case .message(let message):
          offset = message.consumed
          state = .deciding
          if offset < input.count { pending.append(input.extracting(offset...)) }
          taken(message, message.bytes(input, scratch))
          return
        }
      }
    } catch {
      return refuse(error.closeCode, Array(String(describing: error.text).utf8))
    }
    if state == .closing { discard(input.count - offset) }
    if state == .deciding && offset < input.count { pending.append(input.extracting(offset...)) }
  }

  private func taken(_ message: WebSocketMessage, _ payload: Span<UInt8>) {
    guard message.opcode == .text else {
      return refuse(.unsupportedData, Array("The first message has to be text.".utf8))
    }
    exchange?.firstMessageCame(payload)
  }

  private func control(_ opcode: WebSocketOpcode, _ payload: borrowing ByteBuffer) {
    controlFrames += 1
    switch opcode {
    case .close: refuse(.normal, [])
    case _ where controlFrames > Self.maxControlFrames:
      refuse(.policyViolation, Array("More control frames came than the limit allows.".utf8))
    case .ping:
      let copy = payload.copiedBytes()
      stage { $0.appendWebSocketFrame(.pong, copy.span) }
    default: break
    }
  }

  private func discard(_ count: Int) {
    lingered += count
    if lingered > Self.lingerBytes { closeNow() }
  }

  // MARK: The end

  /// A close frame, and no session: the exchange is over, too.
  private func refuse(_ code: WebSocketCloseCode, _ reason: [UInt8]) {
    let exchange = self.exchange
    sayClose(code, reason)
    exchange?.downstreamGone()
  }

  /// Says why, then FIN; what the caller still sends is dropped.
  private func sayClose(_ code: WebSocketCloseCode, _ reason: [UInt8]) {
    exchange = nil
    if state == .closing || isClosed { return }
    state = .closing
    pending.release()
    stage { $0.appendWebSocketClose(code, reason: reason.span) }
    finishWriting()
    setDeadline(afterNanoseconds: Self.lingerNanoseconds)
    if isReadable { loop.resumeLater(self) }
  }

  private func gone() {
    let exchange = self.exchange
    self.exchange = nil
    closeNow()
    exchange?.downstreamGone()
  }

  /// Ends at once; also when the socket could not be taken over.
  func shutDown() { gone() }

  private func closeNow() {
    close()
    acceptor.connectionClosed(self)
  }

  override func deadlineReached() { closeNow() }

  override func streamResumed() { if isReadable { streamReadable() } }
}

// MARK: What the exchange says

extension FirstMessageStream: DownstreamStream {
  var responseBacklog: Int { backlog }

  func sendInformational(_ head: borrowing ResponseHead) {}
  func sendContinue() {}
  func sendBody(_ bytes: Span<UInt8>) {}

  /// The target's 101 follows the gateway's own and is not said again; any other response is none
  /// that a WebSocket could carry.
  func sendHead(_ head: borrowing ResponseHead, of exchange: Exchange) {
    if head.status == 101 { return }
    sayClose(Self.closeCode(forStatus: head.status), [])
    // Nobody is there for its body.
    exchange.downstreamGone()
  }

  func sendEnd(_ trailers: borrowing TrailerSection) { exchange = nil }

  func sendAnswer(_ answer: LocalAnswer, of exchange: Exchange) {
    let code = exchange.record.error.map { "\($0.code)" } ?? ""
    sayClose(Self.closeCode(forStatus: answer.status), Array(code.utf8))
  }

  func sendAnswerHead(_ answer: LocalAnswer, of exchange: Exchange) {
    sayClose(Self.closeCode(forStatus: answer.status), [])
  }

  func abortResponse() { sayClose(.internalError, []) }

  func pauseRequestBody() {}
  func resumeRequestBody() {}

  func handOver(to session: Session) {
    exchange = nil
    clearDeadline()
    session.sharesConnection = sharesConnection
    acceptor.becameSession(self)
    handOver(to: session.downstream as StreamConnection)
  }

  func deliverEarly(to session: Session) {
    if !pending.isEmpty { session.received(pending.span, from: .client) }
    pending.release()
  }

  /// What an HTTP status is as a close code: 4401 and 4403 as for sessions whose identity ends.
  static func closeCode(forStatus status: Int) -> WebSocketCloseCode {
    switch status {
    case 401: WebSocketCloseCode(rawValue: 4_401)
    case 403: WebSocketCloseCode(rawValue: 4_403)
    case 429, 503: WebSocketCloseCode(rawValue: 1_013)
    case 500...: .internalError
    default: .policyViolation
    }
  }
}
