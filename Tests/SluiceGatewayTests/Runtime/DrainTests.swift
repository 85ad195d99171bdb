import SluiceReactor
import Testing

@testable import SluiceGateway

/// When what is closed in a drain.
@Suite struct DrainTests {
  private static let second: Int64 = 1_000_000_000

  @Test func aPaceIsKeptWhateverTheTicks() {
    for (perSecond, tick) in [(1, 50), (3, 20), (100, 20), (100, 333), (5_000, 7)] {
      var pace = Pace(perSecond: perSecond)
      #expect(pace.due(afterNanoseconds: 0) == 1)
      var total = 1
      var elapsed: Int64 = 0
      while elapsed < 10 * Self.second {
        elapsed += Int64(tick) * 1_000_000
        total += pace.due(afterNanoseconds: elapsed)
        let exact = Double(perSecond) * Double(elapsed) / 1e9
        #expect(abs(Double(total) - exact) <= 1.5, "\(perSecond) after \(elapsed)")
      }
    }
  }

  @Test func timeThatDoesNotPassMakesNothingDue() {
    var pace = Pace(perSecond: 10)
    _ = pace.due(afterNanoseconds: Self.second)
    #expect(pace.due(afterNanoseconds: Self.second) == 0)
    #expect(pace.due(afterNanoseconds: Self.second - 1) == 0)
  }

  @Test func theRateIsSharedAmongTheWorkers() {
    let schedule = DrainSchedule(
      timeoutNanoseconds: 30 * Self.second, closeRate: 100, workers: 4, sessions: 10)
    #expect(schedule.perSecond == 25)
    #expect(schedule.lastCallNanoseconds == 29 * Self.second)
  }

  @Test func aRateThatWouldNotBeEnoughIsRaised() {
    let schedule = DrainSchedule(
      timeoutNanoseconds: 10 * Self.second, closeRate: 100, workers: 2, sessions: 9_000)
    #expect(schedule.perSecond == 1_000)
    let short = DrainSchedule(timeoutNanoseconds: 1, closeRate: 1, workers: 64, sessions: 3)
    #expect(short.perSecond >= 3_000)
    #expect(short.lastCallNanoseconds == 1)
  }

  @Test func aDrainIsOverWhenAllWorkersAre() {
    let ticket = DrainTicket(workers: 2, timeoutNanoseconds: Self.second)
    #expect(!ticket.arrive())
    #expect(ticket.outcome == .underWay)
    #expect(ticket.arrive())
    #expect(ticket.wait(until: .now()) == .over)
  }

  @Test func anAbortedDrainIsNeverOver() {
    let ticket = DrainTicket(workers: 1, timeoutNanoseconds: Self.second)
    ticket.abort()
    #expect(!ticket.arrive())
    #expect(ticket.wait(until: .distantFuture) == .aborted)
  }
}
