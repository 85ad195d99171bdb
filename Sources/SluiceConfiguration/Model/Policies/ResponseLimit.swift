extension Configuration {
  /// How much of what targets charge for a caller may use up.
  public struct ResponseLimit: PolicySettings {
    public var header = "X-Limit"
    /// By the name that targets charge for.
    public var limits: [String: [RateLimit.Window]] = [:]
    /// Windows are periods of the calendar.
    public var calendar = false
    public var by = LimitKey.consumer
    /// Refuses requests, too, when one of the limits is used up.
    public var refuseAtLimit = false
    /// Places that name the same one count together.
    public var budget: String?
    public var hide = false
    public var maxKeys = 100_000
    public init() {}
  }
}

extension Configuration.ResponseLimit {
  public static let policyName = "response-limit"
  public static let stage = PolicyStage.limit
  public var countsBy: [Configuration.LimitKey] { [by] }

  public static let schema = Schema(
    "ResponseLimit", of: Self(),
    "Limits what targets say that their responses cost: a field like `X-Limit: video=1, bytes=500` counts so much of each name for the caller, and is not passed on. A response that costs something of which nothing was left becomes 429; one that costs more than was left passes and leaves nothing. Targets get what is left of each name as `X-RateLimit-Remaining-NAME`, callers as `X-RateLimit-Remaining-NAME-UNIT` beside `X-RateLimit-Limit-NAME-UNIT`.",
    [
      Field(
        "header", .text(.fieldName), "The field of responses that says what they cost."),
      Field(
        "limits",
        .map(
          keys: .entityName,
          of: .list(of: .object(Configuration.RateLimit.Window.schema), atLeast: 1),
          atLeast: 1),
        "For each name what may be used up in which time: one to three windows, which begin anew each time they are over.",
        isRequired: true),
      Field(
        "calendar", .boolean,
        "Windows are the seconds, minutes, hours, days, months and years of the calendar in UTC, written as `1s`, `1m`, `1h`, `24h`, `720h` (whatever the month) and `8760h` (whatever the year); otherwise they begin at multiples of their length on a clock that nobody sets."
      ),
      LimitField.by,
      Field(
        "refuseAtLimit", .boolean,
        "Answers 429 without asking a target as soon as one of the limits is used up; otherwise the target may say that a request costs nothing of it."
      ),
      Field(
        "budget", .text(.entityName), "Places that name the same budget count together."),
      Field("hide", .boolean, "Tells callers nothing of the limits."),
      LimitField.maxKeys,
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      media: {targets: ["http://127.0.0.1:9000"]}
    consumers:
      alice: {credentials: [{key-auth: "${env:ALICE_KEY}"}]}
    routes:
      media:
        match: {prefix: /media}
        service: media
        policies:
          key-auth: {}
          response-limit:
            limits:
              video: [{limit: 10, window: 1m}]
              bytes: [{limit: 1000000, window: 1h}, {limit: 5000000, window: 24h}]
    """

  public func check(_ check: inout PolicyCheck) {
    check.requireVariable(of: by, at: "by")
    for (name, windows) in limits.sorted(by: { $0.key < $1.key }) {
      if windows.count > Configuration.RateLimit.mostWindows {
        check.error(
          "has more than \(Configuration.RateLimit.mostWindows) windows", at: "limits", name)
      }
      if Set(windows.map(\.window)).count < windows.count {
        check.error("has two windows of one length", at: "limits", name)
      }
      for window in windows {
        if window.window.nanoseconds % 1_000_000_000 != 0 {
          check.error(
            "a window is whole seconds, not \(window.window.text)", at: "limits", name)
        }
        if calendar, let problem = Configuration.RateLimit.calendarProblem(of: window) {
          check.error(problem, at: "limits", name)
        }
        if window.burst != nil {
          check.error("'burst' is for token buckets only", at: "limits", name)
        }
      }
    }
  }
}
