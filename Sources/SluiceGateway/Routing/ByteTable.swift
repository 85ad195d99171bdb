internal import SluiceWire

/// A hash table from (owner, bytes) to a number: built once, then only read.
///
/// Flat arrays and linear probing at a load of at most one half; a look-up allocates nothing and
/// touches no reference count. Keys come from the configuration alone, so nobody outside can fill a
/// chain; a stranger's key costs at most the longest chain of slots, compared by hash.
struct ByteTable: Sendable {
  private struct Slot {
    var hash: UInt32
    /// Which of the tables that share this one the key belongs to; `emptyOwner` marks a free slot.
    var owner: Int32
    var keyStart: Int32
    var keyCount: Int32
    var value: Int32
  }

  private static let emptyOwner: Int32 = -1

  private var slots: [Slot]
  private var keys: [UInt8] = []
  private var mask: Int
  private(set) var count = 0

  /// - Parameter capacity: how many keys will be inserted at most.
  init(capacity: Int) {
    var size = 4
    while size < capacity * 2 { size *= 2 }
    slots = Array(
      repeating: Slot(hash: 0, owner: Self.emptyOwner, keyStart: 0, keyCount: 0, value: -1),
      count: size)
    mask = size - 1
  }

  var isEmpty: Bool { count == 0 }

  /// Adds a key that is not there yet. `hash` is what `value(owner:hash:key:)` will be given.
  mutating func insert(owner: Int32, hash: UInt64, key: [UInt8], value: Int32) {
    precondition(count * 2 < slots.count, "the table was made for fewer keys")
    let hash = Self.mixed(hash, owner)
    var index = Int(truncatingIfNeeded: hash) & mask
    while slots[index].owner != Self.emptyOwner { index = (index &+ 1) & mask }
    slots[index] = Slot(
      hash: UInt32(truncatingIfNeeded: hash >> 32), owner: owner, keyStart: Int32(keys.count),
      keyCount: Int32(key.count), value: value)
    keys.append(contentsOf: key)
    count += 1
  }

  /// The value of a key, or -1. Bytes are compared exactly, or without ASCII case when `folding`
  /// (the stored keys are then lower-case).
  func value(owner: Int32, hash: UInt64, key: Span<UInt8>, folding: Bool = false) -> Int32 {
    let hash = Self.mixed(hash, owner)
    let tag = UInt32(truncatingIfNeeded: hash >> 32)
    let slots = slots.span
    var index = Int(truncatingIfNeeded: hash) & mask
    while true {
      let slot = slots[index]
      if slot.owner == Self.emptyOwner { return -1 }
      if slot.hash == tag, slot.owner == owner, Int(slot.keyCount) == key.count,
        equal(key, at: Int(slot.keyStart), folding: folding)
      {
        return slot.value
      }
      index = (index &+ 1) & mask
    }
  }

  private func equal(_ key: Span<UInt8>, at start: Int, folding: Bool) -> Bool {
    let stored = keys.span.extracting(start..<(start &+ key.count))
    if folding {
      for index in key.indices where key[index].asciiLowercased != stored[index] { return false }
      return true
    }
    return bytesEqual(key, stored)
  }

  private static func mixed(_ hash: UInt64, _ owner: Int32) -> UInt64 {
    folded(hash ^ UInt64(truncatingIfNeeded: owner), 0x9E37_79B9_7F4A_7C15)
  }
}

/// Both halves of the 128-bit product: the cheapest mixing that reaches every bit.
private func folded(_ a: UInt64, _ b: UInt64) -> UInt64 {
  let product = a.multipliedFullWidth(by: b)
  return product.high ^ product.low
}

/// A hash of bytes, eight at a time; the last eight may overlap those before.
func hash(of bytes: Span<UInt8>) -> UInt64 {
  let raw = bytes.bytes
  let count = raw.byteCount
  var state = 0x2D35_8DCC_AA6C_78A5 ^ UInt64(truncatingIfNeeded: count)
  var offset = 0
  while offset &+ 8 < count {
    state = folded(state ^ word(raw, offset), 0x8BB8_4B93_962E_ACC9)
    offset &+= 8
  }
  return folded(state ^ lastWord(raw, count), 0x8BB8_4B93_962E_ACC9)
}

/// Whether two pieces of bytes are the same, eight at a time.
func bytesEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
  guard left.count == right.count else { return false }
  let (leftRaw, rightRaw) = (left.bytes, right.bytes)
  let count = leftRaw.byteCount
  var offset = 0
  while offset &+ 8 < count {
    if word(leftRaw, offset) != word(rightRaw, offset) { return false }
    offset &+= 8
  }
  return lastWord(leftRaw, count) == lastWord(rightRaw, count)
}

@inline(__always)
private func word(_ bytes: RawSpan, _ offset: Int) -> UInt64 {
  // SAFETY: bounds-checked, and every bit pattern is a UInt64.
  unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
}

/// The last eight bytes, or all of fewer; pieces of one length have equal words when they are
/// equal.
@inline(__always)
private func lastWord(_ bytes: RawSpan, _ count: Int) -> UInt64 {
  if count >= 8 { return word(bytes, count &- 8) }
  // SAFETY: all loads are bounds-checked, and every bit pattern is an integer.
  if count >= 4 {
    let low = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt32.self)
    let high = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
    return UInt64(low) | UInt64(high) << 32
  }
  if count == 0 { return 0 }
  let first = unsafe bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self)
  let middle = unsafe bytes.unsafeLoad(fromByteOffset: count >> 1, as: UInt8.self)
  let last = unsafe bytes.unsafeLoad(fromByteOffset: count &- 1, as: UInt8.self)
  return UInt64(first) | UInt64(middle) << 8 | UInt64(last) << 16
}
