import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// New credentials for a live session.
///
/// ```
/// POST /.sluice/connections/{id}/token ─▶ look the session up, on any worker ─┐
/// a message of the configured form ──────────────────────────────────────────┤
///                                                                             ▼
///                        its route's stage `identify` ─▶ the session, on its worker: 204, or why not
/// ```
///
/// They are judged as those of a handshake are, by the same policies, and then only taken from the same
/// caller. What is refused changes nothing.
enum SessionToken {
  /// The place of the stage `identify` in the chain; what is before has found the session.
  static let judging = 1

  static func chain(identifying stage: IdentifyStage) -> PolicyChain {
    PolicyChain(requests: [
      (SessionTokenLookUp(), "token"), (stage, "identify"), (SessionTokenRenewal(), "token"),
    ])
  }
}

/// Which session an exchange is about.
final class SessionTokenTarget {
  let id: SessionID
  let worker: Int
  /// Nil where no service is asked about it.
  let subject: HandshakeSubject?
  /// Asked by the gateway itself, with what the handshake showed.
  let isRenewal: Bool

  init(id: SessionID, worker: Int, subject: HandshakeSubject?, isRenewal: Bool = false) {
    self.id = id
    self.worker = worker
    self.subject = subject
    self.isRenewal = isRenewal
  }
}

/// Finds the session that a request names, and goes on with what its route asks of callers.
final class SessionTokenLookUp: CompiledPolicy {
  private let unknown = PolicyRefusal(.noSuchSession)
  private let busy = PolicyRefusal(.overloaded)

  /// Requests of one worker that wait for others; more are refused, because each costs all workers a
  /// letter.
  static let maxLookUps = 256
  private static let deadline = Timespan.seconds(2)

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    let worker = exchange.worker
    guard let id = exchange.withPath({ Self.id(inPath: $0) }) else { return .refuse(unknown) }
    if let session = worker.sessions[id] {
      return found(
        session.route.name, id, on: worker.index, about: session.trust?.subject, exchange)
    }
    if worker.workerCount == 1 { return .refuse(unknown) }
    if worker.lookUps >= Self.maxLookUps { return .refuse(busy) }
    worker.lookUps += 1
    Self.ask(0, for: id, exchange.suspend(atMost: Self.deadline), worker)
    return .wait
  }

  /// `/.sluice/connections/{id}/token`, as the router has matched it.
  private static func id(inPath path: Span<UInt8>) -> SessionID? {
    let start = 21
    guard path.count == start + SessionID.length + 6 else { return nil }
    let text = path.extracting(start..<start + SessionID.length).withUnsafeBufferPointer {
      String(decoding: $0, as: UTF8.self)
    }
    return SessionID(text)
  }

  /// Asks one worker after the other, so that only letters carry what is known.
  private static func ask(_ index: Int, for id: SessionID, _ ticket: PolicyTicket, _ worker: Worker)
  {
    let index = index == worker.index ? index + 1 : index
    guard let peer = worker.peers[index] else {
      worker.lookUps -= 1
      return worker.resume(ticket) { _ in .refuse(PolicyRefusal(.noSuchSession)) }
    }
    let own = worker.loop.mailbox
    let isRunning = peer.post { loop in
      let session = Worker.of(loop).sessions[id]
      let (route, subject) = (session?.route.name, session?.trust?.subject)
      own.post { loop in
        let worker = Worker.of(loop)
        guard let route else { return ask(index + 1, for: id, ticket, worker) }
        worker.lookUps -= 1
        worker.resume(ticket) { exchange in
          guard let step = exchange.policies?.request.first?.policy as? SessionTokenLookUp else {
            return .refuse(.internalError)
          }
          return step.found(route, id, on: index, about: subject, exchange)
        }
      }
    }
    if !isRunning { ask(index + 1, for: id, ticket, worker) }
  }

  private func found(
    _ route: String, _ id: SessionID, on worker: Int, about subject: HandshakeSubject?,
    _ exchange: Exchange
  ) -> PolicyOutcome {
    guard let route = exchange.worker.snapshot.sessionRoutes[route], route.takesTokens,
      let chain = route.refresh
    else { return .refuse(unknown) }
    // A service that came with a reload can't be asked about a handshake that nobody kept.
    if subject == nil, chain.identifyStage?.asksAboutRequests == true {
      return .refuse(PolicyRefusal(.checkUnavailable))
    }
    exchange.judge(
      by: chain, for: SessionTokenTarget(id: id, worker: worker, subject: subject))
    return .next
  }
}

/// Brings what the stage `identify` has found to the session.
final class SessionTokenRenewal: CompiledPolicy {
  private static let deadline = Timespan.seconds(2)

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    guard let target = exchange.note(of: self) as? SessionTokenTarget,
      let identity = exchange.identity, !identity.isAnonymous
    else { return .refuse(.unauthorized) }
    let worker = exchange.worker
    let parts = exchange.joinedIdentities
    if target.worker == worker.index {
      return Self.outcome(
        worker.renew(
          target.id, identity, parts: parts, grants: exchange.grants,
          isRenewal: target.isRenewal))
    }
    guard let peer = worker.peers[target.worker] else { return .refuse(.noSuchSession) }
    let ticket = exchange.suspend(atMost: Self.deadline)
    let (own, id, grants) = (worker.loop.mailbox, target.id, exchange.grants)
    let facts = identity.facts
    let all = parts.map(\.facts)
    peer.post { loop in
      let error = Worker.of(loop).renew(
        id, Identity(facts), parts: all.map { Identity($0) }, grants: grants)
      own.post { loop in Worker.of(loop).resume(ticket) { _ in Self.outcome(error) } }
    }
    return .wait
  }

  private static func outcome(_ error: GatewayError?) -> PolicyOutcome {
    error.map { .refuse($0) } ?? .answer(LocalAnswer(status: 204, contentType: "", body: []))
  }
}

extension Exchange {
  /// The policies in force from the next step on.
  func judge(by chain: PolicyChain, for target: SessionTokenTarget) {
    heldChain.enter(own: chain, loop)
    subject = target.subject
    if let renewal = chain.request.last { setNote(target, of: renewal.policy) }
  }
}

extension Worker {
  /// Gives a session of this worker other credentials; why not, if it does not take them.
  func renew(
    _ id: SessionID, _ identity: Identity, parts: [Identity], grants: SessionGrants?,
    isRenewal: Bool = false
  ) -> GatewayError? {
    guard let session = sessions[id], session.route.refresh != nil else { return .noSuchSession }
    return session.renew(identity, parts: parts, grants: grants, isRenewal: isRenewal)
  }
}

extension Session {
  fileprivate func renew(
    _ next: Identity, parts: [Identity], grants: SessionGrants?, isRenewal: Bool = false
  ) -> GatewayError? {
    if machine.isEnding { return .sessionClosing }
    guard let former = identity, Self.isSameCaller(former, next, isRenewal) else {
      return .otherCaller
    }
    // They may have been revoked on their way.
    if worker.hasRevocations,
      worker.revocations.revokes(next) || parts.contains(where: worker.revocations.revokes)
    {
      return .revoked
    }
    // Another worker may have judged them by a file that is no longer in force here.
    if let consumers = route.consumers,
      !consumers.has(next) || !parts.allSatisfy(consumers.has)
    {
      return .unauthorized
    }
    if let stage = route.policies?.identifyStage,
      !stage.vouches(for: next) || !parts.allSatisfy(stage.vouches)
    {
      return .unauthorized
    }
    // What no service was asked about now keeps the end that one gave.
    var next = next
    if grants == nil, trust?.grants?.lifetime != nil {
      next = next.ending(by: former.expiresAt)
    }
    let end =
      next.deadline(now: loop.now, unixTime: worker.wallClock(now: loop.now).seconds)
      ?? .distantFuture
    if end <= loop.now { return .unauthorized }
    identity = next
    if refusing() != nil {
      identity = former
      return .forbidden
    }
    if parts.count > 1 || grants != nil || trust != nil {
      if trust == nil { trust = SessionTrust() }
      trust?.renew(parts, grants, now: loop.now)
    }
    trustEnd = endOfTrust(in: next)
    if trustEnd != .distantFuture { worker.clockWatch.begin() }
    inspection?.lacksConsumer = false
    // Where a page is from, they do not change.
    inspection?.isBarred = objection(route.consumers) != nil
    updatePolicies()
    schedule()
    return nil
  }

  /// Whom nobody names is nobody's same, but for the handshake itself.
  private static func isSameCaller(
    _ former: Identity, _ next: Identity, _ isRenewal: Bool
  ) -> Bool {
    former.consumer == next.consumer && former.proof.subject == next.proof.subject
      && (isRenewal || !(former.consumer.isEmpty && former.proof.subject.isEmpty))
  }
}
