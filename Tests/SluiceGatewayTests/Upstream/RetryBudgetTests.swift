import SluiceReactor
import Testing

@testable import SluiceGateway

struct RetryBudgetTests {
  private func at(_ seconds: Double) -> MonotonicTime {
    MonotonicTime(nanoseconds: Int64(seconds * 1_000_000_000))
  }

  private func retries(_ budget: inout RetryBudget, at now: MonotonicTime) -> Int {
    var taken = 0
    while taken < 10_000, budget.takeRetry(now: now) { taken += 1 }
    return taken
  }

  @Test(arguments: [
    // requests, percent, retries: the floor up to 19 requests at 20 %, rounded down above.
    (0, 20, 3), (15, 20, 3), (19, 20, 3), (20, 20, 4), (24, 20, 4), (25, 20, 5), (1_000, 20, 200),
    (1_000, 1, 10), (399, 1, 3), (400, 1, 4), (50, 100, 50), (1_000, 0, 0),
  ])
  func allowsItsShareAndNoMore(requests: Int, percent: Int, expected: Int) {
    var budget = RetryBudget(percent: percent)
    for _ in 0..<requests { budget.recordRequest(now: at(1)) }
    #expect(retries(&budget, at: at(1)) == expected)
    #expect(budget.takeRetry(now: at(1)) == false)
  }

  @Test func forgetsAfterTenSlots() {
    var budget = RetryBudget(percent: 50)
    for _ in 0..<100 { budget.recordRequest(now: at(0)) }
    #expect(retries(&budget, at: at(9.999)) == 50)
    // The requests leave the window at 10 s, the retries, taken in the last slot, at 19 s.
    #expect(retries(&budget, at: at(10)) == 0)
    #expect(retries(&budget, at: at(18.999)) == 0)
    #expect(retries(&budget, at: at(19)) == 3)
  }

  @Test func aLongSilenceClearsEverything() {
    var budget = RetryBudget(percent: 50)
    for _ in 0..<100 { budget.recordRequest(now: at(0)) }
    #expect(retries(&budget, at: at(0)) == 50)
    #expect(retries(&budget, at: at(1_000_000.5)) == 3)
    // Slots stay on whole seconds from the first call.
    #expect(retries(&budget, at: at(1_000_009.999)) == 0)
    #expect(retries(&budget, at: at(1_000_010)) == 3)
  }

  @Test(arguments: UInt64(1)...10)
  func agreesWithALogOfEverything(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let percent = Int.random(in: 1...100, using: &random)
    var budget = RetryBudget(percent: percent)
    // Slots begin with the first call.
    budget.recordRequest(now: at(0))
    var log: [(slot: Int64, isRetry: Bool)] = [(0, false)]
    var now: Int64 = 0
    for _ in 0..<3_000 {
      let isLong = Int.random(in: 0..<200, using: &random) == 0
      now += Int64.random(in: 0...(isLong ? 15_000_000_000 : 20_000_000), using: &random)
      let slot = now / 1_000_000_000
      log.removeAll { $0.slot <= slot - 10 }
      let time = MonotonicTime(nanoseconds: now)
      if Int.random(in: 0..<3, using: &random) > 0 {
        budget.recordRequest(now: time)
        log.append((slot, false))
      } else {
        let requests = log.count { !$0.isRetry }
        let isAllowed = log.count - requests < max(3, requests * percent / 100)
        #expect(budget.takeRetry(now: time) == isAllowed)
        if isAllowed { log.append((slot, true)) }
      }
    }
  }

  @Test func whatIsGivenBackWasNotTaken() {
    var budget = RetryBudget(percent: 200)
    let now = MonotonicTime(nanoseconds: 5)
    budget.giveBack()
    for _ in 0..<5 { budget.recordRequest(now: now) }
    let taken = (0..<11).map { _ in budget.takeRetry(now: now) }
    #expect(taken == Array(repeating: true, count: 10) + [false])
    budget.giveBack()
    let again = (0..<2).map { _ in budget.takeRetry(now: now) }
    #expect(again == [true, false])
  }
}
