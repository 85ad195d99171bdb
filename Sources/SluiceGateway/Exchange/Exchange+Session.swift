import SluiceReactor
import SluiceWire

/// A handshake (RFC 6455 4): an exchange like any other until its 101.
extension Exchange {
  /// Why the route refuses this head, whatever policies say; see `RouteEntry`.
  func refusal(
    of head: borrowing RequestHead, by route: CompiledRoute
  ) -> GatewayError? {
    // What is no handshake to the target would be a request that nobody has made.
    if record.wantsTunnel && route.session == nil { return .protocolNotOffered }
    // Nobody gets a body that is not read.
    let limit = internalRedirect?.dropsBody == true ? nil : route.maxBodySize
    return RouteEntry.refusal(of: head, maxBodySize: limit, session: route.session)
  }

  /// A place under the limits of the route's sessions; the error when there is none.
  func admitSession(on route: CompiledRoute) -> GatewayError? {
    guard let session = route.session else { return nil }
    let admission = worker.admission
    let (client, consumer) = (HTTPListener.caller(clientAddress), identity?.consumer)
    let labels = knownLabels(session)
    let paces = session.paces(
      route: route.name, client: client, consumer: consumer, labels: labels)
    if !paces.isEmpty && !admission.mayOpen(paces, now: loop.now) { return .tooManySessions }
    let limits = session.limits(
      route: route.name, client: client, consumer: consumer, labels: labels)
    if limits.isEmpty { return nil }
    guard let ticket = admission.admit(limits) else { return .tooManySessions }
    hold(ticket)
    return nil
  }

  /// A place that the session takes over, or that is given back where there will be none.
  func hold(_ more: SessionTicket) { ticket = ticket?.joined(with: more) ?? more }

  /// Those that do not come from the target.
  private func knownLabels(_ session: CompiledSession) -> [SessionLabel] {
    guard let granted = grants?.labels, !granted.isEmpty else { return session.labels }
    return session.labels + granted.filter { !session.labels.contains($0) }
  }

  /// Places under the limits of the labels that the target has given. False when there is none.
  private func admitLabels(_ facts: SessionFacts, _ session: CompiledSession, _ route: String)
    -> Bool
  {
    if !session.limitsLabels { return true }
    let new = Array(facts.labelsOfTarget)
    let paces = session.paces(route: route, labels: new)
    if !paces.isEmpty && !worker.admission.mayOpen(paces, now: loop.now) { return false }
    let limits = session.limits(route: route, labels: new)
    if limits.isEmpty { return true }
    guard let more = worker.admission.admit(limits) else { return false }
    hold(more)
    return true
  }

  /// Hands the place at the target over to the session.
  func takeAttempt() -> TargetAttempt? {
    defer { attempt = nil }
    return attempt
  }

  /// Hands the place under the limits over to the session.
  func takeAdmission() -> SessionTicket? {
    defer { ticket = nil }
    return ticket
  }

  /// The target's 101. False when it is no answer to what the caller asked for; nothing has happened
  /// then. Otherwise the exchange is over, by a session or, where its labels have no room, by a refusal.
  func upstreamUpgraded(_ head: borrowing ResponseHead) -> Bool {
    guard let agreement = agreement(head, request), let route, let settings = route.session,
      let downstream, let upstream, let target = lastTarget
    else { return false }
    let reconnector = downstream.reconnector
    let isCompressed = agreement.compression != nil
    if let reconnector,
      !reconnector.accepts(subprotocol: agreement.subprotocol, isCompressed: isCompressed)
    {
      return false
    }
    let facts = facts(request, head, agreement)
    if reconnector == nil && !admitLabels(facts, settings, route.name) {
      fail(.tooManySessions)
      return true
    }
    state = .responding
    record.status = head.status
    record.responded = loop.now
    record.isUpgraded = true
    if var attempt {
      let change = route.service.state.report(.succeeded, of: &attempt, now: loop.now)
      self.attempt = attempt
      worker.healthChanged(change, route.service, attempt.target)
    }
    if let reconnector { return goOn(reconnector, upstream, target, route, facts) }
    downstream.sendHead(head, of: self)
    let handshake =
      settings.reconnect.flatMap { _ in
        KeptHandshake(self, subprotocol: agreement.subprotocol)
      }
    let session = Session(
      self, route: route, settings: settings, listener: downstream.acceptor, target: target,
      facts: facts, isCompressed: isCompressed, handshake: handshake)
    self.upstream = nil
    leaveCarrier()
    downstream.handOver(to: session)
    upstream.handOver(to: session)
    session.begin(isCurrent: heldRoute.isOf(worker.configurationNumber))
    finish()
    downstream.deliverEarly(to: session)
    return true
  }

  /// The session that had lost its target has another one.
  private func goOn(
    _ reconnector: SessionReconnector, _ upstream: any UpstreamStream, _ target: UpstreamTarget,
    _ route: CompiledRoute, _ facts: SessionFacts
  ) -> Bool {
    self.upstream = nil
    leaveCarrier()
    reconnector.succeed(upstream, of: self, target: target, service: route.service, facts)
    finish()
    return true
  }

  /// RFC 6455 4.1, what the client has to check; here the gateway does it, because it trusts neither.
  /// What was agreed on beside, nil when it is no answer.
  private func agreement(
    _ head: borrowing ResponseHead, _ request: borrowing RequestHead
  ) -> HandshakeAgreement? {
    guard wantsUpgrade, let upgrade = head.upgrade,
      head.span(upgrade).equalsIgnoringCase(RouteEntry.websocket),
      let accept = head.onlyIndex(of: .secWebSocketAccept), let expected = expectedAccept,
      head.span(head.fields[accept].value).equals(expected.span)
    else { return nil }
    var agreement = HandshakeAgreement()
    do throws(WebSocketHandshakeError) {
      if head.firstIndex(of: .secWebSocketProtocol) != nil {
        var answer = ByteBuffer()
        var offer = ByteBuffer()
        head.appendValues(of: .secWebSocketProtocol, to: &answer)
        request.appendValues(of: .secWebSocketProtocol, to: &offer)
        try WebSocketHandshake.checkSubprotocol(answer.span, offered: offer.span)
        agreement.subprotocol = answer.copiedBytes()
      }
      // The caller was told already.
      if let firstMessage, firstMessage.subprotocol != agreement.subprotocol { return nil }
      if head.firstIndex(of: .secWebSocketExtensions) != nil {
        var answer = ByteBuffer()
        head.appendValues(of: .secWebSocketExtensions, to: &answer)
        agreement.compression = try WebSocketHandshake.deflateAnswer(
          answer.span, offers: offers(of: request))
      }
    } catch {
      return nil
    }
    return agreement
  }

  /// What answers the handshake's key (RFC 6455 4.2.2); nil for a request without one.
  var expectedAccept: [UInt8]? { accept(of: request) }

  /// The same for another head.
  func accept(of request: borrowing RequestHead) -> [UInt8]? {
    guard let key = request.onlyIndex(of: .secWebSocketKey) else { return nil }
    return worker.accepts.value(forKey: request.span(request.fields[key].value))
  }

  /// What the target is offered of the caller's extensions: those whose frames can be followed. Where
  /// messages are inspected there are none, because what is compressed cannot be looked at; nor where
  /// sessions outlive their target, because another one does not know what was sent before; nor where the
  /// caller was answered before the target.
  func offers(of request: borrowing RequestHead) -> [PermessageDeflate] {
    if firstMessage != nil { return [] }
    if let session = route?.session, session.isInspected || session.reconnect != nil { return [] }
    if request.firstIndex(of: .secWebSocketExtensions) == nil { return [] }
    var offer = ByteBuffer()
    request.appendValues(of: .secWebSocketExtensions, to: &offer)
    // Malformed ones were refused when the request came.
    return (try? WebSocketHandshake.deflateOffers(offer.span)) ?? []
  }

  private func facts(
    _ request: borrowing RequestHead, _ head: borrowing ResponseHead,
    _ agreement: HandshakeAgreement
  ) -> SessionFacts {
    func value(_ index: Int?) -> [UInt8]? {
      index.map { request.span(request.fields[$0].value).withUnsafeBufferPointer { Array($0) } }
    }
    let origin = value(request.firstIndex(of: .origin))
    var facts = SessionFacts(
      origin: origin,
      userAgent: value(request.firstIndex(of: .userAgent)),
      subprotocol: agreement.subprotocol,
      authority: origin == nil
        ? nil
        : request.authority.map {
          request.span($0).withUnsafeBufferPointer { bytes in Array(bytes) }
        })
    if let session = route?.session { facts.addLabels(session.labels) }
    if let grants { facts.addLabels(grants.labels) }
    for field in head.fields where field.known == .other {
      let name = head.span(field.name)
      guard name.hasPrefixIgnoringCase(SessionFacts.labelPrefix) else { continue }
      facts.addLabel(
        name: name.extracting(SessionFacts.labelPrefix.count...), value: head.span(field.value))
    }
    return facts
  }
}

/// What both ends of a handshake agreed on beside speaking WebSocket.
private struct HandshakeAgreement {
  var subprotocol: [UInt8]?
  var compression: PermessageDeflate?
}
