public import SluiceConfiguration

extension Configuration.Quota: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    // Places that spend one budget may limit different periods, so all are counted there.
    let periods = [CalendarPeriod.hour, .day, .month].filter {
      budget != nil || limit(of: $0) != nil
    }
    let meaning = "\(by.text) \(periods.map(\.rawValue).joined(separator: ","))"
    let table = LimitTable.of(
      Self.policyName, meaning, budget: budget, capacity: maxKeys, context)
    return CompiledQuota(self, periods, table, context.worker.unixClock)
  }

  fileprivate func limit(of period: CalendarPeriod) -> Int? {
    switch period {
    case .hour: hour
    case .day: day
    case .month: month
    case .second, .minute, .year: nil
    }
  }
}

/// Spends a budget of the calendar's periods.
final class CompiledQuota: CompiledLimit {
  fileprivate init(
    _ settings: Configuration.Quota, _ periods: [CalendarPeriod], _ table: LimitTable,
    _ clock: UnixClock
  ) {
    let rules = periods.map { period in
      LimitRule.calendarWindow(CalendarWindow(limit: settings.limit(of: period).map(UInt64.init)))
    }
    let items = periods.map { period in
      settings.limit(of: period).map {
        RateLimitFields.Item(name: period.rawValue, limit: $0, window: period.seconds)
      }
    }
    super.init(
      RateLimiter(rules, table: table), calendar: CalendarHand(periods, clock), by: settings.by,
      cost: settings.cost, messages: settings.messages,
      fields: settings.hide ? nil : RateLimitFields(items), error: .quotaExceeded)
  }
}
