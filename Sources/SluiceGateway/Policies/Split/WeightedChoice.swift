import Glibc

/// Chooses one of several for a key, by weights: weighted rendezvous hashing (Schindelhauer and
/// Schomaker, 2005).
///
/// Each one draws a number for the key, and the least in proportion to its weight wins. So a key keeps
/// its choice for as long as it can: when a weight grows, keys move to that one only. Pure, and the same
/// in every process.
struct WeightedChoice: Sendable {
  private struct Candidate {
    let identity: UInt64
    let inverseWeight: Double
  }

  private let candidates: [Candidate]

  /// `identity` tells one from the others and stays the same over restarts; weights are not 0.
  init(_ candidates: [(identity: UInt64, weight: Int)]) {
    precondition(candidates.allSatisfy { $0.weight > 0 } && !candidates.isEmpty)
    self.candidates = candidates.map {
      Candidate(identity: $0.identity, inverseWeight: 1 / Double($0.weight))
    }
  }

  /// The place of the chosen one; some 20 ns for each of them. `key` is a hash.
  func pick(_ key: UInt64) -> Int {
    if candidates.count == 1 { return 0 }
    var chosen = 0
    var least = Double.infinity
    for index in candidates.indices {
      // Between 0 and 1 and neither of them.
      let hash = StableHash.mix(key ^ candidates[index].identity)
      let share = (Double(hash >> 12) + 0.5) * 0x1p-52
      let drawn = -log(share) * candidates[index].inverseWeight
      if drawn < least {
        least = drawn
        chosen = index
      }
    }
    return chosen
  }
}
