import SluiceReactor
import SluiceWire

/// All policies of the stage `identify` of a chain, as one step.
///
/// Of several the first that finds its credential decides, or all must find theirs. Bodies are looked into last,
/// so that callers of one policy don't wait for, or meet the limits of, another. Nobody is asked
/// twice: a wrong credential is refused even where anonymous callers may pass, so that a mistake shows,
/// unless the policy `anonymous` says otherwise.
final class IdentifyStage: CompiledPolicy {
  private let members: [IdentifyPolicy]
  /// The same, not counted: `members` keeps them and never changes.
  private let references: [Unmanaged<IdentifyPolicy>]
  private let requiresAll: Bool
  private let anonymous: Identity?
  /// Whether callers with wrong credentials are anonymous, too.
  private let takesWrong: Bool
  /// Who is not asked; nil when everybody is.
  private let exempt: CIDRSet?
  /// Nil when nobody looks into first messages.
  private let firstMessage: FirstMessageLimits?
  private let ownedFields: [FieldSearch]
  private let nobody: PolicyRefusal
  private let late = PolicyRefusal(
    .unauthorized, detail: "No first message with credentials came in time.")
  private let revoked: PolicyRefusal
  private let different = PolicyRefusal(
    .unauthorized, detail: "The credentials are those of different consumers.")

  /// What else is in the stage says how the members work together. Of what is neither nobody would ever be
  /// asked, and callers would pass: a mistake in a policy's code, which ends the process.
  init(_ policies: [CompiledPolicy]) {
    for policy in policies
    where !(policy is IdentifyPolicy || policy is CompiledIdentify || policy is CompiledAnonymous) {
      fatalError("\(type(of: policy)) is of the stage 'identify' and no IdentifyPolicy")
    }
    members = policies.compactMap { $0 as? IdentifyPolicy }
    // SAFETY: see `references`.
    references = members.map { .passUnretained($0) }
    requiresAll = policies.contains { ($0 as? CompiledIdentify)?.requiresAll == true }
    exempt = policies.lazy.compactMap { ($0 as? CompiledIdentify)?.exempt }.first
    let nameless = policies.lazy.compactMap { $0 as? CompiledAnonymous }.first
    anonymous = nameless?.identity
    takesWrong = nameless?.takesWrong ?? false
    let limits = members.compactMap(\.firstMessage)
    firstMessage =
      anonymous != nil || limits.isEmpty
      ? nil : limits.dropFirst().reduce(limits[0]) { $0.joined(with: $1) }
    ownedFields = members.flatMap(\.ownedFields).map { FieldSearch($0) }
    let challenges = members.flatMap(\.challenges)
    nobody = PolicyRefusal(
      .unauthorized, detail: "The request has no credentials.", fields: challenges)
    revoked = PolicyRefusal(.revoked, fields: challenges)
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    for index in ownedFields.indices { exchange.dropRequestFields(ownedFields[index]) }
    if exempt != nil, isExempt(exchange.clientAddress) { return .next }
    return goOn(exchange, from: 0)
  }

  /// What its credential is worth others say; here, that there is one where one is asked for.
  override func admits(_ identity: Identity?, from client: SocketAddress) -> Bool {
    if members.isEmpty || anonymous != nil || isExempt(client) { return true }
    guard let identity, !identity.isAnonymous else { return false }
    return members.allSatisfy { $0.wouldFind(identity) }
  }

  private func isExempt(_ client: SocketAddress) -> Bool {
    guard let exempt, let ip = client.ip else { return false }
    return exempt.contains(ip)
  }

  /// Whether the key that proved an identity still would. Where nobody is asked who they are, nobody needs
  /// one.
  func vouches(for identity: Identity) -> Bool {
    guard let key = identity.proof.key, !members.isEmpty else { return true }
    return members.contains { $0.holds(key: key) }
  }

  /// Whether others are asked about what a request asks for, and not only about its credentials.
  var asksAboutRequests: Bool { members.contains { $0 is CompiledForwardAuth } }

  /// Whether a session of it may be renewed by the gateway itself.
  var renews: Bool { members.contains { ($0 as? CompiledForwardAuth)?.renewBefore != nil } }

  /// Asks the members from this one on.
  private func goOn(_ exchange: Exchange, from start: Int) -> PolicyOutcome {
    var index = start
    while index < members.count {
      exchange.identifyPosition = index
      let outcome = references[index]._withUnsafeGuaranteedRef {
        $0.asks(exchange) ? take(identified(by: $0, exchange), exchange) : nil
      }
      if let outcome { return outcome }
      index += 1
    }
    return askBodies(exchange, from: 0)
  }

  /// Where all must find theirs, a body is looked into when it is its member's turn.
  private func identified(by member: IdentifyPolicy, _ exchange: Exchange) -> IdentifyOutcome {
    if !requiresAll { return member.identify(exchange) }
    let outcome = member.identify(exchange)
    guard case .absent = outcome, let limit = member.bodyLimit(exchange) else {
      return outcome
    }
    return .collect(upTo: limit)
  }

  /// Nobody has found a credential outside of the body: from this member on they look into it.
  private func askBodies(_ exchange: Exchange, from start: Int) -> PolicyOutcome {
    if !requiresAll {
      for index in start..<members.count where members[index].asks(exchange) {
        guard let limit = members[index].bodyLimit(exchange) else { continue }
        exchange.identifyPosition = index
        return .collect(upTo: limit)
      }
    }
    if requiresAll && exchange.identity != nil { return .next }
    guard let anonymous else {
      return members.contains { $0.asks(exchange) } ? nothingFound(exchange) : .next
    }
    if isRevoked(anonymous, exchange) { return .refuse(revoked) }
    exchange.identity = anonymous
    return .next
  }

  /// Nil when the next member is to be asked.
  private func take(_ outcome: consuming IdentifyOutcome, _ exchange: Exchange) -> PolicyOutcome? {
    switch outcome {
    case .absent:
      // Whoever proves a part must prove the rest; who proves nothing may be anonymous.
      let isPartOfAll = requiresAll && (exchange.identity != nil || anonymous == nil)
      return isPartOfAll ? nothingFound(exchange) : nil
    case .refused(let refusal): return takesWrong && !requiresAll ? nil : .refuse(refusal)
    case .wait: return .wait
    case .collect(let limit): return .collect(upTo: limit)
    case .known(let identity):
      // Here and not in the policies, so that what they remember is no way around it.
      if isRevoked(identity, exchange) { return .refuse(revoked) }
      guard requiresAll else {
        exchange.identity = identity
        return .next
      }
      if let known = exchange.identity, !known.consumer.isEmpty, !identity.consumer.isEmpty,
        known.consumer != identity.consumer
      {
        return .refuse(different)
      }
      // Members before this one found nothing, and that is not all.
      if exchange.identity == nil,
        members[..<exchange.identifyPosition].contains(where: { $0.asks(exchange) })
      {
        return .refuse(nobody)
      }
      exchange.identity = exchange.identity?.joined(with: identity) ?? identity
      exchange.joinedIdentities.append(identity)
      return nil
    }
  }

  /// The first message may still have it. Where all must pass, those before are not asked again.
  private func nothingFound(_ exchange: Exchange) -> PolicyOutcome {
    guard let firstMessage, exchange.wantsUpgrade, exchange.firstMessage == nil else {
      return .refuse(nobody)
    }
    return exchange.awaitFirstMessage(firstMessage) { [self] exchange, isHere in
      if !isHere { return .refuse(late) }
      return goOn(exchange, from: requiresAll ? exchange.identifyPosition : 0)
    }
  }

  private func isRevoked(_ identity: Identity, _ exchange: Exchange) -> Bool {
    exchange.worker.hasRevocations && exchange.worker.revocations.revokes(identity)
  }

  override func requestBody(_ exchange: Exchange) -> PolicyOutcome {
    let member = members[exchange.identifyPosition]
    let outcome = member.identifyByBody(exchange)
    if requiresAll || member.bodyLimit(exchange) == nil { return resumed(outcome, exchange) }
    return take(outcome, exchange)
      ?? askBodies(exchange, from: exchange.identifyPosition + 1)
  }

  /// A member that waited knows.
  func resumed(_ outcome: IdentifyOutcome, _ exchange: Exchange) -> PolicyOutcome {
    take(outcome, exchange) ?? goOn(exchange, from: exchange.identifyPosition + 1)
  }
}
