public import SluiceConfiguration

extension Configuration.RateLimit: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    let windows = allWindows
    // A changed limit or burst applies to what was counted; with another window or algorithm the
    // numbers would mean something else.
    let lengths = windows.map(\.window.text).joined(separator: ",")
    let table = LimitTable.of(
      Self.policyName, "\(algorithm.rawValue) \(by.text) \(lengths)", budget: budget,
      capacity: maxKeys, context)
    let periods =
      algorithm == .calendarWindow ? windows.compactMap { CalendarPeriod($0.window) } : []
    return CompiledLimit(
      RateLimiter(windows.map { LimitRule(algorithm, $0) }, table: table),
      calendar: periods.isEmpty ? nil : CalendarHand(periods, context.worker.unixClock), by: by,
      cost: cost, messages: messages, fields: hide ? nil : fields(windows, periods),
      error: .rateLimited, answer: refusal)
  }

  private func fields(_ windows: [Window], _ periods: [CalendarPeriod]) -> RateLimitFields {
    let isKong = fieldStyle == .kong
    let items = windows.enumerated().map { index, window in
      let seconds = window.window.nanoseconds / 1_000_000_000
      guard !periods.isEmpty else {
        return RateLimitFields.Item(
          name: window.window.text, limit: window.limit, window: seconds,
          burst: window.burst == window.limit ? nil : window.burst)
      }
      // Kong's names of months and years are made of the lengths that stand for them.
      return RateLimitFields.Item(
        name: periods[index].rawValue, limit: window.limit,
        window: isKong ? seconds : periods[index].seconds)
    }
    return RateLimitFields(items, asKong: isKong)
  }
}
