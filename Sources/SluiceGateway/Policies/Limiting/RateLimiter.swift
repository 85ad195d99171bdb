import SluiceReactor

/// Whether so much may pass, and what is left.
struct RateDecision {
  /// Of each rule, in order; those beyond the rules mean nothing.
  var steps = InlineArray<6, LimitStep>(repeating: LimitStep.taken(0, remaining: 0, wait: 0))
  /// Nil when it may pass; else nanoseconds until it could.
  var retryAfter: UInt64?

  var isAllowed: Bool { retryAfter == nil }
}

/// Limits by key, exact over all workers: one worker's way to the shared cells.
///
/// For whatever is counted: requests, and messages of sessions that spend the same budget. A known
/// key costs a look-up in memory of the worker's own and, for each rule, one compare-and-swap when it
/// may pass and none when it may not. All rules allow it, or none is used.
final class RateLimiter {
  /// At most six; only a rule's limits and calendar may change.
  var rules: [LimitRule]
  private let cells: LimitCells

  init(_ rules: [LimitRule], table: LimitTable) {
    precondition((1...LimitCell.mostNumbers).contains(rules.count))
    self.rules = rules
    cells = LimitCells(table)
  }

  func take(_ key: LimitKey, cost: UInt64 = 1, now: MonotonicTime) -> RateDecision {
    let now = UInt64(max(0, now.nanoseconds))
    return cells.withCell(key, judge: RateJudge(rules: rules, now: now)) {
      take(from: $0, cost: cost, now: now)
    }
  }

  /// Takes back what `take` allowed a moment ago.
  func giveBack(_ key: LimitKey, cost: UInt64, now: MonotonicTime) {
    let now = UInt64(max(0, now.nanoseconds))
    cells.withCell(key, judge: RateJudge(rules: rules, now: now)) {
      giveBack($0, rulesBefore: rules.count, cost: cost)
    }
  }

  /// The same of one rule, but only if nobody has taken since: `number` is what `take` made of it.
  func giveBackLast(_ key: LimitKey, _ number: UInt64, cost: UInt64, now: MonotonicTime) {
    let now = UInt64(max(0, now.nanoseconds))
    let former = rules[0].giveBack(number, cost: cost)
    cells.withCell(key, judge: RateJudge(rules: rules, now: now)) {
      _ = $0.replace(0, number, by: former)
    }
  }

  /// Nil when the cell is dead.
  private func take(from cell: LimitCell, cost: UInt64, now: UInt64) -> RateDecision? {
    var decision = RateDecision()
    // A look costs less than to take and give back.
    if rules.count > 1, isRefused(cell, cost, now) { return refusal(cell, cost, now) }
    for index in rules.indices {
      var number = cell.number(index)
      while true {
        if index == 0 && number == LimitCell.dead { return nil }
        let step = rules[index].take(number, cost: cost, now: now)
        guard let next = step.number else {
          giveBack(cell, rulesBefore: index, cost: cost)
          return refusal(cell, cost, now)
        }
        let found = cell.replace(index, number, by: next)
        if found == number {
          decision.steps[index] = step
          break
        }
        number = found
      }
    }
    return decision
  }

  private func isRefused(_ cell: LimitCell, _ cost: UInt64, _ now: UInt64) -> Bool {
    for index in rules.indices {
      let number = cell.number(index)
      // It is found out to be so where it is taken from.
      if index == 0 && number == LimitCell.dead { return false }
      if rules[index].take(number, cost: cost, now: now).number == nil { return true }
    }
    return false
  }

  /// What is left where nothing was taken.
  private func refusal(_ cell: LimitCell, _ cost: UInt64, _ now: UInt64) -> RateDecision? {
    var decision = RateDecision()
    // Another worker may have given something back since; then it is the next moment's.
    var longest: UInt64 = 1
    for index in rules.indices {
      let number = cell.number(index)
      if index == 0 && number == LimitCell.dead { return nil }
      let step = rules[index].take(number, cost: cost, now: now)
      if step.number == nil {
        longest = max(longest, step.wait)
        decision.steps[index] = step
      } else {
        decision.steps[index] = LimitStep.taken(
          number, remaining: step.remaining &+ cost, wait: step.wait)
      }
    }
    decision.retryAfter = longest
    return decision
  }

  private func giveBack(_ cell: LimitCell, rulesBefore end: Int, cost: UInt64) {
    for index in 0..<end {
      var number = cell.number(index)
      while !(index == 0 && number == LimitCell.dead) {
        let found = cell.replace(
          index, number, by: rules[index].giveBack(number, cost: cost))
        if found == number { break }
        number = found
      }
    }
  }
}

private struct RateJudge: LimitJudge {
  let rules: [LimitRule]
  let now: UInt64

  func usage(of cell: LimitCell, first: UInt64) -> LimitUsage {
    var most: UInt64?
    for index in rules.indices {
      switch rules[index].usage(index == 0 ? first : cell.number(index), now: now) {
      case .none: continue
      case .some(let used): most = max(most ?? 0, used)
      case .all: return .all
      }
    }
    return most.map { .some($0) } ?? .none
  }
}
