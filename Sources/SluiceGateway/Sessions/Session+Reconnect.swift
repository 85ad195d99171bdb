import SluiceReactor
import SluiceWire

/// `onUpstreamLoss: reconnect`: the caller keeps its session when the target is lost, and does not
/// notice.
///
/// Both directions go on at a message's border. What was written towards the lost target is lost with
/// it, and of a message that it got in part the rest goes nowhere, too. A message of which the caller
/// got a part cannot be completed: then the session ends as without the setting. Inspected messages are
/// passed on whole, so there that does not happen.
extension Session {
  /// There while no target has this session.
  var reconnector: SessionReconnector? { extras?.reconnector }

  /// Another target would be told of a caller that would not be let in.
  private var isBarred: Bool { inspection?.isBarred == true }

  /// The target is lost. False when the session ends by that. With a code its close frame gets its
  /// answer.
  func survivesLoss(isSilent: Bool = false, answering code: WebSocketCloseCode? = nil) -> Bool {
    guard !machine.isEnding, let extras, extras.reconnector == nil,
      let handshake = extras.handshake,
      settings.reconnect != nil, !isBarred, !downstream.isClosed,
      fromUpstream.follower.isAtMessageBoundary
    else { return false }
    leaveUpstream(isSilent: isSilent, answering: code)
    machine.upstreamLost()
    fromUpstream.restart()
    inspection?.restart(.upstream)
    if inspection?.isActive(.client) != true, !fromClient.follower.isAtMessageBoundary {
      extras.skipsMessage = true
    }
    let reconnector = SessionReconnector(self, handshake)
    extras.reconnector = reconnector
    noteBacklog(.upstream)
    // It may have been paused because the lost one did not read.
    resumeReading(.client)
    schedule()
    reconnector.begin()
    return true
  }

  /// Its route as it leads to another target: to the service that policies have chosen, if it is still
  /// there.
  var wayBack: CompiledRoute {
    guard isAside, route.service.name != service.name,
      let service = worker.snapshot.services[service.name]
    else { return route }
    return CompiledRoute(route, to: service)
  }

  /// Closes the connection to the target without waiting for anything, and gives its place back.
  private func leaveUpstream(isSilent: Bool, answering code: WebSocketCloseCode?) {
    upstream.session = nil
    if let code, isAtBorder(towards: .upstream) {
      let mask = WebSocketMask(key: UInt32(truncatingIfNeeded: worker.random.next()))
      upstream.stage { $0.appendWebSocketClose(code, mask: mask) }
    }
    // A dead peer would keep the kernel busy with what it is still owed.
    if isSilent { upstream.abortSilent(since: fromUpstream.pinged) } else { upstream.close() }
    leaveTarget()
  }

  /// Another connection to a target has answered the handshake as the lost one did.
  func takeUpstream(
    _ stream: any UpstreamStream, of exchange: Exchange, target: UpstreamTarget,
    service: UpstreamService, _ reconnector: SessionReconnector
  ) {
    let gap = reconnector.gap
    extras?.reconnector = nil
    reconnector.stop()
    move(to: target, of: service, exchange.takeAttempt())
    stream.handOver(to: self)
    machine.upstreamRegained()
    setFlow(.upstream) {
      $0.lastSeen = loop.now
      $0.pinged = loop.now
    }
    route.counters.sessions.reconnected()
    worker.sessionChanged(.reconnected(self, after: gap))
    let held = reconnector.takeHeld()
    if !held.isEmpty { upstream.write(held.span) }
    noteBacklog(.upstream)
    // A socket that could not be handed over is closed already.
    if upstream.isClosed { return ended(.upstream, isBroken: true) }
    holdBack(.client)
    resumeReading(.client)
    schedule()
  }

  // MARK: Without a target

  /// Bytes of the caller, in the order in which they came.
  func hold(_ bytes: Span<UInt8>, _ reconnector: SessionReconnector) {
    if reconnector.heldBytes + bytes.count > settings.reconnect?.maxHeld ?? 0 {
      return giveUpTarget("The target was lost, and more was sent than can wait for it.")
    }
    reconnector.hold(bytes)
    noteBacklog(.upstream)
  }

  /// A whole message of the caller.
  func hold(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, _ input: Span<UInt8>,
    _ reconnector: SessionReconnector
  ) {
    if let frame = message.frame { return hold(input.extracting(frame), reconnector) }
    var frame = ByteBuffer(capacity: payload.count + WebSocketFrameHeader.maxLength)
    let mask = WebSocketMask(key: UInt32(truncatingIfNeeded: worker.random.next()))
    frame.appendWebSocketFrame(
      message.opcode, payload, mask: mask, isCompressed: message.isCompressed)
    hold(frame.span, reconnector)
  }

  /// A control frame of the caller, whose payload is in the worker's scratch: pings are answered in the
  /// target's stead, pongs are for the lost one.
  func controlWithoutTarget(_ opcode: WebSocketOpcode) {
    // RFC 6455 5.5.3: not every ping needs an answer. Who does not read waits for none.
    guard opcode == .ping, downstream.backlog <= StreamConnection.highWater else { return }
    let worker = self.worker
    downstream.stage { Self.append(.pong, worker.scratch, nil, to: &$0) }
  }

  /// Nobody is asked in the name of a caller that is denied.
  func barredWithoutTarget() {
    if isBarred && reconnector != nil {
      giveUpTarget("The target was lost, and its caller would not be let in any more.")
    }
  }

  func giveUpTarget(_ reason: StaticString) {
    end(
      SessionEnding(
        .upstream, side: .upstream, code: WebSocketCloseCode.tryAgainLater.rawValue,
        reason: Array(String(describing: reason).utf8)))
  }

  /// The session ends: nobody is looked for any more.
  func stopReconnecting() {
    guard let extras, let reconnector = extras.reconnector else { return }
    extras.reconnector = nil
    reconnector.stop()
    noteBacklog(.upstream)
  }
}

extension SessionEnding {
  /// Whether the target's close frame says that this target goes and another may be asked.
  var isLossOfTarget: Bool {
    switch WebSocketCloseCode(rawValue: code) {
    case .goingAway, .serviceRestart, .tryAgainLater: true
    default: false
    }
  }
}
