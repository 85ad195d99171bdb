public import SluiceConfiguration
import SluiceReactor

extension Configuration.Quota: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    // Places that spend one budget may limit different periods, so all are counted there.
    let periods = QuotaPeriod.allCases.filter { budget != nil || limit(of: $0) != nil }
    let meaning = "\(by.text) \(periods.map(\.rawValue).joined(separator: ","))"
    let table = LimitTable.of(
      Self.policyName, meaning, budget: budget, capacity: maxKeys, context)
    return CompiledQuota(self, periods, table, context.worker.unixClock)
  }

  fileprivate func limit(of period: QuotaPeriod) -> Int? {
    switch period {
    case .hour: hour
    case .day: day
    case .month: month
    }
  }
}

/// Spends a budget of the calendar's periods.
final class CompiledQuota: CompiledLimit {
  /// Of the rules, in order.
  private let periods: [QuotaPeriod]
  private let unixClock: UnixClock
  /// When the calendar is read again: at the end of a period, and each second, because the wall
  /// clock may be set.
  private var calendarEnd = MonotonicTime(nanoseconds: .min)

  fileprivate init(
    _ settings: Configuration.Quota, _ periods: [QuotaPeriod], _ table: LimitTable,
    _ clock: UnixClock
  ) {
    self.periods = periods
    unixClock = clock
    let rules = periods.map { period in
      LimitRule.calendarWindow(CalendarWindow(limit: settings.limit(of: period).map(UInt64.init)))
    }
    let items = periods.map { period in
      settings.limit(of: period).map {
        RateLimitFields.Item(name: period.rawValue, limit: $0, window: period.seconds)
      }
    }
    super.init(
      RateLimiter(rules, table: table), by: settings.by, cost: settings.cost,
      messages: settings.messages, fields: settings.hide ? nil : RateLimitFields(items),
      error: .quotaExceeded)
  }

  override func take(_ key: LimitKey, cost: UInt64, now: MonotonicTime) -> RateDecision {
    if now >= calendarEnd {
      setCalendar(now: now, unixTime: unixClock.nanoseconds / 1_000_000)
    }
    return super.take(key, cost: cost, now: now)
  }

  /// Unix time in milliseconds.
  func setCalendar(now: MonotonicTime, unixTime: Int64) {
    let calendar = QuotaCalendar(unixTime: max(0, unixTime))
    var left: Int64 = 1_000
    for (index, name) in periods.enumerated() {
      guard case .calendarWindow(var rule) = limiter.rules[index] else { continue }
      let period = calendar[name]
      left = min(left, period.left)
      rule.period = period.index
      rule.end = UInt64(
        max(0, now.advanced(byNanoseconds: period.left * 1_000_000).nanoseconds))
      limiter.rules[index] = .calendarWindow(rule)
    }
    calendarEnd = now.advanced(byNanoseconds: left * 1_000_000)
  }
}
