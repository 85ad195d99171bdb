import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// Lets so much pass in a time, by key.
class CompiledLimit: CompiledPolicy {
  let limiter: RateLimiter
  private let reader: LimitKeyReader
  private let cost: UInt64
  /// Nil: callers are told nothing.
  private let fields: RateLimitFields?
  private let refusal: PolicyRefusal

  init(
    _ limiter: RateLimiter, by: Configuration.LimitKey, cost: Int, fields: RateLimitFields?,
    error: GatewayError
  ) {
    self.limiter = limiter
    reader = LimitKeyReader(by)
    self.cost = UInt64(cost)
    self.fields = fields
    refusal = PolicyRefusal(error)
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    let decision = limiter.take(reader.key(of: exchange), cost: cost, now: exchange.loop.now)
    if let fields {
      exchange.responseEdits.add(fields.policy)
      exchange.responseEdits.add { fields.append(decision, to: &$0) }
    }
    guard let retryAfter = decision.retryAfter else { return .next }
    exchange.responseEdits.add {
      $0.appendField("Retry-After", decimal: RateLimitFields.seconds(retryAfter))
    }
    return .refuse(refusal)
  }
}

extension LimitTable {
  /// The table of a place, or of a budget. `meaning` says what the numbers in it count: who counts
  /// something else begins anew.
  static func of(
    _ policy: String, _ meaning: String, budget: String?, capacity: Int, _ context: PolicyContext
  ) -> LimitTable {
    let name = "\(policy) \(meaning)"
    let table =
      if let budget {
        context.sharedByPlaces("\(name) \(budget)") { LimitTable(capacity: capacity) }
      } else {
        context.shared(name) { LimitTable(capacity: capacity) }
      }
    table.setCapacity(capacity)
    return table
  }
}
