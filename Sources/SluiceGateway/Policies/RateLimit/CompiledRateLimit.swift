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
    let fields = RateLimitFields(
      windows.map { window in
        RateLimitFields.Item(
          name: window.window.text, limit: window.limit,
          window: window.window.nanoseconds / 1_000_000_000,
          burst: window.burst == window.limit ? nil : window.burst)
      }, asKong: fieldStyle == .kong)
    return CompiledLimit(
      RateLimiter(windows.map { LimitRule(algorithm, $0) }, table: table), by: by, cost: cost,
      messages: messages, fields: hide ? nil : fields, error: .rateLimited, answer: refusal)
  }
}
