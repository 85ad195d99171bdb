/// A window's number and what was counted in it, 32 bits each.
///
/// Workers see a new window at moments of their own, up to a turn of their loops apart. Whoever is
/// late counts in the window that others have begun; a number that is further ahead is none of now's
/// but from long ago, before the 32 bits went round, or from a clock that was wrong.
struct WindowCount: Equatable {
  /// Window numbers may be ahead by this many.
  static let tolerance: Int32 = 64

  var window: UInt32
  var count: UInt32

  init(_ number: UInt64) {
    window = UInt32(truncatingIfNeeded: number >> 32)
    count = UInt32(truncatingIfNeeded: number)
  }

  var number: UInt64 { UInt64(window) << 32 | UInt64(count) }

  /// How many windows the count is ahead of `current`, after it was moved there unless it is.
  @inline(__always)
  mutating func move(to current: UInt32, tolerance: Int32) -> UInt64 {
    let ahead = Int32(truncatingIfNeeded: window &- current)
    if count != 0 && ahead >= 0 && ahead <= tolerance { return UInt64(ahead) }
    window = current
    count = 0
    return 0
  }

  @inline(__always)
  mutating func take(_ cost: UInt64, limit: UInt64, wait: UInt64) -> LimitStep {
    let left = limit > UInt64(count) ? limit &- UInt64(count) : 0
    if cost > left { return .refused(remaining: left, wait: wait) }
    count &+= UInt32(truncatingIfNeeded: cost)
    return .taken(number, remaining: left &- cost, wait: wait)
  }

  static func giveBack(_ number: UInt64, cost: UInt64) -> UInt64 {
    var count = WindowCount(number)
    count.count -= UInt32(min(cost, UInt64(count.count)))
    return count.number
  }

  func usage(limit: UInt64) -> LimitUsage {
    if count == 0 { return .none }
    if UInt64(count) >= limit { return .all }
    return .some(LimitStep.thousandths(UInt64(count), of: limit))
  }
}

/// Counts anew in each window; windows begin at multiples of their length on the monotonic clock.
struct FixedWindow: Equatable, Sendable {
  let limit: UInt64
  /// Nanoseconds, at least a second.
  let window: UInt64

  @inline(__always)
  func take(_ number: UInt64, cost: UInt64, now: UInt64) -> LimitStep {
    var count = WindowCount(number)
    let ahead = count.move(
      to: UInt32(truncatingIfNeeded: now / window), tolerance: WindowCount.tolerance)
    return count.take(cost, limit: limit, wait: window &- now % window &+ ahead &* window)
  }

  func usage(_ number: UInt64, now: UInt64) -> LimitUsage {
    var count = WindowCount(number)
    _ = count.move(to: UInt32(truncatingIfNeeded: now / window), tolerance: WindowCount.tolerance)
    return count.usage(limit: limit)
  }
}

/// Counts anew in each period of the calendar.
struct CalendarWindow: Equatable, Sendable {
  /// Nil: it counts for others that have a limit.
  let limit: UInt64?
  /// Which period it is, counted from some beginning, and when it ends on the monotonic clock.
  var period: UInt32 = 0
  var end: UInt64 = 0

  /// Around a period's end workers' clocks may differ by less than a period. Further ahead is only
  /// what a wrong clock has left.
  private static let tolerance: Int32 = 1

  init(limit: UInt64?) { self.limit = limit }

  @inline(__always)
  func take(_ number: UInt64, cost: UInt64, now: UInt64) -> LimitStep {
    var count = WindowCount(number)
    _ = count.move(to: period, tolerance: Self.tolerance)
    let wait = end > now ? end &- now : 0
    if let limit { return count.take(cost, limit: limit, wait: wait) }
    // 32 bits are more than any limit, so they may be full.
    let left = UInt64(UInt32.max &- count.count)
    return count.take(min(cost, left), limit: UInt64(UInt32.max), wait: wait)
  }

  func usage(_ number: UInt64) -> LimitUsage {
    var count = WindowCount(number)
    _ = count.move(to: period, tolerance: Self.tolerance)
    return count.usage(limit: limit ?? .max)
  }
}
