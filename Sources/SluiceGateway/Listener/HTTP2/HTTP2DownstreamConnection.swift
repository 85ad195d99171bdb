import SluiceReactor
import SluiceWire

/// A caller's HTTP/2 connection: the shell around `HTTP2ServerSession`.
///
/// It takes over the socket from the `HTTP1DownstreamConnection` that was accepted, once ALPN or the
/// caller's preface has said what is spoken. Each request is an `HTTP2DownstreamStream` with an
/// exchange of its own. Its deadline is the earliest of those of the connection and of its streams.
final class HTTP2DownstreamConnection: DownstreamConnection {
  /// Nil before the beginning and after the end.
  private(set) var session: HTTP2ServerSession?
  /// What the caller sent before this connection was there.
  private var early = ByteBuffer()
  /// The request of HTTP/1.1 that asked for this connection.
  private var upgrade: HTTP2Upgrade?
  private var isLingering = false
  private var lingered = 0
  private var isPumping = false
  /// A turn was asked for.
  private var isPumpDue = false
  private var isFloodCounted = false
  /// Streams whose targets take bodies again.
  private var bodyTurns: [HTTP2DownstreamStream] = []

  // The caller's time, each `distantFuture` while it does not run.
  private var headDeadline = MonotonicTime.distantFuture
  /// Whose `headDeadline` is.
  private var timedHead = 0
  private var idleDeadline = MonotonicTime.distantFuture
  private var writeDeadline = MonotonicTime.distantFuture
  private var drainDeadline = MonotonicTime.distantFuture

  /// Full reads in a row before others get a turn.
  private static let readsPerTurn = 4
  private static let lingerNanoseconds: Int64 = 2_000_000_000
  private static let lingerBytes = 1 << 20
  /// For the sign that the caller knows of the end to come.
  private static let drainNanoseconds: Int64 = 1_000_000_000

  init(
    acceptor: HTTPListener, peer: SocketAddress, early: Span<UInt8>, upgrade: HTTP2Upgrade?
  ) {
    self.upgrade = upgrade
    super.init(acceptor: acceptor, peer: peer)
    self.early.append(early)
  }

  /// The socket is here.
  func begin() {
    guard !isClosed,
      let session = HTTP2DownstreamSession(listener.http2 ?? HTTP2Limits(), connection: self)
    else { return shut() }
    session.windowBudget = worker.http2Windows
    self.session = session
    worker.counters.http2Connections &+= 1
    timeHead(session)
    timeIdle()
    if let upgrade { take(upgrade, session) }
    if acceptor.isDraining { drain() } else { pump() }
  }

  /// RFC 7540 3.2: after a 101 the connection begins, and its first response is that to the request.
  private func take(_ upgrade: HTTP2Upgrade, _ session: HTTP2ServerSession) {
    self.upgrade = nil
    stage {
      $0.append("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    }
    if !session.take(upgrade, now: loop.now) { session.terminate(.protocolError) }
  }

  // MARK: Reading

  override func streamReadable() {
    var reads = 0
    while isReadable && !isReadingPaused && !isClosed {
      if isClogged { return pauseReading() }
      if reads == Self.readsPerTurn { return loop.resumeLater(self) }
      reads &+= 1
      switch read(into: loop.readBuffer) {
      case .bytes(let count): received(count)
      case .wouldBlock: return
      // Who has more to say than its last words does not end its side: there is GOAWAY for that.
      case .end: if isLingering && backlog > 0 { return } else { return shut() }
      case .failed: return shut()
      }
    }
  }

  /// The caller does not read what its own frames make us answer. While only responses wait, it is
  /// listened to: whoever writes to a caller that also writes must not wait for it.
  private var isClogged: Bool {
    guard backlog > Self.highWater, let session else { return false }
    return session.queuedFrames > HTTP2Limits.queuedFrames
  }

  override func streamResumed() {
    if !early.isEmpty {
      var taken = ByteBuffer()
      swap(&taken, &early)
      received(taken.span)
    }
    giveBodyTurns()
    if isPumpDue { pump() }
    if isReadable && !isReadingPaused && !isClosed { streamReadable() }
  }

  override func streamFailed(_ code: Int32) { shut() }

  private func received(_ count: Int) {
    if isLingering {
      lingered += count
      if lingered > Self.lingerBytes { shut() }
      return
    }
    // SAFETY: the loop's buffer outlives this call, and nothing reads into it meanwhile.
    let bytes = UnsafeBufferPointer(
      rebasing: loop.readBuffer.assumingMemoryBound(to: UInt8.self)[..<count])
    received(Span(_unsafeElements: bytes))
  }

  private func received(_ bytes: Span<UInt8>) {
    guard let session else { return }
    session.receive(bytes, now: loop.now)
    timeHead(session)
    session.tellTunnels()
    pump()
  }

  // MARK: Writing

  /// Sends what the session has, as far as the caller reads.
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
    if isClosed { return }
    if let flood = session.flood, !isFloodCounted {
      isFloodCounted = true
      worker.counters.http2Floods[Int(flood.rawValue)] &+= 1
    }
    if session.isOver { return linger() }
    timeWriting()
  }

  /// The same in a turn of its own, for those who are in the middle of something.
  func wantsPump() {
    if isPumping || isPumpDue { return }
    isPumpDue = true
    loop.resumeLater(self)
  }

  override func streamProgressed() {
    writeDeadline = .distantFuture
    timeWriting()
  }

  override func streamDrained() {
    writeDeadline = .distantFuture
    if isLingering {
      if hasPeerFinished { shut() }
      return
    }
    pump()
    if isReadingPaused { resumeReading() }
  }

  // MARK: Streams

  /// The target takes more of this stream's body now; in a turn of its own, because it says so from
  /// within its own work.
  func wantsBodyTurn(_ stream: HTTP2DownstreamStream) {
    if bodyTurns.isEmpty { loop.resumeLater(self) }
    bodyTurns.append(stream)
  }

  private func giveBodyTurns() {
    if bodyTurns.isEmpty { return }
    var turns: [HTTP2DownstreamStream] = []
    swap(&turns, &bodyTurns)
    for stream in turns { stream.takeBodyTurn() }
    pump()
  }

  func requestBegan() {
    worker.counters.http2Requests &+= 1
    idleDeadline = .distantFuture
    if let session, listener.maxRequests > 0, session.requests >= listener.maxRequests {
      session.finishDraining()
    }
  }

  func streamClosed() {
    if session?.streams.isEmpty ?? false { timeIdle() }
  }

  // MARK: Time

  /// Looks at the deadlines no later than then.
  func wake(at time: MonotonicTime) { if time < deadline { setDeadline(time) } }

  private func timeIdle() {
    idleDeadline = loop.now.advanced(byNanoseconds: listener.idleTimeout)
    wake(at: idleDeadline)
  }

  private func timeHead(_ session: HTTP2ServerSession) {
    if !session.isInHead {
      headDeadline = .distantFuture
    } else if headDeadline == .distantFuture || timedHead != session.headNumber {
      timedHead = session.headNumber
      headDeadline = loop.now.advanced(byNanoseconds: listener.headTimeout)
      wake(at: headDeadline)
    }
  }

  private func timeWriting() {
    if backlog > 0 && writeDeadline == .distantFuture {
      writeDeadline = loop.now.advanced(byNanoseconds: listener.writeTimeout)
      wake(at: writeDeadline)
    }
  }

  override func deadlineReached() {
    guard let session, !isLingering else { return shut() }
    let now = loop.now
    if writeDeadline <= now {
      // The caller does not read, so it would not read a farewell either.
      abort()
      return forget()
    }
    if headDeadline <= now || idleDeadline <= now && session.streams.isEmpty {
      session.terminate(.noError)
      headDeadline = .distantFuture
    }
    // A stream whose head has just begun; its end sets the time anew.
    if idleDeadline <= now { idleDeadline = .distantFuture }
    if drainDeadline <= now {
      drainDeadline = .distantFuture
      session.finishDraining()
    }
    for case let stream as HTTP2DownstreamStream in Array(session.streams.values)
    where stream.deadline <= now {
      stream.timedOut()
    }
    if isClosed { return }
    pump()
    if isClosed || isLingering { return }
    var next = min(min(headDeadline, idleDeadline), min(writeDeadline, drainDeadline))
    for case let stream as HTTP2DownstreamStream in session.streams.values {
      next = min(next, stream.deadline)
    }
    if next < .distantFuture { wake(at: next) }
  }

  // MARK: The end

  /// The last frame is written: sends FIN, and reads until the caller's, so that the kernel does not
  /// destroy what is on its way by a reset.
  private func linger() {
    isLingering = true
    endSession()
    finishWriting()
    if isBroken || hasPeerFinished && backlog == 0 { return shut() }
    setDeadline(
      afterNanoseconds: backlog > 0 ? listener.writeTimeout : Self.lingerNanoseconds)
    if isReadingPaused { resumeReading() } else { loop.resumeLater(self) }
  }

  /// Exchanges under way are told that their caller is gone.
  private func endSession() {
    bodyTurns = []
    let session = self.session
    self.session = nil
    session?.close()
  }

  private func shut() {
    if !isClosed { close() }
    forget()
  }

  private func forget() {
    early.release()
    endSession()
    acceptor.connectionClosed(self)
  }

  override func shutDown() { shut() }

  override func drain() {
    guard let session, !isLingering else { return }
    session.drain()
    drainDeadline = loop.now.advanced(byNanoseconds: Self.drainNanoseconds)
    wake(at: drainDeadline)
    pump()
  }
}

/// The session of a connection's: its streams carry exchanges.
final class HTTP2DownstreamSession: HTTP2ServerSession {
  private unowned let connection: HTTP2DownstreamConnection

  init?(_ limits: HTTP2Limits, connection: HTTP2DownstreamConnection) {
    self.connection = connection
    super.init(limits)
  }

  override func makeNonce() -> (UInt64, UInt64) {
    (connection.worker.random.next(), connection.worker.random.next())
  }

  override func makeStream(_ id: Int32) -> HTTP2ServerStream {
    HTTP2DownstreamStream(id: id, connection)
  }
}
