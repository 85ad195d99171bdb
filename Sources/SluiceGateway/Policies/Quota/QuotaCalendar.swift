/// A period of the calendar.
enum QuotaPeriod: String, CaseIterable {
  case hour, day, month

  /// Nil where it differs.
  var seconds: Int64? {
    switch self {
    case .hour: 3_600
    case .day: 86_400
    case .month: nil
    }
  }
}

/// The hour, the day and the month of a moment in UTC, and when they end.
struct QuotaCalendar: Equatable {
  struct Period: Equatable {
    /// One more than that of the period before.
    let index: UInt32
    /// Milliseconds, more than zero.
    let left: Int64
  }

  let hour: Period
  let day: Period
  let month: Period

  /// Milliseconds of Unix time, not negative.
  init(unixTime: Int64) {
    func period(_ length: Int64) -> Period {
      Period(
        index: UInt32(truncatingIfNeeded: unixTime / length), left: length - unixTime % length)
    }
    hour = period(3_600_000)
    day = period(Self.day)
    let days = unixTime / Self.day
    let month = Self.month(ofDay: days)
    self.month = Period(
      index: UInt32(truncatingIfNeeded: month),
      left: Self.firstDay(ofMonth: month + 1) * Self.day - unixTime)
  }

  subscript(period: QuotaPeriod) -> Period {
    switch period {
    case .hour: hour
    case .day: day
    case .month: month
    }
  }

  private static let day: Int64 = 86_400_000

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
