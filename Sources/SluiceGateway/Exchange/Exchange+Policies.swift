public import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// The way through the policies of the route.
extension Exchange {
  // MARK: The request

  /// Meets what is left of the policies, then goes to a target.
  func meetPolicies() {
    while let policy = heldChain.inUse?._withUnsafeGuaranteedRef({ $0.policy(at: policyPosition) })
    {
      if !took(policy._withUnsafeGuaranteedRef { $0.request(self) }) { return }
    }
    forward()
  }

  /// Whether the next policy's turn has come.
  func took(_ outcome: PolicyOutcome) -> Bool {
    if record.hasReachedRegexLimit {
      // What it wrote, and where that leads, was made of a variable that nobody knows.
      switch outcome {
      case .next, .answer:
        record.hasReachedRegexLimit = false
        fail(.regexLimit)
        return false
      case .refuse, .wait, .handled, .collect: break
      }
    }
    switch outcome {
    case .next: return passed()
    case .refuse(let refusal): refuse(refusal)
    case .answer(let answer): self.answer(answer)
    case .wait, .handled: break
    case .collect(let limit): return collect(upTo: limit)
    }
    return false
  }

  /// The policy that asked for the whole body has it now.
  func bodyCollected() -> Bool {
    guard let policies else { return false }
    return took(policies.request[policyPosition].policy.requestBody(self))
  }

  private func passed() -> Bool {
    withPolicies { passed($0) } ?? false
  }

  private func passed(_ policies: PolicyChain) -> Bool {
    policyPosition += 1
    if policyPosition == policies.entryCount, let error = entryRefusal {
      fail(error)
      return false
    }
    if policyPosition == policies.identifyCount {
      if policies.redirectsInternally { requestEdits.keepDrops() }
      takeOwnPolicies()
    }
    return true
  }

  /// Up to the end of the stage `identify` the policies of all callers are the same ones; from there on
  /// this one has its own.
  func takeOwnPolicies() {
    withRoute { route in
      guard let callers = route.callerPolicies else { return }
      withIdentity { if let own = callers.chain(for: $0) { heldChain.enter(ofRoute: own) } }
    }
  }

  func refuse(_ refusal: PolicyRefusal) {
    guard let own = refusal.answer, !isGRPCCall else {
      return fail(refusal.error, detail: refusal.detail, fields: refusal.fields)
    }
    record.error = refusal.error
    var answer = answer(for: refusal.error, detail: refusal.detail, fields: refusal.fields)
    if let status = own.status { answer.setStatus(status) }
    if let body = own.body {
      answer.body = body
      answer.contentType = ""
      if !body.isEmpty, let type = own.type { answer.fields.append(type) }
    }
    self.answer(answer)
  }

  /// Whether the policy in this place let the request pass.
  private func hasPassed(_ step: PolicyChain.Step, of policies: PolicyChain) -> Bool {
    policyPosition >= policies.request.count
      || step.order < policies.request[policyPosition].order
  }

  // MARK: Waiting

  /// For a policy that has to ask somebody: runs `operation` on this worker and goes on with what
  /// `then` makes of its result. The policy returns what this returns.
  ///
  /// The caller's body is not read meanwhile. When the exchange ends before, the operation is
  /// cancelled and `then` is not called; when `limit` is over, the caller gets 504.
  public func wait<Value: Sendable>(
    atMost limit: Timespan, for operation: @escaping @Sendable () async -> Value,
    then: @escaping (Exchange, Value) -> PolicyOutcome
  ) -> PolicyOutcome {
    state = .deciding
    setPolicyDeadline(limit)
    let (token, use, mailbox) = (self.token, self.use, loop.mailbox)
    afterWaiting = { exchange, result in
      guard let result = result as? Waited<Value> else { return .refuse(.internalError) }
      return then(exchange, result.value)
    }
    waitingTask = Task(executorPreference: loop.executor) {
      let result = Waited(value: await operation())
      mailbox.post { loop in
        (loop.handler(token) as? Exchange)?.waited(result, use: use)
      }
    }
    return .wait
  }

  /// The same for a policy of the stage `identify`.
  public func waitToIdentify<Value: Sendable>(
    atMost limit: Timespan, for operation: @escaping @Sendable () async -> Value,
    then: @escaping (Exchange, Value) -> IdentifyOutcome
  ) -> IdentifyOutcome {
    _ = wait(atMost: limit, for: operation) { exchange, value in
      exchange.identified(then(exchange, value))
    }
    return .wait
  }

  /// For a policy that waits for an event: goes on with `then` when `unpark` is called (true) or when
  /// `limit` is over (false). The policy returns what this returns. Nothing is read meanwhile.
  func park(
    atMost limit: Timespan, then: @escaping (Exchange, _ isWoken: Bool) -> PolicyOutcome
  ) -> PolicyOutcome {
    state = .deciding
    awaitsEvent = true
    setPolicyDeadline(limit)
    afterWaiting = { exchange, result in then(exchange, result as? Bool ?? false) }
    return .wait
  }

  /// The event has come; `use` tells whether the exchange still is the one that waited.
  func unpark(use: UInt64) { if awaitsEvent { waited(true, use: use) } }

  /// The time is over and the event has not come.
  func parkedTooLong() { waited(false, use: use) }

  /// For a policy that is called back on this thread: it answers `wait`, and later
  /// `worker.resume(ticket)`, maybe even before.
  func suspend(atMost limit: Timespan) -> PolicyTicket {
    state = .deciding
    setPolicyDeadline(limit)
    return PolicyTicket(token: token, use: use)
  }

  func resume(use: UInt64, _ decide: (Exchange) -> PolicyOutcome) {
    guard self.use == use, state == .deciding else { return }
    afterWaiting = nil
    awaitsEvent = false
    waitingTask = nil
    state = .routing
    clearDeadline()
    if took(decide(self)) { meetPolicies() }
  }

  /// What the stage `identify` makes of what a member that waited has found.
  func identified(_ outcome: IdentifyOutcome) -> PolicyOutcome {
    guard let policies,
      let stage = policies.request[policyPosition].policy as? IdentifyStage
    else { return .refuse(.internalError) }
    return stage.resumed(outcome, self)
  }

  /// The time for the whole exchange goes on while a policy waits.
  private func setPolicyDeadline(_ limit: Timespan) {
    let own = loop.now.advanced(byNanoseconds: limit.nanoseconds)
    setDeadline(min(own, totalDeadline ?? own))
  }

  private func waited(_ result: any Sendable, use: UInt64) {
    guard let afterWaiting else { return }
    resume(use: use) { afterWaiting($0, result) }
  }

  // MARK: The response

  /// Whether the target's response goes on to the caller; otherwise it was replaced.
  func responseMeetsPolicies(_ head: borrowing ResponseHead) -> Bool {
    guard let policies = heldChain.inUse else { return true }
    return policies._withUnsafeGuaranteedRef { responseMeets($0, head) }
  }

  private func responseMeets(_ policies: PolicyChain, _ head: borrowing ResponseHead) -> Bool {
    for index in policies.response.indices where hasPassed(policies.response[index], of: policies) {
      switch policies.response[index].reference._withUnsafeGuaranteedRef({ $0.response(head, self) }
      ) {
      case .next: continue
      case .handled: break
      case .answer(let answer): replaceResponse(head, by: answer)
      case .refuse(let refusal):
        record.error = refusal.error
        replaceResponse(
          head, by: answer(for: refusal.error, detail: refusal.detail, fields: refusal.fields))
      case .wait, .collect: preconditionFailure("a response can't wait")
      }
      return false
    }
    return true
  }

  private func replaceResponse(_ head: borrowing ResponseHead, by answer: LocalAnswer) {
    state = .forwarding
    // The end of a response without a body comes at once, and its connection can be used again.
    if head.framing.isEmpty { replacement = answer } else { self.answer(answer) }
  }

  /// No target gave a response: answers with the error, unless a policy has something better.
  func failUpstream(_ error: GatewayError) {
    leaveUpstream()
    for step in policies?.failure ?? [] {
      switch step.policy.failed(error, self) {
      case .next: continue
      case .handled: return
      case .answer(let answer): return self.answer(answer)
      case .refuse(let refusal): return refuse(refusal)
      case .wait, .collect: preconditionFailure("a failure can't wait")
      }
    }
    fail(error)
  }

  /// The gateway's own answer on its way back.
  func answerMeetsPolicies(_ answer: inout LocalAnswer) {
    guard let policies else { return }
    for step in policies.answer
    where step.policy.meetsEveryAnswer || hasPassed(step, of: policies) {
      step.policy.answered(&answer, self)
    }
  }

  /// The exchange is over.
  func policiesFinish() { withPolicies { finish($0) } }

  private func finish(_ policies: PolicyChain) {
    if awaitsEvent {
      policies.policy(at: policyPosition)?._withUnsafeGuaranteedRef { $0.abandoned(self) }
    }
    for index in policies.end.indices where hasPassed(policies.end[index], of: policies) {
      policies.end[index].reference._withUnsafeGuaranteedRef { $0.finished(self) }
    }
  }
}

extension Exchange {
  // MARK: What policies keep

  /// What a policy keeps with this exchange until it is over; one object per policy.
  public func setNote(_ note: AnyObject, of policy: CompiledPolicy) {
    let id = ObjectIdentifier(policy)
    if let index = notes.firstIndex(where: { $0.policy == id }) {
      notes[index].note = note
    } else {
      notes.append((id, note))
    }
  }

  public func note(of policy: CompiledPolicy) -> AnyObject? {
    let id = ObjectIdentifier(policy)
    return notes.first { $0.policy == id }?.note
  }

  /// The exchange is recycled.
  func resetPolicies() {
    if ownedIdentity != nil { identity = nil }
    forgetPolicies()
    requestEdits.clear()
    collectedBody.release()
    isBodyCollected = false
    if firstMessage != nil { firstMessage = nil }
    if subject != nil { subject = nil }
  }

  /// As if none had been met, but for who calls and what was read of the body.
  func forgetPolicies() {
    if grants != nil {
      grants = nil
      renewBefore = nil
    }
    if !joinedIdentities.isEmpty { joinedIdentities.removeAll(keepingCapacity: true) }
    heldChain.leave(loop)
    policyPosition = 0
    identifyPosition = 0
    if afterWaiting != nil { afterWaiting = nil }
    if let waitingTask {
      waitingTask.cancel()
      self.waitingTask = nil
    }
    requestEdits.forget()
    responseEdits.clear()
    if requestFilter != nil { requestFilter = nil }
    if responseFilter != nil { responseFilter = nil }
    if held != nil { held = nil }
    isResponseLengthUnknown = false
    if replacement != nil { replacement = nil }
    if storedReplacement != nil { storedReplacement = nil }
    awaitsEvent = false
    if gate != nil { gate = nil }
    if !notes.isEmpty { notes.removeAll(keepingCapacity: true) }
  }
}

/// An exchange that waits, by token and use: it may be over when somebody comes back to it.
struct PolicyTicket: Sendable {
  let token: HandlerToken
  let use: UInt64
}

/// A result on its way through the mailbox, with its type.
private struct Waited<Value: Sendable>: Sendable {
  let value: Value
}

extension PolicyOutcome {
  /// For what can't happen unless the gateway has a bug.
  static func refuse(_ error: GatewayError) -> PolicyOutcome { .refuse(PolicyRefusal(error)) }
}

/// What policies do to a request and a response.
extension Exchange {
  /// Leaves every field of this name, as the caller sent it, out of what targets get.
  func dropRequestFields(named name: [UInt8]) { dropRequestFields(FieldSearch(name)) }

  /// The same of a name that was looked up before.
  func dropRequestFields(_ key: FieldSearch) { dropFields(key, of: request) }

  private func dropFields(_ key: FieldSearch, of head: borrowing RequestHead) {
    var start = 0
    while let index = head.firstIndex(of: key, from: start) {
      requestEdits.drop(index)
      start = index + 1
    }
  }

  func dropResponseFields(named name: [UInt8], of head: borrowing ResponseHead) {
    dropResponseFields(FieldSearch(name), of: head)
  }

  /// The same of a name that was looked up before.
  func dropResponseFields(_ key: FieldSearch, of head: borrowing ResponseHead) {
    var start = 0
    while let index = head.firstIndex(of: key, from: start) {
      responseEdits.drop(index)
      start = index + 1
    }
  }

  /// Leaves a parameter out of the query that targets get.
  func dropQueryParameter(named name: [UInt8]) {
    // Of a query that is not there nothing can be left out, nor can what comes in its place repeat it.
    if !requestEdits.hasQuery && request.query == nil { return }
    requestEdits.dropParameter(name)
    leaveOut(parameter: name)
  }

  /// Of the query that is there now.
  func leaveOut(parameter name: [UInt8]) {
    editQuery { QueryParameters.append($0, without: name, to: &$1) }
  }

  /// Lets `edit` write another query than the one so far; it returns false for no change.
  func editQuery(_ edit: (Span<UInt8>, inout ByteBuffer) -> Bool) {
    var edited = ByteBuffer()
    if withQuery({ edit($0, &edited) }) { requestEdits.setQuery(edited) }
  }

  /// The query that targets get, as far as policies have come; empty without one.
  func withQuery<R>(_ body: (Span<UInt8>) -> R) -> R {
    if requestEdits.hasQuery { return Self.readQuery(requestEdits, body) }
    return Self.readQuery(request, body)
  }

  private static func readQuery<R>(
    _ edits: borrowing RequestEdits, _ body: (Span<UInt8>) -> R
  ) -> R { body(edits.query.span) }

  private static func readQuery<R>(
    _ head: borrowing RequestHead, _ body: (Span<UInt8>) -> R
  ) -> R { body(head.span(head.query ?? .empty)) }

  func dropCookie(named name: [UInt8]) { requestEdits.dropCookie(name) }

  /// Leaves the entries `name.…` of Sec-WebSocket-Protocol out.
  func dropSubprotocols(startingWith name: [UInt8]) { requestEdits.dropSubprotocols(name) }
}
