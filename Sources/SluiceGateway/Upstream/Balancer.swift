import SluiceConfiguration

/// What a balancer looks at; `ServiceState` owns one per target and keeps it true.
struct TargetStatus: Equatable, Sendable {
  /// Exchanges begun and not finished on this worker.
  var inFlight: Int32 = 0
  /// False while ejected, or while the one trial that is let through is under way.
  var isAvailable = true
}

/// Chooses the target of the next exchange: one instance per service and worker.
///
///     round-robin          nginx's smooth weighted round-robin; O(1) when all weights are equal,
///                          O(targets) otherwise
///     least-connections    fewest in flight per weight, ties by round-robin; O(targets)
///     random-two-choices   two weighted draws, fewer in flight per weight wins; O(log targets)
///     consistent-hash      the key's place on a ring, and on along it while the owner is not
///                          available; O(log targets)
///
/// Pure but for its own counters; picks do not allocate. A target of weight 0 is never chosen.
struct Balancer: Sendable {
  /// Not an enum with payloads: an array in a payload would be copied with every pick.
  private enum Strategy: Sendable {
    case rotation
    case smooth
    case leastConnections
    case randomTwoChoices
    case consistentHash
  }

  private let strategy: Strategy
  private let weights: [Int64]
  /// rotation: the one picked last.
  private var last: Int
  /// smooth, and the ties of leastConnections.
  private var smooth: SmoothRoundRobin
  /// randomTwoChoices: the sum of the weights up to and including each target.
  private let cumulativeWeights: [Int64]
  private var generator: SplitMix64
  private let ring: HashRing

  /// `seed` starts the random draws, and moves the start of the rotations: with the same start, all
  /// workers would send their first exchanges after a reload to the same target. 0 starts at the
  /// first one.
  init(
    balance: Configuration.Balance, targets: [(weight: Int, identity: UInt64)], seed: UInt64
  ) {
    let weights = targets.map { Int64(max(0, $0.weight)) }
    switch balance {
    case .roundRobin:
      let isEven = weights.allSatisfy { $0 > 0 && $0 == weights[0] }
      strategy = isEven ? .rotation : .smooth
    case .leastConnections: strategy = .leastConnections
    case .randomTwoChoices: strategy = .randomTwoChoices
    case .consistentHash: strategy = .consistentHash
    }
    self.weights = weights
    last = weights.isEmpty ? -1 : Int(seed % UInt64(weights.count)) - 1
    smooth = SmoothRoundRobin(weights: weights, seed: seed)
    var sum: Int64 = 0
    cumulativeWeights = weights.map { weight in
      sum += weight
      return sum
    }
    generator = SplitMix64(seed: seed)
    ring = HashRing(targets: strategy == .consistentHash ? targets : [])
  }

  /// The target of the next exchange; nil when none is available that is not in `tried`.
  ///
  /// `statuses` has one element per target, in their order. `hash` matters to consistent-hash only.
  mutating func pick(
    hash: UInt64, statuses: [TargetStatus], tried: borrowing TargetSet
  ) -> Int? {
    precondition(statuses.count == weights.count)
    switch strategy {
    case .rotation: return pickNextInRotation(statuses, tried)
    case .smooth: return pickSmooth(statuses, tried)
    case .leastConnections: return pickLeastLoaded(statuses, tried)
    case .randomTwoChoices: return pickOfTwo(statuses, tried)
    case .consistentHash: return pickOnRing(hash, statuses, tried)
    }
  }

  private func isCandidate(
    _ target: Int, _ statuses: [TargetStatus], _ tried: borrowing TargetSet
  ) -> Bool {
    statuses[target].isAvailable && weights[target] > 0 && !tried.contains(target)
  }

  // MARK: - Round-robin

  private mutating func pickNextInRotation(
    _ statuses: [TargetStatus], _ tried: borrowing TargetSet
  ) -> Int? {
    var target = last
    for _ in 0..<weights.count {
      target = target &+ 1 >= weights.count ? 0 : target &+ 1
      if isCandidate(target, statuses, tried) {
        last = target
        return target
      }
    }
    return nil
  }

  private mutating func pickSmooth(
    _ statuses: [TargetStatus], _ tried: borrowing TargetSet
  ) -> Int? {
    var round = SmoothRoundRobin.Round()
    for target in 0..<weights.count where isCandidate(target, statuses, tried) {
      smooth.consider(target, &round)
    }
    return smooth.settle(round)
  }

  // MARK: - Load

  /// Whether `left` has less in flight per weight; exact, without a division.
  private func isLess(_ left: Int, than right: Int, _ statuses: [TargetStatus]) -> Bool {
    Int64(statuses[left].inFlight) * weights[right]
      < Int64(statuses[right].inFlight) * weights[left]
  }

  private mutating func pickLeastLoaded(
    _ statuses: [TargetStatus], _ tried: borrowing TargetSet
  ) -> Int? {
    var best: Int?
    for target in 0..<weights.count where isCandidate(target, statuses, tried) {
      guard let leader = best else {
        best = target
        continue
      }
      if isLess(target, than: leader, statuses) { best = target }
    }
    guard let best else { return nil }
    // Those before `best` carry more than it, and none after it carries less.
    var round = SmoothRoundRobin.Round()
    for target in best..<weights.count
    where isCandidate(target, statuses, tried) && !isLess(best, than: target, statuses) {
      smooth.consider(target, &round)
    }
    return smooth.settle(round)
  }

  // MARK: - Random

  private mutating func pickOfTwo(
    _ statuses: [TargetStatus], _ tried: borrowing TargetSet
  ) -> Int? {
    guard let first = draw(other: nil, statuses, tried) else { return nil }
    guard let second = draw(other: first, statuses, tried) else { return first }
    return isLess(second, than: first, statuses) ? second : first
  }

  /// A weighted draw among the candidates except `other`.
  private mutating func draw(
    other: Int?, _ statuses: [TargetStatus], _ tried: borrowing TargetSet
  ) -> Int? {
    guard let total = cumulativeWeights.last, total > 0 else { return nil }
    // Drawing again until a candidate comes is the same distribution as drawing among candidates;
    // with few candidates left it would take long, and they are counted out.
    for _ in 0..<4 {
      let target = owner(of: Int64(generator.next(upperBound: UInt64(total))))
      if target != other && isCandidate(target, statuses, tried) { return target }
    }
    var candidateTotal: Int64 = 0
    for target in 0..<weights.count
    where target != other && isCandidate(target, statuses, tried) {
      candidateTotal += weights[target]
    }
    guard candidateTotal > 0 else { return nil }
    var rest = Int64(generator.next(upperBound: UInt64(candidateTotal)))
    for target in 0..<weights.count
    where target != other && isCandidate(target, statuses, tried) {
      rest -= weights[target]
      if rest < 0 { return target }
    }
    return nil
  }

  /// The first target whose cumulative weight is above `value`.
  private func owner(of value: Int64) -> Int {
    var low = 0
    var high = cumulativeWeights.count
    while low < high {
      let middle = (low &+ high) / 2
      if cumulativeWeights[middle] <= value { low = middle &+ 1 } else { high = middle }
    }
    return low
  }

  // MARK: - Consistent hash

  private func pickOnRing(
    _ hash: UInt64, _ statuses: [TargetStatus], _ tried: borrowing TargetSet
  ) -> Int? {
    guard ring.count > 0 else { return nil }
    var point = ring.point(for: hash)
    if isCandidate(ring.owner(ofPoint: point), statuses, tried) {
      return ring.owner(ofPoint: point)
    }
    // Without a candidate the walk would go over every point of every target.
    var hasCandidate = false
    for target in 0..<weights.count where isCandidate(target, statuses, tried) {
      hasCandidate = true
      break
    }
    guard hasCandidate else { return nil }
    for _ in 0..<ring.count {
      point = ring.point(after: point)
      let target = ring.owner(ofPoint: point)
      if isCandidate(target, statuses, tried) { return target }
    }
    return nil
  }
}
