public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.BandwidthLimit: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledBandwidthLimit(
      self, LimitTable.of(Self.policyName, by.text, budget: nil, capacity: maxKeys, context))
  }
}

/// Counts the bytes of bodies, and makes who had too many wait for the next ones.
final class CompiledBandwidthLimit: CompiledPolicy {
  private let rules: BandwidthRules
  let by: Configuration.BandwidthKey
  /// Nil where each request counts for itself.
  let reader: LimitKeyReader?
  /// Whether messages of sessions count, too.
  let countsMessages: Bool
  private let cells: LimitCells
  private let maxDelay: UInt64
  private let refusal = PolicyRefusal(.rateLimited)

  /// Of one exchange.
  private final class Note {
    /// Nil where its own numbers count.
    let key: LimitKey?
    var own: [UInt64] = [0, 0]

    init(key: LimitKey?) { self.key = key }
  }

  init(_ settings: Configuration.BandwidthLimit, _ table: LimitTable) {
    func rule(_ rate: ByteCount?) -> BandwidthRule? {
      rate.map { BandwidthRule(rate: $0.bytes, burst: (settings.burst ?? $0).bytes) }
    }
    rules = BandwidthRules(request: rule(settings.request), response: rule(settings.response))
    if case .caller(let key) = settings.by { reader = LimitKeyReader(key) } else { reader = nil }
    by = settings.by
    countsMessages = settings.messages
    maxDelay = UInt64(settings.maxDelay.nanoseconds)
    cells = LimitCells(table)
  }

  override var phases: PolicyPhases { [.request, .response, .end] }

  // MARK: The exchange

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    // What passes on a session are no bodies.
    if exchange.wantsUpgrade { return .next }
    let key = reader?.key(of: exchange)
    let wait = key.map { self.wait($0, exchange) } ?? 0
    if wait == 0 { return begin(exchange, key) }
    if wait > maxDelay {
      exchange.responseEdits.add {
        $0.appendField("Retry-After", decimal: RateLimitFields.seconds(wait))
      }
      return .refuse(refusal)
    }
    return exchange.park(atMost: Timespan(nanoseconds: Int64(wait))) { [self] exchange, _ in
      begin(exchange, key)
    }
  }

  private func begin(_ exchange: Exchange, _ key: LimitKey?) -> PolicyOutcome {
    exchange.setNote(Note(key: key), of: self)
    if rules.request != nil {
      exchange.addRequestFilter(CountedBody(self, .request, exchange), keepsLength: true)
    }
    return .next
  }

  override func response(
    _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    if rules.response != nil, exchange.note(of: self) != nil {
      exchange.addResponseFilter(CountedBody(self, .response, exchange), keepsLength: true)
    }
    return .next
  }

  override func finished(_ exchange: Exchange) {
    exchange.endHolds()
  }

  // MARK: Counting

  private static func now(_ exchange: Exchange) -> UInt64 {
    UInt64(max(0, exchange.loop.now.nanoseconds))
  }

  /// Nanoseconds until this caller has made up for what it had.
  private func wait(_ key: LimitKey, _ exchange: Exchange) -> UInt64 {
    let now = Self.now(exchange)
    return cells.withCell(key, judge: BandwidthJudge(rules: rules, now: now)) { cell in
      let (first, second) = (cell.number(0), cell.number(1))
      if first == LimitCell.dead { return nil }
      let response = rules.response?.wait(second, now: now) ?? 0
      if exchange.requestFraming.isEmpty { return response }
      return max(response, rules.request?.wait(first, now: now) ?? 0)
    }
  }

  /// So many bytes pass; those behind them may have to wait.
  fileprivate func passed(_ count: Int, _ side: BandwidthSide, _ exchange: Exchange) {
    guard let note = exchange.note(of: self) as? Note else { return }
    let wait = take(
      count, side, for: note.key, own: &note.own[side.rawValue], now: Self.now(exchange))
    if wait > 0 { exchange.hold(side, nanoseconds: Int64(clamping: wait)) }
  }

  /// So many bytes pass for whoever has this key, or without one count in `own`; nanoseconds until more
  /// may.
  func take(
    _ count: Int, _ side: BandwidthSide, for key: LimitKey?, own: inout UInt64, now: UInt64
  ) -> UInt64 {
    guard let rule = rules[side] else { return 0 }
    guard let key else {
      own = rule.take(count, own, now: now)
      return rule.wait(own, now: now)
    }
    let number = cells.withCell(key, judge: BandwidthJudge(rules: rules, now: now)) {
      Self.take(count, side, rule, from: $0, now: now)
    }
    return rule.wait(number, now: now)
  }

  /// Nil when the cell is dead.
  private static func take(
    _ count: Int, _ side: BandwidthSide, _ rule: BandwidthRule, from cell: LimitCell, now: UInt64
  ) -> UInt64? {
    if cell.number(0) == LimitCell.dead { return nil }
    var number = cell.number(side.rawValue)
    while true {
      let next = rule.take(count, number, now: now)
      let found = cell.replace(side.rawValue, number, by: next)
      if found == number { return next }
      number = found
      if side == .request && number == LimitCell.dead { return nil }
    }
  }
}

/// Counts what passes of one body.
private final class CountedBody: BodyFilter {
  private let policy: CompiledBandwidthLimit
  private let side: BandwidthSide
  private weak var exchange: Exchange?

  init(_ policy: CompiledBandwidthLimit, _ side: BandwidthSide, _ exchange: Exchange) {
    self.policy = policy
    self.side = side
    self.exchange = exchange
  }

  override func filter(
    _ bytes: Span<UInt8>, isLast: Bool, into output: inout ByteBuffer
  ) -> Result {
    if let exchange, !bytes.isEmpty { policy.passed(bytes.count, side, exchange) }
    return .unchanged
  }
}
