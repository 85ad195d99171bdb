/// How many of a row of things are due when they are to come at so many per second; pure.
public struct Pace: Sendable {
  public let perSecond: Int
  private var done = 0

  public init(perSecond: Int) { self.perSecond = max(1, perSecond) }

  /// What is to be done now, so long after the beginning. The first is due at once.
  public mutating func due(afterNanoseconds elapsed: Int64) -> Int {
    let (seconds, rest) = max(0, elapsed).quotientAndRemainder(dividingBy: 1_000_000_000)
    // In two parts: the product with nanoseconds would overflow after a while.
    let total = Int(seconds) * perSecond + Int(rest) / 1_000 * perSecond / 1_000_000 + 1
    let due = max(0, total - done)
    done += due
    return due
  }
}
