/// What fields like `X-RateLimit-Limit-Minute` call a window.
enum LimitWindowName {
  /// Kong has no other windows than those with a name; who writes one here gets its seconds. Nil for a
  /// period of the calendar.
  static func text(_ seconds: Int64?) -> String {
    switch seconds {
    case 1: "Second"
    case 60: "Minute"
    case 3_600: "Hour"
    case 86_400: "Day"
    case 30 * 86_400: "Month"
    case 365 * 86_400: "Year"
    case let seconds?: "\(seconds)-Seconds"
    case nil: "Period"
    }
  }
}
