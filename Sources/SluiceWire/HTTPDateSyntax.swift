/// Dates in fields (RFC 9110 5.6.7): the one form to send and the two old ones to understand.
public enum HTTPDateSyntax {
  /// Seconds of Unix time; nil for what is no date.
  public static func seconds(_ text: Span<UInt8>) -> Int64? {
    guard let comma = firstIndex(of: 0x2C, in: text) else { return asctime(text) }
    return comma == 3 ? fixdate(text) : rfc850(text, comma)
  }

  /// `Sun, 06 Nov 1994 08:49:37 GMT`.
  private static func fixdate(_ text: Span<UInt8>) -> Int64? {
    guard text.count == 29, text[4] == .space, text[7] == .space, text[11] == .space,
      text[16] == .space, isGMT(text, 25), let day = number(text, 5, 2),
      let month = month(text, 8), let year = number(text, 12, 4), let time = time(text, 17)
    else { return nil }
    return seconds(year, month, day, time)
  }

  /// `Sunday, 06-Nov-94 08:49:37 GMT`; a year that seems more than 50 years ahead is a past one. That
  /// only matters for dates nobody sends any more, so the border is fixed.
  private static func rfc850(_ text: Span<UInt8>, _ comma: Int) -> Int64? {
    let start = comma + 2
    guard (6...9).contains(comma), text.count == start + 22, text[comma + 1] == .space,
      text[start + 2] == 0x2D, text[start + 6] == 0x2D, text[start + 9] == .space,
      isGMT(text, start + 18), let day = number(text, start, 2),
      let month = month(text, start + 3), let year = number(text, start + 7, 2),
      let time = time(text, start + 10)
    else { return nil }
    return seconds(year < 70 ? 2_000 + year : 1_900 + year, month, day, time)
  }

  /// `Sun Nov  6 08:49:37 1994`.
  private static func asctime(_ text: Span<UInt8>) -> Int64? {
    guard text.count == 24, text[3] == .space, text[7] == .space, text[10] == .space,
      text[19] == .space, let month = month(text, 4), let time = time(text, 11),
      let year = number(text, 20, 4),
      let day = text[8] == .space ? number(text, 9, 1) : number(text, 8, 2)
    else { return nil }
    return seconds(year, month, day, time)
  }

  private static func seconds(_ year: Int64, _ month: Int64, _ day: Int64, _ time: Int64) -> Int64?
  {
    guard day >= 1, day <= 31, year >= 1 else { return nil }
    // Days since 1970 of a date in the Gregorian calendar, whose years begin in March here.
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return (era * 146_097 + dayOfEra - 719_468) * 86_400 + time
  }

  /// `08:49:37` in seconds.
  private static func time(_ text: Span<UInt8>, _ at: Int) -> Int64? {
    guard text[at + 2] == 0x3A, text[at + 5] == 0x3A, let hour = number(text, at, 2),
      let minute = number(text, at + 3, 2), let second = number(text, at + 6, 2), hour < 24,
      minute < 60, second <= 60
    else { return nil }
    return hour * 3_600 + minute * 60 + second
  }

  /// 1 to 12. Names are case-sensitive.
  private static func month(_ text: Span<UInt8>, _ at: Int) -> Int64? {
    let names: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
    var start = 0
    while start < 36 {
      // SAFETY: start is at most 33 and the text has 36 bytes.
      let name = (names.utf8Start[start], names.utf8Start[start + 1], names.utf8Start[start + 2])
      if name == (text[at], text[at + 1], text[at + 2]) { return Int64(start / 3 + 1) }
      start += 3
    }
    return nil
  }

  private static func number(_ text: Span<UInt8>, _ at: Int, _ count: Int) -> Int64? {
    var number: Int64 = 0
    for index in at..<(at + count) {
      guard text[index].isDigit else { return nil }
      number = number * 10 + Int64(text[index] &- 0x30)
    }
    return number
  }

  private static func isGMT(_ text: Span<UInt8>, _ at: Int) -> Bool {
    text[at] == .space && text.extracting((at + 1)...).equals("GMT")
  }

  private static func firstIndex(of byte: UInt8, in text: Span<UInt8>) -> Int? {
    for index in text.indices where text[index] == byte { return index }
    return nil
  }
}
