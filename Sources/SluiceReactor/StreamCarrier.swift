/// Carries a connection's bytes where it has no socket of its own: a stream of another connection.
///
/// To whoever uses the connection nothing is different: it has a backlog, is paused, half-closed and
/// aborted like any other, and hears of the carrier's news by the same calls. What a kernel's socket
/// buffers are elsewhere, the carrier has: it takes a little, and says when it can take more.
///
/// Everything happens on the loop's thread. The two hold each other until the connection closes.
open class StreamCarrier {
  /// Nil before `StreamConnection.carry` and after its end.
  public fileprivate(set) final var carried: StreamConnection?
  private final var news: Readiness = []

  public init() {}

  // MARK: What subclasses implement

  /// The connection below, which knows the caller.
  open var base: StreamConnection? { nil }
  /// Hands out bytes as a socket does: what came before an end or an error comes before it.
  open func read(into room: UnsafeMutableRawBufferPointer) -> StreamConnection.ReadOutcome {
    .wouldBlock
  }
  /// Whether the next `read` would bring something.
  open var isReadable: Bool { false }
  /// Whether nothing but the end is left to read.
  open var isAtEnd: Bool { false }
  /// How many bytes were taken. Who takes less than all says `.output` when there is room. Called while
  /// the loop sends what was staged: must not write to any connection.
  open func take(_ bytes: UnsafeRawBufferPointer) -> Int { 0 }
  /// Nothing more will be written; reading goes on.
  open func finish() {}
  /// The peer has given no sign of life since then, and its user waits no longer; the end of the connection
  /// follows.
  open func peerFellSilent(since: MonotonicTime) {}
  /// The connection is gone. `isOrderly`: everything that was written was taken, and nobody wants the peer
  /// to think otherwise.
  open func close(isOrderly: Bool) {}

  // MARK: News

  /// Tells the connection in a turn of its own, because the loop's buffer may be in use now.
  public final func changed(_ readiness: Readiness) {
    guard let carried else { return }
    if news.isEmpty { carried.loop.resumeLater(carried) }
    news.formUnion(readiness)
  }

  /// Tells the connection now. Nobody may be reading on this loop.
  public final func deliver(_ readiness: Readiness) {
    guard let carried else { return }
    let all = news.union(readiness)
    news = []
    if !all.isEmpty { carried.ready(all) }
  }
}

/// What lies between a connection's bytes and the kernel.
enum StreamLayer {
  case none
  case tls(TLSLayer)
  /// There is no socket.
  case carrier(StreamCarrier)
}

extension StreamConnection {
  /// In the place of a descriptor; no system call sees it.
  static let carriedDescriptor = Int32.max

  /// Whether a stream of another connection carries the bytes.
  public final var isCarried: Bool { carrier != nil }

  final var carrier: StreamCarrier? {
    if case .carrier(let carrier) = layer { carrier } else { nil }
  }

  /// Begins on a carrier in place of a socket. What came already gets a turn.
  public final func carry(by carrier: StreamCarrier) {
    precondition(isClosed && carrier.carried == nil)
    beginCarried()
    layer = .carrier(carrier)
    carrier.carried = self
    isReadable = carrier.isReadable
    loop.resumeLater(self)
  }

  /// Ends the connection, like `abort`, because nothing was heard of its peer since then: who else uses what
  /// carries it should know.
  public final func abortSilent(since: MonotonicTime) {
    carrier?.peerFellSilent(since: since)
    abort()
  }

  /// The carrier goes on with who took over.
  final func giveCarrier(to successor: StreamConnection) { carrier?.carried = successor }

  final func readCarried(
    _ carrier: StreamCarrier, into buffer: UnsafeMutableRawBufferPointer
  ) -> ReadOutcome {
    let outcome = carrier.read(into: buffer)
    isReadable = carrier.isReadable
    switch outcome {
    case .bytes: break
    case .end:
      hasPeerFinished = true
      isReadable = false
    case .wouldBlock, .failed: isReadable = false
    }
    return outcome
  }

  final func transmitCarried(_ carrier: StreamCarrier, _ bytes: UnsafeRawBufferPointer) -> Int {
    let count = carrier.take(bytes)
    if count < bytes.count { isWritable = false }
    return count
  }

  /// Cuts the connection off its carrier.
  final func leaveCarrier(_ carrier: StreamCarrier, isOrderly: Bool) {
    carrier.carried = nil
    layer = .none
    carrier.close(isOrderly: isOrderly)
  }
}

extension StreamConnection {
  /// Nothing lies between the bytes and the kernel.
  final var isPlain: Bool { if case .none = layer { true } else { false } }
}
