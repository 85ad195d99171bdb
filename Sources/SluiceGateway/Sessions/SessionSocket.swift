import SluiceReactor
import SluiceWire

/// One end of a session: the socket that the handshake came or went on, without what HTTP needed.
///
/// While nothing waits it owns this object and nothing else. What it reads and when is the
/// session's decision; it has no deadline of its own.
final class SessionSocket: StreamConnection {
  let side: SessionSide
  /// Closes as soon as the backlog is gone.
  private var closesWhenDrained = false
  /// The session holds its sockets and they hold it; `Session.finish` breaks the ring.
  var session: Session?

  /// Reads in a row before others get a turn.
  private static let readsPerTurn = 4
  /// The same in bytes: what is read is copied out again, and 256 KiB of that are a tenth of a millisecond
  /// for everybody else.
  private static let bytesPerTurn = 64 * 1_024

  init(loop: EventLoop, side: SessionSide) {
    self.side = side
    super.init(loop: loop)
  }

  override func streamReadable() {
    var reads = 0
    var taken = 0
    while isReadable && !isReadingPaused && !isClosed {
      // Only a close frame ends a session in order, so nothing rests on the end's place in the stream.
      if takeKnownEnd() {
        session?.ended(side, isBroken: false)
        return
      }
      if reads == Self.readsPerTurn || taken >= Self.bytesPerTurn { return loop.resumeLater(self) }
      reads &+= 1
      switch read(into: loop.readBuffer) {
      case .bytes(let count):
        taken &+= count
        // SAFETY: the loop's buffer outlives this call, and nothing reads into it meanwhile.
        let bytes = UnsafeBufferPointer(
          rebasing: loop.readBuffer.assumingMemoryBound(to: UInt8.self)[..<count])
        session?.received(Span(_unsafeElements: bytes), from: side)
      case .wouldBlock: return
      case .end:
        session?.ended(side, isBroken: isBroken)
        return
      case .failed:
        session?.ended(side, isBroken: true)
        return
      }
    }
  }

  override func streamResumed() {
    session?.resumed(side)
    if isReadable { streamReadable() }
  }

  override func streamBrokeWhilePaused() { session?.ended(side, isBroken: true) }

  override func streamFailed(_ code: Int32) { session?.ended(side, isBroken: true) }

  override func streamProgressed() { session?.progressed(side) }

  override func streamDrained() {
    if closesWhenDrained { return closeNow() }
    session?.drained(side)
  }

  /// What was written still goes out; then the socket is closed.
  func closeAfterFlush() {
    if isClosed { return }
    flushBeforeClose()
    if backlog == 0 { return closeNow() }
    closesWhenDrained = true
    if isReadingPaused { resumeReading() }
  }

  /// Closes at once; the session hears of it.
  func closeNow() {
    if isClosed { return }
    close()
    session?.socketClosed(side)
  }
}
