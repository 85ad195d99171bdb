/// Checks that bytes arriving in any pieces are UTF-8 (RFC 3629, Unicode table 3-7): no overlong
/// forms, no surrogates, nothing above U+10FFFF.
///
/// A value of three bytes; one per text that is under way. Fails with the first byte that no valid
/// text can have at its place. ASCII is passed 64 bytes at a time.
public struct UTF8Validator: Sendable {
  /// Continuation bytes that the character under way still needs.
  private var missing: UInt8 = 0
  /// What the next one may be; narrower than 80 to BF behind E0, ED, F0 and F4.
  private var lower: UInt8 = 0x80
  private var upper: UInt8 = 0xBF

  public init() {}

  /// Whether the text may end here: no character is cut.
  public var isComplete: Bool { missing == 0 }

  /// Whether `bytes` are UTF-8 as a whole.
  public static func isValid(_ bytes: Span<UInt8>) -> Bool {
    var validator = UTF8Validator()
    return validator.accept(bytes) && validator.isComplete
  }

  /// Looks at the next piece; false when no continuation can make the text valid. Then the validator
  /// is of no more use.
  public mutating func accept(_ bytes: Span<UInt8>) -> Bool {
    let end = bytes.count
    var at = 0
    while true {
      while missing > 0 {
        if at == end { return true }
        if !acceptContinuation(bytes[at]) { return false }
        at &+= 1
      }
      at = Self.endOfASCII(bytes, at)
      // Whole characters; text that is not ASCII is seldom alone.
      while at &+ 4 <= end, bytes[at] >= 0x80 {
        let length = Self.character(bytes.quad(at: at))
        if length == 0 { return false }
        at &+= length
      }
      if at &+ 4 <= end { continue }
      if at == end { return true }
      let byte = bytes[at]
      at &+= 1
      if byte >= 0x80, !acceptLead(byte) { return false }
    }
  }

  /// The first byte from `start` on that is not ASCII, or one of the last seven.
  @inline(__always)
  private static func endOfASCII(_ bytes: Span<UInt8>, _ start: Int) -> Int {
    var at = start
    while at &+ 64 <= bytes.count {
      // SAFETY: any bits make a vector; the load itself checks its bounds.
      let words = bytes.bytes.unsafeLoadUnaligned(fromByteOffset: at, as: SIMD8<UInt64>.self)
      let half = words.lowHalf | words.highHalf
      let quarter = half.lowHalf | half.highHalf
      if (quarter.x | quarter.y) & Word.tops != 0 { break }
      at &+= 64
    }
    while at &+ 8 <= bytes.count {
      let tops = bytes.word(at: at) & Word.tops
      if tops != 0 { return at &+ Word.firstIndex(tops) }
      at &+= 8
    }
    while at < bytes.count, bytes[at] < 0x80 { at &+= 1 }
    return at
  }

  /// The length of the character of more than one byte at the start of four bytes, the first one
  /// lowest; 0 when there is none.
  @inline(__always)
  private static func character(_ quad: UInt32) -> Int {
    if quad & 0xC0E0 == 0x80C0 { return quad & 0x1E == 0 ? 0 : 2 }
    if quad & 0xC0_C0F0 == 0x80_80E0 {
      // Neither overlong (E0, below A0) nor a surrogate (ED, from A0 on).
      let ends = quad & 0x200F
      return ends == 0 || ends == 0x200D ? 0 : 3
    }
    if quad & 0xC0C0_C0F8 == 0x8080_80F0 {
      // Neither overlong (F0, below 90) nor above U+10FFFF (F4, from 90 on).
      let ends = quad & 0x3007
      return ends & 0x3000 == 0 ? (ends == 0 || ends > 4 ? 0 : 4) : (ends & 7 < 4 ? 4 : 0)
    }
    return 0
  }

  private mutating func acceptLead(_ byte: UInt8) -> Bool {
    (lower, upper) = (0x80, 0xBF)
    switch byte {
    case 0xC2...0xDF: missing = 1
    case 0xE0...0xEF:
      missing = 2
      if byte == 0xE0 { lower = 0xA0 }
      if byte == 0xED { upper = 0x9F }
    case 0xF0...0xF4:
      missing = 3
      if byte == 0xF0 { lower = 0x90 }
      if byte == 0xF4 { upper = 0x8F }
    default: return false
    }
    return true
  }

  private mutating func acceptContinuation(_ byte: UInt8) -> Bool {
    if byte < lower || byte > upper { return false }
    (lower, upper) = (0x80, 0xBF)
    missing &-= 1
    return true
  }
}

extension Span<UInt8> {
  /// The four bytes at `offset`, the first one lowest. Traps when they are not all there.
  @inline(__always)
  fileprivate func quad(at offset: Int) -> UInt32 {
    // SAFETY: any bits make a UInt32; the load itself checks its bounds.
    UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
}
