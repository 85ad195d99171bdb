/// A set of indices into a service's targets, such as those an exchange has already tried.
///
/// Empty, and for the first 64 targets, it owns no memory; a higher index allocates once. Members
/// are added only when a target has failed, so this stays off the common path.
struct TargetSet: Equatable, Sendable {
  private var low: UInt64 = 0
  private var high: [UInt64] = []

  init() {}

  var isEmpty: Bool { low == 0 && high.isEmpty }

  func contains(_ target: Int) -> Bool {
    if target < 64 { return low & (1 &<< UInt64(target)) != 0 }
    let word = target / 64 - 1
    return word < high.count && high[word] & (1 &<< UInt64(target % 64)) != 0
  }

  mutating func insert(_ target: Int) {
    precondition(target >= 0)
    if target < 64 {
      low |= 1 &<< UInt64(target)
      return
    }
    let word = target / 64 - 1
    while high.count <= word { high.append(0) }
    high[word] |= 1 &<< UInt64(target % 64)
  }
}
