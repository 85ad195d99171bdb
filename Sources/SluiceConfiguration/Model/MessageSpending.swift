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

  public func messageUses(ofRoute name: String) -> MessageUses {
    var uses = MessageUses()
    guard let route = routes[name], route.kind == .websocket else { return uses }
    uses.isAskedFor = route.isInspected
    let policies = policies(ofRoute: name)
    // Who comes is known only later, and a session can't change its extensions then.
    let possible = policies + everyPolicy.filter { $0.origin.concerns(callersOf: route, name) }
    uses.spends = possible.contains(where: \.countsMessages)
    for case let limit as BandwidthLimit in possible.map(\.settings) where limit.messages {
      uses.countsBytes = true
    }
    for policy in possible {
      switch policy.settings {
      case let schema as JSONSchema:
        if schema.messages != nil { uses.readsCallers = true }
        if schema.messagesFromUpstream != nil { uses.readsTargets = true }
      case let transform as RequestTransform:
        if transform.messages != nil { uses.readsCallers = true }
      case let transform as ResponseTransform:
        if transform.messages != nil { uses.readsTargets = true }
      default: break
      }
    }
    uses.hasGrantedLimits = policies.contains {
      ($0.settings as? ForwardAuth)?.grants.contains(where: \.limitsMessages) ?? false
    }
    return uses
  }

  /// Whether whole messages are looked at on a route, or bytes pass as they come.
  public func inspectsMessages(ofRoute name: String) -> Bool {
    messageUses(ofRoute: name).isInspected
  }
}

extension EffectivePolicy {
  /// Whether messages are counted for it.
  fileprivate var countsMessages: Bool {
    if let limit = settings as? Configuration.RateLimit { return limit.messages != nil }
    return (settings as? Configuration.Quota)?.messages != nil
  }
}

extension PolicyOrigin {
  /// Whether it may be about some callers of a route.
  fileprivate func concerns(callersOf route: Configuration.Route, _ name: String) -> Bool {
    switch self {
    case .routeConsumer(let owner, _), .routeGroup(let owner, _): owner == name
    case .serviceConsumer(let owner, _), .serviceGroup(let owner, _): owner == route.service
    case .consumer, .group: true
    case .route, .service, .everything: false
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
