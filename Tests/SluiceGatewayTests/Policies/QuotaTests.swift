import Foundation
import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct QuotaTests {
  /// Against Foundation's calendar, at random moments and around the ends of months.
  @Test func theCalendarIsGregorian() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
    var random = SplitMix64(seed: 1)
    var moments = (0..<500).map { _ in Int64.random(in: 0..<6_000_000_000_000, using: &random) }
    for year in [1_970, 1_999, 2_000, 2_024, 2_026, 2_100] {
      for month in 1...12 {
        let first = DateComponents(
          calendar: calendar, timeZone: calendar.timeZone, year: year, month: month, day: 1)
        let milliseconds = Int64(try #require(first.date).timeIntervalSince1970) * 1_000
        moments += [milliseconds - 1, milliseconds, milliseconds + 1].filter { $0 >= 0 }
      }
    }
    for moment in moments {
      let date = Date(timeIntervalSince1970: Double(moment) / 1_000)
      for (period, unit) in [
        (CalendarPeriod.month, Calendar.Component.month), (.year, .year),
      ] {
        let interval = try #require(calendar.dateInterval(of: unit, for: date))
        let parts = calendar.dateComponents([.year, .month], from: date)
        let year = try #require(parts.year)
        let index = period == .year ? year : try year * 12 + #require(parts.month) - 1
        let turn = period.turn(at: moment)
        #expect(turn.index == UInt32(index), "\(moment)")
        #expect(turn.left == Int64(interval.end.timeIntervalSince1970) * 1_000 - moment)
      }
      for (period, length) in [
        (CalendarPeriod.second, 1_000), (.minute, 60_000), (.hour, 3_600_000), (.day, 86_400_000),
      ] as [(CalendarPeriod, Int64)] {
        let turn = period.turn(at: moment)
        #expect(turn.index == UInt32(truncatingIfNeeded: moment / length))
        #expect(turn.left == length - moment % length)
      }
    }
  }

  private func text(_ fields: RateLimitFields, _ decision: RateDecision) -> String {
    var lines = ByteBuffer()
    fields.append(decision, to: &lines)
    return String(decoding: lines.copiedBytes(), as: UTF8.self)
  }

  private func text(_ line: FieldLine) -> String { String(decoding: line.bytes, as: UTF8.self) }

  @Test func fieldsAreThoseOfTheDraft() {
    let fields = RateLimitFields([
      .init(name: "1m", limit: 100, window: 60, burst: 150), nil, .init(name: "month", limit: 5),
    ])
    #expect(
      fields.policy.map(text)
        == "RateLimit-Policy: \"1m\";q=100;w=60;sluice-burst=150, \"month\";q=5\r\n")
    var decision = RateDecision()
    decision.steps[0] = .taken(0, remaining: 149, wait: 400_000_001)
    decision.steps[1] = .taken(0, remaining: 7, wait: 7)
    decision.steps[2] = .taken(0, remaining: 4, wait: 3_000_000_000)
    #expect(text(fields, decision) == "RateLimit: \"1m\";r=149;t=1, \"month\";r=4;t=3\r\n")
    decision.steps[2] = .refused(remaining: 0, wait: 3_000_000_001)
    decision.retryAfter = 3_000_000_001
    #expect(text(fields, decision) == "RateLimit: \"month\";r=0;t=4\r\n")
    decision.steps[2] = .taken(0, remaining: 4, wait: 1)
    #expect(text(fields, decision) == "")
  }
}
