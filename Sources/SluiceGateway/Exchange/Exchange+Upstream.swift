import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// Choosing a target, and what happens there.
extension Exchange {
  // MARK: Towards a connection

  /// Nothing of the response has come yet.
  var isAwaitingResponse: Bool { state == .waiting || state == .forwarding }

  /// Sends the exchange to a target, first or again.
  func forward() {
    if withRoute({ forward(by: $0) }) == nil { fail(.internalError) }
  }

  private func forward(by route: CompiledRoute) {
    let service = route.service
    let now = loop.now
    if state == .routing {
      if wantsUpgrade, downstream?.reconnector == nil, let error = admitSession(on: route) {
        return fail(error)
      }
      service.state.retryBudget.recordRequest(now: now)
      if service.mayCarryGRPC { readCallTimeout() }
      if let totalDeadline { setDeadline(totalDeadline) }
    }
    if !chooseTarget(of: service, now: now) { failUpstream(.noTargetAvailable) }
  }

  /// False when there is none.
  func chooseTarget(of service: UpstreamService, now: MonotonicTime) -> Bool {
    state = .waiting
    guard
      case .target(let index) = service.state.choose(
        hash: service.hash(of: self), now: now, tried: tried)
    else { return false }
    attempt = service.state.started(index, now: now)
    lastTargetIndex = index
    service.reference(toTarget: index)._withUnsafeGuaranteedRef { $0.lease(for: self) }
    return true
  }

  /// POST and the like on a kept-alive connection: if the target has closed it meanwhile, nobody
  /// could tell afterwards whether the request was processed, so it is looked at before.
  var needsProvenConnection: Bool { !isIdempotent }

  /// As the target gets it.
  var sentMethod: HTTPMethod {
    requestEdits.method.map { HTTPMethod($0.span) } ?? request.method
  }

  /// Both as the caller sent it and as a policy has it sent.
  var isIdempotent: Bool {
    request.method.isIdempotent && sentMethod.isIdempotent
  }

  /// The target of the last attempt, also when that is over.
  var lastTarget: UpstreamTarget? {
    guard let route, let lastTargetIndex else { return nil }
    return route.service.targets[lastTargetIndex]
  }

  private var target: UpstreamTarget? {
    guard let route, let attempt else { return nil }
    return route.service.targets[attempt.target]
  }

  /// A connection is being opened for this exchange.
  func upstreamConnecting(_ stream: any UpstreamStream) { upstream = stream }

  /// The connection is there and writes the request now.
  func upstreamReady(_ stream: any UpstreamStream, isReused: Bool) {
    upstream = stream
    state = .forwarding
    record.isReusedConnection = isReused
    record.connected = loop.now
    // Of an attempt before.
    if record.fault != nil { record.fault = nil }
    if route?.service.mayRepeatBodies == true || policies?.repeatsBodies == true {
      beginKeepingBody()
    }
  }

  /// Takes what was begun with a target back: the exchange ends, or tries again.
  func leaveUpstream() {
    if let upstream {
      self.upstream = nil
      upstream.abandon()
    } else if state == .waiting || isQueued {
      target?.forget(self)
    }
    endAttempt(.abandoned)
  }

  func endAttempt(_ outcome: TargetOutcome) {
    guard let attempt, let route = heldRoute.inUse else { return }
    self.attempt = nil
    route._withUnsafeGuaranteedRef {
      worker.healthChanged(
        $0.service.state.finished(attempt, outcome, now: loop.now), $0.service, attempt.target)
    }
  }

  // MARK: Failures

  func upstreamFailed(_ failure: UpstreamFailure) {
    upstream = nil
    isQueued = false
    if let attempt { tried.insert(attempt.target) }
    let retries = route?.service.settings.retries ?? Configuration.Retries()
    let mayRepeat = isIdempotent || retries.nonIdempotent
    let attemptsBefore = attempts
    var decision = RetryDecision.decide(
      failure, isIdempotent: isIdempotent, mayRepeat: mayRepeat,
      isReplayable: !hasPassedBody || keepsBody,
      isResponseBegun: state == .responding, attempts: attempts,
      connectRetries: retries.connect, idempotentRetries: retries.idempotent)
    if !mayTryAgain(retries) { decision = .no }
    // That a target closed a connection between two requests says nothing about its health.
    endAttempt(decision == .silently ? .abandoned : failure.outcome)
    switch decision {
    case .no: return giveUp(failure)
    case .silently:
      attempts.stale += 1
      tried = TargetSet()
    case .elsewhere: attempts.connect += 1
    case .idempotentElsewhere:
      guard let service = route?.service, service.state.retryBudget.takeRetry(now: loop.now) else {
        return giveUp(failure)
      }
      attempts.idempotent += 1
      route?.counters.retries &+= 1
    }
    downstream?.pauseRequestBody()
    retry(after: failure, attemptsBefore)
  }

  /// The target was ejected while the exchange waited in its queue. Not a failure of the exchange,
  /// and none of its retries.
  func dismissedFromQueue() {
    isQueued = false
    if let attempt { tried.insert(attempt.target) }
    endAttempt(.abandoned)
    guard let service = route?.service, chooseTarget(of: service, now: loop.now) else {
      return failUpstream(.noTargetAvailable)
    }
  }

  /// Where no target is left there is no further attempt, and none is counted.
  private func retry(after failure: UpstreamFailure, _ attemptsBefore: RetryDecision.Attempts) {
    guard let service = route?.service else { return fail(.internalError) }
    if chooseTarget(of: service, now: loop.now) { return }
    if attempts.idempotent != attemptsBefore.idempotent { route?.counters.retries &-= 1 }
    attempts = attemptsBefore
    giveUp(failure)
  }

  private func giveUp(_ failure: UpstreamFailure) {
    if state == .responding { cutShort(failure.error) } else { failUpstream(failure.error) }
  }

  // MARK: The response

  func upstreamInformational(_ head: borrowing ResponseHead) {
    if head.status == 100 && (!request.expectsContinue || isBodyCollected) { return }
    guard let downstream else { return }
    downstream.sendInformational(head)
    if downstream.responseBacklog > StreamConnection.highWater { upstream?.pauseResponse() }
  }

  func upstreamHead(_ head: borrowing ResponseHead) {
    let isForsaken = isForsaken(head)
    if triesAgain(after: head, isForsaken: isForsaken) { return }
    if triesElsewhere(after: head) { return }
    if isForsaken { sayUnavailable(insteadOf: head) }
    state = .responding
    record.status = shownStatus(head.status)
    record.responded = loop.now
    if var attempt, let route = heldRoute.inUse {
      route._withUnsafeGuaranteedRef {
        let change = $0.service.state.report(.succeeded, of: &attempt, now: loop.now)
        self.attempt = attempt
        worker.healthChanged(change, $0.service, attempt.target)
      }
    }
    if !responseMeetsPolicies(head) { return }
    if keepsBody { stopKeepingBody() }
    if responseFilter != nil {
      if head.framing == .none {
        // Nothing may be made of no body: its end is that of the head.
        responseFilter = nil
        held = nil
      } else if let held {
        return hold(head, in: held)
      }
    }
    deliverHead(head)
  }

  func upstreamBody(_ bytes: Span<UInt8>) {
    let backlog: Int
    if responseFilter != nil {
      if downstream == nil || !sendResponseBody(bytes, isLast: false) { return }
      backlog = downstream?.responseBacklog ?? 0
    } else {
      record.sent &+= UInt64(bytes.count)
      backlog = deliverBody(bytes)
    }
    if backlog > StreamConnection.highWater { upstream?.pauseResponse() }
  }

  /// Whether nothing between the two connections looks at the response's body.
  var splicesResponse: Bool {
    !readsResponseBody && replacement == nil && storedReplacement == nil
      && downstream?.takesSplices ?? false
  }

  /// Instead of `upstreamBody`, while `splicesResponse`: the kernel moves the bytes.
  func upstreamBody(
    from source: StreamConnection, atMost limit: UInt64
  ) -> StreamConnection.SpliceOutcome {
    guard let downstream else { return .refused }
    let outcome = downstream.sendBody(from: source, atMost: Int(clamping: limit))
    if case .moved(let count) = outcome {
      record.sent &+= UInt64(count)
      worker.counters.splicedBytes &+= UInt64(count)
    }
    // The pipe is filled again when it is empty, so there is no mark to wait for.
    if downstream.responseBacklog > 0 { upstream?.pauseResponse() }
    return outcome
  }

  func upstreamEnd(_ trailers: borrowing TrailerSection) {
    upstream = nil
    endAttempt(.succeeded)
    if let replacement { return answer(replacement) }
    if let stored = storedReplacement {
      storedReplacement = nil
      return serve(stored.entry, isNotModified: stored.isNotModified)
    }
    if let responseFilter {
      var kept = copy trailers
      responseFilter.passTrailers(&kept)
      if !endResponseBody() { return }
      deliverEnd(kept)
    } else {
      deliverEnd(trailers)
    }
    finish()
  }

  /// The target took what had piled up of the request.
  func upstreamDrained() {
    if gate.map({ !$0.holdsRequest }) ?? true { downstream?.resumeRequestBody() }
  }
}
