import SluiceReactor

/// How far one stream's receive window has grown, and when it grows (RFC 9113 6.9). Pure.
///
/// A window of 64 KiB lets a peer send that much in a round trip: 640 KB/s over 100 ms. One that is used twice
/// within a second, by somebody who takes all that comes, is doubled. So near peers and small messages leave
/// it as it is, and who does not keep up never gets more than before.
struct HTTP2Window: Sendable {
  /// What every stream begins with.
  static let firstSize = 65_535
  /// 10 MB/s over 100 ms.
  static let largestSize = 16 * firstSize

  private static let patience: Int64 = 1_000_000_000

  private(set) var size = Self.firstSize
  private var taken = 0
  private var since = MonotonicTime(nanoseconds: 0)

  /// Bytes beyond the first size.
  var grown: Int { size - Self.firstSize }

  /// Bytes were taken. `keepsUp`: none of those that have come still waits. The size that the window should
  /// have, where that is more than it has.
  mutating func take(_ count: Int, keepsUp: Bool, now: MonotonicTime) -> Int? {
    if !keepsUp {
      taken = 0
      return nil
    }
    if taken == 0 { since = now }
    taken += count
    if taken < 2 * size { return nil }
    taken = 0
    guard size < Self.largestSize, now.nanoseconds(since: since) <= Self.patience else {
      return nil
    }
    return min(2 * size, Self.largestSize)
  }

  mutating func grow(to size: Int) { self.size = size }
}

/// What the windows of all of a worker's connections may have grown by: so much more than without growth may
/// wait in the gateway, should everybody stop taking at once. Belongs to its worker.
final class HTTP2WindowBudget {
  private(set) var free: Int

  init(_ bytes: Int = HTTP2Limits.grownWindows) { free = bytes }

  /// False when there is not so much left.
  func take(_ bytes: Int) -> Bool {
    if bytes > free { return false }
    free -= bytes
    return true
  }

  func giveBack(_ bytes: Int) { free += bytes }
}
