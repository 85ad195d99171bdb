import SluiceConfiguration
import Testing

@testable import SluiceGateway

struct BalancerTests {
  private static func targets(_ weights: [Int]) -> [(weight: Int, identity: UInt64)] {
    weights.enumerated().map {
      (weight: $1, identity: StableHash.hash("http://10.0.0.\($0):8080"))
    }
  }

  private static func balancer(
    _ balance: Configuration.Balance, _ weights: [Int], seed: UInt64 = 0
  ) -> Balancer {
    Balancer(balance: balance, targets: targets(weights), seed: seed)
  }

  private static func statuses(_ inFlight: [Int32]) -> [TargetStatus] {
    inFlight.map { TargetStatus(inFlight: $0) }
  }

  private static func picks(
    _ count: Int, from balancer: inout Balancer, _ statuses: [TargetStatus],
    tried: TargetSet = TargetSet()
  ) -> [Int] {
    (0..<count).map { _ in balancer.pick(hash: 0, statuses: statuses, tried: tried) ?? -1 }
  }

  // MARK: - Round-robin

  /// The first is in nginx's commit that introduced the algorithm; the others were worked out by
  /// hand.
  @Test(arguments: [
    ([5, 1, 1], "aabacaa"), ([4, 2, 1], "abacaba"), ([3, 1], "aaba"), ([1, 2], "bab"),
    ([2, 2, 2], "abc"), ([1, 0, 1], "ac"), ([1], "a"),
  ])
  func smoothSequences(weights: [Int], expected: String) {
    var balancer = Self.balancer(.roundRobin, weights)
    let statuses = weights.map { _ in TargetStatus() }
    let letters = ["a", "b", "c"]
    // The sequence comes round again.
    for _ in 0..<3 {
      let picks = Self.picks(expected.count, from: &balancer, statuses)
      #expect(picks.map { letters[$0] }.joined() == expected)
    }
  }

  @Test func equalWeightsShareWhatAnUnavailableTargetLeaves() {
    var balancer = Self.balancer(.roundRobin, [7, 7, 7])
    var statuses = Self.statuses([0, 0, 0])
    statuses[1].isAvailable = false
    #expect(Self.picks(6, from: &balancer, statuses) == [0, 2, 0, 2, 0, 2])
    statuses[1].isAvailable = true
    #expect(Self.picks(4, from: &balancer, statuses) == [0, 1, 2, 0])
  }

  @Test(arguments: [[1, 1, 1, 1], [5, 1, 1], [3, 2]])
  func theSeedMovesTheStartAndNotTheShares(weights: [Int]) {
    let statuses = weights.map { _ in TargetStatus() }
    let total = weights.reduce(0, +)
    var starts: Set<Int> = []
    for seed in 0..<UInt64(total) {
      var balancer = Self.balancer(.roundRobin, weights, seed: seed)
      let picks = Self.picks(total, from: &balancer, statuses)
      starts.insert(picks[0])
      #expect(weights.indices.map { target in picks.count { $0 == target } } == weights)
    }
    #expect(starts.count == weights.count)
  }

  // MARK: - Least connections

  @Test(arguments: UInt64(1)...20)
  func leastConnectionsPicksALeastLoadedTarget(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let count = Int.random(in: 1...8, using: &random)
    let weights = (0..<count).map { _ in Int.random(in: 0...5, using: &random) }
    var balancer = Self.balancer(.leastConnections, weights, seed: seed)
    for _ in 0..<300 {
      let inFlight = (0..<count).map { _ in Int32.random(in: 0...4, using: &random) }
      var statuses = Self.statuses(inFlight)
      var tried = TargetSet()
      for target in 0..<count {
        statuses[target].isAvailable = Int.random(in: 0..<4, using: &random) > 0
        if Int.random(in: 0..<5, using: &random) == 0 { tried.insert(target) }
      }
      let candidates = (0..<count).filter {
        weights[$0] > 0 && statuses[$0].isAvailable && !tried.contains($0)
      }
      let loads = candidates.map { Double(inFlight[$0]) / Double(weights[$0]) }
      let pick = balancer.pick(hash: 0, statuses: statuses, tried: tried)
      if let pick {
        #expect(candidates.contains(pick))
        #expect(Double(inFlight[pick]) / Double(weights[pick]) == loads.min())
      } else {
        #expect(candidates.isEmpty)
      }
    }
  }

  @Test func leastConnectionsSharesTiesByWeight() {
    var balancer = Self.balancer(.leastConnections, [1, 3, 2])
    // Idle, all are equal; 1 in flight is 1/1, 1/3, 1/2.
    let idle = Self.picks(60, from: &balancer, Self.statuses([0, 0, 0]))
    #expect((0..<3).map { target in idle.count { $0 == target } } == [10, 30, 20])
    #expect(Self.picks(2, from: &balancer, Self.statuses([1, 1, 1])) == [1, 1])
    // 2/1, 3/3 and 2/2: the first is out, the others alternate by weight.
    let tied = Self.picks(50, from: &balancer, Self.statuses([2, 3, 2]))
    #expect((0..<3).map { target in tied.count { $0 == target } } == [0, 30, 20])
  }

  // MARK: - Random

  @Test func twoChoicesFollowWeightsWhenLoadsAreEqual() {
    let weights = [1, 2, 5]
    var balancer = Self.balancer(.randomTwoChoices, weights, seed: 42)
    let picks = Self.picks(40_000, from: &balancer, Self.statuses([0, 0, 0]))
    for target in 0..<3 {
      let share = Double(picks.count { $0 == target }) / 40_000
      #expect(abs(share - Double(weights[target]) / 8) < 0.01)
    }
  }

  @Test func twoChoicesAvoidTheBusiest() {
    var balancer = Self.balancer(.randomTwoChoices, [1, 1, 1, 1], seed: 7)
    // Two different ones are compared, so the busiest never wins and the idlest wins half the time:
    // the chance to be among two of four.
    let picks = Self.picks(20_000, from: &balancer, Self.statuses([9, 0, 5, 5]))
    #expect(!picks.contains(0))
    #expect(abs(Double(picks.count { $0 == 1 }) / 20_000 - 0.5) < 0.02)
    // Per weight, 4 of 4 are less than 2 of 1.
    var weighted = Self.balancer(.randomTwoChoices, [4, 1], seed: 7)
    #expect(Set(Self.picks(100, from: &weighted, Self.statuses([4, 2]))) == [0])
  }

  @Test func twoChoicesStayFairWhenFewAreLeft() {
    var balancer = Self.balancer(.randomTwoChoices, Array(repeating: 1, count: 100), seed: 3)
    var statuses = Self.statuses(Array(repeating: 0, count: 100))
    for target in statuses.indices where target != 17 && target != 80 {
      statuses[target].isAvailable = false
    }
    let picks = Self.picks(10_000, from: &balancer, statuses)
    #expect(Set(picks) == [17, 80])
    #expect(abs(Double(picks.count { $0 == 17 }) / 10_000 - 0.5) < 0.03)
  }

  @Test func theSameSeedGivesTheSameDraws() {
    let statuses = Self.statuses([0, 0, 0, 0])
    var draws: [[Int]] = []
    for seed: UInt64 in [1, 1, 2] {
      var balancer = Self.balancer(.randomTwoChoices, [1, 1, 1, 1], seed: seed)
      draws.append(Self.picks(50, from: &balancer, statuses))
    }
    #expect(draws[0] == draws[1] && draws[0] != draws[2])
  }

  // MARK: - Every kind

  @Test(arguments: Configuration.Balance.allCases, [3, 64, 65, 200])
  func findsTheOneThatIsLeftAndNothingAfterIt(balance: Configuration.Balance, count: Int) {
    var balancer = Self.balancer(balance, Array(repeating: 1, count: count))
    var unequal = Self.balancer(balance, (0..<count).map { $0 % 3 + 1 })
    let statuses = Self.statuses(Array(repeating: 0, count: count))
    for left in Set([0, 1, count / 2, count - 1]) {
      var tried = TargetSet()
      for target in 0..<count where target != left { tried.insert(target) }
      #expect(balancer.pick(hash: 99, statuses: statuses, tried: tried) == left)
      #expect(unequal.pick(hash: 99, statuses: statuses, tried: tried) == left)
      tried.insert(left)
      #expect(balancer.pick(hash: 99, statuses: statuses, tried: tried) == nil)
      #expect(unequal.pick(hash: 99, statuses: statuses, tried: tried) == nil)
    }
  }

  @Test(arguments: Configuration.Balance.allCases, [[], [0], [0, 0]])
  func noWeightNoTarget(balance: Configuration.Balance, weights: [Int]) {
    var balancer = Self.balancer(balance, weights, seed: 5)
    #expect(Self.picks(3, from: &balancer, weights.map { _ in TargetStatus() }) == [-1, -1, -1])
  }
}

struct TargetSetTests {
  @Test func holdsWhatWasInsertedAcrossWordBorders() {
    let members = [0, 1, 62, 63, 64, 65, 127, 128, 191, 192, 1_000]
    var set = TargetSet()
    #expect(set.isEmpty)
    for (index, member) in members.enumerated() {
      set.insert(member)
      for candidate in 0..<1_100 {
        #expect(set.contains(candidate) == members[...index].contains(candidate))
      }
    }
    var high = TargetSet()
    high.insert(64)
    #expect(!high.isEmpty && !high.contains(0))
  }
}
