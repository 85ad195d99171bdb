import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// Lets so much pass in a time, by key.
class CompiledLimit: CompiledPolicy {
  let limiter: RateLimiter
  /// Nil where no rule is one of the calendar.
  private var calendar: CalendarHand?
  private let reader: LimitKeyReader
  private let cost: UInt64
  /// Nil: callers are told nothing.
  private let fields: RateLimitFields?
  private let refusal: PolicyRefusal
  /// What messages take; nil when they don't count.
  let messages: Configuration.MessageSpending?
  let by: Configuration.LimitKey

  init(
    _ limiter: RateLimiter, calendar: CalendarHand? = nil, by: Configuration.LimitKey, cost: Int,
    messages: Configuration.MessageSpending?, fields: RateLimitFields?, error: GatewayError,
    answer: Configuration.RefusalAnswer? = nil
  ) {
    self.limiter = limiter
    self.calendar = calendar
    self.by = by
    self.messages = messages
    reader = LimitKeyReader(by)
    self.cost = UInt64(cost)
    self.fields = fields
    refusal = PolicyRefusal(error, answer: answer)
  }

  /// For whatever spends it.
  func take(_ key: LimitKey, cost: UInt64, now: MonotonicTime) -> RateDecision {
    calendar?.move(limiter, now: now)
    return limiter.take(key, cost: cost, now: now)
  }

  /// Whom the messages of a session are counted for that the exchange becomes.
  func key(of exchange: Exchange) -> LimitKey { reader.key(of: exchange) }

  /// The same of a session; nil where only the handshake says.
  func key(of session: Session) -> LimitKey? { reader.key(of: session) }

  var errorCode: StaticString { refusal.error.code }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    let decision = take(reader.key(of: exchange), cost: cost, now: exchange.loop.now)
    if let fields {
      if let policy = fields.policy { exchange.responseEdits.add(policy) }
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
