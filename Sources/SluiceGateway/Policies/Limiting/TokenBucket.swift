import SluiceReactor

/// The generic cell rate algorithm (ITU-T I.371): a bucket that holds `capacity` and gets one back
/// each `interval`, as one number.
///
/// The number is the moment at which the bucket will be full, in nanoseconds of the monotonic clock;
/// one in the past, such as 0, is a full bucket. The interval is rounded up, so over a long time not
/// more than the limit passes.
struct TokenBucket: Equatable, Sendable {
  let capacity: UInt64
  let interval: UInt64
  /// How far ahead the number may be.
  private let tolerance: UInt64

  /// `capacity` × `window` / `limit` must be at most ten years.
  init(limit: UInt64, window: UInt64, capacity: UInt64) {
    self.capacity = capacity
    interval = (window + limit - 1) / limit
    tolerance = capacity * interval
  }

  @inline(__always)
  func take(_ number: UInt64, cost: UInt64, now: UInt64) -> LimitStep {
    let used = number > now ? number &- now : 0
    // A lowered limit may find more used than it allows.
    let left = used < tolerance ? (tolerance &- used) / interval : 0
    if cost > left {
      let wanted = min(cost, capacity) &* interval
      return .refused(remaining: left, wait: used &+ wanted &- tolerance)
    }
    let next = used &+ cost &* interval
    return .taken(now &+ next, remaining: left &- cost, wait: next)
  }

  func giveBack(_ number: UInt64, cost: UInt64) -> UInt64 {
    number > cost &* interval ? number &- cost &* interval : 0
  }

  func usage(_ number: UInt64, now: UInt64) -> LimitUsage {
    if number <= now { return .none }
    let used = number - now
    if used > tolerance - interval { return .all }
    return .some(LimitStep.thousandths(used, of: tolerance))
  }
}

/// What a rule makes of a number.
struct LimitStep: Equatable {
  /// The number that takes the place of the old one; nil when the limit does not allow it.
  let number: UInt64?
  /// What may still be taken at once.
  let remaining: UInt64
  /// Nanoseconds: when refused, until it would be allowed; else until nothing is used any more, or
  /// the window is over.
  let wait: UInt64

  static func taken(_ number: UInt64, remaining: UInt64, wait: UInt64) -> LimitStep {
    LimitStep(number: number, remaining: remaining, wait: wait)
  }

  static func refused(remaining: UInt64, wait: UInt64) -> LimitStep {
    LimitStep(number: nil, remaining: remaining, wait: wait)
  }

  static func thousandths(_ part: UInt64, of whole: UInt64) -> UInt64 {
    let product = part.multipliedFullWidth(by: 1_000)
    return part >= whole ? 1_000 : whole.dividingFullWidth(product).quotient
  }
}
