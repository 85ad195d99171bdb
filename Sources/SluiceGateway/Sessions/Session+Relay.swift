import SluiceReactor
import SluiceWire

/// What passes through: frames are followed, never changed, and never begun or ended by halves.
extension Session {
  /// Bytes from one end, as they came; called on the way from its socket only.
  func received(_ input: Span<UInt8>, from side: SessionSide) {
    setFlow(side) { $0.lastSeen = loop.now }
    // Who is told of the end already, or broke the rules, is only listened to for its own end.
    guard machine.listens(to: side) else { return }
    let before = counts(side)
    if let inspection, inspection.isActive(side) {
      inspect(input, from: side, inspection)
    } else {
      relay(input, from: side)
    }
    account(side, since: before)
  }

  /// Messages of one end and their bytes, as far as they have come.
  func counts(_ side: SessionSide) -> (messages: UInt64, bytes: UInt64) {
    let relayed =
      side == .client
      ? (fromClient.follower.messages, fromClient.follower.payloadBytes)
      : (fromUpstream.follower.messages, fromUpstream.follower.payloadBytes)
    guard let inspected = inspection?.counts(side) else { return relayed }
    return (relayed.0 &+ inspected.messages, relayed.1 &+ inspected.bytes)
  }

  /// Counts what one end has sent since `before`.
  func account(_ side: SessionSide, since before: (messages: UInt64, bytes: UInt64)) {
    let now = counts(side)
    if now.messages != before.messages { setFlow(side) { $0.lastMessage = loop.now } }
    route.counters.sessions.passed(
      side, messages: now.messages &- before.messages, bytes: now.bytes &- before.bytes)
    let empty = takeEmptyFragments(side)
    if empty > 0 { _ = admitsControlFrames(empty, from: side) }
    holdBack(side)
  }

  private func takeEmptyFragments(_ side: SessionSide) -> Int {
    if let inspection, inspection.isActive(side) { return inspection.takeEmptyFragments(side) }
    return side == .client
      ? fromClient.follower.takeEmptyFragments() : fromUpstream.follower.takeEmptyFragments()
  }

  func setFlow(_ side: SessionSide, _ change: (inout SessionFlow) -> Void) {
    if side == .client { change(&fromClient) } else { change(&fromUpstream) }
  }

  private func relay(_ input: Span<UInt8>, from side: SessionSide) {
    var offset = 0
    do throws(WebSocketError) {
      while offset < input.count && machine.listens(to: side) {
        if let inspection, isBetweenMessages(side) {
          inspection.activate(side)
          return inspect(input.extracting(offset...), from: side, inspection)
        }
        // Who waits for a close frame gets it as soon as a frame ends.
        let step = try next(
          input, offset, side,
          stopsAtFrames: !untold.isEmpty || inspection != nil || isWatched
            || extras?.stopsAtFrames(side) == true)
        switch step {
        case .needsMore: return
        case .relay(let range, let frames):
          if isWatched {
            noteRelayed(input.extracting(range), beginsFrame: frames > 0, from: side)
          }
          pass(input.extracting(range), from: side)
          offset = range.upperBound
        case .relayHeld(let held, let range, _):
          if isWatched { noteRelayed(held, input.extracting(range), from: side) }
          pass(held.span, from: side)
          pass(input.extracting(range), from: side)
          offset = range.upperBound
        case .control(let opcode, let mask, let consumed):
          control(opcode, mask, from: side)
          offset = consumed
        }
        if let extras, extras.stopsAtFrames(side) { stepped(side, extras) }
        if !untold.isEmpty { tellWhoWaits() }
      }
    } catch {
      if isWatched { noteRefused(refused(input, offset, side), from: side) }
      violated(error, by: side)
    }
  }

  private func refused(
    _ input: Span<UInt8>, _ offset: Int, _ side: SessionSide
  ) -> WebSocketFrameGlimpse {
    side == .client
      ? fromClient.follower.refused(input, from: offset)
      : fromUpstream.follower.refused(input, from: offset)
  }

  private func isBetweenMessages(_ side: SessionSide) -> Bool {
    side == .client
      ? fromClient.follower.isAtMessageBoundary && !fromClient.follower.isHolding
      : fromUpstream.follower.isAtMessageBoundary && !fromUpstream.follower.isHolding
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
    guard machine.passes(from: side) else { return }
    if side == .client, let extras { return pass(bytes, extras) }
    socket(side.other).write(bytes)
  }

  private func pass(_ bytes: Span<UInt8>, _ extras: SessionExtras) {
    if extras.skipsMessage { return }
    if let reconnector = extras.reconnector { return hold(bytes, reconnector) }
    upstream.write(bytes)
  }

  /// A frame may have ended.
  private func stepped(_ side: SessionSide, _ extras: SessionExtras) {
    if side == .upstream { return sendPushed(extras) }
    if fromClient.follower.isAtMessageBoundary { extras.skipsMessage = false }
  }

  /// A whole control frame; its payload is in the worker's scratch.
  private func control(_ opcode: WebSocketOpcode, _ mask: WebSocketMask?, from side: SessionSide) {
    switch opcode {
    case .close:
      if isWatched { noteControl(opcode, .closed, from: side) }
      closeReceived(from: side)
    case .pong where isOwnPong(from: side):
      if isWatched { noteControl(opcode, .absorbed, from: side) }
      pongReceived(from: side)
    default:
      lastActivity = loop.now
      guard admitsControlFrames(1, from: side, opcode) else { return }
      let passes = machine.passes(from: side)
      let isHeld = side == .client && reconnector != nil
      if isWatched {
        noteControl(opcode, !passes ? .dropped : isHeld ? .absorbed : .passed, from: side)
      }
      if !passes { return }
      if isHeld { return controlWithoutTarget(opcode) }
      let worker = self.worker
      socket(side.other).stage { Self.append(opcode, worker.scratch, mask, to: &$0) }
    }
  }

  static func append(
    _ opcode: WebSocketOpcode, _ payload: borrowing ByteBuffer, _ mask: WebSocketMask?,
    to output: inout ByteBuffer
  ) {
    output.appendWebSocketFrame(opcode, payload.span, mask: mask)
  }

  func violated(_ error: WebSocketError, by side: SessionSide) {
    let cause: SessionCause =
      error.closeCode == .messageTooBig ? .messageTooBig : .protocolError
    end(
      SessionEnding(
        cause, side: side, code: error.closeCode.rawValue,
        reason: Array(String(describing: error.text).utf8)),
      ignoring: side)
  }
}
