import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// A limit of requests that the messages of one session spend, too.
struct MessageBudget {
  let limit: CompiledLimit
  let key: LimitKey

  /// Of a session that the exchange becomes.
  static func all(of exchange: Exchange) -> [MessageBudget] {
    limits(of: exchange.policies).map { MessageBudget(limit: $0, key: $0.key(of: exchange)) }
  }

  /// Of a session after a reload, or when it is somebody else's group that decides. What only the
  /// handshake knew stays; without it the limit is new, and counts by address.
  static func all(of session: Session, former: [MessageBudget]) -> [MessageBudget] {
    let own = session.identity.flatMap { session.route.callerPolicies?.chain(for: $0) }
    return limits(of: own ?? session.route.policies).map { limit in
      let known = former.first { $0.limit.by == limit.by }?.key
      return MessageBudget(
        limit: limit, key: limit.key(of: session) ?? known ?? Self.byAddress(session))
    }
  }

  private static func byAddress(_ session: Session) -> LimitKey {
    LimitKeyReader(.address).key(of: session) ?? LimitKey(high: 0, low: 0)
  }

  private static func limits(of policies: PolicyChain?) -> [CompiledLimit] {
    (policies?.request ?? []).compactMap {
      guard let limit = $0.policy as? CompiledLimit, limit.messages != nil else { return nil }
      return limit
    }
  }
}

/// Spends the session's budgets, one after the other.
final class MessageSpendingPolicy: MessagePolicy {
  init() { super.init(stage: .limit, cellCount: 0) }

  override func meet(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, of session: Session,
    _ inspection: SessionInspection
  ) -> MessageOutcome {
    for budget in inspection.budgets {
      guard let spending = budget.limit.messages else { continue }
      let decision = budget.limit.take(
        budget.key, cost: UInt64(spending.cost), now: session.loop.now)
      if decision.isAllowed { continue }
      if spending.action == .drop { return .drop(.budget) }
      let policy = budget.limit is CompiledQuota ? "quota" : "rate-limit"
      return .close(
        SessionEnding(
          .policy, side: .client, code: WebSocketCloseCode.policyViolation.rawValue,
          reason: Array("\(budget.limit.errorCode)".utf8), policy: policy))
    }
    return .pass
  }
}
