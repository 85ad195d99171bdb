/// What a JSON string's content means: its escapes resolved (RFC 8259 7).
///
/// `content` is what `JSONScanner` passed, without the quotes.
public enum JSONString {
  /// Whether `content` means `text`.
  public static func means(_ content: Span<UInt8>, _ text: Span<UInt8>) -> Bool {
    var reader = JSONStringReader(content)
    var at = 0
    while let character = reader.next() {
      guard character.count > 0, at &+ character.count <= text.count else { return false }
      var rest = character.bytes
      for _ in 0..<character.count {
        if text[at] != UInt8(truncatingIfNeeded: rest) { return false }
        rest &>>= 8
        at &+= 1
      }
    }
    return at == text.count
  }
}

extension ByteBuffer {
  /// Appends what a JSON string's content means. False, and nothing is appended, when an escaped
  /// surrogate has no partner: no UTF-8 can say that.
  public mutating func append(meaningOfJSON content: Span<UInt8>) -> Bool {
    let before = count
    var reader = JSONStringReader(content)
    while let character = reader.next() {
      if character.count == 0 {
        truncate(to: before)
        return false
      }
      var rest = character.bytes
      for _ in 0..<character.count {
        append(UInt8(truncatingIfNeeded: rest))
        rest &>>= 8
      }
    }
    return true
  }
}

/// Walks a string's content byte by byte, escapes character by character.
private struct JSONStringReader: ~Escapable {
  private let content: Span<UInt8>
  private var at = 0

  @_lifetime(copy content)
  init(_ content: Span<UInt8>) { self.content = content }

  /// UTF-8, the first byte lowest; a count of 0 stands for a surrogate without partner.
  mutating func next() -> (bytes: UInt32, count: Int)? {
    guard at < content.count else { return nil }
    let byte = content[at]
    at &+= 1
    guard byte == 0x5C, at < content.count else { return (UInt32(byte), 1) }
    let escape = content[at]
    at &+= 1
    switch escape {
    case 0x62: return (0x08, 1)
    case 0x66: return (0x0C, 1)
    case 0x6E: return (0x0A, 1)
    case 0x72: return (0x0D, 1)
    case 0x74: return (0x09, 1)
    case 0x75: return encode(scalar())
    default: return (UInt32(escape), 1)
    }
  }

  /// The character that the digits behind `\u` name, with those of a second escape if it is a pair;
  /// nil for half a pair.
  private mutating func scalar() -> UInt32? {
    guard let first = unit(at) else { return nil }
    at &+= 4
    if first & 0xF800 != 0xD800 { return first }
    guard first < 0xDC00, at &+ 6 <= content.count, content[at] == 0x5C, content[at &+ 1] == 0x75,
      let second = unit(at &+ 2), second & 0xFC00 == 0xDC00
    else { return nil }
    at &+= 6
    return 0x10000 &+ (first & 0x3FF) &<< 10 | second & 0x3FF
  }

  private func unit(_ start: Int) -> UInt32? {
    guard start &+ 4 <= content.count else { return nil }
    var value: UInt32 = 0
    for index in start..<start &+ 4 {
      guard let digit = content[index].hexValue else { return nil }
      value = value &<< 4 | UInt32(digit)
    }
    return value
  }

  private func encode(_ scalar: UInt32?) -> (bytes: UInt32, count: Int) {
    guard let scalar else { return (0, 0) }
    let last = 0x80 | scalar & 0x3F
    if scalar < 0x80 { return (scalar, 1) }
    if scalar < 0x800 { return (0xC0 | scalar &>> 6 | last &<< 8, 2) }
    let third = 0x80 | scalar &>> 6 & 0x3F
    if scalar < 0x10000 { return (0xE0 | scalar &>> 12 | third &<< 8 | last &<< 16, 3) }
    let second = 0x80 | scalar &>> 12 & 0x3F
    return (0xF0 | scalar &>> 18 | second &<< 8 | third &<< 16 | last &<< 24, 4)
  }
}
