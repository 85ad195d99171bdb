import SluiceReactor

/// What only some sessions have to remember of the trust that they rest on.
final class SessionTrust {
  /// What each of several policies found that all had to find something; empty otherwise.
  private(set) var joined: [Identity]
  private(set) var grants: SessionGrants?
  /// What services are asked about again; nil where none is.
  let subject: HandshakeSubject?
  /// New credentials of a message are being judged.
  var isAsking = false
  /// When what a service has granted is over; nil when no service has said so.
  private(set) var grantEnd: MonotonicTime?
  /// Nil when only its caller can extend it.
  var renewal: SessionRenewal?

  /// Nil when there is nothing to remember.
  init?(_ exchange: Exchange, _ handshake: KeptHandshake?) {
    let isJoined = exchange.joinedIdentities.count > 1
    let asksAgain =
      exchange.route?.takesTokens == true
      && exchange.policies?.identifyStage?.asksAboutRequests == true
    if !isJoined && exchange.grants == nil && !asksAgain { return nil }
    subject = asksAgain ? HandshakeSubject(exchange) : nil
    joined = isJoined ? exchange.joinedIdentities : []
    grants = exchange.grants
    grantEnd = Self.end(of: grants, now: exchange.loop.now)
    if let before = exchange.renewBefore, let lifetime = exchange.grants?.lifetime,
      let head = handshake?.head ?? KeptHandshake.head(of: exchange)
    {
      let now = exchange.loop.now
      renewal = SessionRenewal(
        before: before, head: head,
        pause: SessionRenewal.pause(
          now: now, trustEnd: now.advanced(byNanoseconds: lifetime)))
    }
  }

  init() {
    joined = []
    grants = nil
    subject = nil
  }

  /// New credentials have been judged. Without new grants those so far stay.
  func renew(_ identities: [Identity], _ grants: SessionGrants?, now: MonotonicTime) {
    joined = identities.count > 1 ? identities : []
    guard let grants else { return }
    self.grants = grants
    grantEnd = Self.end(of: grants, now: now)
  }

  private static func end(of grants: SessionGrants?, now: MonotonicTime) -> MonotonicTime? {
    grants?.lifetime.map { now.advanced(byNanoseconds: $0) }
  }
}

extension Session {
  /// Nanoseconds.
  var idleTimeout: Int64 { trust?.grants?.idleTimeout ?? settings.idleTimeout }

  /// Whether any of those who vouch for it is such a one.
  func isProved(by isMeant: (Identity) -> Bool) -> Bool {
    if let trust, !trust.joined.isEmpty { return trust.joined.contains(where: isMeant) }
    return identity.map(isMeant) ?? false
  }

  /// Whether it rests on what the file says no more. `isCurrent`: its route is known to be of the configuration
  /// in force.
  func catchUp(isCurrent: Bool) {
    if !isCurrent {
      let current = worker.snapshot.sessionRoutes[route.name]
      // The ways of a route that is split share what it says of sessions.
      if current?.session !== route.session {
        // The handshake began before a reload that asked only the sessions that were there.
        guard let current else { return end(SessionEnding(.routeRemoved, code: 1_012)) }
        recheck(current)
      }
    }
    if !machine.isEnding, lacksItsKey { deny("credentials") }
    if worker.hasRevocations, !machine.isEnding, worker.revocations.revokes(self) {
      end(.revoked)
    }
  }
}
