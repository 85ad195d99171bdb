import SluiceReactor
import SluiceWire

/// Holds an exchange's bodies up: its reads are paused until the time for more has come.
///
/// One for each exchange that has to wait, and none before; whoever lets a side go on, the latest time
/// counts. Registered with the loop until a policy's `finished`, so it never outlives its exchange.
final class BandwidthGate: EventHandler {
  private let exchange: Exchange
  /// When each side may go on; distantFuture while it is not held.
  private var requestEnd = MonotonicTime.distantFuture
  private var responseEnd = MonotonicTime.distantFuture
  private var isOver = false

  init(_ exchange: Exchange) {
    self.exchange = exchange
    super.init(loop: exchange.loop)
    loop.register(self)
  }

  var holdsRequest: Bool { requestEnd != .distantFuture }
  var holdsResponse: Bool { responseEnd != .distantFuture }

  func hold(_ side: BandwidthSide, nanoseconds: Int64) {
    let end = loop.now.advanced(byNanoseconds: nanoseconds)
    switch side {
    case .request:
      requestEnd = Self.later(requestEnd, end)
      exchange.downstream?.pauseRequestBody()
    case .response:
      responseEnd = Self.later(responseEnd, end)
      exchange.upstream?.pauseResponse()
    }
    setDeadline(min(requestEnd, responseEnd))
  }

  /// No hold is no later time.
  private static func later(_ one: MonotonicTime, _ other: MonotonicTime) -> MonotonicTime {
    one == .distantFuture ? other : max(one, other)
  }

  override func deadlineReached() {
    if requestEnd <= loop.now {
      requestEnd = .distantFuture
      exchange.requestReleased()
    }
    // The exchange may have ended with what it was given.
    if !isOver, responseEnd <= loop.now {
      responseEnd = .distantFuture
      exchange.responseReleased()
    }
    if !isOver { setDeadline(min(requestEnd, responseEnd)) }
  }

  func end() {
    isOver = true
    loop.unregister(self)
  }
}

extension Exchange {
  /// Reads no more of this side's body for so long.
  func hold(_ side: BandwidthSide, nanoseconds: Int64) {
    let gate = self.gate ?? BandwidthGate(self)
    self.gate = gate
    gate.hold(side, nanoseconds: nanoseconds)
  }

  func endHolds() {
    gate?.end()
    gate = nil
  }

  /// More of the request's body may be read, as far as the target takes it.
  fileprivate func requestReleased() { if takesRequestBody { downstream?.resumeRequestBody() } }

  /// More of the response may be read, as far as the caller takes it; else its `downstreamDrained` does
  /// this.
  fileprivate func responseReleased() {
    guard let downstream, downstream.responseBacklog <= StreamConnection.highWater else { return }
    upstream?.resumeResponse()
  }
}
