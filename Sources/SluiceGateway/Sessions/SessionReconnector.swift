import SluiceReactor
import SluiceWire

/// Stands in for the target of a session that has lost it: holds what the caller sends, and asks for
/// another connection, through the same pools as everybody.
///
/// To the exchange that repeats the handshake it is the caller. Lives from the loss to the new
/// connection or the session's end, on the session's worker.
final class SessionReconnector: EventHandler {
  // The session holds it; `stop` breaks the ring.
  private var session: Session?
  private let handshake: KeptHandshake
  /// The try under way. Over as soon as it says anything, and then it may be somebody else's.
  private weak var exchange: Exchange?
  /// The caller's bytes since the loss, from a message's border on.
  private var held = ByteBuffer()
  private let lost: MonotonicTime

  init(_ session: Session, _ handshake: KeptHandshake) {
    self.session = session
    self.handshake = handshake
    lost = session.loop.now
    super.init(loop: session.loop)
    loop.register(self)
  }

  /// Which reconnection of its session this will be, from 1 on.
  var number: UInt32 { handshake.schedule.reconnections + 1 }

  /// Nanoseconds since the loss.
  var gap: Int64 { loop.now.nanoseconds(since: lost) }

  // MARK: Tries

  func begin() {
    guard let session, let settings = session.settings.reconnect else { return giveUp() }
    follow(
      handshake.schedule.lost(settings.times, now: loop.now, random: session.worker.random.next()))
  }

  override func deadlineReached() {
    // A reload may have ended all hope.
    if session?.settings.reconnect == nil { return giveUp() }
    follow(handshake.schedule.timeReached(now: loop.now))
  }

  override func loopEnded() {
    session = nil
    exchange = nil
  }

  private func follow(_ action: ReconnectStateMachine.Action) {
    switch action {
    case .wait(let until): setDeadline(until)
    case .connect:
      setDeadline(handshake.schedule.deadline)
      connect()
    case .giveUp: giveUp()
    }
  }

  private func connect() {
    guard let session else { return }
    let exchange = session.worker.takeExchange()
    guard handshake.write(to: exchange) else {
      session.worker.giveBack(exchange)
      return giveUp()
    }
    self.exchange = exchange
    exchange.replay(handshake, of: session, for: self)
  }

  /// No answer, or another one than the session's.
  private func failed() {
    exchange = nil
    guard let session, let settings = session.settings.reconnect else { return giveUp() }
    follow(
      handshake.schedule.failed(settings.times, now: loop.now, random: session.worker.random.next())
    )
  }

  private func giveUp() { session?.giveUpTarget("The target was lost and did not come back.") }

  /// Whether a target that agreed to this may take the session over.
  func accepts(subprotocol: [UInt8]?, isCompressed: Bool) -> Bool {
    !isCompressed && handshake.accepts(subprotocol: subprotocol)
  }

  /// A target has answered the exchange's handshake as the lost one did.
  func succeed(
    _ stream: any UpstreamStream, of exchange: Exchange, target: UpstreamTarget,
    service: UpstreamService, _ facts: SessionFacts
  ) {
    self.exchange = nil
    handshake.schedule.succeeded(now: loop.now)
    session?.relabel(by: facts)
    // `stop` follows, in there.
    session?.takeUpstream(stream, of: exchange, target: target, service: service, self)
  }

  /// Nothing more comes of it; what is held stays until it is taken.
  func stop() {
    guard session != nil else { return }
    session = nil
    loop.unregister(self)
    let exchange = self.exchange
    self.exchange = nil
    exchange?.downstreamGone()
  }

  // MARK: What is held

  var heldBytes: Int { held.count }

  func hold(_ bytes: Span<UInt8>) { held.append(bytes) }

  func takeHeld() -> ByteBuffer {
    var taken = ByteBuffer()
    swap(&taken, &held)
    return taken
  }
}

extension SessionReconnector: DownstreamStream {
  var reconnector: SessionReconnector? { self }

  /// Not 101: the session is refused.
  func sendHead(_ head: borrowing ResponseHead, of exchange: Exchange) {
    self.exchange = nil
    exchange.downstreamGone()
    failed()
  }

  func sendAnswer(_ answer: LocalAnswer, of exchange: Exchange) { failed() }
  func sendAnswerHead(_ answer: LocalAnswer, of exchange: Exchange) { failed() }
  func abortResponse() { failed() }

  func sendInformational(_ head: borrowing ResponseHead) {}
  func sendContinue() {}
  func sendBody(_ bytes: Span<UInt8>) {}
  func sendEnd(_ trailers: borrowing TrailerSection) {}
  func resumeRequestBody() {}
  func pauseRequestBody() {}
  var responseBacklog: Int { 0 }

  var localAddress: SocketAddress? { session?.downstream.localAddress }
  var acceptor: HTTPListener {
    guard let session else { preconditionFailure("its exchange ended with it") }
    return session.listener
  }
  // The caller's connection has been the session's all the time.
  func handOver(to session: Session) {}
  func deliverEarly(to session: Session) {}
}
