import SluiceReactor
import Testing

@testable import SluiceGateway

@Suite struct KeySetStateMachineTests {
  private let start = MonotonicTime(nanoseconds: 1_000_000_000_000)
  private func after(_ seconds: Int64) -> MonotonicTime {
    start.advanced(byNanoseconds: seconds * 1_000_000_000)
  }
  private func machine() -> KeySetStateMachine {
    KeySetStateMachine(
      refreshNanoseconds: 600_000_000_000, pauseNanoseconds: 30_000_000_000)
  }

  @Test func keysAreFetchedAheadAndAgain() {
    var machine = machine()
    let isDue = machine.due(now: start)
    #expect(isDue)
    let isDueAgain = machine.due(now: start)
    #expect(!isDueAgain)
    let next = machine.fetched(isGood: true, now: after(1))
    #expect(next == after(601))
    let isDueLater = machine.due(now: after(601))
    #expect(isDueLater)
  }

  @Test func failuresAreRetriedWithGrowingPauses() {
    var machine = machine()
    var waits: [Int64] = []
    var now = start
    for _ in 0..<12 {
      let isDue = machine.due(now: now)
      #expect(isDue)
      let next = machine.fetched(isGood: false, now: now)
      waits.append(next.nanoseconds(since: now) / 1_000_000)
      now = next
    }
    #expect(
      waits == [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000] + [Int64](repeating: 30_000, count: 5)
    )
    let isDue = machine.due(now: now)
    #expect(isDue)
    let last = machine.fetched(isGood: true, now: now)
    #expect(last.nanoseconds(since: now) == 600_000_000_000)
  }

  /// Made-up keys cause one fetch each pause, however many come.
  @Test func unknownKeysCauseFewFetches() {
    var machine = machine()
    let first = machine.keyMissing(now: start)
    #expect(first == .fetch)
    let second = machine.keyMissing(now: start)
    #expect(second == .wait)
    _ = machine.fetched(isGood: true, now: after(1))
    let soon = machine.keyMissing(now: after(2))
    #expect(soon == .missing)
    let stillSoon = machine.keyMissing(now: after(29))
    #expect(stillSoon == .missing)
    let later = machine.keyMissing(now: after(30))
    #expect(later == .fetch)
    _ = machine.fetched(isGood: true, now: after(31))
    let again = machine.keyMissing(now: after(59))
    #expect(again == .missing)
  }
}
