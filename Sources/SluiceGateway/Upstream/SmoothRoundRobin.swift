/// nginx's smooth weighted round-robin: weights 5, 1, 1 give a a b a c a a, not a a a a a b c.
///
/// In each pick every candidate gains its weight, and the one that has the most pays back the sum of
/// what was gained. So the sum over all targets stays 0, and a target that sits out picks keeps its
/// standing.
struct SmoothRoundRobin: Sendable {
  private let weights: [Int64]
  private var standings: [Int64]

  init(weights: [Int64], seed: UInt64) {
    self.weights = weights
    standings = weights.map { _ in 0 }
    let total = weights.reduce(0, +)
    guard total > 0 else { return }
    for _ in 0..<(seed % UInt64(min(total, 256))) {
      var round = Round()
      for target in weights.indices where weights[target] > 0 { consider(target, &round) }
      _ = settle(round)
    }
  }

  /// One pick in the making.
  struct Round {
    fileprivate var total: Int64 = 0
    fileprivate var best = -1
    fileprivate var bestStanding = Int64.min
    init() {}
  }

  /// A candidate, once per round, in ascending order: the first of equals wins.
  mutating func consider(_ target: Int, _ round: inout Round) {
    standings[target] &+= weights[target]
    round.total &+= weights[target]
    if standings[target] > round.bestStanding {
      round.best = target
      round.bestStanding = standings[target]
    }
  }

  /// The one picked; nil when there was no candidate.
  mutating func settle(_ round: Round) -> Int? {
    guard round.best >= 0 else { return nil }
    standings[round.best] &-= round.total
    return round.best
  }
}
