import Foundation
import Testing

@testable import SluiceConfiguration

@Suite struct ValueTests {
  @Test(arguments: [
    ("127.0.0.1:1", true), ("127.255.0.1:1", true), ("[::1]:1", true),
    ("[::ffff:127.0.0.1]:1", true),
    ("unix:/a", true), ("128.0.0.1:1", false), ("0.0.0.0:1", false), ("[::]:1", false),
    ("[::2]:1", false), ("[::ffff:128.0.0.1]:1", false),
  ])
  func localAddresses(text: String, isLocal: Bool) {
    #expect(ListenAddress(text)?.isLocal == isLocal)
  }

  @Test(arguments: [
    ("250ms", 250_000_000), ("7s", 7_000_000_000), ("1m30s", 90_000_000_000), ("1us", 1_000),
    ("24h", 86_400_000_000_000), ("0s", 0), ("1h1m1s1ms1us", 3_661_001_001_000),
  ])
  func timespans(text: String, nanoseconds: Int64) {
    #expect(Timespan(text: text)?.nanoseconds == nanoseconds)
    #expect(Timespan(text: Timespan(nanoseconds: nanoseconds).text)?.nanoseconds == nanoseconds)
  }

  @Test(arguments: [
    "", "s", "7", "-7s", "+7s", "7 s", "1.5s", "7d", "1s1h", "7s7s", "7S", "9223372036854775807h",
    "9223372036s1000000000ms", "٣s",
  ])
  func noTimespans(text: String) {
    #expect(Timespan(text: text) == nil)
  }

  @Test(arguments: [
    ("0", 0), ("512", 512), ("512B", 512), ("64KiB", 65_536), ("10MB", 10_000_000),
    ("1GiB", 1 << 30),
  ])
  func byteCounts(text: String, bytes: Int) {
    #expect(ByteCount(text: text)?.bytes == bytes)
    #expect(ByteCount(text: ByteCount(bytes).text)?.bytes == bytes)
  }

  @Test(arguments: ["", "KiB", "-1", "1.5KiB", "1 KiB", "1kb", "9223372036854775807KiB", "٣"])
  func noByteCounts(text: String) {
    #expect(ByteCount(text: text) == nil)
  }

  @Test(arguments: [
    ("adress", "address"), ("Address", "address"), ("adderss", "address"), ("target", "targets"),
    ("zzz", nil), ("", nil), ("timeout", "timeouts"),
  ])
  func suggestions(text: String, expected: String?) {
    #expect(Suggestion.nearest(to: text, among: ["address", "targets", "timeouts"]) == expected)
  }

  @Test(arguments: [("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("kitten", "sitting", 3)])
  func distances(left: String, right: String, distance: Int) {
    #expect(Suggestion.distance(Array(left.utf8), Array(right.utf8)) == distance)
    #expect(Suggestion.distance(Array(right.utf8), Array(left.utf8)) == distance)
  }

  /// Made with Python's datetime.
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:34:56Z", 951_827_696),
    ("2027-01-31T23:59:59Z", 1_801_439_999), ("2027-02-01t00:59:59+01:00", 1_801_439_999),
    ("2027-01-31T18:29:59-05:30", 1_801_439_999), ("9999-12-31T23:59:59z", 253_402_300_799),
    ("2100-03-01T00:00:00Z", 4_107_542_400),
  ])
  func moments(text: String, seconds: Int64) throws {
    let moment = try Moment(parsing: text)
    #expect(moment.seconds == seconds)
    let again = try #require(moment.text)
    #expect(again.count == 20 && again.hasSuffix("Z"))
    #expect(try Moment(parsing: again) == moment)
  }

  /// Also on both sides of every month's end, leap years of all kinds among them.
  @Test func momentsAreWrittenAsTheyAreRead() throws {
    for year in [1970, 1999, 2000, 2024, 2027, 2100, 2400, 9999] {
      for month in 1...12 {
        let text = String(format: "%04d-%02d-01T00:00:00Z", year, month)
        let start = try Moment(parsing: text)
        #expect(start.text == text)
        guard start.seconds > 0 else { continue }
        let before = try #require(Moment(seconds: start.seconds - 1).text)
        #expect(before.hasSuffix("T23:59:59Z"))
        #expect(try Moment(parsing: before).seconds == start.seconds - 1)
      }
    }
    #expect(Moment(seconds: -1).text == nil && Moment(seconds: 253_402_300_800).text == nil)
    #expect(Moment(seconds: .max).text == nil && Moment(seconds: .min).text == nil)
  }

  @Test(arguments: [
    "", "2027", "2027-01-31", "2027-01-31T23:59:59", "2027-01-31 23:59:59Z", "2027-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z", "2027-13-01T00:00:00Z", "2027-00-01T00:00:00Z", "2027-01-00T00:00:00Z",
    "2027-04-31T00:00:00Z", "2027-01-31T24:00:00Z", "2027-01-31T23:60:00Z", "2027-01-31T23:59:60Z",
    "1969-12-31T23:59:59Z", "2027-01-31T23:59:59.5Z", "2027-01-31T23:59:59+0100",
    "2027-01-31T23:59:59+24:00", "2027-01-31T23:59:59+01:60", "+027-01-31T23:59:59Z",
    "2027-01-31T23:59:59Zé",
  ])
  func noMoments(text: String) {
    #expect(throws: TextProblem.self) { _ = try Moment(parsing: text) }
  }
}
