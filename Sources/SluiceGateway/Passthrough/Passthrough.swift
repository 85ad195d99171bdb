import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// A caller's encrypted connection on its way to a target that speaks TLS itself: bytes pass as they came.
///
/// ```
///  waiting for an address ──▶ connecting ──▶ passing ──FIN of both, break, idle──▶ over
///      └── none of three targets has one or answers ──┴───────────────────────────▲
/// ```
///
/// Its one deadline is the next look at a target without an address, the connect timeout, then the idle timeout. Where much passes, the kernel moves it
/// by itself (docs/decisions/0009).
final class Passthrough: EventHandler {
  let acceptor: HTTPListener
  let peer: SocketAddress
  /// The server's name that the caller asked for.
  let name: [UInt8]
  let service: UpstreamService
  private let idleTimeout: Int64
  private var downstream: PassthroughSocket?
  private var upstream: PassthroughSocket?
  private var attempt: TargetAttempt?
  private(set) var target: UpstreamTarget?
  private var tried = TargetSet()
  private var attemptsLeft = Passthrough.maxAttempts
  /// The chosen target, whose name is looked up for the first time, and until when that may take.
  private var lookup: (index: Int, until: MonotonicTime)?
  /// Of the chosen target, that were not tried.
  private var addressesLeft = 0
  private var isConnected = false
  private var end: PassthroughEnd?
  let opened: MonotonicTime
  private(set) var bytes: (received: UInt64, sent: UInt64) = (0, 0)

  private static let maxAttempts = 3
  /// Between two looks at a target that has no address yet.
  private static let lookupNanoseconds: Int64 = 20_000_000
  /// Full reads in a row before others get a turn.
  private static let readsPerTurn = 4
  private static let bulkBytes = 48 * 1_024
  private static let spliceBytes: UInt64 = 64 * 1_024

  init(
    acceptor: HTTPListener, peer: SocketAddress, name: [UInt8], service: UpstreamService,
    idleTimeout: Int64
  ) {
    self.acceptor = acceptor
    self.peer = peer
    self.name = name
    self.service = service
    self.idleTimeout = idleTimeout
    opened = acceptor.loop.now
    super.init(loop: acceptor.loop)
    loop.register(self)
  }

  private var worker: Worker { acceptor.worker }

  /// Takes ownership of the descriptor, also when it fails.
  func begin(_ descriptor: Int32) {
    let socket = PassthroughSocket(loop: loop, side: .client, owner: self)
    downstream = socket
    socket.pauseReading()
    do throws(SystemError) {
      try socket.adopt(descriptor)
    } catch {
      return finish(.network)
    }
    connectNext()
  }

  // MARK: Connecting

  private func connectNext() {
    let now = loop.now
    guard attemptsLeft > 0,
      case .target(let index) = service.state.choose(
        hash: service.hash(ofCaller: peer), now: now, tried: tried)
    else { return finish(.noTarget) }
    attemptsLeft -= 1
    tried.insert(index)
    connect(
      index, until: now.advanced(byNanoseconds: service.settings.timeouts.connect.nanoseconds))
  }

  /// Waits for the target's first addresses, which a start or a reload has just asked for.
  private func connect(_ index: Int, until: MonotonicTime) {
    let now = loop.now
    let target = service.targets[index]
    self.target = target
    lookup = nil
    guard target.addressCount > 0 else {
      if target.isUnresolvable || now >= until { return connectNext() }
      lookup = (index, until)
      return setDeadline(min(until, now.advanced(byNanoseconds: Self.lookupNanoseconds)))
    }
    addressesLeft = target.addressCount
    attempt = service.state.started(index, now: now)
    tryAddress(of: target)
  }

  private func tryAddress(of target: UpstreamTarget) {
    guard addressesLeft > 0, let address = target.takeAddress() else { return targetFailed() }
    addressesLeft -= 1
    let socket = PassthroughSocket(loop: loop, side: .upstream, owner: self)
    upstream = socket
    let local = downstream?.localAddress
    if target.terms.isForOneCaller {
      socket.sendFirst { target.terms.append(caller: peer, local: local, to: &$0) }
    }
    do throws(SystemError) {
      try socket.connect(to: address)
    } catch {
      return connectFailed()
    }
    setDeadline(afterNanoseconds: service.settings.timeouts.connect.nanoseconds)
  }

  /// Another of its addresses may answer at once; where this one took all the time there is, nobody tries.
  private func connectFailed(isLate: Bool = false) {
    dropUpstream()
    if let name = target?.lookupName { worker.connectFailed(name: name) }
    guard let target, !isLate else { return targetFailed() }
    tryAddress(of: target)
  }

  private func targetFailed() {
    endAttempt(.failed)
    connectNext()
  }

  func connected() {
    isConnected = true
    worker.counters.upstreamConnections &+= 1
    if var attempt {
      let change = service.state.report(.succeeded, of: &attempt, now: loop.now)
      self.attempt = attempt
      worker.healthChanged(change, service, attempt.target)
    }
    moved()
    downstream?.resumeReading()
  }

  private func endAttempt(_ outcome: TargetOutcome) {
    guard let attempt else { return }
    self.attempt = nil
    worker.healthChanged(
      service.state.finished(attempt, outcome, now: loop.now), service, attempt.target)
  }

  // MARK: Passing

  private func other(_ socket: PassthroughSocket) -> PassthroughSocket? {
    socket.side == .client ? upstream : downstream
  }

  /// Something passed.
  func moved() { if isConnected { setDeadline(afterNanoseconds: idleTimeout) } }

  func readable(_ source: PassthroughSocket) {
    guard isConnected, let sink = other(source) else { return source.pauseReading() }
    var reads = 0
    while source.isReadable && !source.isReadingPaused && !source.isClosed && token != .none {
      if reads == Self.readsPerTurn { return loop.resumeLater(source) }
      reads += 1
      if sink.backlog > StreamConnection.highWater { return source.pauseReading() }
      if source.isBulk { splice(source, sink) } else { copy(source, sink) }
    }
  }

  private func copy(_ source: PassthroughSocket, _ sink: PassthroughSocket) {
    switch source.read(into: loop.readBuffer) {
    case .bytes(let count):
      source.received &+= UInt64(count)
      source.isBulk = count >= Self.bulkBytes
      moved()
      // SAFETY: the loop's buffer outlives this call, and nothing reads into it meanwhile.
      let bytes = UnsafeBufferPointer(
        rebasing: loop.readBuffer.assumingMemoryBound(to: UInt8.self)[..<count])
      sink.write(Span(_unsafeElements: bytes))
    case .wouldBlock: return
    case .end: ended(source, sink)
    case .failed(let code): broke(source, code)
    }
  }

  private func splice(_ source: PassthroughSocket, _ sink: PassthroughSocket) {
    switch sink.splice(from: source, atMost: Int(Self.spliceBytes)) {
    // What was written before is in the way.
    case .moved(0): source.pauseReading()
    case .moved(let count):
      source.received &+= UInt64(count)
      worker.counters.splicedBytes &+= UInt64(count)
      source.isBulk = count >= Self.bulkBytes / 4
      moved()
      if sink.backlog > 0 { source.pauseReading() }
    case .wouldBlock: return
    case .end: ended(source, sink)
    case .failed(let code): broke(source, code)
    case .refused: source.isBulk = false
    }
  }

  func drained(_ sink: PassthroughSocket) {
    moved()
    if finishIfBothEnded() { return }
    guard let source = other(sink) else { return }
    if !source.hasEnded { source.resumeReading() }
  }

  // MARK: Ends

  /// A FIN is passed on behind what came before it; the other direction goes on.
  private func ended(_ source: PassthroughSocket, _ sink: PassthroughSocket) {
    source.hasEnded = true
    if end == nil { end = source.side == .client ? .client : .upstream }
    if source.isBroken { return broke(source, 0) }
    sink.finishWriting()
    _ = finishIfBothEnded()
  }

  private func finishIfBothEnded() -> Bool {
    guard let downstream, let upstream, downstream.hasEnded, upstream.hasEnded,
      downstream.backlog == 0, upstream.backlog == 0
    else { return false }
    finish(end ?? .network)
    return true
  }

  /// The other end sees a reset, as from the peer itself.
  func broke(_ socket: PassthroughSocket, _ code: Int32) {
    if socket.side == .upstream && !isConnected { return connectFailed() }
    other(socket)?.abort()
    finish(.network)
  }

  override func deadlineReached() {
    if let lookup { return connect(lookup.index, until: lookup.until) }
    if !isConnected { return connectFailed(isLate: true) }
    downstream?.abort()
    upstream?.abort()
    finish(.idleTimeout)
  }

  /// Ends at once.
  func shutDown() {
    downstream?.abort()
    upstream?.abort()
    finish(.shutdown)
  }

  private func dropUpstream() {
    upstream?.owner = nil
    upstream?.close()
    upstream = nil
    clearDeadline()
  }

  private func finish(_ end: PassthroughEnd) {
    guard token != .none else { return }
    bytes = (downstream?.received ?? 0, upstream?.received ?? 0)
    downstream?.owner = nil
    downstream?.close()
    dropUpstream()
    endAttempt(isConnected ? .succeeded : .abandoned)
    loop.unregister(self)
    worker.counters.passthroughEnds[Int(end.rawValue)] &+= 1
    if worker.accessLog.isOn { worker.accessLog.write(self, end) }
    acceptor.passthroughEnded(self)
    downstream = nil
  }

  override func loopEnded() {
    downstream?.owner = nil
    upstream?.owner = nil
  }
}
