/// Counts in the time before now, as long as the window: what came in this window, and of the window
/// before it as large a part as is still in sight, taken as if it had come evenly.
///
/// The number holds the window's number (24 bits) and both counts (20 bits each). Time is in
/// milliseconds, so that products fit.
struct SlidingWindow: Equatable, Sendable {
  /// At most `Configuration.RateLimit.mostSliding`, which 20 bits hold.
  let limit: UInt64
  /// Milliseconds.
  private let window: UInt64

  private struct Counts {
    var window: UInt64
    var before: UInt64
    var current: UInt64

    static let windowMask: UInt64 = 1 << 24 - 1
    private static let countMask: UInt64 = 1 << 20 - 1

    init(_ number: UInt64) {
      window = number >> 40
      before = number >> 20 & Self.countMask
      current = number & Self.countMask
    }

    var number: UInt64 { window << 40 | before << 20 | current }
  }

  /// Nanoseconds.
  init(limit: UInt64, window: UInt64) {
    self.limit = limit
    self.window = window / 1_000_000
  }

  /// The counts as they are now, and how much of the present window is over. What is ahead of now is
  /// treated as in `WindowCount`.
  @inline(__always)
  private func counts(_ number: UInt64, _ now: UInt64) -> (counts: Counts, elapsed: UInt64) {
    let time = now / 1_000_000
    let present = time / window & Counts.windowMask
    var counts = Counts(number)
    // 24 bits go round; the difference has a sign.
    let ahead = Int32(truncatingIfNeeded: (counts.window &- present) << 8) >> 8
    if ahead > 0 && ahead <= WindowCount.tolerance && counts.before | counts.current != 0 {
      return (counts, 0)
    }
    if ahead != 0 {
      counts.before = ahead == -1 ? counts.current : 0
      counts.current = 0
      counts.window = present
    }
    return (counts, time % window)
  }

  /// What is still in sight of the window before, rounded up.
  @inline(__always)
  private func inSight(_ counts: Counts, _ elapsed: UInt64) -> UInt64 {
    if counts.before == 0 { return 0 }
    return (counts.before &* (window &- elapsed) &+ window &- 1) / window
  }

  @inline(__always)
  func take(_ number: UInt64, cost: UInt64, now: UInt64) -> LimitStep {
    var (counts, elapsed) = counts(number, now)
    let used = inSight(counts, elapsed) &+ counts.current
    let left = limit > used ? limit &- used : 0
    if cost > left {
      let wait = self.wait(counts, elapsed, cost: min(cost, limit))
      return .refused(remaining: left, wait: wait &* 1_000_000)
    }
    counts.current &+= cost
    let wait = (window &- elapsed) &* 1_000_000
    return .taken(counts.number, remaining: left &- cost, wait: wait)
  }

  /// Milliseconds until so much more would be allowed.
  private func wait(_ counts: Counts, _ elapsed: UInt64, cost: UInt64) -> UInt64 {
    /// When a window begins with `count` before it, how much of it has to be over until `room` is
    /// all that is in sight.
    func over(_ count: UInt64, room: UInt64) -> UInt64 {
      count <= room ? 0 : window &- room &* window / count
    }
    if counts.current &+ cost <= limit {
      let over = over(counts.before, room: limit &- counts.current &- cost)
      return over > elapsed ? over &- elapsed : 0
    }
    return window &- elapsed &+ over(counts.current, room: limit &- cost)
  }

  static func giveBack(_ number: UInt64, cost: UInt64) -> UInt64 {
    var counts = Counts(number)
    counts.current -= min(cost, counts.current)
    return counts.number
  }

  func usage(_ number: UInt64, now: UInt64) -> LimitUsage {
    let (counts, elapsed) = counts(number, now)
    if counts.before | counts.current == 0 { return .none }
    let used = inSight(counts, elapsed) + counts.current
    return used >= limit ? .all : .some(LimitStep.thousandths(used, of: limit))
  }
}
