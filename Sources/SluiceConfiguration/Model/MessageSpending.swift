extension Configuration {
  /// What messages of `websocket` routes take of a limit that requests spend, too.
  public struct MessageSpending: Codable, Equatable, Sendable {
    public var cost = 1
    public var action = SpendingAction.close
    public init() {}
  }

  /// What happens to a message for which nothing is left.
  public enum SpendingAction: String, Codable, CaseIterable, Sendable { case drop, close }

  /// What makes whole messages be looked at on a route.
  public struct MessageUses: Equatable, Sendable {
    /// The route's own settings ask for it.
    public var isAskedFor = false
    /// Messages may count for a limit of requests.
    public var spends = false
    /// Their bytes may count for a bandwidth that requests have, too.
    public var countsBytes = false
    /// Policies may look into those of callers, or change them.
    public var readsCallers = false
    /// The same of targets.
    public var readsTargets = false
    /// A service may limit the messages of a session.
    public var hasGrantedLimits = false
    public init() {}

    public var isInspected: Bool {
      isAskedFor || spends || hasGrantedLimits || countsBytes || readsCallers || readsTargets
    }
  }

  /// Who comes is known only later, and a session can't change its extensions then: what a policy of any caller
  /// asks for counts for every route that such a caller may have.
  ///
  /// - Parameter ofAnyCaller: `messageUsesOfAnyCaller`, for whoever asks about many routes; nil finds it anew.
  public func messageUses(
    ofRoute name: String, ofAnyCaller: MessageUses? = nil
  ) -> MessageUses {
    guard let route = routes[name], route.kind == .websocket else { return MessageUses() }
    var uses = ofAnyCaller ?? messageUsesOfAnyCaller
    uses.isAskedFor = route.isInspected
    let policies = policies(ofRoute: name)
    for policy in policies { uses.add(policy.settings) }
    let service = services[route.service] ?? Service()
    for places in [route.consumers, route.groups, service.consumers, service.groups] {
      for settings in places.values.lazy.flatMap(\.all) { uses.add(settings) }
    }
    uses.hasGrantedLimits = policies.contains {
      ($0.settings as? ForwardAuth)?.grants.contains(where: \.limitsMessages) ?? false
    }
    return uses
  }

  /// What the policies of consumers and groups make of every route; costs a walk over all of them.
  public var messageUsesOfAnyCaller: MessageUses {
    var uses = MessageUses()
    for consumer in consumers.values {
      for settings in consumer.policies.all { uses.add(settings) }
    }
    for group in groups.values { for settings in group.policies.all { uses.add(settings) } }
    return uses
  }

  /// Whether whole messages are looked at on a route, or bytes pass as they come.
  public func inspectsMessages(ofRoute name: String) -> Bool {
    messageUses(ofRoute: name).isInspected
  }
}

extension Configuration.MessageUses {
  /// What a policy makes of messages, if it is in force.
  fileprivate mutating func add(_ settings: any PolicySettings) {
    switch settings {
    case let limit as Configuration.RateLimit: if limit.messages != nil { spends = true }
    case let quota as Configuration.Quota: if quota.messages != nil { spends = true }
    case let limit as Configuration.BandwidthLimit: if limit.messages { countsBytes = true }
    case let schema as Configuration.JSONSchema:
      if schema.messages != nil { readsCallers = true }
      if schema.messagesFromUpstream != nil { readsTargets = true }
    case let transform as Configuration.RequestTransform:
      if transform.messages != nil { readsCallers = true }
    case let transform as Configuration.ResponseTransform:
      if transform.messages != nil { readsTargets = true }
    default: break
    }
  }
}

// MARK: Tables

extension Configuration.MessageSpending {
  static let schema = Schema(
    "MessageSpending", of: Self(),
    "Messages from callers on `websocket` routes count too. They are looked at as a whole then, and not compressed.",
    [
      Field(
        "cost", .integer(1...1_000_000), "What one message takes."),
      Field(
        "action", .choice(Configuration.SpendingAction.self),
        "What happens to a message when too little is left: it is dropped, or its session closed with 1008."
      ),
    ])
}
