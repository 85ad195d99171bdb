import SluiceReactor
import SluiceWire

/// How a session ends: performs what `SessionStateMachine` decides.
extension Session {
  /// Ends it in the gateway's own name. Only the first reason counts.
  func end(_ ending: SessionEnding, ignoring side: SessionSide? = nil) {
    if self.ending == nil { self.ending = ending }
    perform(machine.end(ignoring: side))
  }

  /// A close frame, whose payload is in the worker's scratch.
  func closeReceived(from side: SessionSide) {
    if ending == nil {
      let said = Self.ending(from: side, worker.scratch)
      if side == .upstream, said.isLossOfTarget,
        survivesLoss(answering: WebSocketCloseCode(rawValue: said.code))
      {
        return
      }
      ending = said
    }
    perform(machine.closeReceived(from: side))
  }

  private static func ending(
    from side: SessionSide, _ payload: borrowing ByteBuffer
  ) -> SessionEnding {
    let bytes = payload.span
    // The follower has checked it.
    guard let close = try? WebSocketClose(bytes) else {
      return SessionEnding(.protocolError, side: side, code: 1_002)
    }
    let reason = bytes.extracting(close.reason)
    return SessionEnding(
      side == .client ? .client : .upstream, side: side, code: close.code.rawValue,
      reason: reason.withUnsafeBufferPointer { Array($0) })
  }

  /// One end's FIN, or its connection broke. In the middle of a session that is no orderly end.
  func ended(_ side: SessionSide, isBroken: Bool) {
    if side == .upstream, survivesLoss() { return }
    if ending == nil {
      let cause: SessionCause = isBroken ? .network : side == .client ? .client : .upstream
      ending = SessionEnding(cause, side: side, code: 1_006)
    }
    if !isBroken { return perform(machine.ended(side)) }
    socket(side).close()
    noteBacklog(side)
    _ = machine.ended(side)
    perform(machine.disconnected(side).union(closingEnd == .distantFuture ? .startDeadline : []))
  }

  /// The connection to one end was closed by its socket.
  func socketClosed(_ side: SessionSide) {
    noteBacklog(side)
    perform(machine.disconnected(side))
  }

  /// One end has given no sign of life for too long.
  func fellSilent(_ side: SessionSide) {
    if side == .upstream, survivesLoss(isSilent: true) { return }
    if ending == nil { ending = SessionEnding(.network, side: side, code: 1_006) }
    socket(side).abortSilent(since: side == .client ? fromClient.pinged : fromUpstream.pinged)
    noteBacklog(side)
    _ = machine.ended(side)
    perform(machine.disconnected(side).union(.startDeadline))
  }

  /// The closing handshake took too long, or nobody waits for it: both ends are cut off.
  func cutOff() {
    if ending == nil { ending = SessionEnding(.shutdown, code: 1_006) }
    // It may not be ending yet. Nobody is left to be told.
    for side in [SessionSide.client, .upstream] {
      _ = machine.ended(side)
      socket(side).abort()
      noteBacklog(side)
    }
    perform(machine.disconnected(.client))
    perform(machine.disconnected(.upstream))
  }

  private func perform(_ actions: SessionStateMachine.Actions) {
    if machine.isEnding { stopReconnecting() }
    if actions.contains(.startDeadline) { extendClosing() }
    untold = actions.intersection([.tellClient, .tellUpstream])
    if !untold.isEmpty {
      // What is read from now on is only read for the frame border and the answer.
      downstream.resumeReading()
      upstream.resumeReading()
      tellWhoWaits()
    }
    if actions.contains(.disconnectClient) { downstream.closeAfterFlush() }
    if actions.contains(.disconnectUpstream) { upstream.closeAfterFlush() }
    if actions.contains(.finishClient) { downstream.finishWriting() }
    if actions.contains(.finishUpstream) {
      // After its own FIN there is nothing to wait for.
      if upstream.takeKnownEnd() { upstream.closeAfterFlush() } else { upstream.finishWriting() }
    }
    if actions.contains(.finish) { finish() }
  }

  func extendClosing() {
    closingEnd = loop.now.advanced(byNanoseconds: settings.closeTimeout)
    setDeadline(closingEnd)
  }

  /// Writes the close frames that are due, each at a frame border.
  func tellWhoWaits() {
    if untold.contains(.tellClient) { tell(.client) }
    if untold.contains(.tellUpstream) { tell(.upstream) }
  }

  /// Whether a control frame may be written towards this end.
  func isAtBorder(towards side: SessionSide) -> Bool {
    if side == .client { return fromUpstream.follower.isAtFrameBoundary }
    return fromClient.follower.isAtFrameBoundary || extras?.skipsMessage == true
  }

  private func tell(_ side: SessionSide) {
    let source = side.other
    let isAtBorder = isAtBorder(towards: side)
    // The rest of a frame that will not come leaves no place for a close frame: the end of the
    // connection has to say it.
    if !isAtBorder && machine.listens(to: source) { return }
    untold.remove(side == .client ? .tellClient : .tellUpstream)
    if side == .client { feedAll() }
    if isAtBorder, let ending {
      let code = WebSocketCloseCode(rawValue: ending.code(for: side))
      let reason = ending.reason(for: side)
      if isWatched {
        let size = code == .noStatus ? 0 : 2 + min(reason.count, WebSocketClose.maxReason)
        noteInjected(.close, size: size, to: side)
      }
      let mask: WebSocketMask? =
        side == .client ? nil : WebSocketMask(key: UInt32(truncatingIfNeeded: worker.random.next()))
      socket(side).stage { $0.appendWebSocketClose(code, reason: reason.span, mask: mask) }
    } else if !isAtBorder {
      // Nobody answers a frame that was not sent.
      socket(side).finishWriting()
    }
    perform(machine.told(side))
  }
}
