import SluiceWire

/// What identifies an exchange in logs, errors and at the target: 128 random bits in hexadecimal, or
/// what a trusted caller sent.
enum RequestID: Sendable {
  case made(high: UInt64, low: UInt64)
  case accepted([UInt8])

  static let maximumBytes = 128

  /// Ids end up in logs and JSON, so only harmless characters are accepted.
  static func isAcceptable(_ bytes: Span<UInt8>) -> Bool {
    if bytes.isEmpty || bytes.count > maximumBytes { return false }
    for index in bytes.indices {
      switch bytes[index] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "+"),
        UInt8(ascii: "="):
        continue
      default: return false
      }
    }
    return true
  }

  func append(to buffer: inout ByteBuffer) {
    switch self {
    case .made(let high, let low):
      Self.appendPadded(high, to: &buffer)
      Self.appendPadded(low, to: &buffer)
    case .accepted(let bytes): buffer.append(bytes)
    }
  }

  private static func appendPadded(_ value: UInt64, to buffer: inout ByteBuffer) {
    var shift: UInt64 = 64
    while shift > 0 {
      shift &-= 4
      let digit = UInt8(truncatingIfNeeded: value >> shift) & 15
      buffer.append(digit < 10 ? 48 &+ digit : 87 &+ digit)
    }
  }
}
