extension Configuration {
  /// Looks for another route by another path, as if the caller had asked for that one.
  public struct Reroute: PolicySettings {
    public var rules: [RerouteRule] = []
    /// The name of the internal routes.
    public var to = ""
    public init() {}
  }

  /// One change of the path, if it matches what those before have left.
  public struct RerouteRule: Codable, Equatable, Sendable {
    /// Of the normalised path, all of it; nil for every path.
    public var regex: String?
    /// Nil leaves it.
    public var path: String?
    public var query: String?
    /// No rule behind this one is looked at once it has matched.
    public var ends = true
    public init() {}

    /// Changes nothing: it ends the list where one before it has matched.
    var isEnd: Bool { regex == nil && path == nil && query == nil }
  }
}

extension Configuration.Reroute {
  public static let policyName = "reroute"
  public static let stage = PolicyStage.entry

  public static let schema = Schema(
    "Reroute", of: Self(),
    "Changes the path by rules, in their order, and looks for a route by what came of it, among the routes that have this name as `match.internal`. That route answers with its own policies, service and timeouts; those of this one are over, and nobody was asked who calls. Requests that no rule matches go on as they were. Ten times at most for one request, then it is refused with 500. A path that is not normal afterwards is refused with 400.",
    [
      Field(
        "rules", .list(of: .object(Configuration.RerouteRule.schema), atLeast: 1), "The rules.",
        isRequired: true),
      Field(
        "to", .text(.entityReference), "The name of internal routes (`match.internal`).",
        isRequired: true),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      users: {targets: ["http://127.0.0.1:9000"]}
    routes:
      old:
        match: {prefix: /v1}
        service: users
        policies:
          reroute:
            to: new
            rules:
              - {regex: "/v1/user-(\\\\d+)", path: "/users/$1"}
      users:
        match: {internal: new, prefix: /users}
        service: users
    """

  public func check(_ check: inout PolicyCheck) {
    check.requireInternal(to, at: "to")
    if rules.allSatisfy(\.isEnd) { check.error("changes nothing", at: "rules") }
    for (index, rule) in rules.enumerated() {
      for (key, text) in [("path", rule.path), ("query", rule.query)] {
        guard let text else { continue }
        Template.check(text, in: &check, "rules", "\(index)", key)
        if rule.regex == nil, let group = GroupReference.largest(in: text) {
          check.error(
            "there is no regex of which $\(group) could be a group", at: "rules", "\(index)", key)
        }
      }
    }
  }
}

extension Configuration.RerouteRule {
  static let schema = Schema(
    "RerouteRule", of: Self(),
    "One change of the path. A rule without `regex`, `path` and `query` ends the list where one before it has matched.",
    [
      Field(
        "regex", .text(.regex),
        "What the path, without query, has to match from start to end; every path unless set."),
      Field(
        "path", .text(.pathTemplate),
        "The path instead; `$1` to `$9` are what groups of `regex` matched, `${request.path}` is the path so far."
      ),
      Field(
        "query", .text(.queryTemplate),
        "The query instead, without its question mark; `${request.query}` is the one so far. It stays unless set."
      ),
      Field("ends", .boolean, "Whether the rules behind it are left out once it has matched."),
    ])
}
