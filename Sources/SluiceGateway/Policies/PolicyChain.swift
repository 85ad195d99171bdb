import SluiceConfiguration

/// The compiled policies of a route, or of some callers on it, by phase.
final class PolicyChain {
  struct Step {
    let policy: CompiledPolicy
    let name: String
    /// The place among all policies of the chain.
    let order: Int
  }

  /// In the order in which a request meets them.
  let request: [Step]
  /// In the order in which a response meets them: the other way round.
  let response: [Step]
  let answer: [Step]
  let end: [Step]
  /// Who may have something better than an error, in the order of responses.
  let failure: [Step]
  /// Who sees every exchange when it is over.
  let log: [CompiledPolicy]
  /// So many of `request` come before the route's own demands.
  let entryCount: Int
  /// So many of `request` are done when it is known who calls.
  let identifyCount: Int
  /// Whether a policy may send requests on to internal routes.
  let redirectsInternally: Bool
  /// Whether one may send requests on whose bodies a target has had.
  let repeatsBodies: Bool

  /// `policies` are in order; those of the stage `identify` become one.
  init(_ policies: [(settings: any PolicySettings, compiled: CompiledPolicy)]) {
    var steps: [(stage: PolicyStage, policy: CompiledPolicy, name: String)] = []
    var identifying: [CompiledPolicy] = []
    func endIdentify() {
      if !identifying.isEmpty { steps.append((.identify, IdentifyStage(identifying), "identify")) }
      identifying = []
    }
    for (settings, compiled) in policies {
      let stage = type(of: settings).stage
      if stage > .identify { endIdentify() }
      if stage == .identify {
        identifying.append(compiled)
      } else {
        steps.append((stage, compiled, type(of: settings).policyName))
      }
    }
    endIdentify()
    let all = steps.enumerated().map {
      (stage: $1.stage, step: Step(policy: $1.policy, name: $1.name, order: $0))
    }
    func having(_ phase: PolicyPhases) -> [(stage: PolicyStage, step: Step)] {
      all.filter { $0.step.policy.phases.contains(phase) }
    }
    let requests = having(.request)
    request = requests.map(\.step)
    entryCount = requests.count { $0.stage == .entry }
    identifyCount = requests.count { $0.stage <= .identify }
    response = having(.response).map(\.step).reversed()
    answer = having(.answer).map(\.step).reversed()
    end = having(.end).map(\.step)
    failure = having(.failure).map(\.step).reversed()
    log = having(.log).map(\.step.policy)
    redirectsInternally = policies.contains { $0.compiled.redirectsInternally }
    repeatsBodies = policies.contains { $0.compiled.repeatsBodies }
  }

  /// For what the gateway itself does with a request.
  init(requests: [(policy: CompiledPolicy, name: String)]) {
    request = requests.enumerated().map { Step(policy: $1.policy, name: $1.name, order: $0) }
    response = []
    answer = []
    end = []
    failure = []
    log = []
    entryCount = 0
    identifyCount = 0
    redirectsInternally = false
    repeatsBodies = false
  }

  /// The step that finds out who calls.
  var identifyStage: IdentifyStage? {
    request.lazy.compactMap { $0.policy as? IdentifyStage }.first
  }

  /// For an exchange that the gateway begins itself: one policy sees what comes back.
  init(only policy: CompiledPolicy, _ name: String) {
    let step = [Step(policy: policy, name: name, order: 0)]
    request = []
    response = policy.phases.contains(.response) ? step : []
    answer = []
    end = policy.phases.contains(.end) ? step : []
    failure = policy.phases.contains(.failure) ? step : []
    log = []
    entryCount = 0
    identifyCount = 0
    redirectsInternally = false
    repeatsBodies = false
  }
}
