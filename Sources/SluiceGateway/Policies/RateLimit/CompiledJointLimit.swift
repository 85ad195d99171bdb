import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// `rate-limit` by several keys, or with requests that wait for their turn.
final class CompiledJointLimit: CompiledPolicy {
  private let joint: JointRateLimiter
  private let readers: [LimitKeyReader]
  /// Nil: callers are told nothing.
  private let fields: [RateLimitFields?]
  private let cost: UInt64
  private let refusal: PolicyRefusal

  /// Of an exchange that waits.
  private final class Place {
    let decision: JointRateLimiter.Decision
    init(_ decision: JointRateLimiter.Decision) { self.decision = decision }
  }

  /// - Parameter tables: one for each of the settings' parts.
  init(_ settings: Configuration.RateLimit, tables: [LimitTable]) {
    let cost = UInt64(settings.cost)
    let parts = settings.parts
    joint = JointRateLimiter(
      parts: zip(parts, tables).map { part, table in
        Self.part(part, settings, cost: cost, table)
      })
    readers = parts.map { LimitKeyReader($0.by) }
    fields = parts.enumerated().map { index, part in
      settings.fields(of: part, index == 0 ? "" : "-\(index + 1)")
    }
    self.cost = cost
    refusal = PolicyRefusal(.rateLimited, answer: settings.refusal)
  }

  private static func part(
    _ part: Configuration.RateLimit.Part, _ settings: Configuration.RateLimit, cost: UInt64,
    _ table: LimitTable
  ) -> JointRateLimiter.Part {
    guard settings.excess == .delay, let window = part.windows.first else {
      let rules = part.windows.map { LimitRule(settings.algorithm, $0) }
      return .init(limiter: RateLimiter(rules, table: table))
    }
    let (limit, length) = (UInt64(window.limit), UInt64(window.window.nanoseconds))
    let atOnce = UInt64(part.atOnce)
    let interval = TokenBucket(limit: limit, window: length, capacity: 1).interval
    let capacity = RateQueue.capacity(
      UInt64(window.capacity), interval: interval, atOnce: atOnce, cost: cost,
      maxDelay: UInt64(settings.maxDelay.nanoseconds))
    let bucket = TokenBucket(limit: limit, window: length, capacity: capacity)
    return .init(
      limiter: RateLimiter([.tokenBucket(bucket)], table: table),
      queue: RateQueue(interval: interval, atOnce: atOnce))
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    let decision = joint.take(cost: cost, now: exchange.loop.now) { readers[$0].key(of: exchange) }
    tell(decision, exchange)
    if let index = decision.refusedBy {
      let retryAfter = decision.decisions[index].retryAfter ?? 0
      exchange.responseEdits.add {
        $0.appendField("Retry-After", decimal: RateLimitFields.seconds(retryAfter))
      }
      return .refuse(refusal)
    }
    if decision.delay == 0 { return .next }
    exchange.setNote(Place(decision), of: self)
    return exchange.park(atMost: Timespan(nanoseconds: Int64(clamping: decision.delay))) { _, _ in
      .next
    }
  }

  override func abandoned(_ exchange: Exchange) {
    guard let place = exchange.note(of: self) as? Place else { return }
    joint.leave(place.decision, cost: cost, now: exchange.loop.now) {
      readers[$0].key(of: exchange)
    }
  }

  /// Of a refusal only the limit that refuses is told.
  private func tell(_ decision: JointRateLimiter.Decision, _ exchange: Exchange) {
    for (index, fields) in fields.enumerated() {
      guard let fields else { continue }
      if let policy = fields.policy { exchange.responseEdits.add(policy) }
      guard index < decision.decisions.count, decision.refusedBy.map({ $0 == index }) ?? true
      else { continue }
      exchange.responseEdits.add { fields.append(decision.decisions[index], to: &$0) }
    }
  }
}
