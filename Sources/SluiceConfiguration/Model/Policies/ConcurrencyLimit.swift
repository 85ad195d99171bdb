extension Configuration {
  /// How many requests of a caller may be under way at a time.
  public struct ConcurrencyLimit: PolicySettings {
    public var limit = 100
    public var by = LimitKey.consumer
    /// Places that name the same one count together.
    public var budget: String?
    /// Whether a WebSocket session goes on counting where its handshake did.
    public var sessions = false
    /// Limits by other keys that hold as well.
    public var also: [Other] = []
    /// Counts before anybody is asked who calls.
    public var before: BeforeStage?
    public var maxKeys = 100_000
    public init() {}

    /// A limit beside the first, with a key of its own.
    public struct Other: Codable, Equatable, Sendable {
      public var limit: Int
      public var by: LimitKey
      public var budget: String?

      public init(limit: Int, by: LimitKey, budget: String? = nil) {
        self.limit = limit
        self.by = by
        self.budget = budget
      }
    }

    /// Every limit with its key, the policy's own first.
    public var parts: [Other] { [Other(limit: limit, by: by, budget: budget)] + also }
  }
}

extension Configuration.ConcurrencyLimit {
  public static let policyName = "concurrency-limit"
  public static let stage = PolicyStage.limit
  public var stage: PolicyStage { before == nil ? Self.stage : .entry }
  public static let stageKey: String? = LimitField.before.key
  public var countsBy: [Configuration.LimitKey] { parts.map(\.by) }

  public static let schema = Schema(
    "ConcurrencyLimit", of: Self(),
    "Limits how many requests of a caller are under way at a time, in the whole process; one too many gets 429. Of a WebSocket session the handshake counts, unless `sessions` is on; `connection.maxPerConsumer` limits the sessions of one route.",
    [
      Field("limit", .integer(1...1_000_000), "Requests under way at a time."),
      LimitField.by,
      Field(
        "budget", .text(.entityName),
        "Places that name the same budget count together, each up to its own `limit`."),
      Field(
        "sessions", .boolean,
        "Whether a session of a `websocket` route goes on counting, until it ends, where its handshake did."
      ),
      Field(
        "also", .list(of: .object(Other.schema)),
        "Limits by other keys that hold as well, at most 7: a request begins when none is reached."),
      LimitField.before, LimitField.maxKeys,
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      reports: {targets: ["http://127.0.0.1:9000"]}
    routes:
      reports:
        match: {prefix: /reports}
        service: reports
        policies:
          concurrency-limit: {limit: 5, by: address}
    """

  public func check(_ check: inout PolicyCheck) {
    check.requireVariable(of: by, at: "by")
    for other in also { check.requireVariable(of: other.by, at: "also") }
    if also.count > Configuration.RateLimit.mostOthers {
      check.error("has more than \(Configuration.RateLimit.mostOthers) further limits", at: "also")
    }
    let counts = parts.map { [$0.by.text, $0.budget ?? ""] }
    if Set(counts).count < counts.count {
      check.error(
        "has two limits by one key", at: "also", hint: "only the smaller one would ever count")
    }
    checkBudget(&check)
    if sessions, case .route(let name) = check.origin,
      let kind = check.configuration.routes[name]?.kind, kind != .websocket
    {
      check.error(
        "has sessions on a route that has none", at: "sessions",
        hint: "leave it out, or set it on the route of kind websocket")
    }
  }

  /// What counts together has to count by the same key.
  private func checkBudget(_ check: inout PolicyCheck) {
    for use in budgetUses {
      guard let other = check.survey.otherCount(than: use, of: Self.policyName) else { continue }
      return check.error(
        "counts by \(use.by), and the budget '\(use.budget)' of \(other.origin.text) by \(other.by)",
        at: "budget", hint: "give both the same 'by', or budgets of their own")
    }
  }
}

extension Configuration.ConcurrencyLimit.Other {
  static let schema = Schema(
    "ConcurrencyLimitOther", of: Self(limit: 1, by: .address),
    "A limit beside the policy's own.",
    [
      Field(
        "limit", .integer(1...1_000_000), "Requests under way at a time.", isRequired: true),
      Field("by", .text(.limitKey), "What is counted separately.", isRequired: true),
      Field("budget", .text(.entityName), "Places that name the same budget count together."),
    ])
}
