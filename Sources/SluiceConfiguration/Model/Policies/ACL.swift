extension Configuration {
  /// Lets consumers in, or keeps them out, by their groups. Exactly one of the two lists.
  public struct ACL: PolicySettings {
    public var allow: [String] = []
    public var deny: [String] = []
    public init() {}
  }
}

extension Configuration.ACL {
  public static let policyName = "acl"
  public static let stage = PolicyStage.authorize

  public static let schema = Schema(
    "ACL", of: Self(),
    "Lets consumers in, or keeps them out, by their groups. Nobody known gets 401, the wrong one 403.",
    [
      Field("allow", .list(of: .text(.entityName)), "Who is in one of these groups may pass."),
      Field(
        "deny", .list(of: .text(.entityName)),
        "Who is in one of these groups may not; every other known caller may."),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    consumers:
      alice:
        groups: [partners]
        credentials: [{key-auth: "${env:ALICE_KEY}"}]
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          key-auth: {}
          acl: {allow: [partners]}
    """

  public func check(_ check: inout PolicyCheck) {
    if allow.isEmpty == deny.isEmpty {
      check.error(
        allow.isEmpty ? "needs 'allow' or 'deny'" : "has both 'allow' and 'deny'",
        hint: "groups that may pass, or groups that may not")
    }
    warnIfNobodyIsKnown(&check)
    let survey = check.survey
    if survey.grantsGroups { return }
    for (key, names) in [("allow", allow), ("deny", deny)] {
      for (index, name) in names.enumerated() where !survey.hasGroup(name) {
        check.warning(
          "no consumer is in a group '\(name)'", at: key, "\(index)",
          hint: check.suggestion(for: name, among: survey.groups))
      }
    }
  }

  /// Where no policy finds out who calls, everybody gets 401. Internal routes are left out: who calls may be
  /// known from the route before.
  private func warnIfNobodyIsKnown(_ check: inout PolicyCheck) {
    let configuration = check.configuration
    let names: [String]
    switch check.origin {
    case .everything: names = configuration.routes.keys.sorted()
    case .service(let name): names = check.survey.routes(ofService: name)
    case .route(let name): names = [name]
    // Such a place holds for callers that are known already.
    default: return
    }
    let route = names.first { name in
      if configuration.routes[name]?.match.internal != nil { return false }
      let policies = configuration.policies(ofRoute: name)
      return policies.contains { $0.name == Self.policyName && $0.origin == check.origin }
        && !policies.contains { Self.findsCallers($0.settings) }
    }
    guard let route else { return }
    check.warning(
      "no policy of route \(route) finds out who calls, so everybody gets 401",
      hint: "add key-auth or another policy of the stage identify, or set acl: false there")
  }

  private static func findsCallers(_ settings: any PolicySettings) -> Bool {
    switch settings {
    case is Configuration.Identify: false
    case let service as Configuration.ForwardAuth:
      !service.consumerHeader.isEmpty || !service.groupsHeader.isEmpty
    default: type(of: settings).stage == .identify
    }
  }
}
