import Testing

@testable import SluiceGateway

@Suite struct WeightedChoiceTests {
  private static let keys = (0..<20_000).map { StableHash.hash("caller \($0)") }

  private func shares(_ weights: [String: Int]) -> [String: Int] {
    let used = weights.sorted { $0.key < $1.key }
    let choice = WeightedChoice(used.map { (StableHash.hash($0.key), $0.value) })
    return Self.keys.reduce(into: [:]) { $0[used[choice.pick($1)].key, default: 0] += 1 }
  }

  private func choices(_ weights: [String: Int]) -> [String] {
    let used = weights.sorted { $0.key < $1.key }
    let choice = WeightedChoice(used.map { (StableHash.hash($0.key), $0.value) })
    return Self.keys.map { used[choice.pick($0)].key }
  }

  @Test(arguments: [
    ["a": 95, "b": 5], ["a": 1, "b": 1], ["a": 1], ["a": 1, "b": 2, "c": 7],
    ["a": 999_999, "b": 1],
  ])
  func sharesAreThoseOfTheWeights(weights: [String: Int]) {
    let sum = weights.values.reduce(0, +)
    let shares = shares(weights)
    for (name, weight) in weights {
      let expected = Double(Self.keys.count * weight) / Double(sum)
      // Six standard deviations.
      let spread = 6 * (expected * (1 - Double(weight) / Double(sum))).squareRoot() + 1
      #expect(abs(Double(shares[name] ?? 0) - expected) <= spread, "\(name) of \(weights)")
    }
  }

  @Test func aGreaterWeightMovesKeysToItselfOnly() {
    let before = choices(["a": 60, "b": 30, "c": 10])
    let after = choices(["a": 60, "b": 30, "c": 40])
    for (old, new) in zip(before, after) { #expect(old == new || new == "c") }
    #expect(before != after)
    // A new one as well; and who stays does not depend on what the sum is.
    for (old, new) in zip(before, choices(["a": 60, "b": 30, "c": 10, "d": 5])) {
      #expect(old == new || new == "d")
    }
    #expect(choices(["a": 6, "b": 3, "c": 1]) == before)
  }

  /// Other versions of the gateway, and those beside it, must choose the same.
  @Test func choicesAreWhatTheyAlwaysWere() {
    #expect(choices(["a": 60, "b": 30, "c": 10]).prefix(12).joined() == "aacaaacaaaaa")
  }
}
