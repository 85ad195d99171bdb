/// Base64 (RFC 4648).
public enum Base64 {
  public enum Alphabet: Sendable {
    /// With `+`, `/` and padding (4).
    case standard
    /// With `-` and `_`, without padding (5).
    case urlSafe

    /// The character that stands for six bits.
    @inline(__always)
    fileprivate func character(_ bits: UInt32) -> UInt8 {
      let bits = UInt8(truncatingIfNeeded: bits & 63)
      switch bits {
      case 0..<26: return 0x41 &+ bits
      case 26..<52: return 0x61 &+ (bits &- 26)
      case 52..<62: return 0x30 &+ (bits &- 52)
      case 62: return self == .standard ? 0x2B : 0x2D
      default: return self == .standard ? 0x2F : 0x5F
      }
    }

    /// The six bits that a character stands for; nil when it is none.
    @inline(__always)
    func bits(_ character: UInt8) -> UInt32? {
      let letter = (character | 0x20) &- 0x61
      if letter < 26 { return UInt32(letter) &+ (character & 0x20 == 0 ? 0 : 26) }
      if character.isDigit { return UInt32(character) &- 0x30 &+ 52 }
      switch character {
      case 0x2B where self == .standard, 0x2D where self == .urlSafe: return 62
      case 0x2F where self == .standard, 0x5F where self == .urlSafe: return 63
      default: return nil
      }
    }
  }
}

extension ByteBuffer {
  /// Appends `bytes` in base64.
  public mutating func append(base64 bytes: Span<UInt8>, _ alphabet: Base64.Alphabet) {
    reserve((bytes.count + 2) / 3 * 4)
    var at = 0
    while at < bytes.count {
      let left = bytes.count &- at
      let first = UInt32(bytes[at]) &<< 16
      let second = left > 1 ? UInt32(bytes[at &+ 1]) &<< 8 : 0
      let group = first | second | (left > 2 ? UInt32(bytes[at &+ 2]) : 0)
      append(alphabet.character(group &>> 18))
      append(alphabet.character(group &>> 12))
      if left > 1 { append(alphabet.character(group &>> 6)) }
      if left > 2 { append(alphabet.character(group)) }
      if left < 3, alphabet == .standard {
        append(0x3D)
        if left == 1 { append(0x3D) }
      }
      at &+= 3
    }
  }

  /// Appends what `text` encodes. False, and nothing is appended, for anything an encoder would not
  /// have written: other characters, wrong padding, bits left over that are not zero.
  public mutating func append(
    decodingBase64 text: Span<UInt8>, _ alphabet: Base64.Alphabet
  ) -> Bool {
    let before = count
    if decode(text, alphabet) { return true }
    truncate(to: before)
    return false
  }

  private mutating func decode(_ text: Span<UInt8>, _ alphabet: Base64.Alphabet) -> Bool {
    var end = text.count
    if alphabet == .standard {
      if end % 4 != 0 { return false }
      if end > 0, text[end - 1] == 0x3D { end -= text[end - 2] == 0x3D ? 2 : 1 }
    }
    if end % 4 == 1 { return false }
    reserve(end / 4 * 3 + 2)
    var group: UInt32 = 0
    for at in 0..<end {
      guard let bits = alphabet.bits(text[at]) else { return false }
      group = group &<< 6 | bits
      if at & 3 == 3 {
        append(UInt8(truncatingIfNeeded: group &>> 16))
        append(UInt8(truncatingIfNeeded: group &>> 8))
        append(UInt8(truncatingIfNeeded: group))
        group = 0
      }
    }
    switch end % 4 {
    case 2:
      append(UInt8(truncatingIfNeeded: group &>> 4))
      return group & 15 == 0
    case 3:
      append(UInt8(truncatingIfNeeded: group &>> 10))
      append(UInt8(truncatingIfNeeded: group &>> 2))
      return group & 3 == 0
    default: return true
    }
  }
}
