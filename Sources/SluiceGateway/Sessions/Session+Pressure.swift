import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// What happens when one end does not take what the other sends, or sends too much of nothing.
extension Session {
  /// What one end sent and this one did not take yet.
  func waitingBytes(for side: SessionSide) -> Int {
    if socket(side).isClosed { return side == .upstream ? reconnector?.heldBytes ?? 0 : 0 }
    let queued = side == .client ? inspection?.queue.bytes ?? 0 : 0
    return socket(side).backlog + queued + pushedBytes(for: side)
  }

  /// Whether so much waits for this end that the other has to wait. Where messages are dropped
  /// instead, nobody waits.
  func holdsBack(_ side: SessionSide) -> Bool {
    if side == .client, settings.slowConsumer.drops, inspection?.isActive(.upstream) == true {
      return false
    }
    return isFull(side)
  }

  /// Whether enough waits for this end.
  private func isFull(_ side: SessionSide) -> Bool {
    if side == .client, let inspection, let conflation = settings.pipeline.conflation,
      inspection.queue.keyCount >= conflation.maxKeys
    {
      return true
    }
    // Messages of the gateway's own wait for the target to go on: it must not wait for them.
    return waitingBytes(for: side) - pushedBytes(for: side) > settings.maxBacklog
  }

  /// While one end does not take what the other sends, nothing more is read from that.
  func holdBack(_ side: SessionSide) {
    guard socket(side.other).backlog > 0 else { return }
    noteBacklog(side.other)
    if machine.isEnding || !holdsBack(side.other) { return }
    socket(side).pauseReading()
    if side == .upstream { noteSlowness() }
  }

  /// The peer took some of what waited for it.
  func progressed(_ side: SessionSide) {
    setFlow(side) { $0.lastSeen = loop.now }
    lastActivity = loop.now
    noteBacklog(side)
    if side == .client { noteSlowness() }
    if machine.isEnding { extendClosing() }
  }

  /// The peer took all that waited for it.
  func drained(_ side: SessionSide) {
    if let inspection {
      payOwedPong(to: side)
      if side == .client { feed(inspection) }
    }
    noteBacklog(side)
    if side == .client { noteSlowness() }
    resumeReading(side.other)
  }

  /// Reads from this end again unless a limit or the other end's backlog forbids it.
  func resumeReading(_ side: SessionSide) {
    if !machine.isEnding {
      if inspection?.isDelayed(side) == true { return }
      if holdsBack(side.other) { return }
    }
    socket(side).resumeReading()
  }

  /// Keeps the route's sum of backlogs true.
  func noteBacklog(_ side: SessionSide) {
    let backlog = UInt32(clamping: waitingBytes(for: side))
    setFlow(side) {
      if $0.notedBacklog == backlog { return }
      route.counters.sessions.backlog += Int(backlog) - Int($0.notedBacklog)
      $0.notedBacklog = backlog
    }
  }

  // MARK: Slow consumers

  /// For `slowConsumer: close`: since when too much waits for the caller.
  private func noteSlowness() {
    guard settings.slowConsumer == .close, !machine.isEnding else { return }
    let isSlow = isFull(.client)
    if isSlow == (slowSince != .distantFuture) { return }
    slowSince = isSlow ? loop.now : .distantFuture
    if isSlow { schedule() }
  }

  /// When a caller that stays slow is given up.
  var slownessEnd: MonotonicTime {
    slowSince == .distantFuture
      ? .distantFuture : slowSince.advanced(byNanoseconds: settings.slowConsumerTimeout)
  }

  func endForSlowness() {
    end(
      SessionEnding(
        .slowConsumer, side: .client, code: WebSocketCloseCode.policyViolation.rawValue,
        reason: Array("Messages were not read fast enough.".utf8)))
  }

  // MARK: Messages that wait

  /// Whether a message for the caller has to wait as a message.
  func mustQueue(_ inspection: SessionInspection) -> Bool {
    !inspection.queue.isEmpty || settings.pipeline.queues && downstream.backlog > 0
  }

  /// Puts a message of the target behind those that wait for the caller.
  func enqueue(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, _ input: Span<UInt8>,
    _ inspection: SessionInspection
  ) -> FrameRecord.Decision {
    let conflation = settings.pipeline.conflation
    let isText = message.opcode == .text && !message.isCompressed
    let key = isText ? conflation?.key(of: payload) : nil
    let frame = Self.frame(message, payload, input)
    let limits = MessageQueue.Limits(
      dropsNewest: settings.slowConsumer == .dropNewest,
      dropsOldest: settings.slowConsumer == .dropOldest,
      maxBytes: settings.maxBacklog, maxKeys: conflation?.maxKeys ?? .max)
    let elsewhere = waitingBytes(for: .client) - inspection.queue.bytes
    var decision = FrameRecord.Decision.delayed
    switch inspection.queue.add(frame, key: key, limits: limits, elsewhere: elsewhere) {
    case .waits: break
    case .replaced:
      dropped(.conflated, from: .upstream, inspection)
      decision = .conflated
    case .refused:
      dropped(.slowConsumer, from: .upstream, inspection)
      return .dropped
    }
    while let old = inspection.queue.takeSurplus(limits, elsewhere: elsewhere) {
      if isWatched { noteGivenUp(old) }
      dropped(.slowConsumer, from: .upstream, inspection)
    }
    noteBacklog(.client)
    return decision
  }

  private static func frame(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, _ input: Span<UInt8>
  ) -> [UInt8] {
    if let frame = message.frame {
      return input.extracting(frame).withUnsafeBufferPointer { Array($0) }
    }
    var output = ByteBuffer(capacity: payload.count + WebSocketFrameHeader.maxLength)
    output.appendWebSocketFrame(message.opcode, payload, isCompressed: message.isCompressed)
    return output.copiedBytes()
  }

  /// Writes what waited until the caller has enough again.
  private func feed(_ inspection: SessionInspection) {
    while downstream.backlog == 0, let frame = inspection.queue.takeFirst() {
      downstream.write(frame.span)
    }
  }

  /// Writes all that waited, in front of a close frame.
  func feedAll() {
    guard let inspection else { return }
    while let frame = inspection.queue.takeFirst() { downstream.write(frame.span) }
  }

  // MARK: Floods

  /// Counts pings, pongs and empty fragments. False when there were too many: the session ends.
  /// `opcode` is that of the one frame that came, if it is about one.
  func admitsControlFrames(
    _ count: Int, from side: SessionSide, _ opcode: WebSocketOpcode? = nil
  ) -> Bool {
    let (rate, now) = (settings.controlRate, loop.now)
    var isAdmitted = count <= settings.maxControlFrames
    setFlow(side) {
      isAdmitted = isAdmitted && rate.allows(count, $0.controlCell, now: now)
      if isAdmitted { rate.take(count, &$0.controlCell, now: now) }
    }
    if !isAdmitted {
      if isWatched, let opcode { noteControl(opcode, .closed, from: side) }
      end(
        SessionEnding(
          .policy, side: side, code: WebSocketCloseCode.policyViolation.rawValue,
          reason: Array("More control frames came than the limit allows.".utf8),
          policy: "control-frames"),
        ignoring: side)
    }
    return isAdmitted
  }
}
