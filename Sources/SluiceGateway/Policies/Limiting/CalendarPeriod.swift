import SluiceConfiguration
import SluiceReactor

/// A period of the calendar, in UTC.
enum CalendarPeriod: String, CaseIterable {
  case second, minute, hour, day, month, year

  /// One of them and when it ends.
  struct Turn: Equatable {
    /// One more than that of the turn before.
    let index: UInt32
    /// Milliseconds, more than zero.
    let left: Int64
  }

  /// By the length that stands for it in the file; nil for any other.
  init?(_ window: Timespan) {
    let period = Self.allCases.first { period in
      Configuration.RateLimit.calendarWindows[period.rawValue] == window
    }
    guard let period else { return nil }
    self = period
  }

  /// Nil where it differs.
  var seconds: Int64? { milliseconds.map { $0 / 1_000 } }

  private var milliseconds: Int64? {
    switch self {
    case .second: 1_000
    case .minute: 60_000
    case .hour: 3_600_000
    case .day: Self.dayLength
    case .month, .year: nil
    }
  }

  /// The one that holds a moment: milliseconds of Unix time, not negative.
  func turn(at unixTime: Int64) -> Turn {
    if let length = milliseconds {
      return Turn(
        index: UInt32(truncatingIfNeeded: unixTime / length), left: length - unixTime % length)
    }
    let month = Self.month(ofDay: unixTime / Self.dayLength)
    let index = self == .month ? month : month / 12
    let next = self == .month ? month + 1 : (month / 12 + 1) * 12
    return Turn(
      index: UInt32(truncatingIfNeeded: index),
      left: Self.firstDay(ofMonth: next) * Self.dayLength - unixTime)
  }

  private static let dayLength: Int64 = 86_400_000

  /// Months since January of the year 0, of a day since 1970.
  private static func month(ofDay day: Int64) -> Int64 {
    // An estimate that is never too late and at most a month too early.
    var month = 1_970 * 12 + day * 12 * 400 / 146_097 - 1
    while firstDay(ofMonth: month + 1) <= day { month += 1 }
    return month
  }

  /// Days since 1970, by the Gregorian rule.
  private static func firstDay(ofMonth month: Int64) -> Int64 {
    let year = month / 12
    let before = year - 1
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    let days = before * 365 + before / 4 - before / 100 + before / 400
    // 719,162 days lie between the first of January of the years 1 and 1970.
    return days - 719_162 + lengths[..<Int(month % 12)].reduce(0, +)
  }
}

/// Keeps the rules of a limiter at the periods in which they count: one worker's, by the wall clock.
struct CalendarHand {
  /// Of the limiter's rules, in order.
  private let periods: [CalendarPeriod]
  private let clock: UnixClock
  /// When the calendar is read again: at the end of a period, and each second, because the wall
  /// clock may be set.
  private var end = MonotonicTime(nanoseconds: .min)

  init(_ periods: [CalendarPeriod], _ clock: UnixClock) {
    self.periods = periods
    self.clock = clock
  }

  /// Before anything is taken.
  @inline(__always)
  mutating func move(_ limiter: RateLimiter, now: MonotonicTime) {
    if now >= end { set(limiter, now: now) }
  }

  private mutating func set(_ limiter: RateLimiter, now: MonotonicTime) {
    let unixTime = max(0, clock.nanoseconds / 1_000_000)
    var left: Int64 = 1_000
    for (index, period) in periods.enumerated() {
      guard case .calendarWindow(var rule) = limiter.rules[index] else { continue }
      let turn = period.turn(at: unixTime)
      left = min(left, turn.left)
      rule.period = turn.index
      rule.end = UInt64(max(0, now.advanced(byNanoseconds: turn.left * 1_000_000).nanoseconds))
      limiter.rules[index] = .calendarWindow(rule)
    }
    end = now.advanced(byNanoseconds: left * 1_000_000)
  }
}
