import SluiceConfiguration
import SluiceReactor

/// What the policies of a session's route, or those of its caller, say of its messages; looked up at the
/// handshake and when route or identity change, so that a message costs no look-up.
struct SessionPolicies {
  var budgets: [MessageBudget] = []
  private(set) var bandwidth: MessageBandwidth?
  private(set) var schema: CompiledJSONSchema?
  private(set) var fromClient: MessageTransform?
  private(set) var fromUpstream: MessageTransform?

  init() {}

  /// Of a session that the exchange becomes.
  init(of exchange: Exchange) {
    let chain = exchange.policies
    budgets = MessageBudget.limits(of: chain).map {
      MessageBudget(limit: $0, key: $0.key(of: exchange))
    }
    bandwidth = Self.first(CompiledBandwidthLimit.self, in: chain).flatMap { limit in
      limit.countsMessages ? MessageBandwidth(limit, key: limit.reader?.key(of: exchange)) : nil
    }
    readContents(of: chain)
  }

  /// Of a session after a reload, or when it is somebody else's group that decides. What only the
  /// handshake knew stays; without it a limit is new, and counts by address.
  init(of session: Session, former: SessionPolicies) {
    let own = session.identity.flatMap { session.route.callerPolicies?.chain(for: $0) }
    let chain = own ?? session.route.policies
    budgets = MessageBudget.limits(of: chain).map { limit in
      let known = former.budgets.first { $0.limit.by == limit.by }?.key
      return MessageBudget(
        limit: limit, key: limit.key(of: session) ?? known ?? Self.byAddress(session))
    }
    bandwidth = Self.first(CompiledBandwidthLimit.self, in: chain).flatMap { limit in
      guard limit.countsMessages else { return nil }
      guard let reader = limit.reader else { return MessageBandwidth(limit, key: nil) }
      let known = former.bandwidth?.limit.by == limit.by ? former.bandwidth?.key : nil
      return MessageBandwidth(
        limit, key: reader.key(of: session) ?? known ?? Self.byAddress(session))
    }
    readContents(of: chain)
  }

  private mutating func readContents(of chain: PolicyChain?) {
    schema = Self.first(CompiledJSONSchema.self, in: chain).flatMap {
      $0.fromClient == nil && $0.fromUpstream == nil ? nil : $0
    }
    fromClient = Self.first(CompiledRequestTransform.self, in: chain)?.messages
    fromUpstream = Self.first(CompiledResponseTransform.self, in: chain)?.messages
  }

  /// There is at most one of a kind.
  private static func first<Kind: CompiledPolicy>(
    _ kind: Kind.Type, in chain: PolicyChain?
  ) -> Kind? {
    chain?.request.lazy.compactMap { $0.policy as? Kind }.first
  }

  private static func byAddress(_ session: Session) -> LimitKey {
    LimitKeyReader(.address).key(of: session) ?? LimitKey(high: 0, low: 0)
  }
}
