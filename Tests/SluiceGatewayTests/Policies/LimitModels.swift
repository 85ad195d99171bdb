@testable import SluiceGateway

/// A limit as one would write it down who need not care for memory.
protocol LimitModel {
  /// The time is never earlier than that of the call before.
  mutating func take(_ cost: UInt64, now: UInt64) -> LimitStep
}

/// A level that rises with time.
struct BucketModel: LimitModel {
  let capacity: UInt64
  let interval: UInt64
  private var level: UInt64
  private var updated: UInt64 = 0

  init(limit: UInt64, window: UInt64, capacity: UInt64) {
    self.capacity = capacity
    interval = window / limit + (window % limit == 0 ? 0 : 1)
    level = capacity * interval
  }

  mutating func take(_ cost: UInt64, now: UInt64) -> LimitStep {
    let full = capacity * interval
    level = min(full, level + (now - updated))
    updated = now
    if level < cost * interval {
      return .refused(remaining: level / interval, wait: cost * interval - level)
    }
    level -= cost * interval
    return .taken(0, remaining: level / interval, wait: full - level)
  }
}

/// A count for each window there ever was.
struct FixedWindowModel: LimitModel {
  let limit: UInt64
  let window: UInt64
  private var counts: [UInt64: UInt64] = [:]

  init(limit: UInt64, window: UInt64) {
    self.limit = limit
    self.window = window
  }

  mutating func take(_ cost: UInt64, now: UInt64) -> LimitStep {
    let index = now / window
    let used = counts[index, default: 0]
    let wait = (index + 1) * window - now
    if used + cost > limit { return .refused(remaining: limit - used, wait: wait) }
    counts[index] = used + cost
    return .taken(0, remaining: limit - used - cost, wait: wait)
  }
}

/// Everything that was taken, and when; the wait is found by trying.
struct SlidingWindowModel: LimitModel {
  let limit: UInt64
  let window: UInt64
  private var taken: [(time: UInt64, cost: UInt64)] = []

  private static let millisecond: UInt64 = 1_000_000

  init(limit: UInt64, window: UInt64) {
    self.limit = limit
    self.window = window
  }

  /// What was used in the window before now, multiplied by the window's length.
  private func used(_ now: UInt64) -> UInt64 {
    let index = now / window
    func sum(_ index: UInt64) -> UInt64 {
      taken.reduce(0) { $0 + ($1.time / window == index ? $1.cost : 0) }
    }
    let before = index == 0 ? 0 : sum(index - 1)
    let left = window - now % window
    return before * left / Self.millisecond + sum(index) * window / Self.millisecond
  }

  private func allows(_ cost: UInt64, _ now: UInt64) -> Bool {
    used(now) + cost * window / Self.millisecond <= limit * window / Self.millisecond
  }

  /// Times are whole milliseconds.
  mutating func take(_ cost: UInt64, now: UInt64) -> LimitStep {
    let length = window / Self.millisecond
    func remaining() -> UInt64 {
      let used = (used(now) + length - 1) / length
      return used < limit ? limit - used : 0
    }
    if !allows(cost, now) {
      var wait = Self.millisecond
      while !allows(cost, now + wait) { wait += Self.millisecond }
      return .refused(remaining: remaining(), wait: wait)
    }
    taken.append((now, cost))
    return .taken(0, remaining: remaining(), wait: window - now % window)
  }
}
