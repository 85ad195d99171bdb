public import SluiceConfiguration
import SluiceReactor

extension Configuration.RateLimit: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    if excess == .delay || !also.isEmpty {
      return CompiledJointLimit(self, tables: parts.map { table(for: $0, context) })
    }
    let windows = allWindows
    let periods =
      algorithm == .calendarWindow ? windows.compactMap { CalendarPeriod($0.window) } : []
    return CompiledLimit(
      RateLimiter(windows.map { LimitRule(algorithm, $0) }, table: table(for: parts[0], context)),
      calendar: periods.isEmpty ? nil : CalendarHand(periods, context.worker.unixClock), by: by,
      cost: cost, messages: messages, fields: hide ? nil : fields(windows, periods),
      error: .rateLimited, answer: refusal)
  }

  /// A changed limit or burst applies to what was counted; with another window or algorithm the
  /// numbers would mean something else.
  private func table(for part: Part, _ context: PolicyContext) -> LimitTable {
    let lengths = part.windows.map(\.window.text).joined(separator: ",")
    return LimitTable.of(
      Self.policyName, "\(algorithm.rawValue) \(part.by.text) \(lengths)", budget: part.budget,
      capacity: maxKeys, context)
  }

  /// Nil when callers are told nothing. `suffix` tells limits by other keys apart.
  func fields(of part: Part, _ suffix: String) -> RateLimitFields? {
    hide ? nil : fields(part.windows, [], suffix)
  }

  private func fields(
    _ windows: [Window], _ periods: [CalendarPeriod], _ suffix: String = ""
  ) -> RateLimitFields {
    let isKong = fieldStyle == .kong
    let items = windows.enumerated().map { index, window in
      let seconds = window.window.nanoseconds / 1_000_000_000
      guard !periods.isEmpty else {
        return RateLimitFields.Item(
          name: window.window.text + suffix, limit: window.limit, window: seconds,
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
