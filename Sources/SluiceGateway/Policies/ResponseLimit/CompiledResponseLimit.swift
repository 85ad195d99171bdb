public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.ResponseLimit: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledResponseLimit(self, context)
  }
}

/// Counts what responses cost, as their targets say.
///
/// What is left is looked at before a target is asked, and taken when it has answered: a response that
/// costs something passes only if there was something to take, whoever asks at the same time. What one of
/// several limits had left is taken even if the next one then refuses.
final class CompiledResponseLimit: CompiledPolicy {
  private struct Limit {
    let name: [UInt8]
    private let limiter: RateLimiter
    /// Nil where windows are not those of the calendar.
    private var calendar: CalendarHand?
    /// `X-RateLimit-Remaining-NAME`, for targets.
    let field: [UInt8]
    /// By window: whole lines up to the number that changes.
    let lines: [[UInt8]]

    init(
      _ name: String, _ windows: [Configuration.RateLimit.Window], _ table: LimitTable,
      _ calendar: UnixClock?
    ) {
      self.name = Array(name.utf8)
      limiter = RateLimiter(
        windows.map { LimitRule(calendar == nil ? .fixedWindow : .calendarWindow, $0) },
        table: table)
      self.calendar = calendar.map { clock in
        CalendarHand(windows.compactMap { CalendarPeriod($0.window) }, clock)
      }
      field = Array("X-RateLimit-Remaining-\(name)".utf8)
      lines = windows.map { window in
        let unit = LimitWindowName.text(window.window.nanoseconds / 1_000_000_000)
        return Array(
          ("X-RateLimit-Limit-\(name)-\(unit): \(window.limit)\r\n"
            + "X-RateLimit-Remaining-\(name)-\(unit): ").utf8)
      }
    }

    mutating func take(_ key: LimitKey, cost: UInt64, now: MonotonicTime) -> RateDecision {
      calendar?.move(limiter, now: now)
      return limiter.take(key, cost: cost, now: now)
    }

    /// The least that is left in any window.
    func left(_ decision: RateDecision) -> UInt64 {
      var least = UInt64.max
      for index in lines.indices { least = min(least, UInt64(decision.steps[index].remaining)) }
      return least
    }

    func wait(_ decision: RateDecision) -> UInt64 {
      var longest: UInt64 = 0
      for index in lines.indices where decision.steps[index].remaining == 0 {
        longest = max(longest, decision.steps[index].wait)
      }
      return longest
    }
  }

  private var limits: [Limit]
  private let reader: LimitKeyReader
  private let header: [UInt8]
  private let refusesAtLimit: Bool
  private let hides: Bool
  private let refusal = PolicyRefusal(.rateLimited)
  /// How often a charge is tried again when others have charged meanwhile.
  private static let mostTries = 4
  /// More than a response can cost at once.
  private static let mostCost: UInt64 = 1_000_000_000

  init(_ settings: Configuration.ResponseLimit, _ context: PolicyContext) {
    limits = settings.limits.sorted { $0.key < $1.key }.map { name, windows in
      let lengths = windows.map(\.window.text).joined(separator: ",")
      let table = LimitTable.of(
        Configuration.ResponseLimit.policyName,
        "\(name) \(settings.by.text) \(settings.calendar ? "calendar " : "")\(lengths)",
        budget: settings.budget, capacity: settings.maxKeys, context)
      return Limit(
        name, windows, table, settings.calendar ? context.worker.unixClock : nil)
    }
    reader = LimitKeyReader(settings.by)
    header = Array(settings.header.utf8)
    refusesAtLimit = settings.refuseAtLimit
    hides = settings.hide
  }

  override var phases: PolicyPhases { [.request, .response] }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    let key = reader.key(of: exchange)
    for place in limits.indices {
      let decision = limits[place].take(key, cost: 0, now: exchange.loop.now)
      let limit = limits[place]
      let left = limit.left(decision)
      if refusesAtLimit && left == 0 { return refuse(exchange, limit.wait(decision)) }
      exchange.dropRequestFields(named: limit.field)
      exchange.requestEdits.add {
        $0.append(limit.field)
        $0.append(": ")
        $0.append(decimal: left)
        $0.appendLineEnd()
      }
    }
    return .next
  }

  override func response(
    _ head: borrowing ResponseHead, _ exchange: Exchange
  ) -> PolicyOutcome {
    let costs = costs(head)
    exchange.dropResponseFields(named: header, of: head)
    let key = reader.key(of: exchange)
    let now = exchange.loop.now
    var decisions = limits.indices.map { limits[$0].take(key, cost: 0, now: now) }
    for (place, limit) in limits.enumerated()
    where costs[place] > 0 && limit.left(decisions[place]) == 0 {
      tell(decisions, exchange)
      return refuse(exchange, limit.wait(decisions[place]))
    }
    for place in limits.indices where costs[place] > 0 {
      guard let decision = charge(place, key, costs[place], now) else {
        decisions[place] = limits[place].take(key, cost: 0, now: now)
        tell(decisions, exchange)
        return refuse(exchange, limits[place].wait(decisions[place]))
      }
      decisions[place] = decision
    }
    tell(decisions, exchange)
    return .next
  }

  /// Takes what it costs, or what is left; nil when others were faster and nothing is.
  private func charge(
    _ place: Int, _ key: LimitKey, _ cost: UInt64, _ now: MonotonicTime
  ) -> RateDecision? {
    var cost = cost
    for _ in 0..<Self.mostTries {
      let decision = limits[place].take(key, cost: cost, now: now)
      if decision.isAllowed { return decision }
      cost = min(cost, limits[place].left(decision))
      if cost == 0 { return nil }
    }
    // What others leave changes faster than it can be looked at; one is the least that can be taken.
    let decision = limits[place].take(key, cost: 1, now: now)
    return decision.isAllowed ? decision : nil
  }

  private func tell(_ decisions: [RateDecision], _ exchange: Exchange) {
    if hides { return }
    for (place, limit) in limits.enumerated() {
      for (index, line) in limit.lines.enumerated() {
        let left = UInt64(decisions[place].steps[index].remaining)
        exchange.responseEdits.add {
          $0.append(line)
          $0.append(decimal: left)
          $0.appendLineEnd()
        }
      }
    }
  }

  private func refuse(_ exchange: Exchange, _ wait: UInt64) -> PolicyOutcome {
    exchange.responseEdits.add {
      $0.appendField("Retry-After", decimal: max(1, RateLimitFields.seconds(wait)))
    }
    return .refuse(refusal)
  }

  // MARK: What a response says

  /// By limit, from all fields of the name; what is not understood costs nothing, and of two for one name
  /// the last counts.
  private func costs(_ head: borrowing ResponseHead) -> [UInt64] {
    var costs = [UInt64](repeating: 0, count: limits.count)
    for index in head.fields.indices
    where head.span(head.fields[index].name).equalsIgnoringCase(header) {
      let value = head.span(head.fields[index].value)
      var parts = FieldList(value)
      while let part = parts.next() { read(value.extracting(part), into: &costs) }
    }
    return costs
  }

  private func read(_ part: Span<UInt8>, into costs: inout [UInt64]) {
    var equals = 0
    while equals < part.count, part[equals] != UInt8(ascii: "=") { equals += 1 }
    guard equals < part.count else { return }
    let name = part.withoutBlanks(0..<equals)
    let digits = part.withoutBlanks(equals + 1..<part.count)
    guard (1...10).contains(digits.count) else { return }
    var number: UInt64 = 0
    for index in digits {
      let digit = part[index] &- UInt8(ascii: "0")
      guard digit < 10 else { return }
      number = number * 10 + UInt64(digit)
    }
    for place in limits.indices {
      let known = limits[place].name
      if bytesEqual(known.span, part.extracting(name)) {
        costs[place] = min(number, Self.mostCost)
      }
    }
  }
}
