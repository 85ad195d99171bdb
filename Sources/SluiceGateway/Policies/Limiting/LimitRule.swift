import SluiceConfiguration

/// How one number of a cell counts: pure, and the same on every worker.
enum LimitRule: Equatable, Sendable {
  case tokenBucket(TokenBucket)
  case slidingWindow(SlidingWindow)
  case fixedWindow(FixedWindow)
  case calendarWindow(CalendarWindow)

  /// One of the calendar counts nothing sensible before a `CalendarHand` has set it.
  init(
    _ algorithm: Configuration.RateLimit.Algorithm, _ window: Configuration.RateLimit.Window
  ) {
    let limit = UInt64(window.limit)
    let length = UInt64(window.window.nanoseconds)
    self =
      switch algorithm {
      case .tokenBucket:
        .tokenBucket(TokenBucket(limit: limit, window: length, capacity: UInt64(window.capacity)))
      case .slidingWindow: .slidingWindow(SlidingWindow(limit: limit, window: length))
      case .fixedWindow: .fixedWindow(FixedWindow(limit: limit, window: length))
      case .calendarWindow: .calendarWindow(CalendarWindow(limit: limit))
      }
  }

  /// `now` in nanoseconds of the monotonic clock.
  @inline(__always)
  func take(_ number: UInt64, cost: UInt64, now: UInt64) -> LimitStep {
    switch self {
    case .tokenBucket(let rule): rule.take(number, cost: cost, now: now)
    case .slidingWindow(let rule): rule.take(number, cost: cost, now: now)
    case .fixedWindow(let rule): rule.take(number, cost: cost, now: now)
    case .calendarWindow(let rule): rule.take(number, cost: cost, now: now)
    }
  }

  /// Takes back what `take` took a moment ago.
  func giveBack(_ number: UInt64, cost: UInt64) -> UInt64 {
    switch self {
    case .tokenBucket(let rule): rule.giveBack(number, cost: cost)
    case .slidingWindow: SlidingWindow.giveBack(number, cost: cost)
    case .fixedWindow, .calendarWindow: WindowCount.giveBack(number, cost: cost)
    }
  }

  func usage(_ number: UInt64, now: UInt64) -> LimitUsage {
    switch self {
    case .tokenBucket(let rule): rule.usage(number, now: now)
    case .slidingWindow(let rule): rule.usage(number, now: now)
    case .fixedWindow(let rule): rule.usage(number, now: now)
    case .calendarWindow(let rule): rule.usage(number)
    }
  }
}
