import Glibc
import SluiceReactor
import SluiceWire

/// An HTTP/1.1 connection to a target: the shell around `HTTP1UpstreamStateMachine`.
///
/// It belongs to one exchange at a time or waits in its target's pool. While idle it owns no buffer
/// and its only memory is this object. Its deadline is connect, response or idle timeout, whichever
/// applies; idle connections are timed by the pool.
final class HTTP1UpstreamConnection: UpstreamConnection {
  private let attemptsLeft: Int
  /// Only HTTP/1.1 is offered to the target.
  let avoidsHTTP2: Bool
  var machine = HTTP1UpstreamStateMachine()
  /// Kept by the loop, see `Exchange+References`.
  private var exchangeInUse: Unmanaged<Exchange>?
  /// Bytes of a head that has not arrived whole.
  private var pending = ByteBuffer()
  private var scanned = 0
  var decoder = BodyDecoder(.none)
  /// The rest of the body is moved inside the kernel.
  var isSplicing = false
  private var isReadingBody = false
  private var isClosing = false
  /// Whose the socket is since a 101 that was just read; bytes behind it are the session's.
  private var heir: Session?
  /// The loop's turn in which the request went out on a connection that had served others.
  private var reusedInTurn = UInt64.max

  /// Full reads in a row before others get a turn.
  private static let readsPerTurn = 4

  private(set) var exchange: Exchange? {
    get { exchangeInUse?.takeUnretainedValue() }
    set { exchangeInUse = newValue.map { .passUnretained($0) } }
  }

  init(target: UpstreamTarget, attemptsLeft: Int, avoidsHTTP2: Bool = false) {
    self.attemptsLeft = attemptsLeft
    self.avoidsHTTP2 = avoidsHTTP2
    super.init(target: target)
  }

  // MARK: Connecting

  func open(to address: SocketAddress, for exchange: Exchange) throws(SystemError) {
    if let origin = target.origin {
      try secure(for: origin, offering: avoidsHTTP2 ? "http/1.1" : nil)
    }
    if target.terms.isForOneCaller { sendFirst { target.terms.append(exchange, to: &$0) } }
    try connect(to: address)
    self.exchange = exchange
    exchange.upstreamConnecting(self)
    setDeadline(afterNanoseconds: exchange.connectTimeout)
  }

  override func streamConnected() {
    switch target.agreement(on: self) {
    case .http1: if !avoidsHTTP2 { target.socketsNeedHTTP1 = false }
    case .http2: return beginHTTP2()
    // A try that is counted, or it would be repeated for ever.
    case nil: return streamHandshakeFailed(.noProtocol)
    }
    clearDeadline()
    machine.opened()
    worker.counters.upstreamConnections &+= 1
    let exchange = self.exchange
    self.exchange = nil
    target.connected(self, for: exchange)
  }

  /// The target speaks HTTP/2: the socket is another's from here on.
  private func beginHTTP2() {
    let exchange = self.exchange
    self.exchange = nil
    isClosing = true
    machine.closed()
    let successor = HTTP2UpstreamConnection(target: target, exchange: exchange, until: deadline)
    clearDeadline()
    handOver(to: successor)
    successor.open(for: exchange)
  }

  override func streamHandshakeFailed(_ failure: TLSFailure) {
    let exchange = self.exchange
    self.exchange = nil
    isClosing = true
    machine.closed()
    close()
    target.handshakeFailed(for: exchange, failure)
  }

  private func connectFailed(_ code: Int32) {
    let exchange = self.exchange
    self.exchange = nil
    isClosing = true
    machine.closed()
    close()
    target.connectFailed(for: exchange, attemptsLeft: attemptsLeft, code: code)
  }

  override var tellsCapacity: Bool { !avoidsHTTP2 }

  // MARK: Sending the request

  override func begin(_ exchange: Exchange, isReused: Bool) {
    exchangeInUse = .passUnretained(exchange)
    scanned = 0
    isReadingBody = false
    isSplicing = false
    if isReused { reusedInTurn = loop.turnNumber }
    let isComplete = exchange.requestFraming.isEmpty
    machine.requestBegun(isReused: isReused, isRequestComplete: isComplete)
    exchange.upstreamReady(self, isReused: isReused)
    stage { RequestComposer.append(exchange, target: target, to: &$0) }
    if isComplete {
      setDeadline(afterNanoseconds: exchange.responseTimeout)
    } else {
      // While the caller owes its body, its own deadline runs: it must not look like the target's.
      clearDeadline()
      exchange.sendFirstBody(on: self)
    }
  }

  // MARK: Reading the response

  override func streamReadable() {
    var reads = 0
    while isReadable && !isReadingPaused && !isClosed {
      if reads == Self.readsPerTurn { return loop.resumeLater(self) }
      reads &+= 1
      if isSplicing {
        spliceBody()
        continue
      }
      switch read(into: readRoom) {
      case .bytes(let count): received(count)
      case .wouldBlock: return
      case .end: return ended()
      case .failed: return failed(isMalformed: false)
      }
    }
  }

  /// What a response may bring in one piece, before its caller can be asked to wait.
  private var readRoom: UnsafeMutableRawBufferPointer {
    let isCrowded = exchangeInUse?._withUnsafeGuaranteedRef { $0.isCallerCrowded } ?? false
    if !isCrowded { return loop.readBuffer }
    return UnsafeMutableRawBufferPointer(rebasing: loop.readBuffer[..<Self.crowdedReadBytes])
  }

  private static let crowdedReadBytes = 4 * 1_024

  override func streamFailed(_ code: Int32) {
    if machine.isConnecting { connectFailed(code) } else { failed(isMalformed: false) }
  }

  /// A slow caller paused it; a complete response may wait in the kernel behind the break.
  override func streamBrokeWhilePaused() {}

  private func received(_ count: Int) {
    // What this turn found readable was sent before the request that went out in it.
    if machine.isIdle || reusedInTurn == loop.turnNumber { return failed(isMalformed: false) }
    if pending.isEmpty {
      // SAFETY: the loop's buffer outlives this call, and nothing reads into it meanwhile.
      let bytes = UnsafeBufferPointer(
        rebasing: loop.readBuffer.assumingMemoryBound(to: UInt8.self)[..<count])
      let input = Span(_unsafeElements: bytes)
      let used = process(input)
      if used < count && !isClosed { pending.append(input.extracting(used...)) }
    } else {
      var joined = ByteBuffer()
      swap(&joined, &pending)
      joined.append(upTo: count) { room in
        room.copyMemory(from: UnsafeRawBufferPointer(rebasing: loop.readBuffer[..<count]))
        return count
      }
      joined.consume(process(joined.span))
      if !joined.isEmpty && !isClosed { swap(&joined, &pending) }
    }
  }

  /// Returns how many bytes are done with; the rest waits for more.
  private func process(_ input: Span<UInt8>) -> Int {
    var offset = 0
    if let exchangeInUse {
      let isWhole = exchangeInUse._withUnsafeGuaranteedRef { process(input, &offset, of: $0) }
      if !isWhole { return offset }
    }
    if let heir {
      self.heir = nil
      if offset < input.count { heir.received(input.extracting(offset...), from: .upstream) }
      return input.count
    }
    return offset
  }

  /// False when a head is not complete.
  private func process(_ input: Span<UInt8>, _ offset: inout Int, of exchange: Exchange) -> Bool {
    while offset < input.count, !isClosed, exchangeInUse.refers(to: exchange) {
      if isReadingBody {
        offset = processBody(input, offset, exchange)
      } else if let next = processHead(input, offset, exchange) {
        offset = next
      } else {
        return false
      }
    }
    return true
  }

  /// Returns the new offset; nil when the head is not complete.
  private func processHead(_ input: Span<UInt8>, _ offset: Int, _ exchange: Exchange) -> Int? {
    let rest = input.extracting(offset...)
    do throws(HeadError) {
      guard
        let count = try worker.response.parse(
          prefixOf: rest, scanned: &scanned, requestMethod: exchange.request.method,
          limits: worker.headLimits)
      else { return nil }
      headArrived(exchange, worker.response, following: rest.count &- count)
      return offset &+ count
    } catch {
      exchange.record.fault = error.code
      failed(isMalformed: true)
      return input.count
    }
  }

  /// `following`: bytes that are here behind the head.
  private func headArrived(
    _ exchange: Exchange, _ head: borrowing ResponseHead, following: Int
  ) {
    if head.isInformational { return exchange.upstreamInformational(head) }
    if head.status == 101 {
      if !exchange.upstreamUpgraded(head) { failed(isMalformed: true) }
      return
    }
    machine.responseBegun(keepsAlive: head.keepsAlive)
    decoder = BodyDecoder(head.framing)
    isReadingBody = true
    if !head.framing.isEmpty { setDeadline(afterNanoseconds: exchange.idleTimeout) }
    exchange.upstreamHead(head)
    guard exchangeInUse.refers(to: exchange) else { return }
    if head.framing.isEmpty { return completed(hasExcess: following > 0) }
    isSplicing =
      canSplice && Self.isWorthSplicing(head.framing, following) && exchange.splicesResponse
  }

  private func processBody(_ input: Span<UInt8>, _ start: Int, _ exchange: Exchange) -> Int {
    var offset = start
    do throws(BodyError) {
      while isReadingBody {
        switch try decoder.next(input, from: offset) {
        case .needsMore:
          timeResponse(exchange)
          return input.count
        case .payload(let range, let consumed):
          offset = consumed
          exchange.upstreamBody(input.extracting(range))
        case .complete(let consumed):
          completed(hasExcess: consumed < input.count)
          return input.count
        }
      }
    } catch {
      exchange.record.fault = error.code
      failed(isMalformed: true)
    }
    return input.count
  }

  // MARK: The end

  func completed(hasExcess: Bool) {
    guard let ended = exchangeInUse else { return }
    exchangeInUse = nil
    isReadingBody = false
    isSplicing = false
    clearDeadline()
    // The last piece of a body may have paused it; the next exchange must not find it so.
    resumeReading()
    let after = machine.responseCompleted(hasExcess: hasExcess)
    let trailers = decoder.trailers
    // Whoever comes next must not find bytes here that were sent before its request.
    if after == .reuse && !hasPeerFinished && backlog == 0 && (!isReadable || isQuiet()) {
      ended._withUnsafeGuaranteedRef { $0.upstreamEnd(trailers) }
      target.release(self, reusable: true)
    } else {
      machine.closed()
      ended._withUnsafeGuaranteedRef { $0.upstreamEnd(trailers) }
      target.release(self, reusable: false)
    }
  }

  /// The peer's FIN.
  func ended() {
    if isReadingBody, !isEndUnannounced, let ended = try? decoder.endOfInput(), ended {
      completed(hasExcess: false)
    } else {
      // A head that began and did not end is no stale connection.
      failed(isMalformed: !pending.isEmpty)
    }
  }

  func failed(isMalformed: Bool) {
    if isClosing { return }
    var failure = machine.failed(isMalformed: isMalformed)
    if case .closedBeforeResponse(isReused: false)? = failure, let broken = brokenTLS {
      target.logTLS(broken)
      failure = .tlsBroken
    }
    let exchange = self.exchange
    drop()
    if let failure { exchange?.upstreamFailed(failure) }
  }

  /// Closes and tells the pool.
  private func drop() {
    if isClosing { return }
    isClosing = true
    exchange = nil
    isReadingBody = false
    let id = ConnectionID(raw: token.raw)
    machine.closed()
    close()
    target.closed(self, id: id)
  }

  override func deadlineReached() {
    // Also when the exchange has left: the attempt holds a place in the pool.
    if machine.isConnecting { return connectFailed(ETIMEDOUT) }
    guard let exchange else { return }
    let failure: UpstreamFailure = isReadingBody ? .truncatedResponse : .responseTimeout
    drop()
    exchange.upstreamFailed(failure)
  }

  override func streamProgressed() { timeRequest() }

  override func streamDrained() {
    timeRequest()
    exchange?.upstreamDrained()
  }

  /// Between two pieces of a response. While a slow caller has paused it, the caller's time runs.
  func timeResponse(_ exchange: Exchange) {
    if !isReadingPaused { setDeadline(afterNanoseconds: exchange.idleTimeout) }
  }

  /// The target's time runs while it does not take what there is, and from the request's end.
  private func timeRequest() {
    guard let exchange, !isReadingBody else { return }
    if backlog > 0 || machine.isRequestComplete {
      setDeadline(afterNanoseconds: exchange.responseTimeout)
    } else {
      clearDeadline()
    }
  }
}

extension HTTP1UpstreamConnection: UpstreamStream {
  var requestBacklog: Int { backlog }

  func sendBody(_ bytes: Span<UInt8>) {
    if exchange?.requestFraming == .chunked {
      stage { $0.appendChunkHeader(size: bytes.count) }
      write(bytes)
      stage { $0.appendChunkEnd() }
    } else {
      write(bytes)
    }
    timeRequest()
  }

  func sendEnd(_ trailers: borrowing TrailerSection) {
    guard let exchange else { return }
    if exchange.requestFraming == .chunked {
      let trailers = copy trailers
      stage { $0.appendLastChunk(trailers: trailers) }
    }
    machine.requestCompleted()
    timeRequest()
  }

  func pauseResponse() {
    pauseReading()
    // A slow caller is not the target's fault.
    clearDeadline()
  }

  func resumeResponse() {
    if !isReadingPaused { return }
    if let exchange { setDeadline(afterNanoseconds: exchange.idleTimeout) }
    resumeReading()
  }

  func abandon() {
    if machine.isConnecting {
      // The attempt goes on: the connection is good for the next exchange.
      exchange = nil
      return
    }
    drop()
  }

  func handOver(to session: Session) {
    exchange = nil
    heir = session
    isClosing = true
    machine.closed()
    clearDeadline()
    target.detach(self)
    handOver(to: session.upstream as StreamConnection)
  }
}

extension BodyFraming {
  /// No body bytes follow the head.
  var isEmpty: Bool {
    switch self {
    case .none, .length(0): true
    case .length, .chunked, .untilClose: false
    }
  }
}
