import Glibc

/// A point in time as people read it.
struct Timestamp: Sendable, Comparable {
  /// Since the Unix epoch.
  let milliseconds: Int64

  init(milliseconds: Int64) { self.milliseconds = milliseconds }

  static func now() -> Timestamp {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Timestamp(milliseconds: Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000)
  }

  static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.milliseconds < right.milliseconds
  }

  /// RFC 3339, UTC: `2026-01-31T23:59:59.250Z`.
  var text: String {
    var seconds = time_t(milliseconds / 1_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func padded(_ value: Int, _ width: Int) -> String {
      let text = String(value)
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    let date = [
      padded(Int(parts.tm_year) + 1_900, 4), padded(Int(parts.tm_mon) + 1, 2),
      padded(Int(parts.tm_mday), 2),
    ].joined(separator: "-")
    let clock = [Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec)]
      .map { padded($0, 2) }.joined(separator: ":")
    return "\(date)T\(clock).\(padded(Int(milliseconds % 1_000), 3))Z"
  }
}
