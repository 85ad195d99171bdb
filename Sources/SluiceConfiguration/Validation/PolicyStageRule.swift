/// Which policies may stand up to the stage `identify`: one rule for all of them, those of other packages
/// included.
///
/// Up to there nobody knows who calls, and all callers of a route meet the same policies. At the end of that
/// stage the gateway goes on, in the same place, with the policies of this caller: were there more or fewer
/// of them before it, one would be met twice or passed over.
struct PolicyStageRule {
  struct Problem: Equatable {
    let message: String
    let hint: String
  }

  /// By the name of the kind, for whom of all callers something of its own is said; `false` is something, too.
  private let ownOfCallers: [String: PolicyOrigin]

  init(_ configuration: Configuration) {
    var own: [String: PolicyOrigin] = [:]
    for place in configuration.policyPlaces where place.origin.dependsOnCaller {
      for name in place.policies.names {
        // Of several the first by name, so that messages do not change from run to run.
        if let former = own[name], former.text <= place.origin.text { continue }
        own[name] = place.origin
      }
    }
    ownOfCallers = own
  }

  /// What is wrong with where these settings stand.
  func problems(of settings: some PolicySettings, at origin: PolicyOrigin) -> [Problem] {
    let kind = type(of: settings)
    guard settings.stage <= kind.stage else {
      return [
        Problem(
          message:
            "chooses the stage '\(settings.stage.name)', which is later than '\(kind.stage.name)', that of its kind",
          hint: "settings may choose an earlier stage only: give the kind the later one")
      ]
    }
    if settings.stage == .identify, kind.stage != .identify {
      return [
        Problem(
          message: "chooses the stage 'identify', which is for policies that find out who calls",
          hint: "choose 'entry', or a later stage")
      ]
    }
    if settings.stage > .identify { return [] }
    var problems: [Problem] = []
    if let key = settings.countsBy.first(where: \.dependsOnCaller) {
      problems.append(
        Problem(
          message: "counts by \(key.text), which is not known before the stage 'identify'",
          hint: "count by address, host, header:NAME, path:/PATH, route, all or variable:NAME"))
    }
    if origin.dependsOnCaller {
      problems.append(
        Problem(
          message: "is for some callers only, who are not known before the stage 'identify'",
          hint: "set it for a route, a service or everything"))
    } else if let other = ownOfCallers[kind.policyName] {
      let remedy = kind.stageKey.map { "leave out '\($0)'" } ?? "let it run in a later stage"
      problems.append(
        Problem(
          message: "runs before it is known who calls, and \(other.text) has one of its own",
          hint: "\(remedy), or leave out what \(other.text) says of \(kind.policyName)"))
    }
    return problems
  }
}

extension Configuration {
  /// The first policy that stands where it can't, for configurations that were not read from a file: where it
  /// is set, and what is wrong. Nil when all may stay.
  public var policyStageProblem: (policy: EffectivePolicy, message: String)? {
    let rule = PolicyStageRule(self)
    for policy in everyPolicy {
      if let problem = rule.problems(of: policy.settings, at: policy.origin).first {
        return (policy, problem.message)
      }
    }
    return nil
  }
}
