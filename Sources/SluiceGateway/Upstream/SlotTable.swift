/// From 64-bit ids to slab slots: open addressing with linear probing, no tombstones.
///
/// For ids the gateway makes itself; callers choose none of them, so the hash needs no key. A third of
/// a `Dictionary`'s cost per lookup, and it never gives its memory back or takes more while its
/// size stays below the most it has held.
struct SlotTable: Sendable {
  private var ids: [UInt64] = []
  /// The slot of each place, or `empty`.
  private var slots: [Int32] = []
  private(set) var count = 0
  private static let empty: Int32 = -1

  init() {}

  private var mask: Int { slots.count &- 1 }

  private func home(of id: UInt64) -> Int {
    // Fibonacci hashing: consecutive ids, and ids with a generation above, fall far apart.
    Int(truncatingIfNeeded: (id &* 0x9e37_79b9_7f4a_7c15) >> 32) & mask
  }

  /// The place that holds `id`, or nil.
  private func place(of id: UInt64) -> Int? {
    guard count > 0 else { return nil }
    var place = home(of: id)
    while slots[place] != Self.empty {
      if ids[place] == id { return place }
      place = (place &+ 1) & mask
    }
    return nil
  }

  subscript(id: UInt64) -> Int? {
    guard let place = place(of: id) else { return nil }
    return Int(slots[place])
  }

  /// `id` is not in the table.
  mutating func insert(_ id: UInt64, slot: Int) {
    assert(self[id] == nil, "id \(id) is used twice")
    if (count &+ 1) &* 4 > slots.count &* 3 { grow() }
    var place = home(of: id)
    while slots[place] != Self.empty { place = (place &+ 1) & mask }
    ids[place] = id
    slots[place] = Int32(slot)
    count &+= 1
  }

  /// The slot that `id` had, or nil when it is not in the table.
  @discardableResult
  mutating func remove(_ id: UInt64) -> Int? {
    guard var hole = place(of: id) else { return nil }
    let slot = Int(slots[hole])
    // Whatever was pushed past the hole moves back into it, so that every probe still finds its id.
    var next = (hole &+ 1) & mask
    while slots[next] != Self.empty {
      let distance = (next &- home(of: ids[next])) & mask
      if distance >= (next &- hole) & mask {
        ids[hole] = ids[next]
        slots[hole] = slots[next]
        hole = next
      }
      next = (next &+ 1) & mask
    }
    slots[hole] = Self.empty
    count &-= 1
    return slot
  }

  private mutating func grow() {
    let oldIDs = ids
    let oldSlots = slots
    let capacity = max(8, oldSlots.count * 2)
    ids = Array(repeating: 0, count: capacity)
    slots = Array(repeating: Self.empty, count: capacity)
    count = 0
    for place in oldSlots.indices where oldSlots[place] != Self.empty {
      insert(oldIDs[place], slot: Int(oldSlots[place]))
    }
  }
}
