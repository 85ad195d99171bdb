/// A consistent-hash ring: each target owns points on the circle of 64-bit numbers, and a key
/// belongs to the first point at or after it.
///
/// Removing a target moves only the keys that were its own, because the others' points depend on
/// nothing but their identity. A ring was chosen over weighted rendezvous hashing because that
/// costs a logarithm per target and pick; changing between both by size would move every key when
/// a service grows past the border.
///
/// A lookup is a binary search: 17 steps for 800 targets of weight 1.
struct HashRing: Sendable {
  /// Points of a target of weight 1. The standard deviation of a share is about 1/√160, 8 %.
  static let pointsPerWeight = 160
  /// A ring is thinned out when it has more points than this and than `pointsPerWeight` per target.
  static let pointLimit = 32_768

  /// In ascending order, for the search to touch no more memory than it must.
  private let positions: [UInt64]
  /// The target of each position.
  private let owners: [Int32]

  /// `identity` is a stable hash of what names the target; two targets may share one.
  init(targets: [(weight: Int, identity: UInt64)]) {
    // Thinning halves everybody's points, so the ring of a service whose total weight crosses the
    // limit keeps every second point and most keys stay where they were.
    let all = targets.reduce(0) { $0 + Self.pointsPerWeight * max(0, $1.weight) }
    let limit = max(Self.pointLimit, Self.pointsPerWeight * targets.count)
    var shift = 0
    while all >> shift > limit { shift += 1 }

    var points: [(position: UInt64, owner: Int32)] = []
    points.reserveCapacity(all >> shift + targets.count)
    for (index, target) in targets.enumerated() where target.weight > 0 {
      let count = max(1, Self.pointsPerWeight * target.weight >> shift)
      var generator = SplitMix64(seed: target.identity)
      for _ in 0..<count { points.append((generator.next(), Int32(index))) }
    }
    points.sort { ($0.position, $0.owner) < ($1.position, $1.owner) }
    positions = points.map(\.position)
    owners = points.map(\.owner)
  }

  var count: Int { positions.count }

  /// The index of the first point at or after `key`, going round at the end. The ring has points.
  func point(for key: UInt64) -> Int {
    let key = StableHash.mix(key)
    var low = 0
    var high = positions.count
    while low < high {
      let middle = (low &+ high) / 2
      if positions[middle] < key { low = middle &+ 1 } else { high = middle }
    }
    return low == positions.count ? 0 : low
  }

  func owner(ofPoint point: Int) -> Int { Int(owners[point]) }

  func point(after point: Int) -> Int { point &+ 1 == positions.count ? 0 : point &+ 1 }
}
