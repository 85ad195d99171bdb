extension Configuration {
  /// What a caller may use in an hour, a day or a month of the calendar.
  public struct Quota: PolicySettings {
    public var hour: Int?
    public var day: Int?
    public var month: Int?
    public var by = LimitKey.consumer
    public var cost = 1
    /// Places that name the same one spend it together.
    public var budget: String?
    public var hide = false
    /// Nil: only requests count.
    public var messages: MessageSpending?
    public var maxKeys = 100_000
    public init() {}
  }
}

extension Configuration.Quota {
  public static let policyName = "quota"
  public static let stage = PolicyStage.limit
  public var countsBy: [Configuration.LimitKey] { [by] }

  private static let count = Field.Kind.integer(1...1_000_000_000)

  public static let schema = Schema(
    "Quota", of: Self(),
    "A budget for each consumer and hour, day or month (UTC), which all routes of the place spend together; one request too many gets 429 and is told when the next period begins. What was spent survives a reload and not a restart.",
    [
      Field("hour", count, "What may be spent in an hour."),
      Field("day", count, "What may be spent in a day."),
      Field("month", count, "What may be spent in a month."),
      LimitField.by,
      LimitField.cost,
      Field(
        "budget", .text(.entityName),
        "Places that name the same budget spend it together, each with its own `cost` and limits."),
      Field("hide", .boolean, "Leaves `RateLimit-Policy` and `RateLimit` out of responses."),
      LimitField.messages, LimitField.maxKeys,
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    consumers:
      alice: {credentials: [{key-auth: "${env:ALICE_KEY}"}]}
    routes:
      time: {match: {path: /time}, service: time}
      report:
        match: {path: /report}
        service: time
        policies:
          quota: {budget: calls, day: 1000, month: 20000, cost: 10}
      prices:
        kind: websocket
        match: {path: /prices}
        service: time
        policies:
          quota: {budget: calls, day: 1000, month: 20000, messages: {cost: 1, action: close}}
    policies:
      key-auth: {}
      quota: {budget: calls, day: 1000, month: 20000}
    """

  public func check(_ check: inout PolicyCheck) {
    check.requireVariable(of: by, at: "by")
    let limits = [hour, day, month].compactMap(\.self)
    if limits.isEmpty { check.error("needs 'hour', 'day' or 'month'") }
    if let least = limits.min(), cost > least {
      check.error("no request could pass: one costs \(cost) of \(least)", at: "cost")
    }
    if let least = limits.min(), let cost = messages?.cost, cost > least {
      check.error("no message could pass: one costs \(cost) of \(least)", at: "messages", "cost")
    }
    for use in budgetUses {
      guard let other = check.survey.otherCount(than: use, of: Self.policyName) else { continue }
      return check.error(
        "counts otherwise than the budget '\(use.budget)' of \(other.origin.text)", at: "budget",
        hint: "give both the same 'by'")
    }
  }
}
