import SluiceReactor
import SluiceWire

/// What passes through: frames are followed, never changed, and never begun or ended by halves.
extension Session {
  /// Bytes from one end, as they came; called on the way from its socket only.
  func received(_ input: Span<UInt8>, from side: SessionSide) {
    setFlow(side) { $0.lastSeen = loop.now }
    // Who is told of the end already, or broke the rules, is only listened to for its own end.
    guard machine.listens(to: side) else { return }
    let counters = route.counters.sessions
    let (messages, bytes) = counts(side)
    relay(input, from: side)
    let (messagesNow, bytesNow) = counts(side)
    if messagesNow != messages { setFlow(side) { $0.lastMessage = loop.now } }
    counters.passed(side, messages: messagesNow &- messages, bytes: bytesNow &- bytes)
    holdBack(side)
  }

  private func counts(_ side: SessionSide) -> (messages: UInt64, bytes: UInt64) {
    side == .client
      ? (fromClient.follower.messages, fromClient.follower.payloadBytes)
      : (fromUpstream.follower.messages, fromUpstream.follower.payloadBytes)
  }

  private func setFlow(_ side: SessionSide, _ change: (inout SessionFlow) -> Void) {
    if side == .client { change(&fromClient) } else { change(&fromUpstream) }
  }

  private func relay(_ input: Span<UInt8>, from side: SessionSide) {
    var offset = 0
    do throws(WebSocketError) {
      while offset < input.count && machine.listens(to: side) {
        // Who waits for a close frame gets it as soon as a frame ends.
        let step = try next(input, offset, side, stopsAtFrames: !untold.isEmpty)
        switch step {
        case .needsMore: return
        case .relay(let range, _):
          pass(input.extracting(range), from: side)
          offset = range.upperBound
        case .relayHeld(let held, let range, _):
          pass(held.span, from: side)
          pass(input.extracting(range), from: side)
          offset = range.upperBound
        case .control(let opcode, let mask, let consumed):
          control(opcode, mask, from: side)
          offset = consumed
        }
        if !untold.isEmpty { tellWhoWaits() }
      }
    } catch {
      violated(error, by: side)
    }
  }

  private func next(
    _ input: Span<UInt8>, _ offset: Int, _ side: SessionSide, stopsAtFrames: Bool
  ) throws(WebSocketError) -> WebSocketFrameFollower.Step {
    if side == .client {
      return try fromClient.follower.next(
        input, from: offset, maxSize: settings.maxSize, scratch: &worker.scratch,
        stopsAtFrames: stopsAtFrames)
    }
    return try fromUpstream.follower.next(
      input, from: offset, maxSize: settings.maxSizeFromUpstream, scratch: &worker.scratch,
      stopsAtFrames: stopsAtFrames)
  }

  private func pass(_ bytes: Span<UInt8>, from side: SessionSide) {
    lastActivity = loop.now
    if machine.passes(from: side) { socket(side.other).write(bytes) }
  }

  /// A whole control frame; its payload is in the worker's scratch.
  private func control(_ opcode: WebSocketOpcode, _ mask: WebSocketMask?, from side: SessionSide) {
    switch opcode {
    case .close: closeReceived(from: side)
    case .pong where isOwnPong(from: side): pongReceived(from: side)
    default:
      lastActivity = loop.now
      guard machine.passes(from: side) else { return }
      let worker = self.worker
      socket(side.other).stage { Self.append(opcode, worker.scratch, mask, to: &$0) }
    }
  }

  private static func append(
    _ opcode: WebSocketOpcode, _ payload: borrowing ByteBuffer, _ mask: WebSocketMask?,
    to output: inout ByteBuffer
  ) {
    output.appendWebSocketFrame(opcode, payload.span, mask: mask)
  }

  private func violated(_ error: WebSocketError, by side: SessionSide) {
    let cause: SessionCause = error == .messageTooBig ? .messageTooBig : .protocolError
    end(
      SessionEnding(
        cause, side: side, code: error.closeCode.rawValue,
        reason: Array(String(describing: error.text).utf8)),
      ignoring: side)
  }

  // MARK: Back-pressure

  /// While one end does not take what the other sends, nothing more is read from that.
  private func holdBack(_ side: SessionSide) {
    let other = socket(side.other)
    guard other.backlog > 0 else { return }
    noteBacklog(side.other)
    if other.backlog > StreamConnection.highWater && !machine.isEnding {
      socket(side).pauseReading()
    }
  }

  /// The peer took some of what waited for it.
  func progressed(_ side: SessionSide) {
    setFlow(side) { $0.lastSeen = loop.now }
    lastActivity = loop.now
    noteBacklog(side)
    if machine.isEnding { extendClosing() }
  }

  /// The peer took all that waited for it.
  func drained(_ side: SessionSide) {
    noteBacklog(side)
    socket(side.other).resumeReading()
  }

  /// Keeps the route's sum of backlogs true.
  func noteBacklog(_ side: SessionSide) {
    let backlog = UInt32(clamping: socket(side).isClosed ? 0 : socket(side).backlog)
    setFlow(side) {
      if $0.notedBacklog == backlog { return }
      route.counters.sessions.backlog += Int(backlog) - Int($0.notedBacklog)
      $0.notedBacklog = backlog
    }
  }
}
