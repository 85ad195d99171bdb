import SluiceWire

/// Bytes that pass from one connection to another inside the kernel (docs/decisions/0009).
///
/// They go through a pipe. What the sink's kernel does not take stays in the pipe, which then is the
/// front of the sink's backlog: sent first, counted, waited for by `finishWriting`, told by
/// `streamDrained`, closed with the connection. Nobody but the sink knows of it.
extension StreamConnection {
  /// What a move came to.
  public enum SpliceOutcome: Equatable {
    /// So many bytes left the source; those that the sink's kernel did not take are backlog. None
    /// when a backlog is in the way: wait for `streamDrained`.
    case moved(Int)
    /// The source has nothing now.
    case wouldBlock
    /// The source's FIN.
    case end
    case failed(Int32)
    /// Nothing was moved, because there is no pipe or the kernel does not do it: read and write.
    case refused
  }

  /// Whether what passes this socket is what the connection's user reads and writes. TLS changes the
  /// bytes in between, and a carried connection has no socket.
  public final var canSplice: Bool { !isClosed && !isConnecting && isPlain }

  /// Moves up to `limit` bytes (more than none) of what `source` can read, behind everything written
  /// here before. Both have to be able to (`canSplice`). Two system calls when all goes well.
  public final func splice(from source: StreamConnection, atMost limit: Int) -> SpliceOutcome {
    guard canSplice, source.canSplice else { return .refused }
    flushStage()
    if backlog > 0 { return .moved(0) }
    guard let pipe = loop.pipes.take() else { return .refused }
    switch piped.filled(pipe.fill(from: source.descriptor, atMost: limit)) {
    case .drain(let count):
      self.pipe = pipe
      sendBacklog()
      return .moved(count)
    case .sourceDry:
      loop.pipes.giveBack(pipe)
      source.isReadable = false
      return .wouldBlock
    case .sourceEnded:
      loop.pipes.giveBack(pipe)
      source.isReadable = false
      source.hasPeerFinished = true
      return .end
    case .sourceFailed(let code):
      loop.pipes.giveBack(pipe)
      source.isReadable = false
      return .failed(code)
    case .copy:
      loop.pipes.giveBack(pipe)
      return .refused
    }
  }

  /// Sends what the kernel takes of the pipe's bytes; afterwards the pipe is gone, or `isWritable` is
  /// false.
  func drainPipe() {
    guard let pipe else { return }
    while true {
      switch piped.drained(pipe.drain(to: descriptor, atMost: piped.held)) {
      case .again: continue
      case .done: return returnPipe(pipe)
      case .wait:
        isWritable = false
        return
      case .copyOut: return copyOut(of: pipe)
      }
    }
  }

  /// The kernel fills pipes from the source and does not drain them into this: its bytes go where
  /// they would have gone without a pipe, in front of what was written since.
  func copyOut(of pipe: SplicePipe) {
    var joined = ByteBuffer()
    pipe.copyOut(piped.held, to: &joined)
    joined.append(outbound.span)
    swap(&joined, &outbound)
    piped.emptied()
    returnPipe(pipe)
  }

  private func returnPipe(_ pipe: SplicePipe) {
    self.pipe = nil
    loop.pipes.giveBack(pipe)
  }

  /// Closes the pipe with what is in it.
  func closePipe() {
    pipe = nil
    piped.emptied()
    loop.pipes.lost()
  }
}
