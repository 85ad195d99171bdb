import SluiceReactor
import SluiceWire

/// A caller's HTTP/1.1 connection: the shell around `HTTP1DownstreamStateMachine`.
///
/// One exchange at a time; a pipelined request waits, unread where possible, until the one before it
/// is answered. Between requests the connection owns this object and nothing else. Its deadline is
/// the head, body, idle or write timeout, whichever applies.
final class HTTP1DownstreamConnection: DownstreamConnection {
  var machine = HTTP1DownstreamStateMachine()
  /// Kept by the loop, see `Exchange+References`.
  private var exchangeInUse: Unmanaged<Exchange>?
  /// How the response under way is framed.
  var responseFraming = BodyFraming.none
  /// Bytes that wait: an incomplete head, or what must not be processed yet.
  private var pending = ByteBuffer()
  private var scanned = 0
  private var decoder = BodyDecoder(.none)
  private var isRequestBodyPaused = false
  private var isProcessing = false
  private var lingered = 0
  /// The deadline is that of `checkCaller`.
  private var isCallerCheckDue = false

  var exchange: Exchange? {
    get { exchangeInUse?.takeUnretainedValue() }
    set { exchangeInUse = newValue.map { .passUnretained($0) } }
  }

  /// Full reads in a row before others get a turn.
  private static let readsPerTurn = 4
  private static let lingerNanoseconds: Int64 = 2_000_000_000
  private static let lingerBytes = 1 << 20
  /// From a caller's FIN to the question whether it still reads.
  private static let callerCheckNanoseconds: Int64 = 1_000_000_000

  func start(_ descriptor: Int32) throws(SystemError) {
    if let tls = listener.tls {
      try adopt(descriptor, securedBy: tls)
      setDeadline(afterNanoseconds: listener.handshakeTimeout)
    } else {
      try adopt(descriptor)
      setDeadline(afterNanoseconds: listener.headTimeout)
    }
  }

  // MARK: TLS

  override func streamSecured() {
    worker.counters.handshakes &+= 1
    if isSessionResumed { worker.counters.resumedHandshakes &+= 1 }
    if hasNegotiated("h2") { return becomeHTTP2(Span()) }
    setDeadline(afterNanoseconds: listener.headTimeout)
  }

  override func streamHandshakeFailed(_ failure: TLSFailure) {
    worker.counters.failedHandshakes &+= 1
    guard failure == .plainText else { return shut() }
    clearDeadline()
    let exchange = worker.takeExchange()
    machine.requestBegun(keepsAlive: false, hasBody: true, maxRequests: 0)
    self.exchange = exchange
    exchange.refusePlainText(self, listener: listener, peer: peer)
  }

  // MARK: Reading

  override func streamReadable() {
    var reads = 0
    while isReadable && !isReadingPaused && !isClosed {
      if case .exchanging = machine.state, machine.isRequestComplete {
        // What comes next is the next request's. Only a reset matters: nobody wants the response.
        if isBroken || isAbandoned { gone() } else if hasPeerFinished { timeCallerCheck() }
        return
      }
      if reads == Self.readsPerTurn { return loop.resumeLater(self) }
      reads &+= 1
      switch read(into: roomToRead) {
      case .bytes(let count): received(count)
      case .wouldBlock: return
      case .end: return ended()
      case .failed: return gone()
      }
    }
  }

  /// Between requests no more is read than a head may have: what comes behind the first one waits in
  /// memory of this connection's own until that is answered.
  private var roomToRead: UnsafeMutableRawBufferPointer {
    guard machine.isAwaitingRequest else { return loop.readBuffer }
    let limit = min(loop.readBuffer.count, listener.headLimits.bytes)
    return UnsafeMutableRawBufferPointer(rebasing: loop.readBuffer[..<limit])
  }

  /// The caller left while its exchange waits in a queue, for a policy, or reads a stream without end. Once a target
  /// works for it, only a reset tells: a caller may close its side and still read.
  private var isAbandoned: Bool {
    guard hasPeerFinished, pending.isEmpty, let exchange else { return false }
    return exchange.endsWithCaller && isAtEnd()
  }

  override func streamResumed() {
    if !pending.isEmpty { processPending() }
    if isReadable && !isReadingPaused && !isClosed { streamReadable() }
  }

  override func streamFailed(_ code: Int32) { gone() }

  private func received(_ count: Int) {
    if pending.isEmpty {
      // SAFETY: the loop's buffer outlives this call, and nothing reads into it meanwhile.
      let bytes = UnsafeBufferPointer(
        rebasing: loop.readBuffer.assumingMemoryBound(to: UInt8.self)[..<count])
      let input = Span(_unsafeElements: bytes)
      let used = process(input)
      if used < count && !isClosed { pending.append(input.extracting(used...)) }
    } else {
      pending.append(upTo: count) { room in
        room.copyMemory(from: UnsafeRawBufferPointer(rebasing: loop.readBuffer[..<count]))
        return count
      }
      processPending()
    }
  }

  private func processPending() {
    if isProcessing { return }
    var taken = ByteBuffer()
    swap(&taken, &pending)
    taken.consume(process(taken.span))
    if !taken.isEmpty && !isClosed { swap(&taken, &pending) }
  }

  /// Returns how many bytes are done with; the rest waits for more bytes or for its turn.
  private func process(_ input: Span<UInt8>) -> Int {
    isProcessing = true
    defer { isProcessing = false }
    var offset = 0
    while offset < input.count && !isClosed {
      switch machine.state {
      case .awaitingRequest:
        if backlog > Self.highWater {
          // Who sends requests and reads no answers must not fill our memory.
          pauseReading()
          return offset
        }
        guard let next = processHead(input, offset) else { return offset }
        offset = next
      case .exchanging(let progress):
        if progress.isRequestComplete { return offset }
        guard let exchange, exchange.takesRequestBody else {
          pauseRequestBody()
          return offset
        }
        offset = processBody(input, offset, exchange)
      case .upgraded: return offset
      case .lingering:
        lingered += input.count - offset
        if lingered > Self.lingerBytes { shut() }
        return input.count
      case .closed: return input.count
      }
    }
    return offset
  }

  /// Returns the new offset; nil when the head is not complete.
  private func processHead(_ input: Span<UInt8>, _ offset: Int) -> Int? {
    worker.spareExchange()._withUnsafeGuaranteedRef { processHead(input, offset, $0) }
  }

  private func processHead(_ input: Span<UInt8>, _ offset: Int, _ exchange: Exchange) -> Int? {
    let rest = input.extracting(offset...)
    do throws(HeadError) {
      let count = try exchange.request.parse(
        prefixOf: rest, scanned: &scanned, limits: listener.headLimits)
      if let count {
        if takesUpgrade, let upgrade = HTTP2Upgrade(exchange.request, rest.extracting(..<count)) {
          worker.giveBack(exchange)
          becomeHTTP2(rest.extracting(count...), upgrade)
          return input.count
        }
        begin(exchange)
        return offset &+ count
      }
    } catch {
      worker.giveBack(exchange)
      scanned = 0
      if error == .unsupportedVersion && beginsHTTP2(rest) {
        becomeHTTP2(rest)
      } else {
        refuse(error)
      }
      return input.count
    }
    worker.giveBack(exchange)
    // The whole head has one deadline, from its first byte; the first one from the accept.
    if machine.requests > 0 && !isHeadDeadlineSet {
      isHeadDeadlineSet = true
      setDeadline(afterNanoseconds: listener.headTimeout)
    }
    return nil
  }

  private var isHeadDeadlineSet = false

  /// Prior knowledge (RFC 9113 3.3): the first lines of the preface look like a head, and no other
  /// head looks like them. Over TLS it is ALPN that decides.
  private func beginsHTTP2(_ input: Span<UInt8>) -> Bool {
    let head = input.extracting(..<min(input.count, HTTP2FrameFollower.headLikeBytes))
    return machine.requests == 0 && !isEncrypted && listener.http2 != nil
      && head.equals("PRI * HTTP/2.0\r\n\r\n")
  }

  /// Whether a request may ask for HTTP/2; over TLS there is ALPN.
  private var takesUpgrade: Bool {
    (listener.http2?.takesUpgrade ?? false) && !isEncrypted && !acceptor.isDraining
  }

  /// The caller speaks HTTP/2; `early` are the bytes that it sent, behind a request that asked for it.
  private func becomeHTTP2(_ early: Span<UInt8>, _ upgrade: HTTP2Upgrade? = nil) {
    let successor = HTTP2DownstreamConnection(
      acceptor: acceptor, peer: peer, early: early, upgrade: upgrade)
    pending.release()
    machine.upgraded()
    clearDeadline()
    acceptor.replace(self, by: successor)
    handOver(to: successor as StreamConnection)
    successor.begin()
  }

  private func begin(_ exchange: Exchange) {
    isHeadDeadlineSet = false
    let hasBody = !exchange.request.framing.isEmpty
    machine.requestBegun(
      keepsAlive: exchange.request.keepsAlive && !acceptor.isDraining,
      callerEnds: !exchange.request.keepsAlive, hasBody: hasBody,
      maxRequests: listener.maxRequests)
    self.exchange = exchange
    if hasBody {
      decoder = BodyDecoder(exchange.request.framing)
      setDeadline(afterNanoseconds: listener.bodyTimeout)
    } else {
      clearDeadline()
    }
    exchange.begin(self, listener: listener, peer: peer)
  }

  private func refuse(_ error: HeadError) {
    let exchange = worker.takeExchange()
    clearDeadline()
    machine.requestBegun(keepsAlive: false, hasBody: true, maxRequests: 0)
    self.exchange = exchange
    exchange.refuse(error, self, listener: listener, peer: peer)
  }

  private func processBody(_ input: Span<UInt8>, _ start: Int, _ exchange: Exchange) -> Int {
    do throws(BodyError) {
      switch try decoder.next(input, from: start) {
      case .needsMore: return input.count
      case .payload(let range, let consumed):
        setDeadline(afterNanoseconds: listener.bodyTimeout)
        exchange.downstreamBody(input.extracting(range))
        if decoder.isComplete && exchangeInUse.refers(to: exchange) { bodyCompleted(exchange) }
        return consumed
      case .complete(let consumed):
        bodyCompleted(exchange)
        return consumed
      }
    } catch {
      machine.stopKeepingAlive()
      exchange.record.fault = error.code
      malformedBody(exchange)
      return input.count
    }
  }

  private func bodyCompleted(_ exchange: Exchange) {
    if backlog > 0 { setDeadline(afterNanoseconds: listener.writeTimeout) } else { clearDeadline() }
    machine.requestCompleted()
    exchange.downstreamBodyEnded(decoder.trailers)
  }

  /// The request can't be completed: nothing more of it may reach the target as if it were whole.
  private func malformedBody(_ exchange: Exchange) {
    if exchange.state == .responding {
      exchange.record.error = .malformedRequest
      self.exchange = nil
      exchange.downstreamGone()
      abort()
      forget()
    } else {
      exchange.fail(.malformedRequest, detail: "The request body's framing is invalid.")
    }
  }

  // MARK: The caller's end

  /// The caller's FIN. It may still read: a complete request is answered.
  private func ended() {
    // A write may have taken the error that a read would have met.
    if isBroken { return gone() }
    switch machine.state {
    case .awaitingRequest:
      // A half-closed caller still reads; what waits for it must not be lost.
      if backlog > 0 { linger() } else { shut() }
    case .lingering: if backlog == 0 { shut() }
    case .closed, .upgraded: shut()
    case .exchanging: gone()
    }
  }

  /// The caller's FIN is here and its response is not. It may have left, or only have nothing more to
  /// send: a FIN does not tell.
  private func timeCallerCheck() {
    if deadline != .distantFuture { return }
    isCallerCheckDue = true
    setDeadline(afterNanoseconds: Self.callerCheckNanoseconds)
  }

  /// Asks a caller that still waits: 100 (Continue) means nothing to one that reads (RFC 9110 15.2.1),
  /// and the kernel of one that has left answers it with a reset.
  private func checkCaller() {
    isCallerCheckDue = false
    if backlog > 0 { return setDeadline(afterNanoseconds: listener.writeTimeout) }
    guard let exchange, exchange.isAwaitingResponse, exchange.request.version == .http11
    else { return }
    stage { $0.append("HTTP/1.1 100 Continue\r\n\r\n") }
  }

  private func gone() {
    let exchange = self.exchange
    self.exchange = nil
    shut()
    exchange?.downstreamGone()
  }

  /// Closes without ceremony.
  func shut() {
    if isClosed { return }
    machine.closed()
    close()
    forget()
  }

  func deliverEarly(to session: Session) {
    if !pending.isEmpty { session.received(pending.span, from: .client) }
    pending.release()
  }

  func deliverEarly(to stream: FirstMessageStream) {
    if stream.isClosed { return stream.shutDown() }
    if !pending.isEmpty { stream.received(pending.span) }
    pending.release()
  }

  private func forget() {
    pending.release()
    acceptor.connectionClosed(self)
  }

  override func deadlineReached() {
    switch machine.state {
    case .awaitingRequest:
      // Who does not read its responses would not read a refusal either.
      if pending.isEmpty || backlog > 0 {
        if isInHandshake { worker.counters.failedHandshakes &+= 1 }
        return shut()
      }
      refuseLate()
    case .exchanging(let progress):
      if isCallerCheckDue {
        checkCaller()
      } else if backlog > 0 || progress.isRequestComplete {
        // The caller does not read.
        let exchange = self.exchange
        self.exchange = nil
        abort()
        machine.closed()
        forget()
        exchange?.downstreamGone()
      } else if let exchange, exchange.state != .responding {
        machine.stopKeepingAlive()
        exchange.fail(.requestTimeout)
      } else {
        gone()
      }
    case .lingering, .upgraded, .closed: gone()
    }
  }

  /// Part of a head arrived and the rest did not come in time.
  private func refuseLate() {
    let exchange = worker.takeExchange()
    machine.requestBegun(keepsAlive: false, hasBody: true, maxRequests: 0)
    self.exchange = exchange
    exchange.refuseLate(self, listener: listener, peer: peer)
  }

  // MARK: Writing

  override func streamStalled() { timeWriting() }

  override func streamProgressed() {
    if backlog > 0 { setDeadline(afterNanoseconds: listener.writeTimeout) }
  }

  override func streamDrained() {
    if machine.isLingering {
      if hasPeerFinished { shut() } else { setDeadline(afterNanoseconds: Self.lingerNanoseconds) }
      return
    }
    if machine.isRequestComplete {
      clearDeadline()
    } else if !isRequestBodyPaused {
      setDeadline(afterNanoseconds: listener.bodyTimeout)
    }
    exchange?.downstreamDrained()
    if machine.isAwaitingRequest {
      // Part of a head that waits keeps its own deadline.
      setDeadline(
        afterNanoseconds: pending.isEmpty ? listener.idleTimeout : listener.headTimeout)
      if isReadingPaused { resumeReading() }
    }
  }

  /// The response is complete as far as the exchange is concerned.
  func responseCompleted() {
    exchange = nil
    isCallerCheckDue = false
    switch machine.responseCompleted() {
    case .nextRequest:
      setDeadline(
        afterNanoseconds: backlog > 0 ? listener.writeTimeout : listener.idleTimeout)
      if acceptor.isDraining { return linger() }
      // Within `process` the loop there goes on with the next request by itself.
      if !isProcessing && (!pending.isEmpty || isReadable) { loop.resumeLater(self) }
      isRequestBodyPaused = false
      if isReadingPaused && backlog <= Self.highWater { resumeReading() }
    case .close:
      flushBeforeClose()
      if backlog > 0 || !pending.isEmpty { linger() } else { shut() }
    case .linger: linger()
    }
  }

  private func linger() {
    machine.lingers()
    isRequestBodyPaused = false
    finishWriting()
    setDeadline(
      afterNanoseconds: backlog > 0 ? listener.writeTimeout : Self.lingerNanoseconds)
    if isBroken || hasPeerFinished && backlog == 0 && !isProcessing { return shut() }
    if isReadingPaused { resumeReading() } else { loop.resumeLater(self) }
  }

  // MARK: Reload and shutdown

  /// Ends at once, whatever is under way.
  override func shutDown() { gone() }

  /// The response is cut short where the caller could not tell it from a whole one.
  func abortConnection() {
    abort()
    machine.closed()
    forget()
  }

  /// What was written still reaches the caller, then the connection ends.
  func shutAfterFlush() { if !isClosed { linger() } }

  /// Closes an idle connection now and any other after its exchange.
  override func drain() {
    if !machine.isAwaitingRequest || !pending.isEmpty { return machine.stopKeepingAlive() }
    if backlog > 0 { linger() } else { shut() }
  }

  // MARK: Flow of the request body

  func pauseRequestBody() {
    if isRequestBodyPaused || machine.isRequestComplete { return }
    isRequestBodyPaused = true
    pauseReading()
    clearDeadline()
  }

  func resumeRequestBody() {
    if !isRequestBodyPaused { return }
    isRequestBodyPaused = false
    // Its last piece may have been what made others wait.
    if !machine.isRequestComplete { setDeadline(afterNanoseconds: listener.bodyTimeout) }
    resumeReading()
  }
}
