/// A token bucket read as a queue that is emptied at the bucket's rate: pure.
///
/// The bucket's number is the moment at which all that was taken will have been made up for, so whoever
/// takes from it learns its own turn by the same swap: when what it took, but for what may pass at once,
/// is left to make up for. Nobody has to be told of anybody else.
struct RateQueue: Equatable, Sendable {
  /// Nanoseconds from one turn to the next.
  let interval: UInt64
  let atOnce: UInt64

  /// Nanoseconds until the turn of who took `cost`; `wait` is its step's, until nothing is used any more.
  /// Who takes more than may pass at once waits for those before it only.
  func delay(wait: UInt64, cost: UInt64) -> UInt64 {
    let (free, isLarge) = interval.multipliedReportingOverflow(by: max(atOnce, cost))
    return isLarge || wait <= free ? 0 : wait - free
  }

  /// How many a bucket may hold so that nobody waits for longer than `maxDelay`, and one of `cost` passes.
  static func capacity(
    _ capacity: UInt64, interval: UInt64, atOnce: UInt64, cost: UInt64, maxDelay: UInt64
  ) -> UInt64 {
    let bound = max(atOnce, cost).addingReportingOverflow(maxDelay / max(1, interval))
    return min(capacity, bound.overflow ? .max : bound.partialValue)
  }
}
