/// Hashing that gives the same result in every process and on every machine, which Swift's `Hasher`
/// does not: gateways side by side, and one before and after a restart, must send a key to the same
/// target.
///
/// Not keyed: whoever chooses the bytes can choose the result. Never for hash tables whose keys come
/// from outside.
enum StableHash {
  /// FNV-1a with a final mix; about a nanosecond per byte.
  static func hash(_ bytes: Span<UInt8>) -> UInt64 {
    var state: UInt64 = 0xcbf2_9ce4_8422_2325
    for index in 0..<bytes.count {
      state = (state ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01b3
    }
    return mix(state)
  }

  /// For use while a configuration is compiled, as the identity of a target's URL.
  static func hash(_ text: String) -> UInt64 {
    hash(Array(text.utf8).span)
  }

  /// A bijection that spreads every input bit over all output bits (SplitMix64's finaliser).
  static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// A small and fast generator for balancing, never for secrets: two nanoseconds and eight bytes.
struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return StableHash.mix(state)
  }
}
