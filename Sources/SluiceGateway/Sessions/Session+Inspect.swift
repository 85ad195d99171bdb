import SluiceReactor
import SluiceWire

/// Inspected mode: whole messages meet the route's policies, and control frames end at the gateway.
extension Session {
  /// More of the worker's scratch is given back after a message: it took over the message's memory.
  private static let keptScratch = 256 * 1_024
  /// What is masked anew goes out in pieces of this size, so that no copy of the message is needed.
  private static let maskedPiece = 16 * 1_024

  /// Bytes from one end, as they came.
  func inspect(_ input: Span<UInt8>, from side: SessionSide, _ inspection: SessionInspection) {
    if inspection.heldBytes(side) > 0 {
      // What came earlier comes first.
      inspection.hold(input, of: side)
      return inspectHeld(from: side, inspection)
    }
    let consumed = read(input, from: side, inspection)
    if consumed < input.count { inspection.hold(input.extracting(consumed...), of: side) }
  }

  /// Goes on with what was held.
  func inspectHeld(from side: SessionSide, _ inspection: SessionInspection) {
    var bytes = ByteBuffer()
    inspection.swapHeld(&bytes, of: side)
    let consumed = read(bytes.span, from: side, inspection)
    if consumed == bytes.count { return }
    bytes.consume(consumed)
    inspection.swapHeld(&bytes, of: side)
  }

  /// Returns where to go on later: at the end, unless reading has to pause.
  private func read(
    _ input: Span<UInt8>, from side: SessionSide, _ inspection: SessionInspection
  ) -> Int {
    inspection.prepare(for: settings.pipeline)
    var scratch = ByteBuffer()
    swap(&scratch, &worker.scratch)
    defer {
      if scratch.allocatedBytes > Self.keptScratch { scratch.release() }
      swap(&scratch, &worker.scratch)
    }
    var offset = 0
    do throws(WebSocketError) {
      while offset < input.count && machine.listens(to: side) {
        switch try inspection.next(input, from: offset, of: side, settings, &scratch) {
        case .needsMore:
          lastActivity = loop.now
          offset = input.count
        case .message(let message):
          offset = message.consumed
          let payload = message.bytes(input, scratch)
          if !meet(message, payload, input, from: side, inspection) { return offset }
        case .control(let opcode, _, let consumed):
          offset = consumed
          swap(&scratch, &worker.scratch)
          control(opcode, from: side, inspection)
          swap(&scratch, &worker.scratch)
        }
      }
    } catch {
      if isWatched { noteRefused(inspection.refused(error, input, offset, of: side), from: side) }
      violated(error, by: side)
    }
    // Whom nobody listens to any more is not read on.
    return input.count
  }

  // MARK: Messages

  /// False when nothing more may be read from this end for now.
  private func meet(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, _ input: Span<UInt8>,
    from side: SessionSide, _ inspection: SessionInspection
  ) -> Bool {
    lastActivity = loop.now
    guard machine.passes(from: side) else {
      if isWatched { note(message, payload, .dropped, from: side) }
      return true
    }
    let pipeline = settings.pipeline
    var delayEnd = loop.now
    var drop: MessageDrop?
    var answer: SessionMessage?
    var (isTaken, isChanged) = (false, false)
    for policy in side == .client ? pipeline.fromClient : pipeline.fromUpstream {
      switch policy.meet(message, payload, of: self, inspection) {
      case .pass: continue
      case .passThenWait(let end):
        delayEnd = max(delayEnd, end)
        continue
      case .change: isChanged = true
      case .taken: isTaken = true
      case .drop(let reason): drop = reason
      case .refuse(let reason, let message):
        drop = reason
        answer = message
      case .close(let ending):
        if isWatched { note(message, payload, .closed, from: side) }
        end(ending)
        return true
      }
      break
    }
    var decision = FrameRecord.Decision.dropped
    if let drop {
      dropped(drop, from: side, inspection)
      // Who does not read its answers gets no more of them.
      if let answer { _ = push(answer) }
    } else if isTaken {
      decision = .absorbed
    } else {
      decision =
        isChanged
        ? forwardChanged(message, input, from: side, inspection)
        : forward(message, payload, input, from: side, inspection)
      if decision == .passed && delayEnd > loop.now { decision = .delayed }
    }
    if isWatched {
      // What was for the gateway alone may be a token.
      note(message, isTaken ? payload.extracting(0..<0) : payload, decision, from: side)
    }
    if machine.isEnding { return true }
    if delayEnd > loop.now {
      inspection.setDelayEnd(side, delayEnd)
      socket(side).pauseReading()
      schedule()
      return false
    }
    // What would only join the queue may as well stay where it is.
    if side == .client || inspection.queue.isEmpty || !holdsBack(.client) { return true }
    upstream.pauseReading()
    return false
  }

  /// Passes on what a policy has made of a message.
  private func forwardChanged(
    _ message: WebSocketMessage, _ input: Span<UInt8>, from side: SessionSide,
    _ inspection: SessionInspection
  ) -> FrameRecord.Decision {
    var changed = ByteBuffer()
    swap(&changed, &inspection.changed)
    var message = message
    message.frame = nil
    return forward(message, changed.span, input, from: side, inspection)
  }

  private func forward(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, _ input: Span<UInt8>,
    from side: SessionSide, _ inspection: SessionInspection
  ) -> FrameRecord.Decision {
    if side == .upstream && mustQueue(inspection) {
      return enqueue(message, payload, input, inspection)
    }
    if side == .client, let reconnector {
      hold(message, payload, input, reconnector)
      return .delayed
    }
    if let frame = message.frame {
      socket(side.other).write(input.extracting(frame))
    } else {
      write(message.opcode, payload, isCompressed: message.isCompressed, to: side.other)
    }
    return .passed
  }

  /// Writes a frame of the gateway's own.
  private func write(
    _ opcode: WebSocketOpcode, _ payload: Span<UInt8>, isCompressed: Bool = false,
    to side: SessionSide
  ) {
    let (socket, mask) = (socket(side), freshMask(towards: side))
    socket.stage {
      $0.appendWebSocketHeader(
        opcode, payloadLength: payload.count, mask: mask, isCompressed: isCompressed)
    }
    guard let mask else { return socket.write(payload) }
    var at = 0
    while at < payload.count {
      let end = min(payload.count, at &+ Self.maskedPiece)
      let piece = payload.extracting(at..<end)
      socket.stage { $0.append(piece, mask: mask, offset: at) }
      at = end
    }
  }

  /// Towards the target the gateway is a client (RFC 6455 5.3).
  private func freshMask(towards side: SessionSide) -> WebSocketMask? {
    side == .client ? nil : WebSocketMask(key: UInt32(truncatingIfNeeded: worker.random.next()))
  }

  func dropped(_ reason: MessageDrop, from side: SessionSide, _ inspection: SessionInspection) {
    inspection.countDropped(side)
    route.counters.sessions.dropped(reason)
  }

  // MARK: Control frames

  /// A whole control frame; its payload is in the worker's scratch.
  private func control(
    _ opcode: WebSocketOpcode, from side: SessionSide, _ inspection: SessionInspection
  ) {
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
      if isWatched { noteControl(opcode, .absorbed, from: side) }
      if opcode != .ping || machine.isTold(side) { return }
      if socket(side).backlog > StreamConnection.highWater {
        // RFC 6455 5.5.3: only the last of several pings needs an answer.
        return inspection.owePong(worker.scratch.copiedBytes(), to: side)
      }
      if isWatched { noteInjected(.pong, size: worker.scratch.count, to: side) }
      let (worker, mask) = (self.worker, freshMask(towards: side))
      socket(side).stage { Self.append(.pong, worker.scratch, mask, to: &$0) }
    }
  }

  /// The pong that waited for room.
  func payOwedPong(to side: SessionSide) {
    guard let pong = inspection?.takeOwedPong(to: side), !machine.isTold(side) else { return }
    if isWatched { noteInjected(.pong, size: pong.count, to: side) }
    write(.pong, pong.span, to: side)
  }

  // MARK: Going on

  /// Reading from this end was resumed.
  func resumed(_ side: SessionSide) {
    guard let inspection, inspection.heldBytes(side) > 0, machine.listens(to: side) else { return }
    let before = counts(side)
    inspectHeld(from: side, inspection)
    account(side, since: before)
  }

  /// Lets ends be read again whose delay is over.
  func endDelays(_ inspection: SessionInspection) {
    for side in [SessionSide.client, .upstream] where inspection.delayEnd(side) <= loop.now {
      inspection.setDelayEnd(side, .distantFuture)
      resumeReading(side)
    }
  }
}
