import SluiceReactor
import SluiceWire

/// A handshake (RFC 6455 4): an exchange like any other until its 101.
extension Exchange {
  /// A place under the limits of the route's sessions; the error when there is none.
  func admitSession(on route: CompiledRoute) -> GatewayError? {
    guard let session = route.session else { return nil }
    let admission = worker.admission
    if let perSecond = session.maxOpensPerSecond,
      !admission.mayOpen(route: route.name, perSecond: perSecond, now: loop.now)
    {
      return .tooManySessions
    }
    let limits = session.limits(
      route: route.name, client: HTTPListener.caller(clientAddress))
    if limits.isEmpty { return nil }
    guard let ticket = admission.admit(limits) else { return .tooManySessions }
    self.ticket = ticket
    return nil
  }

  /// The target's 101. False when it is no answer to what the caller asked for; nothing has happened
  /// then.
  func upstreamUpgraded(_ head: borrowing ResponseHead) -> Bool {
    guard isAnswered(by: head, request), let route, let settings = route.session,
      let downstream, let upstream, let target = lastTarget
    else { return false }
    state = .responding
    record.status = head.status
    record.responded = loop.now
    record.isUpgraded = true
    if var attempt {
      let change = route.service.state.report(.succeeded, of: &attempt, now: loop.now)
      self.attempt = attempt
      worker.healthChanged(change, route.service, attempt.target)
    }
    downstream.sendHead(head, of: self)
    let session = Session(
      self, route: route, settings: settings, listener: downstream.acceptor, target: target,
      facts: facts(request, head), isCompressed: Self.negotiatesCompression(head))
    self.upstream = nil
    self.downstream = nil
    downstream.handOver(to: session)
    upstream.handOver(to: session)
    session.begin()
    finish()
    downstream.deliverEarly(to: session)
    return true
  }

  /// RFC 6455 4.1, what the client has to check; here the gateway does it, because it trusts neither.
  private func isAnswered(
    by head: borrowing ResponseHead, _ request: borrowing RequestHead
  ) -> Bool {
    guard wantsUpgrade, let upgrade = head.upgrade,
      head.span(upgrade).equalsIgnoringCase(RouteEntry.websocket),
      let key = request.onlyIndex(of: .secWebSocketKey),
      let accept = head.onlyIndex(of: .secWebSocketAccept)
    else { return false }
    let expected = WebSocketAccept.value(forKey: request.span(request.fields[key].value))
    let value = head.span(head.fields[accept].value)
    guard value.hasSameBytes(as: expected.span) else { return false }
    return WebSocketAnswer.agrees(head, request)
  }

  private static func negotiatesCompression(_ head: borrowing ResponseHead) -> Bool {
    head.firstIndex(of: .secWebSocketExtensions) != nil
  }

  private func facts(
    _ request: borrowing RequestHead, _ head: borrowing ResponseHead
  ) -> SessionFacts {
    func value(_ index: Int?) -> [UInt8]? {
      index.map { request.span(request.fields[$0].value).withUnsafeBufferPointer { Array($0) } }
    }
    var facts = SessionFacts(
      origin: value(request.firstIndex(of: .origin)),
      userAgent: value(request.firstIndex(of: .userAgent)),
      subprotocol: head.firstIndex(of: .secWebSocketProtocol).map {
        head.span(head.fields[$0].value).withUnsafeBufferPointer { Array($0) }
      })
    for field in head.fields where field.known == .other {
      let name = head.span(field.name)
      guard name.hasPrefixIgnoringCase(SessionFacts.labelPrefix) else { continue }
      facts.addLabel(
        name: name.extracting(SessionFacts.labelPrefix.count...), value: head.span(field.value))
    }
    return facts
  }
}
