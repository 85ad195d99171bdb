public import SluiceConfiguration
import SluiceReactor

extension Configuration.RateLimit: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    if excess == .delay || !also.isEmpty {
      return CompiledJointLimit(self, tables: parts.map { table(for: $0, context) })
    }
    return CompiledLimit(
      RateLimiter(
        allWindows.map { LimitRule(algorithm, $0) }, table: table(for: parts[0], context)),
      by: by, cost: cost, messages: messages, fields: fields(of: parts[0], ""),
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
    if hide { return nil }
    return RateLimitFields(
      part.windows.map { window in
        RateLimitFields.Item(
          name: window.window.text + suffix, limit: window.limit,
          window: window.window.nanoseconds / 1_000_000_000,
          burst: window.burst == window.limit ? nil : window.burst)
      }, asKong: fieldStyle == .kong)
  }
}
