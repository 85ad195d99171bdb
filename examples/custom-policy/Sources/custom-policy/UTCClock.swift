import Glibc

enum UTCClock {
  /// 0 to 23.
  static func hour() -> Int { time(nil) % 86_400 / 3_600 }
}
