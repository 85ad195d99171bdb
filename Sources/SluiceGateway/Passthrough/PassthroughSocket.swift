import SluiceReactor

/// One end of a connection that is passed on undecrypted.
final class PassthroughSocket: StreamConnection {
  let side: SessionSide
  /// They hold each other; `Passthrough.finish` breaks the ring.
  var owner: Passthrough?
  /// Its FIN was read.
  var hasEnded = false
  /// So much comes at a time that it is worth a pipe.
  var isBulk = false
  var received: UInt64 = 0

  init(loop: EventLoop, side: SessionSide, owner: Passthrough) {
    self.side = side
    self.owner = owner
    super.init(loop: loop)
  }

  override func streamConnected() { owner?.connected() }
  override func streamReadable() { owner?.readable(self) }
  override func streamProgressed() { owner?.moved() }
  override func streamDrained() { owner?.drained(self) }
  override func streamBrokeWhilePaused() { owner?.broke(self, 0) }
  override func streamFailed(_ code: Int32) { owner?.broke(self, code) }
}
