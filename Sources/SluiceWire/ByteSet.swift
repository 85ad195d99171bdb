/// A set of ASCII bytes as two words of bits, so that a test needs no table in memory.
struct ByteSet: Sendable {
  let low: UInt64
  let high: UInt64

  @inline(__always)
  func contains(_ byte: UInt8) -> Bool {
    let word = byte & 0x40 == 0 ? low : high
    return byte < 0x80 && (word &>> UInt64(byte & 0x3F)) & 1 == 1
  }
}

// Computed, not stored: a constant folds into the code and costs no one-time initialisation.
extension ByteSet {
  /// RFC 9110 5.6.2 tchar.
  static var token: ByteSet { ByteSet(low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE) }
  /// RFC 3986 unreserved.
  static var unreserved: ByteSet {
    ByteSet(low: 0x03FF_6000_0000_0000, high: 0x47FF_FFFE_87FF_FFFE)
  }
  /// RFC 3986 pchar and "/", without "%".
  static var path: ByteSet { ByteSet(low: 0x2FFF_FFD2_0000_0000, high: 0x47FF_FFFE_87FF_FFFF) }
  /// What a request target may hold: visible ASCII without `"`, `#`, `<` and `>`.
  static var target: ByteSet { ByteSet(low: 0xAFFF_FFF2_0000_0000, high: 0x7FFF_FFFF_FFFF_FFFF) }
  static var hexDigit: ByteSet { ByteSet(low: 0x03FF_0000_0000_0000, high: 0x0000_007E_0000_007E) }
}

/// Eight bytes at a time: each function returns a word whose lowest set bit lies in the first byte
/// that matches; bits above it may be false, so only the first match counts.
enum Word {
  static var ones: UInt64 { 0x0101_0101_0101_0101 }
  static var tops: UInt64 { 0x8080_8080_8080_8080 }
  static var spaces: UInt64 { 0x2020_2020_2020_2020 }

  /// Bytes below `bound`, which must be at most 128.
  @inline(__always)
  static func below(_ word: UInt64, _ bound: UInt8) -> UInt64 {
    (word &- (ones &* UInt64(bound))) & ~word & tops
  }

  @inline(__always)
  static func equal(_ word: UInt64, _ byte: UInt8) -> UInt64 {
    below(word ^ (ones &* UInt64(byte)), 1)
  }

  /// Control characters: below 0x20, and 0x7F.
  @inline(__always)
  static func controls(_ word: UInt64) -> UInt64 {
    ((word &- spaces) | ((word ^ 0x7F7F_7F7F_7F7F_7F7F) &- ones)) & ~word & tops
  }

  /// Whether any of the bytes is a control character.
  @inline(__always)
  static func hasControls(_ words: SIMD4<UInt64>) -> Bool {
    let low = words &- SIMD4(repeating: spaces)
    let delete = (words ^ SIMD4(repeating: 0x7F7F_7F7F_7F7F_7F7F)) &- SIMD4(repeating: ones)
    let found = (low | delete) & ~words
    return (found[0] | found[1] | found[2] | found[3]) & tops != 0
  }

  /// Exact, unlike the others: the highest bit of each byte that is a dot, when all eight are letters,
  /// digits, dots or hyphens; nil when they are not.
  @inline(__always)
  static func dotsAmongNameBytes(_ word: UInt64) -> UInt64? {
    // With its highest bit set, no byte borrows from the next one.
    let bytes = word | tops
    let letters = from(0x61, below: 0x7B, bytes | spaces)
    let digits = from(0x30, below: 0x3A, bytes)
    let marks = from(0x2D, below: 0x2F, bytes)
    if (letters | digits | marks) & ~word & tops != tops { return nil }
    return from(0x2E, below: 0x2F, bytes)
  }

  /// The highest bit of each of `bytes`, which have it set themselves, that lies between the bounds.
  @inline(__always)
  private static func from(_ low: UInt8, below high: UInt8, _ bytes: UInt64) -> UInt64 {
    (bytes &- ones &* UInt64(low)) & ~(bytes &- ones &* UInt64(high)) & tops
  }

  /// The word with its ASCII letters in lower case, all other bytes as they are. Exact.
  @inline(__always)
  static func lowercased(_ word: UInt64) -> UInt64 {
    // Without their highest bits no byte carries into the next one.
    let low = word & ~tops
    let fromA = low &+ ones &* (0x80 - 0x41)
    let beyondZ = low &+ ones &* (0x80 - 0x5B)
    return word | (fromA & ~beyondZ & ~word & tops) &>> 2
  }

  /// Bytes that a JSON string's content, or ASCII text of it, can't hold as they are: control characters, `"`,
  /// `\` and those above 0x7E. May name others behind the first.
  @inline(__always)
  static func escapedInJSON(_ word: UInt64) -> UInt64 {
    controls(word) | equal(word, 0x22) | equal(word, 0x5C) | word & tops
  }

  /// The index in the word of the first match.
  @inline(__always)
  static func firstIndex(_ matches: UInt64) -> Int { matches.trailingZeroBitCount &>> 3 }
}

extension Span<UInt8> {
  /// The eight bytes at `offset`, the first one lowest. Traps when they are not all there.
  @inline(__always)
  func word(at offset: Int) -> UInt64 {
    // SAFETY: any bits make a UInt64; the load itself checks its bounds.
    UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// The 32 bytes at `offset`, in the machine's order. Traps when they are not all there.
  @inline(__always)
  func words(at offset: Int) -> SIMD4<UInt64> {
    // SAFETY: as in `word(at:)`.
    bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
  }

  /// The four bytes at `offset`, the first one lowest. Traps when they are not all there.
  @inline(__always)
  func halfWord(at offset: Int) -> UInt32 {
    // SAFETY: as in `word(at:)`.
    UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// Whether the bytes equal `text`, ignoring ASCII case.
  public func equalsIgnoringCase(_ text: StaticString) -> Bool {
    if count != text.utf8CodeUnitCount { return false }
    // SAFETY: a StaticString's storage is immortal.
    let text = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    return equalsIgnoringCase(Span(_unsafeElements: text))
  }

  /// Whether both are the same bytes; eight at a time, because keys of the cache are long. Not for
  /// secrets: it ends at the first difference.
  public func equals(_ other: Span<UInt8>) -> Bool {
    if count != other.count { return false }
    var at = 0
    while at &+ 8 <= count {
      if word(at: at) != other.word(at: at) { return false }
      at &+= 8
    }
    while at < count {
      if self[at] != other[at] { return false }
      at &+= 1
    }
    return true
  }

  /// Whether the bytes are `text`.
  public func equals(_ text: StaticString) -> Bool {
    if count != text.utf8CodeUnitCount { return false }
    for index in 0..<count {
      // SAFETY: index is below the text's length.
      if self[index] != text.utf8Start[index] { return false }
    }
    return true
  }

  /// Whether both are the same but for ASCII case; eight at a time. Not for secrets: it ends at the first
  /// difference.
  public func equalsIgnoringCase(_ other: Span<UInt8>) -> Bool {
    if count != other.count { return false }
    if count >= 8 {
      // The last word may overlap the one before it.
      var at = 0
      while true {
        if Word.lowercased(word(at: at)) != Word.lowercased(other.word(at: at)) { return false }
        if at &+ 8 == count { return true }
        at = min(at &+ 8, count &- 8)
      }
    }
    if count >= 4 { return Word.lowercased(ends) == Word.lowercased(other.ends) }
    for index in 0..<count where self[index].asciiLowercased != other[index].asciiLowercased {
      return false
    }
    return true
  }

  /// Of four to eight bytes: the first four and the last four.
  @inline(__always)
  var ends: UInt64 {
    UInt64(halfWord(at: 0)) | UInt64(halfWord(at: count &- 4)) &<< 32
  }
}

extension Span<UInt8> {
  /// Whether it begins with `prefix`, whatever the case of ASCII letters.
  public func hasPrefixIgnoringCase(_ prefix: [UInt8]) -> Bool {
    count >= prefix.count && extracting(0..<prefix.count).equalsIgnoringCase(prefix.span)
  }
}

extension UInt8 {
  /// The lower case of an ASCII letter; every other byte as it is.
  @inline(__always)
  public var asciiLowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

  @inline(__always)
  var isDigit: Bool { self &- 0x30 < 10 }

  /// The value of a hexadecimal digit, or nil.
  @inline(__always)
  public var hexValue: UInt8? {
    if isDigit { return self &- 0x30 }
    let letter = (self | 0x20) &- 0x61
    return letter < 6 ? letter &+ 10 : nil
  }

  static var tab: UInt8 { 0x09 }
  static var lineFeed: UInt8 { 0x0A }
  static var carriageReturn: UInt8 { 0x0D }
  static var space: UInt8 { 0x20 }
}
