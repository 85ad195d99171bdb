import Glibc
import SluiceReactor
import SluiceWire

/// An HTTP/2 connection to a target: the shell around `HTTP2ClientSession`.
///
/// It takes over the socket from the `HTTP1UpstreamConnection` that has connected, when ALPN or the
/// service's settings say so, and counts as open once the target's SETTINGS are here. Each exchange is an
/// `HTTP2UpstreamStream`; the pool lends the connection to as many as the target takes. Its deadline is
/// the earliest of its streams'.
final class HTTP2UpstreamConnection: UpstreamConnection {
  private var session: HTTP2UpstreamSession?
  /// Of the exchange that the connection is opened for, while it is being opened.
  private var firstStream: HTTP2UpstreamStream?
  private let connectDeadline: MonotonicTime
  private var isOpen = false
  private var isPumping = false
  private var isPumpDue = false
  /// The pool has been told that it takes no more.
  private(set) var isLeft = false
  /// No byte will come any more.
  private(set) var isGone = false
  /// It took nothing for too long.
  private(set) var isCutOff = false
  private var turns: [HTTP2UpstreamStream] = []
  private var settingsChanged = false
  private var hasHeard = false
  private var patience = HTTP2TargetPatience()

  /// Full reads in a row before others get a turn.
  private static let readsPerTurn = 4

  init(target: UpstreamTarget, exchange: Exchange?, until: MonotonicTime) {
    connectDeadline = until
    super.init(target: target)
    firstStream = exchange.map { HTTP2UpstreamStream(self, $0) }
  }

  override var capacity: Int {
    target.terms.isForOneCaller ? 1 : session?.capacity ?? 0
  }

  override func isFit(for exchange: Exchange) -> Bool {
    // The target's end may be here, unread; while it works for others it would have said more.
    guard let session, session.streams.isEmpty, exchange.needsProvenConnection else { return true }
    return !isAtEnd()
  }

  // MARK: Opening

  /// The socket is here.
  func open(for exchange: Exchange?) {
    var limits = HTTP2Limits()
    limits.headBytes = worker.headLimits.bytes
    limits.fields = worker.headLimits.fields
    guard let session = HTTP2UpstreamSession(limits, self) else { return openingFailed(.exhausted) }
    session.windowBudget = worker.http2Windows
    self.session = session
    if let exchange, let firstStream { exchange.upstreamConnecting(firstStream) }
    setDeadline(connectDeadline)
    pump()
  }

  private func openingFailed(_ failure: UpstreamFailure) {
    let exchange = firstStream?.takeWaiting()
    firstStream = nil
    isGone = true
    endSession()
    if !isClosed { close() }
    target.openingFailed(for: exchange, failure)
  }

  /// The target has said what it takes.
  private func opened(_ session: HTTP2UpstreamSession) {
    if session.capacity == 0 || !session.takesRequests {
      return openingFailed(.refusedStream(isLeaving: false))
    }
    isOpen = true
    target.socketsNeedHTTP1 = !session.takesWebSockets
    clearDeadline()
    worker.counters.upstreamConnections &+= 1
    let exchange = firstStream?.takeWaiting()
    firstStream = nil
    target.connected(self, for: exchange)
  }

  // MARK: Exchanges

  override func begin(_ exchange: Exchange, isReused: Bool) {
    guard let session else {
      target.release(self, reusable: true)
      return exchange.upstreamFailed(.notHTTP2)
    }
    if exchange.wantsUpgrade && !session.takesWebSockets {
      return target.webSocketRefused(by: self, exchange)
    }
    patience.exchangeBegan(isSession: exchange.wantsUpgrade, timeout: exchange.responseTimeout)
    HTTP2UpstreamStream(self, exchange).begin(in: session, isReused: isReused)
  }

  /// A stream's place in the pool is free again.
  func streamClosed() {
    if isGone { return }
    target.release(self, reusable: !isLeft && !target.terms.isForOneCaller)
  }

  func streamNotBegun() {
    leave()
    streamClosed()
  }

  /// The target has said that it is about to end the connection.
  var isTargetLeaving: Bool { session?.isDraining ?? true }

  /// No more exchanges; those under way go on. The target ends the connection, or did not answer on it in
  /// time: then it may be gone, and nobody else should wait for it.
  func leave() {
    if isLeft || !isOpen { return }
    isLeft = true
    target.leave(self)
  }

  // MARK: Reading

  override func streamReadable() {
    var reads = 0
    while isReadable && !isClosed {
      if reads == Self.readsPerTurn { return loop.resumeLater(self) }
      reads &+= 1
      switch read(into: loop.readBuffer) {
      case .bytes(let count): received(count)
      case .wouldBlock: return
      case .end, .failed: return ended()
      }
    }
  }

  override func streamResumed() {
    giveTurns()
    if isPumpDue { pump() }
    if !isClosed && isReadable { streamReadable() }
  }

  override func streamFailed(_ code: Int32) { ended() }

  private func received(_ count: Int) {
    hasHeard = true
    patience.heard(now: loop.now)
    guard let session else { return }
    // SAFETY: the loop's buffer outlives this call, and nothing reads into it meanwhile.
    let bytes = UnsafeBufferPointer(
      rebasing: loop.readBuffer.assumingMemoryBound(to: UInt8.self)[..<count])
    session.receive(Span(_unsafeElements: bytes), now: loop.now)
    if isClosed { return }
    if !isOpen {
      if session.isConfirmed {
        opened(session)
      } else if session.isOver {
        return openingFailed(.notHTTP2)
      }
    } else if settingsChanged {
      settingsChanged = false
      target.socketsNeedHTTP1 = !session.takesWebSockets
      target.capacityChanged(self)
    }
    session.tellTunnels()
    if isClosed { return }
    if !session.takesRequests { leave() }
    pump()
  }

  /// The session's settings are others than before; acted upon when it has read all.
  func noteSettings() { settingsChanged = true }

  // MARK: Writing

  /// Sends what the session has, as far as the target reads.
  func pump() {
    guard let session, !isPumping, !session.isReceiving, !isClosed else { return }
    isPumping = true
    isPumpDue = false
    var isAnyDrained = true
    while isAnyDrained {
      isAnyDrained = false
      while backlog <= Self.highWater,
        session.withNextFrame({ frame in stage { $0.append(frame) } })
      {}
      while let stream = session.nextDrained() {
        stream.outputDrained()
        isAnyDrained = true
      }
    }
    isPumping = false
    if !isClosed && session.isOver { ended() }
  }

  /// The same in a turn of its own, for those who are in the middle of something.
  func wantsPump() {
    if isPumping || isPumpDue || isClosed { return }
    isPumpDue = true
    loop.resumeLater(self)
  }

  override func streamDrained() {
    patience.drained()
    pump()
  }

  /// A target that takes nothing holds up all streams, also those that nobody waits for any more.
  override func streamStalled() { timeWriting() }

  override func streamProgressed() { timeWriting() }

  private func timeWriting() {
    if !isOpen { return }
    wake(at: patience.waits(now: loop.now))
  }

  /// Nobody heard from the target as long as connecting to it may take: nobody else should wait for it.
  func callerGaveUp(since begun: MonotonicTime, patience timeout: Int64) {
    if patience.isSilent(since: begun, for: timeout, now: loop.now) { leave() }
  }

  /// A session's ping has no answer. Unless others have heard of the target meanwhile, nobody else should
  /// begin on this connection; the sessions that are here find out for themselves.
  func sessionGaveUp(since pinged: MonotonicTime) {
    if patience.isSilent(since: pinged) { leave() }
  }

  // MARK: Turns

  /// The stream's caller takes more; in a turn of its own, because it says so from within its own work.
  func wantsTurn(_ stream: HTTP2UpstreamStream) {
    // What has arrived whole outlives the connection.
    if isClosed { return stream.takeTurn() }
    if turns.isEmpty { loop.resumeLater(self) }
    turns.append(stream)
  }

  private func giveTurns() {
    if turns.isEmpty { return }
    var taken: [HTTP2UpstreamStream] = []
    swap(&taken, &turns)
    for stream in taken { stream.takeTurn() }
    pump()
  }

  // MARK: Time

  /// Looks at the deadlines no later than then.
  func wake(at time: MonotonicTime) {
    if time < deadline && !isClosed { setDeadline(time) }
  }

  override func deadlineReached() {
    if !isOpen { return openingFailed(.connectTimeout) }
    guard let session else { return }
    let now = loop.now
    if backlog > 0 && patience.isOver(now: now) { return ended(isCutOff: true) }
    for case let stream as HTTP2UpstreamStream in Array(session.streams.values)
    where stream.deadline <= now {
      stream.timedOut()
    }
    if isClosed { return }
    pump()
    if isClosed { return }
    var next = backlog > 0 ? patience.deadline : .distantFuture
    for case let stream as HTTP2UpstreamStream in session.streams.values {
      next = min(next, stream.deadline)
    }
    if next < .distantFuture { wake(at: next) }
  }

  // MARK: The end

  /// The target's FIN, a failure, or nothing more to say.
  private func ended(isCutOff: Bool = false) {
    if isGone { return }
    if !isOpen { return openingFailed(openingFailure) }
    isGone = true
    self.isCutOff = isCutOff
    // Before the end: nobody has a token afterwards.
    let id = ConnectionID(raw: token.raw)
    let session = self.session
    self.session = nil
    if !isClosed { if isCutOff { abort() } else { close() } }
    target.closed(self, id: id)
    session?.close()
    giveTurns()
  }

  private var openingFailure: UpstreamFailure {
    if let broken = brokenTLS {
      target.logTLS(broken)
      return .tlsFailed
    }
    // Who hangs up without a word is about to leave, or takes no more; it has seen no request.
    return hasHeard ? .notHTTP2 : .connectFailed(ECONNRESET)
  }

  private func endSession() {
    let session = self.session
    self.session = nil
    session?.close()
  }

  /// The pool lets go of it: idle for too long, too old, or not wanted any more.
  override func dismiss() {
    isGone = true
    session?.sayGoodbye()
    if let session {
      while session.withNextFrame({ frame in stage { $0.append(frame) } }) {}
    }
    endSession()
    close()
    giveTurns()
  }
}

/// The session of a connection's: its streams carry exchanges.
final class HTTP2UpstreamSession: HTTP2ClientSession {
  private unowned let connection: HTTP2UpstreamConnection

  init?(_ limits: HTTP2Limits, _ connection: HTTP2UpstreamConnection) {
    self.connection = connection
    super.init(limits)
  }

  override func settingsChanged() { connection.noteSettings() }

  override func goAwayArrived() {
    super.goAwayArrived()
    // At once: what the target refuses with it is tried again in this very call.
    connection.leave()
  }
}
