import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// A limit of requests that the messages of one session spend, too.
struct MessageBudget {
  let limit: CompiledLimit
  let key: LimitKey

  static func limits(of policies: PolicyChain?) -> [CompiledLimit] {
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
    for budget in inspection.policies.budgets {
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
