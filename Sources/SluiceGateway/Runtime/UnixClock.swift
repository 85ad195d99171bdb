import Glibc
import SluiceReactor

/// The time of day: a clock that somebody may set, forward or back, while the gateway runs. Tokens and
/// certificates end by it; timers do not go by it.
public struct UnixClock: Sendable {
  /// Nil for the system's.
  private let reading: (@Sendable () -> Int64)?

  /// The system's clock.
  public static let system = UnixClock()

  private init() { reading = nil }

  /// Another clock than the system's, for tests: `reading` returns nanoseconds of Unix time and is called on
  /// any thread, also while a request is judged.
  public init(_ reading: @escaping @Sendable () -> Int64) { self.reading = reading }

  /// Unix time.
  var nanoseconds: Int64 {
    if let reading { return reading() }
    var clock = timespec()
    clock_gettime(CLOCK_REALTIME, &clock)
    return Int64(clock.tv_sec) * 1_000_000_000 + Int64(clock.tv_nsec)
  }

  /// Unix time.
  var seconds: Int64 { reading.map { $0() / 1_000_000_000 } ?? Int64(time(nil)) }
}

/// Turns moments of the monotonic clock into Unix time, as both are now.
struct WallClock {
  private let offset: Int64
  private let now: MonotonicTime

  /// `former`: the clock that was read before. Its offset stays unless the clocks have parted since, so
  /// that a moment has the same time whenever it is asked for.
  init(now: MonotonicTime, _ clock: UnixClock, former: WallClock? = nil) {
    self.now = now
    let offset = clock.nanoseconds - now.nanoseconds
    if let former, abs(former.offset - offset) < 50_000_000 {
      self.offset = former.offset
    } else {
      self.offset = offset
    }
  }

  /// Unix time in seconds, now.
  var seconds: Int64 { (now.nanoseconds + offset) / 1_000_000_000 }

  /// Unix time in microseconds.
  func microseconds(_ moment: MonotonicTime) -> Int64 { (moment.nanoseconds + offset) / 1_000 }

  /// Unix time in milliseconds.
  func milliseconds(_ moment: MonotonicTime) -> Int64 { (moment.nanoseconds + offset) / 1_000_000 }
}
