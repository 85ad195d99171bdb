extension Configuration {
  /// How many requests a caller may send in a time.
  public struct RateLimit: PolicySettings {
    public var limit: Int?
    public var window: Timespan?
    /// Of a token bucket, how much may come at once; as much as `limit` unless set.
    public var burst: Int?
    /// Several limits in the place of `limit`, `window` and `burst`.
    public var windows: [Window] = []
    public var algorithm = Algorithm.tokenBucket
    public var by = LimitKey.consumer
    public var cost = 1
    /// Places that name the same one count together.
    public var budget: String?
    /// What becomes of requests that come earlier than the rate has room for them.
    public var excess = Excess.refuse
    /// Of `excess: delay`, how many pass at once before others wait; 1 unless set.
    public var atOnce: Int?
    /// How long a request may be made to wait.
    public var maxDelay = Timespan.seconds(10)
    /// Limits by other keys that hold as well.
    public var also: [Other] = []
    /// Counts before anybody is asked who calls.
    public var before: BeforeStage?
    /// Leaves `RateLimit` and `RateLimit-Policy` out of responses.
    public var hide = false
    /// How responses tell of the limits; `fields` in the file.
    public var fieldStyle = FieldStyle.standard
    /// Nil: only requests count.
    public var messages: MessageSpending?
    public var maxKeys = 100_000
    public var refusal: RefusalAnswer?
    public init() {}

    public enum Algorithm: String, Codable, CaseIterable, Sendable {
      case tokenBucket = "token-bucket"
      case slidingWindow = "sliding-window"
      case fixedWindow = "fixed-window"
      case calendarWindow = "calendar-window"
    }

    public enum Excess: String, Codable, CaseIterable, Sendable { case refuse, delay }

    public enum FieldStyle: String, Codable, CaseIterable, Sendable { case standard, kong }

    private enum CodingKeys: String, CodingKey {
      case limit, window, burst, windows, algorithm, by, cost, budget, excess, atOnce, maxDelay
      case also, before, hide, messages, maxKeys, refusal
      case fieldStyle = "fields"
    }

    public struct Window: Codable, Equatable, Sendable {
      public var limit: Int
      public var window: Timespan
      public var burst: Int?

      public init(limit: Int, window: Timespan, burst: Int? = nil) {
        self.limit = limit
        self.window = window
        self.burst = burst
      }

      /// What may come at once at most.
      public var capacity: Int { burst ?? limit }
    }

    /// A limit beside the first, with a key of its own.
    public struct Other: Codable, Equatable, Sendable {
      public var limit: Int
      public var window: Timespan
      public var burst: Int?
      public var atOnce: Int?
      public var by: LimitKey
      public var budget: String?

      public init(limit: Int, window: Timespan, by: LimitKey) {
        self.limit = limit
        self.window = window
        self.by = by
      }
    }

    /// What counts together under one key.
    public struct Part: Equatable, Sendable {
      public let windows: [Window]
      public let by: LimitKey
      public let budget: String?
      /// Of `excess: delay`: how many pass at once before others wait.
      public let atOnce: Int

      /// Whether both would count in the same numbers.
      func countsAs(_ other: Part) -> Bool {
        by == other.by && budget == other.budget
          && windows.map(\.window) == other.windows.map(\.window)
      }
    }

    /// The limits with their keys, the policy's own first.
    public var parts: [Part] {
      [Part(windows: allWindows, by: by, budget: budget, atOnce: atOnce ?? 1)]
        + also.map {
          Part(
            windows: [Window(limit: $0.limit, window: $0.window, burst: $0.burst)], by: $0.by,
            budget: $0.budget, atOnce: $0.atOnce ?? 1)
        }
    }

    /// Every limit that holds for the policy's own key.
    public var allWindows: [Window] {
      guard let limit, let window else { return windows }
      return [Window(limit: limit, window: window, burst: burst)]
    }

    public static let mostWindows = 6
    /// Limits by other keys.
    public static let mostOthers = 7
    /// The lengths that stand for periods of the calendar, by the periods' names.
    public static let calendarWindows: [String: Timespan] = [
      "second": .seconds(1), "minute": .seconds(60), "hour": .seconds(3_600),
      "day": .seconds(86_400), "month": .seconds(30 * 86_400), "year": .seconds(365 * 86_400),
    ]
    /// What a sliding window can count to.
    public static let mostSliding = 1_000_000
  }
}

extension Configuration.RateLimit {
  public static let policyName = "rate-limit"
  public static let stage = PolicyStage.limit
  public var stage: PolicyStage { before == nil ? Self.stage : .entry }
  public static let stageKey: String? = LimitField.before.key
  public var countsBy: [Configuration.LimitKey] { parts.map(\.by) }

  private static let count = Field.Kind.integer(1...1_000_000_000)
  private static let length = Field.Kind.timespan(.seconds(1)...(.seconds(366 * 86_400)))

  public static let schema = Schema(
    "RateLimit", of: Self(),
    "Limits how often a caller may send requests; one too many gets 429 and `Retry-After`. Exact in the whole process, and what was counted survives a reload unless `by`, `algorithm` or a window changes.",
    [
      Field("limit", count, "How many requests may come in `window`."),
      Field("window", length, "Whole seconds."),
      Field("burst", count, "Of a token bucket: how many may come at once; `limit` unless set."),
      Field(
        "windows", .list(of: .object(Window.schema)),
        "Several limits that hold together, in the place of `limit`, `window` and `burst`; at most 6."
      ),
      Field(
        "algorithm", .choice(Algorithm.self),
        "A `token-bucket` (GCRA) lets a burst pass and then one request each time its share of the window is over; a `sliding-window` weighs the window before this one by how much of it is still in sight; a `fixed-window` begins anew each time it is over; a `calendar-window` is a second, minute, hour, day, month or year of the calendar in UTC, written as `1s`, `1m`, `1h`, `24h`, `720h` (whatever the month) and `8760h` (whatever the year)."
      ),
      LimitField.by,
      LimitField.cost,
      Field(
        "budget", .text(.entityName), "Places that name the same budget count together."),
      Field(
        "excess", .choice(Excess.self),
        "What becomes of a request that the bucket holds but that comes earlier than its turn: `refuse` lets all of a burst pass at once and refuses what is beyond it, `delay` makes it wait so that targets get an even rate. `burst` is then how many may wait and pass at once together, and one more is refused. Each waits by a timer, holds its connection and reads nothing; who leaves while nobody stands behind gives the place back."
      ),
      Field(
        "atOnce", count,
        "Of `excess: delay`: how many pass at once before others wait; 1 unless set."),
      Field(
        "maxDelay", .duration,
        "Of `excess: delay`: a request that would have to wait for longer is refused, however large `burst` is."
      ),
      Field(
        "also", .list(of: .object(Other.schema)),
        "Limits by other keys that hold as well, at most 7: a request passes when all allow it, and is counted by none when one refuses it. `algorithm`, `cost`, `excess`, `maxDelay` and `maxKeys` are those of the policy."
      ),
      LimitField.before,
      Field(
        "hide", .boolean, "Leaves `RateLimit-Policy` and `RateLimit` out of responses."),
      Field(
        "fields", .choice(FieldStyle.self),
        "How responses tell of the limits: `standard` by `RateLimit-Policy` and `RateLimit`, `kong` by `X-RateLimit-Limit-Minute` and the like."
      ),
      LimitField.messages, LimitField.maxKeys,
      Configuration.RefusalAnswer.field,
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
      time:
        match: {path: /time}
        service: time
        policies:
          key-auth: {}
          rate-limit: {limit: 100, window: 1m, by: consumer}
      search:
        match: {prefix: /search}
        service: time
        policies:
          rate-limit:
            by: address
            algorithm: sliding-window
            windows: [{limit: 10, window: 1s}, {limit: 1000, window: 1h}]
      reports:
        match: {prefix: /reports}
        service: time
        policies:
          rate-limit:
            {limit: 5, window: 1s, burst: 20, excess: delay, by: address, also: [{limit: 50, window: 1s, burst: 100, by: all}]}
    """

  public func check(_ check: inout PolicyCheck) {
    check.requireVariable(of: by, at: "by")
    for other in also { check.requireVariable(of: other.by, at: "also") }
    if windows.isEmpty {
      if limit == nil || window == nil {
        check.error("needs 'limit' and 'window', or 'windows'")
      }
    } else if limit != nil || window != nil || burst != nil {
      check.error(
        "has both 'windows' and a limit of its own",
        hint: "write the limit as one of 'windows'")
    }
    if windows.count > Self.mostWindows {
      check.error("has more than \(Self.mostWindows) windows", at: "windows")
    }
    if Set(allWindows.map(\.window)).count < allWindows.count {
      check.error("has two windows of one length", at: "windows")
    }
    for window in allWindows {
      if let problem = problem(of: window) { check.error(problem) }
    }
    checkOthers(&check)
    checkDelay(&check)
    checkBudget(&check)
    if before != nil, messages != nil {
      check.error(
        "counts messages, whose sender is known", at: "before", hint: "leave out messages")
    }
  }

  private func checkOthers(_ check: inout PolicyCheck) {
    if also.count > Self.mostOthers {
      check.error("has more than \(Self.mostOthers) further limits", at: "also")
    }
    for part in parts.dropFirst() {
      if let problem = problem(of: part.windows[0]) { check.error(problem, at: "also") }
    }
    if also.isEmpty { return }
    for (index, part) in parts.enumerated()
    where parts[..<index].contains(where: { $0.countsAs(part) }) {
      check.error(
        "has two limits that count by \(part.by.text) in \(part.windows[0].window.text)",
        at: "also")
    }
    if messages != nil {
      check.error("counts messages by one key only", at: "also", hint: "leave out messages")
    }
    if algorithm == .calendarWindow {
      check.error("counts by one key only in windows of the calendar", at: "also")
    }
    if fieldStyle == .kong {
      check.error("has no fields of Kong's for limits by several keys", at: "also")
    }
  }

  private func checkDelay(_ check: inout PolicyCheck) {
    guard excess == .delay else {
      if atOnce != nil || also.contains(where: { $0.atOnce != nil }) {
        check.error("'atOnce' is for 'excess: delay' only", at: "excess")
      }
      return
    }
    if algorithm != .tokenBucket || !windows.isEmpty {
      check.error(
        "only a token bucket of one window tells how long to wait", at: "excess",
        hint: "write limit and window, and no other algorithm")
    }
    if messages != nil {
      check.error("messages do not wait", at: "excess", hint: "leave out messages")
    }
    for part in parts where part.windows.contains(where: { part.atOnce > $0.capacity }) {
      check.error("'atOnce' is more than 'burst'", at: "excess")
    }
  }

  private func problem(of window: Window) -> String? {
    if window.window.nanoseconds % 1_000_000_000 != 0 {
      return "a window is whole seconds, not \(window.window.text)"
    }
    if window.burst != nil && algorithm != .tokenBucket {
      return "'burst' is for token buckets only"
    }
    if algorithm == .slidingWindow && window.limit > Self.mostSliding {
      return "a sliding window counts to \(Self.mostSliding) at most"
    }
    if let cost = messages?.cost, cost > window.capacity {
      return "no message could pass: one costs \(cost), and \(window.capacity) is the most at once"
    }
    if cost > window.capacity {
      return "no request could pass: one costs \(cost), and \(window.capacity) is the most at once"
    }
    if algorithm == .calendarWindow, let problem = Self.calendarProblem(of: window) {
      return problem
    }
    // Whatever is counted has to fit into 63 bits of nanoseconds.
    let fill = Double(window.capacity) * Double(window.window.nanoseconds) / Double(window.limit)
    if fill > 10 * 366 * 86_400 * 1e9 { return "the burst would take more than ten years to fill" }
    return nil
  }

  /// Why a window is none of the calendar's; nil when it is one.
  static func calendarProblem(of window: Window) -> String? {
    if calendarWindows.values.contains(window.window) { return nil }
    return "a window of the calendar is 1s, 1m, 1h, 24h, 720h (a month) or 8760h (a year), not "
      + window.window.text
  }

  /// What counts together has to count the same way.
  private func checkBudget(_ check: inout PolicyCheck) {
    for use in budgetUses {
      guard let other = check.survey.otherCount(than: use, of: Self.policyName) else { continue }
      return check.error(
        "counts otherwise than the budget '\(use.budget)' of \(other.origin.text)", at: "budget",
        hint: "give both the same algorithm, by and windows")
    }
  }
}

extension Configuration.RateLimit.Other {
  static let schema = Schema(
    "RateLimitOther", of: Self(limit: 1, window: .seconds(1), by: .address),
    "A limit beside the policy's own.",
    [
      Field(
        "limit", .integer(1...1_000_000_000), "How many requests may come in `window`.",
        isRequired: true),
      Field(
        "window", .timespan(.seconds(1)...(.seconds(366 * 86_400))), "Whole seconds.",
        isRequired: true),
      Field(
        "burst", .integer(1...1_000_000_000),
        "Of a token bucket: how many may come at once; `limit` unless set."),
      Field(
        "atOnce", .integer(1...1_000_000_000),
        "Of `excess: delay`: how many pass at once before others wait; 1 unless set."),
      Field("by", .text(.limitKey), "What is counted separately.", isRequired: true),
      Field("budget", .text(.entityName), "Places that name the same budget count together."),
    ])
}

extension Configuration.RateLimit.Window {
  static let schema = Schema(
    "RateLimitWindow", of: Self(limit: 1, window: .seconds(1)), "One of several limits.",
    [
      Field(
        "limit", .integer(1...1_000_000_000), "How many requests may come in `window`.",
        isRequired: true),
      Field(
        "window", .timespan(.seconds(1)...(.seconds(366 * 86_400))), "Whole seconds.",
        isRequired: true),
      Field(
        "burst", .integer(1...1_000_000_000),
        "Of a token bucket: how many may come at once; `limit` unless set."),
    ])
}
