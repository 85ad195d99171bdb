/// Undoes base64 (RFC 4648 4) piece by piece, where any group of four characters may be padded: what
/// gRPC-Web's text is, whose writers encode each message for itself.
public struct Base64GroupDecoder: Sendable {
  private var group: UInt32 = 0
  private var count = 0
  private var padding = 0

  public init() {}

  /// No group has begun and not ended.
  public var isAtBorder: Bool { count == 0 }

  /// Appends what the next characters encode; false for anything an encoder would not have written.
  public mutating func decode(_ text: Span<UInt8>, into output: inout ByteBuffer) -> Bool {
    for index in text.indices {
      let character = text[index]
      if character == 0x3D {
        if count < 2 { return false }
        padding += 1
        group <<= 6
      } else {
        guard padding == 0, let bits = Base64.Alphabet.standard.bits(character) else {
          return false
        }
        group = group << 6 | bits
      }
      count += 1
      if count == 4 && !finishGroup(into: &output) { return false }
    }
    return true
  }

  private mutating func finishGroup(into output: inout ByteBuffer) -> Bool {
    // Bits that are left over are zero.
    if padding == 1 && group & 0xFF != 0 || padding == 2 && group & 0xFFFF != 0 { return false }
    output.append(UInt8(truncatingIfNeeded: group >> 16))
    if padding < 2 { output.append(UInt8(truncatingIfNeeded: group >> 8)) }
    if padding < 1 { output.append(UInt8(truncatingIfNeeded: group)) }
    group = 0
    count = 0
    padding = 0
    return true
  }
}
