import SluiceReactor

/// Several limits, each with its own keys, of which all allow something or none counts it; and the queues
/// before them.
///
/// One worker's. A decision costs what those of its limiters cost: one compare-and-swap each.
struct JointRateLimiter {
  struct Part {
    let limiter: RateLimiter
    /// Nil where nobody waits.
    var queue: RateQueue?
  }

  struct Decision {
    /// Of each part that was asked, in order.
    var decisions: [RateDecision] = []
    /// The part that refuses, which is the last one that was asked.
    var refusedBy: Int?
    /// Nanoseconds until the turn of who took.
    var delay: UInt64 = 0
  }

  let parts: [Part]

  /// - Parameter key: of a part.
  func take(cost: UInt64, now: MonotonicTime, key: (Int) -> LimitKey) -> Decision {
    var result = Decision()
    result.decisions.reserveCapacity(parts.count)
    for index in parts.indices {
      let decision = parts[index].limiter.take(key(index), cost: cost, now: now)
      result.decisions.append(decision)
      guard decision.isAllowed else {
        result.refusedBy = index
        result.delay = 0
        for former in 0..<index {
          parts[former].limiter.giveBack(key(former), cost: cost, now: now)
        }
        return result
      }
      if let queue = parts[index].queue {
        result.delay = max(result.delay, queue.delay(wait: decision.steps[0].wait, cost: cost))
      }
    }
    return result
  }

  /// Who waits goes away. Its place is free again only where nobody stands behind: those have their turns
  /// already, and a newcomer in its place would come beside one of them.
  func leave(_ decision: Decision, cost: UInt64, now: MonotonicTime, key: (Int) -> LimitKey) {
    for index in decision.decisions.indices where parts[index].queue != nil {
      guard let place = decision.decisions[index].steps[0].number else { continue }
      parts[index].limiter.giveBackLast(key(index), place, cost: cost, now: now)
    }
  }
}
