import Testing

@testable import SluiceGateway

/// What bodies take of a budget, and that it comes back.
@Suite struct LocalBodyBudgetTests {
  private let budget = LocalBodyBudget(bytes: 100, freeBytesPerBody: 10)

  @Test func whatIsFreeTakesNothing() {
    let share = LocalBodyShare(budget)
    #expect(share.grow(to: 0) && share.grow(to: 10))
    #expect(budget.bytesLeft == 100)
    #expect(share.grow(to: 11))
    #expect(budget.bytesLeft == 99)
  }

  @Test func itIsAllOrNothing() {
    let (one, other) = (LocalBodyShare(budget), LocalBodyShare(budget))
    #expect(one.grow(to: 70))
    #expect(!other.grow(to: 51))
    #expect(budget.bytesLeft == 40)
    #expect(other.grow(to: 50))
    #expect(budget.bytesLeft == 0)
    #expect(!other.grow(to: 51) && !one.grow(to: 71))
    // What it has already, it has.
    #expect(one.grow(to: 70) && one.grow(to: 5))
    #expect(budget.bytesLeft == 0)
  }

  @Test func theLastReferenceGivesItBack() {
    var first: LocalBodyShare? = LocalBodyShare(budget)
    #expect(first?.grow(to: 30) == true && first?.grow(to: 60) == true)
    var second = first
    first = nil
    #expect(budget.bytesLeft == 50)
    withExtendedLifetime(second) {}
    second = nil
    #expect(budget.bytesLeft == 100)
  }

  @Test func aRefusedOneGivesBackWhatItHad() {
    do {
      let share = LocalBodyShare(budget)
      #expect(share.grow(to: 110))
      #expect(!share.grow(to: 111))
    }
    #expect(budget.bytesLeft == 100)
  }
}
