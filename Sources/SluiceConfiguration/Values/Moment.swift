/// A moment as configuration writes it: `2027-01-31T23:59:59Z` or `2027-01-31T23:59:59+01:00` (RFC 3339,
/// whole seconds).
public struct Moment: Equatable, Hashable, Sendable {
  /// Unix time.
  public var seconds: Int64

  public init(seconds: Int64) { self.seconds = seconds }

  /// Years from 1970 to 9999; no leap seconds.
  public init(parsing text: String) throws(TextProblem) {
    guard let seconds = Self.seconds(Array(text.utf8)) else {
      throw TextProblem(
        "it is no moment", hint: "write it like 2027-01-31T23:59:59Z or 2027-01-31T23:59:59+01:00")
    }
    self.seconds = seconds
  }

  private static func seconds(_ text: [UInt8]) -> Int64? {
    func number(_ place: Int, _ digits: Int, _ range: ClosedRange<Int64>) -> Int64? {
      var number: Int64 = 0
      for byte in text[place..<place + digits] {
        guard (48...57).contains(byte) else { return nil }
        number = number * 10 + Int64(byte - 48)
      }
      return range.contains(number) ? number : nil
    }
    guard text.count == 20 || text.count == 25, text[4] == 45, text[7] == 45,
      text[10] | 0x20 == UInt8(ascii: "t"), text[13] == 58, text[16] == 58,
      let year = number(0, 4, 1_970...9_999), let month = number(5, 2, 1...12),
      let day = number(8, 2, 1...31), let hour = number(11, 2, 0...23),
      let minute = number(14, 2, 0...59), let second = number(17, 2, 0...59)
    else { return nil }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard day <= lengths[Int(month) - 1] else { return nil }
    let before = year - 1
    let days =
      before * 365 + before / 4 - before / 100 + before / 400 - 719_162
      + lengths[..<(Int(month) - 1)].reduce(0, +) + day - 1
    let local = days * 86_400 + hour * 3_600 + minute * 60 + second
    if text.count == 20 { return text[19] | 0x20 == UInt8(ascii: "z") ? local : nil }
    guard text[19] == UInt8(ascii: "+") || text[19] == UInt8(ascii: "-"), text[22] == 58,
      let hours = number(20, 2, 0...23), let minutes = number(23, 2, 0...59)
    else { return nil }
    let offset = hours * 3_600 + minutes * 60
    return text[19] == UInt8(ascii: "+") ? local - offset : local + offset
  }

  /// In UTC, as it is read back; nil before 1970 and behind 9999.
  public var text: String? {
    guard (0..<253_402_300_800).contains(seconds) else { return nil }
    func digits(_ number: Int64, _ count: Int = 2) -> String {
      let text = String(number)
      return String(repeating: "0", count: count - text.count) + text
    }
    let ofDay = seconds % 86_400
    // Years that begin in March have their odd day at the end; days are counted from March of year 0.
    let days = seconds / 86_400 + 719_468
    let era = days / 146_097
    let ofEra = days % 146_097
    let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * ofYear + 2) / 153
    let day = ofYear - (153 * shifted + 2) / 5 + 1
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    return "\(digits(year, 4))-\(digits(month))-\(digits(day))T\(digits(ofDay / 3_600))"
      + ":\(digits(ofDay / 60 % 60)):\(digits(ofDay % 60))Z"
  }
}
