import SluiceReactor
import Testing

@testable import SluiceGateway

@Suite struct ClockStepTests {
  private let second: Int64 = 1_000_000_000

  private func moment(_ nanoseconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: nanoseconds)
  }

  @Test(arguments: [
    (Int64(0), false), (499_999_999, false), (500_000_000, true), (-499_999_999, false),
    (-500_000_000, true), (3_600_000_000_000, true), (-3_600_000_000_000, true),
  ])
  func aStepIsHalfASecondEitherWay(by step: Int64, counts: Bool) {
    var steps = ClockSteps(unixTime: 1_000 * second, now: moment(7 * second))
    let first = steps.hasStepped(unixTime: 1_001 * second + step, now: moment(8 * second))
    let again = steps.hasStepped(unixTime: 1_002 * second + step, now: moment(9 * second))
    #expect(first == counts)
    #expect(!again)
  }

  /// A clock that is slewed is as wrong in the end.
  @Test func driftAddsUp() {
    var steps = ClockSteps(unixTime: 0, now: moment(0))
    var count = 0
    for turn in 1...1_000 as ClosedRange<Int64>
    where steps.hasStepped(
      unixTime: turn * second + turn * 1_000_000, now: moment(turn * second))
    {
      count += 1
    }
    #expect(count == 2)
  }

  @Test func aGatewayMayHaveAClockOfItsOwn() {
    let clock = UnixClock { 1_999_999_999 }
    #expect(clock.seconds == 1 && clock.nanoseconds == 1_999_999_999)
    let system = UnixClock.system
    #expect(abs(system.seconds - system.nanoseconds / second) <= 1)
  }
}
