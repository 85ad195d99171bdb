import SluiceWire
import Testing

@testable import SluiceGateway

/// S3-FIFO against a model that is as slow and plain as the paper's text.
@Suite struct EvictionTests {
  /// Queues as arrays, the oldest first.
  private struct Model {
    struct Item {
      var hash: UInt64
      var place: Int
      var size: Int
      var hits = 0
    }
    let budget: Int
    var small: [Item] = []
    var main: [Item] = []
    var ghosts: [UInt64] = []

    var bytes: Int { (small + main).reduce(0) { $0 + $1.size } }

    mutating func insert(_ item: Item) {
      if let index = ghosts.firstIndex(of: item.hash) {
        ghosts.remove(at: index)
        // Its time in the queue of ghosts passes all the same.
        ghosts.insert(.max, at: index)
        main.append(item)
      } else {
        small.append(item)
      }
    }

    mutating func touch(_ place: Int) {
      for index in small.indices where small[index].place == place {
        small[index].hits = min(3, small[index].hits + 1)
      }
      for index in main.indices where main[index].place == place {
        main[index].hits = min(3, main[index].hits + 1)
      }
    }

    mutating func remove(_ place: Int) {
      small.removeAll { $0.place == place }
      main.removeAll { $0.place == place }
    }

    mutating func evict() -> [Int] {
      var gone: [Int] = []
      while bytes > budget {
        let takesSmall = small.reduce(0) { $0 + $1.size } * 10 > budget || main.isEmpty
        if takesSmall && !small.isEmpty {
          var item = small.removeFirst()
          if item.hits > 1 {
            item.hits = 0
            main.append(item)
          } else {
            ghosts.append(item.hash)
            while ghosts.count > max(64, main.count) { ghosts.removeFirst() }
            gone.append(item.place)
          }
        } else {
          var item = main.removeFirst()
          if item.hits > 0 {
            item.hits -= 1
            main.append(item)
          } else {
            gone.append(item.place)
          }
        }
      }
      return gone
    }
  }

  @Test(arguments: 0..<20)
  func behavesLikeTheModel(seed: UInt64) {
    var chance = SplitMix64(seed: seed &+ 1)
    let budget = 1_000
    var machine = EvictionStateMachine(budget: budget)
    var model = Model(budget: budget)
    var present: [UInt64: Int] = [:]
    for _ in 0..<4_000 {
      // A few are asked for often, many once.
      let isPopular = chance.next() % 3 > 0
      let hash = isPopular ? chance.next() % 12 : 100 + chance.next() % 400
      if let place = present[hash] {
        if chance.next() % 40 == 0 {
          machine.remove(place)
          model.remove(place)
          present[hash] = nil
        } else {
          machine.touch(place)
          model.touch(place)
        }
        continue
      }
      let size = Int(1 + chance.next() % 90)
      let place = machine.insert(hash: hash, size: size)
      present[hash] = place
      model.insert(Model.Item(hash: hash, place: place, size: size))
      var gone: [Int] = []
      while let place = machine.evict() { gone.append(place) }
      #expect(gone == model.evict())
      for place in gone {
        for (hash, other) in present where other == place { present[hash] = nil }
      }
      #expect(machine.bytes == model.bytes)
      #expect(machine.bytes <= budget)
      #expect(machine.count == present.count)
    }
  }

  /// A scan of things that are asked for once does not push out what is asked for often.
  @Test func aScanLeavesWhatIsPopular() {
    var machine = EvictionStateMachine(budget: 1_000)
    var places: Set<Int> = []
    for hash in 0..<8 {
      let place = machine.insert(hash: UInt64(hash), size: 100)
      places.insert(place)
      machine.touch(place)
      machine.touch(place)
    }
    for hash in 1_000..<2_000 {
      _ = machine.insert(hash: UInt64(hash), size: 100)
      while let gone = machine.evict() { #expect(!places.contains(gone)) }
      for place in places { machine.touch(place) }
    }
    #expect(machine.placeCount < 20)
  }

  @Test func aSmallerBudgetIsKept() {
    var machine = EvictionStateMachine(budget: 1_000)
    for hash in 0..<10 { _ = machine.insert(hash: UInt64(hash), size: 100) }
    machine.setBudget(250)
    var gone = 0
    while machine.evict() != nil { gone += 1 }
    #expect(gone == 8)
    #expect(machine.bytes == 200)
  }
}
