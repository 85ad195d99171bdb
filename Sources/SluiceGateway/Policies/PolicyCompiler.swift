import SluiceConfiguration

/// Makes the chains of policies of one snapshot; keeps what it made, because callers with policies of
/// their own get their chains when they first come.
final class PolicyCompiler {
  private struct Key: Hashable {
    var origin: PolicyOrigin
    var name: String
  }

  let configuration: Configuration
  let consumers: ConsumerDirectory
  /// Whether anything is said about some callers only.
  var hasCallerPolicies: Bool { consumers.hasProfiles }
  private let worker: Worker
  private let services: [String: UpstreamService]
  private var compiled: [Key: CompiledPolicy] = [:]
  /// What the snapshot before this one had compiled.
  private var former: [Key: CompiledPolicy]
  private var isRetired = false

  init(
    _ configuration: Configuration, worker: Worker, services: [String: UpstreamService],
    former: PolicyCompiler?
  ) {
    self.configuration = configuration
    self.worker = worker
    self.services = services
    self.former = former?.compiled ?? [:]
    consumers = ConsumerDirectory(configuration, former: former?.consumers)
  }

  /// What is wrong with any policy that only the gateway can tell, and what is with those that no file was
  /// checked for.
  static func problem(in configuration: Configuration) -> String? {
    for effective in configuration.everyPolicy {
      let place = "\(effective.name) of \(effective.origin.text)"
      guard let policy = effective.settings as? any Policy else {
        return "\(place): the gateway does not have this policy"
      }
      if let problem = policy.problem() { return "\(place): \(problem)" }
    }
    if let (policy, message) = configuration.policyStageProblem {
      return "\(policy.name) of \(policy.origin.text) \(message)"
    }
    return TokenDirectory.problem(configuration.consumers)
  }

  /// Nil when the route has no policies.
  func chain(
    ofRoute name: String, consumer: String? = nil, groups: [String] = []
  ) -> PolicyChain? {
    let policies = configuration.policies(ofRoute: name, consumer: consumer, groups: groups)
    return policies.isEmpty ? nil : PolicyChain(policies.map { ($0.settings, policy($0)) })
  }

  /// What is logged of exchanges that no route matches; nil for nothing.
  func chainOfNoRoute() -> PolicyChain? {
    let policies = configuration.policiesWithoutRoute
    return policies.isEmpty ? nil : PolicyChain(policies.map { ($0.settings, policy($0)) })
  }

  /// Another snapshot is in force: what this one had going ends, unless it was taken over.
  func retire() {
    isRetired = true
    for policy in compiled.values { policy.retired() }
  }

  private func policy(_ effective: EffectivePolicy) -> CompiledPolicy {
    let key = Key(origin: effective.origin, name: effective.name)
    if let policy = compiled[key] { return policy }
    guard let settings = effective.settings as? any Policy else {
      preconditionFailure("the configuration was not checked")
    }
    let context = PolicyContext(
      origin: key.origin, former: former[key], consumers: consumers, worker: worker,
      services: services)
    let policy = settings.compile(context)
    compiled[key] = policy
    // Two snapshots' worth of it must not pile up.
    former[key] = nil
    // An exchange that had to wait is the first of its caller's after a reload.
    if isRetired { policy.retired() }
    return policy
  }
}

/// The chains of callers about whom something of their own is said; one per route, and only where
/// there are such callers.
final class CallerPolicies {
  private let route: String
  private let compiler: PolicyCompiler
  /// By profile; the first is the route's own and not looked up here.
  private var chains: [Int: PolicyChain] = [:]

  init(route: String, compiler: PolicyCompiler) {
    self.route = route
    self.compiler = compiler
  }

  /// Nil when this caller has the route's policies.
  func chain(for identity: Identity) -> PolicyChain? {
    let index = identity.profile(in: compiler.consumers)
    if index == 0 { return nil }
    if let chain = chains[index] { return chain }
    let profile = compiler.consumers.profiles[index]
    let chain = compiler.chain(
      ofRoute: route, consumer: profile.consumer, groups: profile.groups)
    chains[index] = chain
    return chain
  }
}
