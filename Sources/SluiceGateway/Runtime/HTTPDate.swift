import Glibc
import SluiceReactor

/// The current time as RFC 9110 5.6.7 writes it, formatted at most once a second.
struct HTTPDate {
  private var text: [UInt8] = []
  private var validUntil = MonotonicTime(nanoseconds: 0)

  mutating func text(now: MonotonicTime) -> [UInt8] {
    if now < validUntil && !text.isEmpty { return text }
    var clock = timespec()
    clock_gettime(CLOCK_REALTIME, &clock)
    text = Self.format(secondsSince1970: clock.tv_sec)
    validUntil = now.advanced(byNanoseconds: Int64(1_000_000_000 - clock.tv_nsec))
    return text
  }

  /// `Sun, 06 Nov 1994 08:49:37 GMT`.
  static func format(secondsSince1970 seconds: Int) -> [UInt8] {
    var time = seconds
    var parts = tm()
    gmtime_r(&time, &parts)
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let day = "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)])"
    let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    return Array("\(day) \(parts.tm_year + 1_900) \(clock) GMT".utf8)
  }
}
