import Testing

@testable import SluiceConfiguration

/// What limits may say.
@Suite struct LimitSettingTests {
  private func problems(_ policies: String, rest: String = "") -> [String] {
    diagnostics(file(route: "policies: {\(policies)}", rest: rest))
  }

  /// Every period of the calendar has its length.
  @Test(arguments: ["1s", "60s", "1m", "1h", "60m", "24h", "720h", "8760h"])
  func calendarWindowsAreThose(window: String) {
    #expect(
      problems("rate-limit: {limit: 1, window: \(window), algorithm: calendar-window}").isEmpty)
    #expect(
      problems("response-limit: {calendar: true, limits: {a: [{limit: 1, window: \(window)}]}}")
        .isEmpty)
  }

  @Test(arguments: [
    ("rate-limit: {}", "needs 'limit' and 'window', or 'windows'"),
    ("rate-limit: {limit: 1}", "needs 'limit' and 'window', or 'windows'"),
    (
      "rate-limit: {limit: 1, window: 1s, windows: [{limit: 1, window: 1m}]}",
      "has both 'windows' and a limit of its own"
    ),
    ("rate-limit: {limit: 0, window: 1s}", "must be 1 to 1000000000"),
    ("rate-limit: {limit: 1, window: 999ms}", "must be 1s to"),
    ("rate-limit: {limit: 1, window: 1500ms}", "a window is whole seconds"),
    ("rate-limit: {limit: 1, window: 1s, algorithm: leaky}", "is not one of token-bucket"),
    ("rate-limit: {limit: 1, window: 1s, by: ip}", "write consumer, credential, address"),
    ("rate-limit: {limit: 1, window: 1s, by: 'header:a b'}", "is not a token"),
    ("rate-limit: {limit: 5, window: 1s, cost: 6}", "no request could pass: one costs 6"),
    ("rate-limit: {limit: 5, window: 1s, burst: 2, cost: 3}", "no request could pass"),
    (
      "rate-limit: {limit: 5, window: 1s, burst: 6, algorithm: fixed-window}",
      "'burst' is for token buckets only"
    ),
    (
      "rate-limit: {limit: 1000001, window: 1s, algorithm: sliding-window}",
      "a sliding window counts to 1000000 at most"
    ),
    ("rate-limit: {limit: 1, window: 24h, burst: 3661}", "more than ten years"),
    (
      "rate-limit: {windows: [{limit: 1, window: 60s}, {limit: 2, window: 1m}]}",
      "has two windows of one length"
    ),
    (
      """
      rate-limit: {windows: [{limit: 1, window: 1s}, {limit: 1, window: 2s}, \
      {limit: 1, window: 3s}, {limit: 1, window: 4s}, {limit: 1, window: 5s}, {limit: 1, window: 6s}, \
      {limit: 1, window: 7s}]}
      """,
      "has more than 6 windows"
    ),
    ("rate-limit: {limit: 1, window: 1s, by: 'path:a'}", "a path starts with /"),
    (
      "rate-limit: {limit: 1, window: 2m, algorithm: calendar-window}",
      "a window of the calendar is 1s, 1m, 1h, 24h, 720h (a month) or 8760h (a year), not 2m"
    ),
    (
      "rate-limit: {limit: 1, window: 1m, burst: 2, algorithm: calendar-window}",
      "'burst' is for token buckets only"
    ),
    (
      "response-limit: {calendar: true, limits: {a: [{limit: 1, window: 744h}]}}",
      "a window of the calendar is 1s"
    ),
    ("response-limit: {}", "needs 'limits'"),
    ("response-limit: {limits: {}}", "at least one"),
    ("response-limit: {limits: {a: []}}", "at least one"),
    ("response-limit: {limits: {a: [{limit: 1, window: 1500ms}]}}", "a window is whole seconds"),
    (
      "response-limit: {limits: {a: [{limit: 1, window: 1m, burst: 2}]}}",
      "'burst' is for token buckets only"
    ),
    (
      "response-limit: {limits: {a: [{limit: 1, window: 60s}, {limit: 2, window: 1m}]}}",
      "has two windows of one length"
    ),
    (
      """
      response-limit: {limits: {a: [{limit: 1, window: 1s}, {limit: 1, window: 2s}, \
      {limit: 1, window: 3s}, {limit: 1, window: 4s}, {limit: 1, window: 5s}, {limit: 1, window: 6s}, \
      {limit: 1, window: 7s}]}}
      """,
      "has more than 6 windows"
    ),
    ("quota: {}", "needs 'hour', 'day' or 'month'"),
    ("quota: {day: 5, month: 100, cost: 6}", "no request could pass: one costs 6 of 5"),
    ("quota: {day: 5, messages: {cost: 6}}", "no message could pass: one costs 6 of 5"),
    (
      "rate-limit: {limit: 5, window: 1s, messages: {cost: 6}}",
      "no message could pass: one costs 6"
    ),
    ("quota: {day: 5, messages: {cost: 0}}", "must be 1 to 1000000"),
    ("quota: {day: 5, messages: {action: delay}}", "is not one of drop, close"),
    ("rate-limit: {limit: 5, window: 1s, atOnce: 2}", "'atOnce' is for 'excess: delay' only"),
    (
      "rate-limit: {limit: 5, window: 1s, also: [{limit: 1, window: 1s, by: all, atOnce: 1}]}",
      "'atOnce' is for 'excess: delay' only"
    ),
    (
      "rate-limit: {limit: 5, window: 1s, excess: delay, algorithm: fixed-window}",
      "only a token bucket of one window"
    ),
    (
      "rate-limit: {windows: [{limit: 5, window: 1s}], excess: delay}",
      "only a token bucket of one window"
    ),
    ("rate-limit: {limit: 5, window: 1s, excess: delay, messages: {}}", "messages do not wait"),
    (
      "rate-limit: {limit: 5, window: 1s, burst: 3, excess: delay, atOnce: 4}",
      "'atOnce' is more than 'burst'"
    ),
    (
      "rate-limit: {limit: 5, window: 1s, by: all, also: [{limit: 1, window: 1s, by: all}]}",
      "has two limits that count by all in 1s"
    ),
    (
      "rate-limit: {limit: 5, window: 1s, messages: {}, also: [{limit: 1, window: 1s, by: all}]}",
      "counts messages by one key only"
    ),
    (
      "rate-limit: {limit: 5, window: 1s, algorithm: calendar-window, also: [{limit: 1, window: 1s, by: all}]}",
      "counts by one key only in windows of the calendar"
    ),
    (
      "rate-limit: {limit: 5, window: 1s, fields: kong, also: [{limit: 1, window: 1s, by: all}]}",
      "has no fields of Kong's"
    ),
    (
      "rate-limit: {limit: 5, window: 1s, also: [{limit: 1, window: 1500ms, by: all}]}",
      "a window is whole seconds"
    ),
    (
      "rate-limit: {limit: 5, window: 1s, cost: 2, also: [{limit: 1, window: 1s, by: all}]}",
      "no request could pass: one costs 2"
    ),
    ("rate-limit: {limit: 5, window: 1s, also: [{limit: 1, window: 1s}]}", "by"),
    (
      "concurrency-limit: {by: all, also: [{limit: 1, by: all}]}", "has two limits by one key"
    ),
    (
      "concurrency-limit: {by: all, budget: b, also: [{limit: 1, by: all, budget: b}]}",
      "has two limits by one key"
    ),
    (
      "concurrency-limit: {by: all, budget: b, also: [{limit: 1, by: address, budget: b}]}",
      "counts by all, and the budget 'b' of route a by address"
    ),
    ("quota: {day: 1, by: 'variable:plan'}", "there is no variable 'plan' in the file"),
    ("concurrency-limit: {by: 'variable:plan'}", "there is no variable 'plan' in the file"),
    (
      "concurrency-limit: {by: all, also: [{limit: 1, by: 'variable:plan'}]}",
      "there is no variable 'plan' in the file"
    ),
    ("rate-limit: {limit: 1, window: 1s, by: 'variable:plan'}", "there is no variable 'plan'"),
    (
      "rate-limit: {limit: 1, window: 1s, also: [{limit: 1, window: 1s, by: 'variable:plan'}]}",
      "there is no variable 'plan'"
    ),
    (
      "response-limit: {by: 'variable:plan', limits: {a: [{limit: 1, window: 1s}]}}",
      "there is no variable 'plan'"
    ),
    ("bandwidth-limit: {request: 1MiB, by: 'variable:plan'}", "there is no variable 'plan'"),
    ("concurrency-limit: {sessions: true}", "has sessions on a route that has none"),
    ("concurrency-limit: {budget: 'a b'}", "budget"),
    ("concurrency-limit: {limit: 0}", "must be 1 to 1000000"),
    ("concurrency-limit: {maxKeys: 0}", "must be 1 to 10000000"),
  ])
  func isRefused(policies: String, message: String) {
    let problems = problems(policies)
    #expect(problems.contains { $0.contains(message) }, "\(problems)")
  }

  @Test(arguments: [
    "rate-limit: {limit: 100, window: 1m, by: consumer}",
    "rate-limit: {limit: 5, window: 1s, burst: 500, cost: 500}",
    "rate-limit: {limit: 5, window: 1s, messages: {cost: 5, action: drop}}",
    "quota: {day: 1000000, messages: {cost: 1000000}}",
    "rate-limit: {limit: 1, window: 24h, burst: 3660}",
    "rate-limit: {limit: 1000000000, window: 1s, by: 'claim:https://a.example/tenant'}",
    "rate-limit: {limit: 1000000, window: 1s, algorithm: sliding-window, by: 'header:X-Tenant'}",
    "quota: {hour: 1, by: address}",
    "rate-limit: {limit: 5, window: 1s, excess: delay, burst: 9, atOnce: 9, maxDelay: 1h}",
    "rate-limit: {limit: 5, window: 1s, also: [{limit: 9, window: 1s, by: all, budget: b}]}",
    "rate-limit: {limit: 5, window: 1s, also: [{limit: 9, window: 1s, by: consumer, budget: b}]}",
    "concurrency-limit: {by: address, also: [{limit: 1, by: all}]}",
    "concurrency-limit: {by: all, also: [{limit: 1, by: all, budget: b}]}",
    "concurrency-limit: {by: all, budget: a, also: [{limit: 1, by: all, budget: b}]}",
    "concurrency-limit: {}, request-size-limit: {maxSize: 0}",
  ])
  func isAccepted(policies: String) { #expect(problems(policies) == []) }

  @Test func aBudgetCountsOneWay() {
    func other(_ policy: String) -> String { "policies: {\(policy)}" }
    let rate = "rate-limit: {limit: 10, window: 1m, budget: b}"
    #expect(problems(rate, rest: other("rate-limit: {limit: 5, window: 1m, budget: b}")) == [])
    #expect(problems(rate, rest: other("rate-limit: {limit: 5, window: 1h, budget: c}")) == [])
    for different in ["window: 1h", "window: 1m, by: route", "window: 1m, algorithm: fixed-window"]
    {
      let found = problems(rate, rest: other("rate-limit: {limit: 5, \(different), budget: b}"))
      #expect(found.contains { $0.contains("counts otherwise than the budget 'b' of every route") })
    }
    let also = "rate-limit: {limit: 9, window: 1s, also: [{limit: 10, WINDOW, by: all, budget: b}]}"
    let ofAll = other("rate-limit: {limit: 5, window: 1m, by: all, budget: b}")
    #expect(problems(also.replacing("WINDOW", with: "window: 1m"), rest: ofAll) == [])
    let unlike = problems(also.replacing("WINDOW", with: "window: 1h"), rest: ofAll)
    #expect(unlike.contains { $0.contains("counts otherwise than the budget 'b'") })
    let atOnce = "concurrency-limit: {limit: 10, by: all, budget: b}"
    #expect(problems(atOnce, rest: other("concurrency-limit: {by: all, budget: b}")) == [])
    #expect(problems(atOnce, rest: other("concurrency-limit: {by: host, budget: c}")) == [])
    let unequal = problems(atOnce, rest: other("concurrency-limit: {by: host, budget: b}"))
    #expect(unequal.contains { $0.contains("the budget 'b' of every route by host") })
    let quota = "quota: {day: 10, budget: b}"
    #expect(problems(quota, rest: other("quota: {month: 5, budget: b}")) == [])
    let found = problems(quota, rest: other("quota: {day: 5, by: route, budget: b}"))
    #expect(found.contains { $0.contains("counts otherwise than the budget 'b'") })
  }

  @Test func variablesMayBeCountedBy() {
    let variables = "variables: {plan: {from: '${request.header.X-Plan}', otherwise: a}}"
    for policy in [
      "rate-limit: {limit: 1, window: 1s, by: 'variable:plan'}",
      "quota: {day: 1, by: 'variable:plan'}", "concurrency-limit: {by: 'variable:plan'}",
      "bandwidth-limit: {request: 1MiB, by: 'variable:plan'}",
    ] { #expect(problems(policy, rest: variables) == []) }
  }

  @Test func theShortFormIsTheLongOne() throws {
    let text = file(route: "policies: {rate-limit: {limit: 100, window: 1m, by: consumer}}")
    let configuration = try #require(read(text).configuration)
    let settings = try #require(configuration.routes["a"]?.policies[Configuration.RateLimit.self])
    #expect(settings.allWindows == [.init(limit: 100, window: .seconds(60))])
    #expect(settings.algorithm == .tokenBucket && settings.by == .consumer && settings.cost == 1)
    #expect(settings.maxKeys == 100_000 && !settings.hide)
  }

  // MARK: Before it is known who calls

  @Test(arguments: ["address", "host", "all", "route", "'header:X-A'", "'path:/a'"])
  func limitsMayCountBeforeCallersAreKnown(by: String) {
    #expect(
      problems("rate-limit: {limit: 1, window: 1s, by: \(by), before: identify}").isEmpty)
    #expect(problems("concurrency-limit: {by: \(by), before: identify}").isEmpty)
  }

  @Test(arguments: [
    ("rate-limit: {limit: 1, window: 1s, before: identify}", "counts by consumer"),
    ("rate-limit: {limit: 1, window: 1s, by: 'claim:a', before: identify}", "counts by claim:a"),
    (
      "rate-limit: {limit: 1, window: 1s, by: all, before: identify, also: [{limit: 1, window: 1s, by: credential}]}",
      "counts by credential"
    ),
    (
      "rate-limit: {limit: 1, window: 1s, by: all, before: identify, messages: {}}",
      "counts messages, whose sender is known"
    ),
    ("rate-limit: {limit: 1, window: 1s, by: all, before: entry}", "is not one of identify"),
    ("concurrency-limit: {before: identify}", "counts by consumer"),
  ])
  func whatIsNotKnownBeforeIsAnError(policies: String, problem: String) {
    #expect(problems(policies).contains { $0.contains(problem) }, "\(problems(policies))")
  }

  /// Who calls decides about policies from the stage `identify` on.
  @Test(arguments: ["rate-limit: {limit: 1, window: 1s, by: address}", "rate-limit: false"])
  func callersWithLimitsOfTheirOwnHaveNoneBefore(own: String) {
    let rest = "consumers: {alice: {policies: {\(own)}}}"
    let early = "rate-limit: {limit: 1, window: 1s, by: all, before: identify}"
    #expect(
      problems(early, rest: rest).contains { $0.contains("consumer alice has one of its own") })
    #expect(
      problems(
        "",
        rest:
          "consumers: {alice: {policies: {rate-limit: {limit: 1, window: 1s, by: all, before: identify}}}}"
      ).contains { $0.contains("is for some callers only") })
  }
}
