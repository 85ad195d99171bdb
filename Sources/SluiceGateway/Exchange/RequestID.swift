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
      buffer.append(wholeHex: high)
      buffer.append(wholeHex: low)
    case .accepted(let bytes): buffer.append(bytes)
    }
  }
}
