import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// One exchange on a connection to a target: the exchange's upstream side.
///
/// ```
///  (waits for the connection) ─begin─▶ request ─▶ headArrived ─▶ bodyArrived… ─▶ inputEnded
///                 └──────────────────────┴────────────┴──────────────┴─▶ closed, abandoned or timed out
///                                                     └─▶ handOver: a session's tunnel ─▶ tunnelEnded
/// ```
final class HTTP2UpstreamStream: HTTP2ClientStream {
  private let connection: HTTP2UpstreamConnection
  private var exchange: Exchange?
  /// The connection had served others.
  private var isReused = false
  /// There is nothing behind the head.
  private var isBodyless = false
  private var isPaused = false
  private var isWaiting = true
  private var begun = MonotonicTime.distantFuture
  /// When the target's time is over.
  private(set) var deadline = MonotonicTime.distantFuture

  init(_ connection: HTTP2UpstreamConnection, _ exchange: Exchange) {
    self.connection = connection
    self.exchange = exchange
    super.init()
    isWatched = true
  }

  /// How long a target gets to take what a session has left, and to say that it has ended, too.
  private static let lingerNanoseconds: Int64 = 5_000_000_000

  private var worker: Worker { connection.worker }

  /// The exchange that still waits for the connection; nil when it has left.
  func takeWaiting() -> Exchange? {
    defer { exchange = nil }
    return exchange
  }

  // MARK: The request

  func begin(in session: HTTP2ClientSession, isReused: Bool) {
    guard let exchange else { return }
    isWaiting = false
    begun = connection.loop.now
    self.isReused = isReused
    answersHEAD = exchange.sendsHEAD
    if exchange.wantsUpgrade { accept = exchange.expectedAccept ?? [] }
    exchange.beginKeepingBody()
    let isComplete = exchange.requestFraming.isEmpty
    exchange.upstreamReady(self, isReused: isReused)
    // What may become a tunnel has no end.
    guard send(exchange, in: session, isEnd: isComplete && accept == nil) else {
      // The numbers are used up, or the library has no memory: nothing was sent.
      self.exchange = nil
      connection.streamNotBegun()
      return exchange.upstreamFailed(.refusedStream(isLeaving: true))
    }
    connection.pump()
    timeRequest()
    if !isComplete && session === self.session { exchange.sendFirstBody(on: self) }
  }

  private func send(_ exchange: Exchange, in session: HTTP2ClientSession, isEnd: Bool) -> Bool {
    var text = ByteBuffer()
    swap(&text, &worker.http2Text)
    defer {
      text.clear()
      swap(&text, &worker.http2Text)
    }
    RequestComposer.append(exchange, target: connection.target, to: &text)
    worker.http2Fields.appendRequest(
      text.span, scheme: connection.target.url.isEncrypted ? "https" : "http",
      opensTunnel: accept != nil)
    // The protocol wants it, to be told of proxies that lose trailers.
    if exchange.grpcType != nil { worker.http2Fields.append("te") { $0.append("trailers") } }
    return session.request(self, &worker.http2Fields, isEnd: isEnd)
  }

  override func outputTaken() { timeRequest(isProgress: true) }

  override func outputDrained() {
    if let tunnel { tunnel.outputDrained() } else { exchange?.upstreamDrained() }
  }

  // MARK: The response

  override func headArrived(_ head: Span<UInt8>) {
    guard let exchange else { return }
    do throws(HeadError) {
      try worker.response.parse(
        head, requestMethod: exchange.responseMethod, limits: worker.headLimits)
    } catch {
      return responseRefused()
    }
    pass(worker.response, to: exchange)
  }

  private func pass(_ head: borrowing ResponseHead, to exchange: Exchange) {
    if head.isInformational {
      // No window holds heads up, so those that a slow caller can't take are left out.
      if !isPaused { exchange.upstreamInformational(head) }
      return
    }
    if head.status == 101 {
      if exchange.upstreamUpgraded(head) { hasHead = true } else { responseRefused() }
      return
    }
    hasHead = true
    // A handshake that was refused is a request like any other.
    if accept != nil { session?.end(self) }
    isBodyless = head.framing.isEmpty
    timeResponse()
    exchange.upstreamHead(head)
  }

  override var takesBody: Bool { isTunnel ? tunnel == nil : !isPaused }

  override func bodyArrived(_ bytes: Span<UInt8>) {
    guard let exchange, !bytes.isEmpty else { return }
    if isBodyless || !hasHead { return responseRefused() }
    timeResponse()
    exchange.upstreamBody(bytes)
  }

  override func inputEnded(_ trailers: TrailerSection) {
    if isTunnel { return }
    deadline = .distantFuture
    guard let exchange else { return }
    if !hasHead { return responseRefused() }
    self.exchange = nil
    // RFC 9113 8.1: the rest of the request is of no use to anybody.
    if !isOutputEnded { session?.reset(self, .cancel) }
    exchange.upstreamEnd(trailers)
    connection.pump()
  }

  override func responseRefused() {
    isRefusedByUs = true
    session?.reset(self, .protocolError)
    fail(hasHead ? .truncatedResponse : .malformedResponse)
  }

  private func fail(_ failure: UpstreamFailure) {
    deadline = .distantFuture
    let exchange = self.exchange
    self.exchange = nil
    dropInput()
    exchange?.upstreamFailed(failure)
  }

  // MARK: The end

  /// A response that is here is read to its end, also when the target has forgotten it.
  override var keepsInput: Bool { exchange != nil && !isRefusedByUs }

  override func closed(_ code: HTTP2ErrorCode) {
    connection.streamClosed()
    if let tunnel { return tunnel.streamClosed() }
    if exchange == nil || isInputComplete && code == .noError { return }
    fail(failure(code))
  }

  private func failure(_ code: HTTP2ErrorCode) -> UpstreamFailure {
    if hasHead { return .truncatedResponse }
    if connection.isCutOff { return .responseTimeout }
    if isRefusedByUs { return .malformedResponse }
    // RFC 9113 8.7: nothing was done about it.
    if code == .refusedStream { return .refusedStream(isLeaving: connection.isLeft) }
    if connection.isGone { return .closedBeforeResponse(isReused: isReused) }
    return .closedBeforeResponse(isReused: false)
  }

  // MARK: Time

  func timedOut() {
    if isTunnel {
      deadline = .distantFuture
      session?.reset(self, .cancel)
      return
    }
    let failure: UpstreamFailure = hasHead ? .truncatedResponse : .responseTimeout
    session?.reset(self, .cancel)
    connection.leave()
    fail(failure)
  }

  private func setDeadline(afterNanoseconds delay: Int64) {
    deadline = connection.loop.now.advanced(byNanoseconds: delay)
    connection.wake(at: deadline)
  }

  /// Between two pieces of a response. While a slow caller has paused it, the caller's time runs.
  private func timeResponse() {
    guard let exchange, !isPaused else { return }
    setDeadline(afterNanoseconds: exchange.idleTimeout)
  }

  /// The target's time runs while it does not take what there is, and from the request's end.
  private func timeRequest(isProgress: Bool = false) {
    guard let exchange, !hasHead else { return }
    if output.isEmpty && !isOutputEnded && accept == nil {
      deadline = .distantFuture
    } else if isProgress || deadline == .distantFuture {
      setDeadline(afterNanoseconds: exchange.responseTimeout)
    }
  }

  // MARK: The tunnel

  override func wantsPump() { connection.wantsPump() }

  override func tunnelEnded(isOrderly: Bool) {
    tunnel = nil
    dropInput()
    guard let session else { return }
    if isOrderly {
      session.end(self)
      setDeadline(afterNanoseconds: Self.lingerNanoseconds)
    } else {
      session.reset(self, .cancel)
    }
    connection.wantsPump()
  }

  /// Who is silent for a session is silent for all, unless others hear of it.
  override func peerFellSilent(since: MonotonicTime) { connection.sessionGaveUp(since: since) }

  /// The turn that `resumeResponse` asked for.
  func takeTurn() { takeInput() }
}

extension HTTP2UpstreamStream: UpstreamStream {
  /// A stream whose bytes are all out has no backlog: nobody would tell it to go on.
  var requestBacklog: Int { output.count }

  var isTargetLeaving: Bool { connection.isTargetLeaving }

  func sendBody(_ bytes: Span<UInt8>) {
    session?.append(bytes, to: self)
    connection.pump()
    timeRequest()
  }

  func sendEnd(_ trailers: borrowing TrailerSection) {
    session?.end(self, copy trailers)
    connection.pump()
    timeRequest(isProgress: true)
  }

  func pauseResponse() {
    isPaused = true
    // A slow caller is not the target's fault, once it has said what it has to say.
    if hasHead { deadline = .distantFuture }
  }

  func resumeResponse() {
    if !isPaused { return }
    isPaused = false
    if !isEndWaiting { timeResponse() }
    if hasInput || isEndWaiting { connection.wantsTurn(self) }
  }

  func abandon() {
    if let exchange, !isWaiting, !hasHead {
      connection.callerGaveUp(since: begun, patience: exchange.connectTimeout)
    }
    exchange = nil
    deadline = .distantFuture
    // Also when the exchange leaves an attempt to connect: the connection is good for the next one.
    if isWaiting { return }
    dropInput()
    session?.reset(self, .cancel)
    connection.pump()
  }

  /// The stream is a tunnel from now on. What came behind the answer waits in it.
  func handOver(to session: Session) {
    exchange = nil
    accept = nil
    deadline = .distantFuture
    session.sharesUpstream = true
    beginTunnel(for: session.upstream, on: connection)
  }
}

extension Exchange {
  /// The method that a target gets.
  var responseMethod: HTTPMethod {
    requestEdits.method.map { HTTPMethod($0.span) } ?? request.method
  }

  var sendsHEAD: Bool { responseMethod == .head }
}
