import SluiceConfiguration

/// The compiled policies of a route, or of some callers on it, by phase.
final class PolicyChain {
  struct Step {
    /// Not counted: the chain keeps its policies (`owned`).
    let reference: Unmanaged<CompiledPolicy>
    /// The place among all policies of the chain.
    let order: Int

    init(_ policy: CompiledPolicy, order: Int) {
      // SAFETY: every initialiser of the chain puts it into `owned`, which never changes.
      reference = .passUnretained(policy)
      self.order = order
    }

    var policy: CompiledPolicy { reference.takeUnretainedValue() }
  }

  /// All of them, by `Step.order`.
  private let owned: [(policy: CompiledPolicy, name: String)]

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
    var members: [(stage: PolicyStage, policy: CompiledPolicy, name: String)] = []
    var identifying: [CompiledPolicy] = []
    func endIdentify() {
      if !identifying.isEmpty {
        members.append((.identify, IdentifyStage(identifying), "identify"))
      }
      identifying = []
    }
    for (settings, compiled) in policies {
      let stage = settings.stage
      if stage > .identify { endIdentify() }
      if stage == .identify {
        identifying.append(compiled)
      } else {
        members.append((stage, compiled, type(of: settings).policyName))
      }
    }
    endIdentify()
    owned = members.map { ($0.policy, $0.name) }
    let all = members.enumerated().map {
      (stage: $1.stage, step: Step($1.policy, order: $0))
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
    owned = requests
    request = requests.enumerated().map { Step($1.policy, order: $0) }
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

  /// For an exchange that the gateway begins itself: one policy sees what comes back.
  init(only policy: CompiledPolicy, _ name: String) {
    owned = [(policy, name)]
    let step = [Step(policy, order: 0)]
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

  /// The step that finds out who calls.
  var identifyStage: IdentifyStage? {
    request.lazy.compactMap { $0.policy as? IdentifyStage }.first
  }

  func name(of step: Step) -> String { owned[step.order].name }

  /// Whose turn it is at this place of `request`; nil behind the last.
  @inline(__always)
  func policy(at position: Int) -> Unmanaged<CompiledPolicy>? {
    position < request.count ? request[position].reference : nil
  }

  /// The exchange is over, and its record is complete.
  func tellLogs(of exchange: Exchange, _ status: Int) {
    if log.isEmpty { return }
    for policy in log { policy.logged(exchange, status: status) }
  }
}
