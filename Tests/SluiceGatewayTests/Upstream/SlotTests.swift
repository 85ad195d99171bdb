import Testing

@testable import SluiceGateway

struct SlotTableTests {
  /// Few different ids, so that they are removed and come again, and chains of neighbours form.
  @Test(arguments: UInt64(1)...20)
  func agreesWithADictionary(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var table = SlotTable()
    var model: [UInt64: Int] = [:]
    // Ids as a slab with generations makes them, and arbitrary ones.
    let ids = (0..<100).map { seed % 2 == 0 ? UInt64($0) << 32 | 3 : random.next() }
    for step in 0..<3_000 {
      let id = ids.randomElement(using: &random)!
      #expect(table[id] == model[id])
      if model[id] == nil {
        table.insert(id, slot: step)
        model[id] = step
      } else if Int.random(in: 0..<3, using: &random) > 0 {
        let expected = model.removeValue(forKey: id)
        #expect(table.remove(id) == expected)
        #expect(table.remove(id) == nil)
      }
      #expect(table.count == model.count)
      if step % 50 == 0 { for id in ids { #expect(table[id] == model[id]) } }
    }
  }
}
