import SluiceConfiguration
import Testing

@testable import SluiceGateway

/// Consistent hashing through the balancer: where keys go, and which move when targets change.
struct HashRingTests {
  private struct Cluster {
    var balancer: Balancer
    var statuses: [TargetStatus]
    let names: [String]

    init(_ members: [(name: String, weight: Int)]) {
      names = members.map(\.name)
      balancer = Balancer(
        balance: .consistentHash,
        targets: members.map { (weight: $0.weight, identity: StableHash.hash($0.name)) }, seed: 1)
      statuses = members.map { _ in TargetStatus() }
    }

    mutating func owner(of key: UInt64, tried: TargetSet = TargetSet()) -> String {
      names[balancer.pick(hash: key, statuses: statuses, tried: tried)!]
    }

    mutating func owners(_ keys: some Sequence<UInt64>) -> [String] { keys.map { owner(of: $0) } }
  }

  private static func members(_ count: Int, weight: Int = 1) -> [(name: String, weight: Int)] {
    (0..<count).map { (name: "http://10.1.0.\($0):80", weight: weight) }
  }

  /// Small numbers in a row: the ring itself must spread them.
  private static let keys = UInt64(0)..<5_000

  @Test(arguments: [(2, 1), (5, 1), (10, 1), (10, 7), (30, 100)])
  func removingATargetMovesOnlyItsKeys(count: Int, weight: Int) {
    let members = Self.members(count, weight: weight)
    var before = Cluster(members)
    let owners = before.owners(Self.keys)
    for gone in [0, count / 2, count - 1] {
      var rest = members
      rest.remove(at: gone)
      var after = Cluster(rest)
      for (old, new) in zip(owners, after.owners(Self.keys)) where old != members[gone].name {
        #expect(old == new)
      }
    }
  }

  @Test func anEjectedTargetsKeysGoWhereTheyWouldGoWithoutIt() {
    let members = Self.members(6)
    var rest = members
    rest.remove(at: 2)
    var ejected = Cluster(members)
    ejected.statuses[2].isAvailable = false
    var without = Cluster(rest)
    #expect(ejected.owners(Self.keys) == without.owners(Self.keys))
    // The same holds for one that an exchange has tried, and not everything lands on one neighbour.
    var all = Cluster(members)
    var tried = TargetSet()
    tried.insert(2)
    var heirs: Set<String> = []
    for key in Self.keys {
      let second = all.owner(of: key, tried: tried)
      #expect(second == without.owner(of: key))
      if all.owner(of: key) == members[2].name { heirs.insert(second) }
    }
    #expect(heirs.count == 5)
  }

  @Test func orderDoesNotMatter() {
    let members = Self.members(7)
    var forth = Cluster(members)
    var back = Cluster(members.reversed())
    #expect(forth.owners(Self.keys) == back.owners(Self.keys))
  }

  @Test func keysStayOnTheirTargetForEver() {
    // Another build, machine or worker must not send keys elsewhere: the numbers are part of what
    // users rely on when they upgrade one gateway of several.
    var cluster = Cluster([("http://a", 1), ("http://b", 1), ("http://c", 1)])
    #expect(cluster.owners(0..<12).map { String($0.last!) }.joined() == "abcabbcccabb")
    #expect(StableHash.hash("") == 0xf52a_15e9_a9b5_e89b)
    #expect(StableHash.hash("sluice") == 0xd830_e37c_2835_70c1)
  }

  @Test(arguments: [[1, 1, 1, 1], [1, 2, 5], [100, 100, 300]])
  func sharesFollowWeights(weights: [Int]) {
    let members = weights.enumerated().map { (name: "http://t\($0)", weight: $1) }
    var cluster = Cluster(members)
    let owners = cluster.owners(Self.keys)
    let total = Double(weights.reduce(0, +))
    for member in members {
      let share = Double(owners.count { $0 == member.name }) / Double(owners.count)
      let ideal = Double(member.weight) / total
      #expect(abs(share - ideal) < 0.25 * ideal, "\(member.name) has \(share) instead of \(ideal)")
    }
  }

  @Test func thinningKeepsMostKeysAndTheSize() {
    // 204 × 160 points fit, 208 do not: with the last target every second point goes.
    let small = HashRing(targets: (0..<51).map { (weight: 4, identity: UInt64($0)) })
    let large = HashRing(targets: (0..<52).map { (weight: 4, identity: UInt64($0)) })
    #expect(small.count == 204 * 160 && large.count == 208 * 80)
    var moved = 0
    for key in UInt64(0)..<10_000 {
      let old = small.owner(ofPoint: small.point(for: key))
      if old != large.owner(ofPoint: large.point(for: key)) { moved += 1 }
    }
    // Half of the points remain, and with them the keys that lay before them.
    #expect(moved < 6_000)
    // Everybody has a point, however unequal.
    let unequal = HashRing(targets: [(weight: 1, identity: 1), (weight: 1_000_000, identity: 2)])
    #expect(unequal.count <= HashRing.pointLimit + 1)
    #expect((0..<unequal.count).contains { unequal.owner(ofPoint: $0) == 0 })
  }
}
