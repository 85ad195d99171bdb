import Glibc

/// A moment on the machine's monotonic clock, in nanoseconds.
///
/// Machines and timers get it as a parameter; only an event loop reads the clock.
public struct MonotonicTime: Comparable, Hashable, Sendable {
  public var nanoseconds: Int64

  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// Reads CLOCK_MONOTONIC; tens of nanoseconds.
  public static func now() -> MonotonicTime {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicTime(
      nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
  }

  /// Later than every deadline.
  public static let distantFuture = MonotonicTime(nanoseconds: .max)

  public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  /// Saturates at `distantFuture`.
  public func advanced(byNanoseconds delta: Int64) -> MonotonicTime {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(delta)
    return MonotonicTime(nanoseconds: overflow ? .max : sum)
  }

  /// Nanoseconds from `earlier` to here; negative when it is later.
  public func nanoseconds(since earlier: MonotonicTime) -> Int64 {
    nanoseconds &- earlier.nanoseconds
  }
}
