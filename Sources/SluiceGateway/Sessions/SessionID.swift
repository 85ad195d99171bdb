/// What a session is called everywhere: in logs, in the admin API and towards its target.
///
/// 128 random bits, so that an id cannot be guessed; written as 22 characters of base64url
/// (RFC 4648 5), which need no escaping in a URL or a field.
public struct SessionID: Hashable, Sendable, CustomStringConvertible {
  let high: UInt64
  let low: UInt64

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Nobody's.
  public static let zero = SessionID(high: 0, low: 0)

  static let length = 22
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  /// The written form.
  var bytes: [UInt8] {
    let alphabet = Self.alphabet.span
    return [UInt8](unsafeUninitializedCapacity: Self.length) { text, count in
      count = Self.length
      // 22 digits hold 132 bits: the first digit has only two of them, and one has some of both halves.
      var rest = low
      for index in (12..<22).reversed() {
        text[index] = alphabet[Int(truncatingIfNeeded: rest & 63)]
        rest >>= 6
      }
      text[11] = alphabet[Int(truncatingIfNeeded: (rest | high << 4) & 63)]
      rest = high >> 2
      for index in (0..<11).reversed() {
        text[index] = alphabet[Int(truncatingIfNeeded: rest & 63)]
        rest >>= 6
      }
    }
  }

  public var description: String { String(decoding: bytes, as: UTF8.self) }

  /// Nil when the text was not written by `description`.
  public init?(_ text: some StringProtocol) {
    let digits = text.utf8
    guard digits.count == Self.length else { return nil }
    var value: UInt128 = 0
    for (index, digit) in digits.enumerated() {
      guard let bits = Self.alphabet.firstIndex(of: digit), index > 0 || bits < 4 else {
        return nil
      }
      value = value << 6 | UInt128(bits)
    }
    high = UInt64(truncatingIfNeeded: value >> 64)
    low = UInt64(truncatingIfNeeded: value)
  }
}
