internal import SluiceWire

/// Which hosts a route answers for; written `name`, `*.name`, `name.*` or not at all.
///
/// `*.name` stands for one or more labels in front of `name` (as in nginx), never for `name`
/// itself; `name.*` for one or more behind it.
enum HostPattern: Hashable {
  case exact([UInt8])
  /// The suffix with its leading dot.
  case wildcard([UInt8])
  /// The start with the dot at its end.
  case start([UInt8])
  case any

  /// Nil when the text is neither a name nor one of the two with a wildcard.
  init?(_ text: String) {
    var bytes = text.utf8.map(\.asciiLowercased)
    if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
    let star = UInt8(ascii: "*")
    if bytes.starts(with: [star, UInt8(ascii: ".")]) {
      bytes.removeFirst()
      guard bytes.count > 1, bytes[1] != UInt8(ascii: "."), !bytes.contains(star) else {
        return nil
      }
      self = .wildcard(bytes)
    } else if bytes.last == star, bytes.dropLast().last == UInt8(ascii: ".") {
      bytes.removeLast()
      guard bytes.count > 1, bytes[0] != UInt8(ascii: "."), !bytes.contains(star) else {
        return nil
      }
      self = .start(bytes)
    } else {
      guard !bytes.isEmpty, !bytes.contains(star) else { return nil }
      self = .exact(bytes)
    }
  }

  /// Smaller is more specific: exact, then the longer suffix, then the longer start, then any.
  var precedence: Int {
    switch self {
    case .exact: Int.min
    case .wildcard(let suffix): -suffix.count - (1 << 20)
    case .start(let start): -start.count
    case .any: 0
    }
  }

  /// - Parameter host: in any case, without a dot at the end.
  func matches(_ host: Span<UInt8>) -> Bool {
    switch self {
    case .exact(let name): host.count == name.count && host.equalsIgnoringCase(name.span)
    case .wildcard(let suffix):
      host.count > suffix.count
        && host.extracting((host.count - suffix.count)...).equalsIgnoringCase(suffix.span)
    case .start(let start):
      host.count > start.count
        && host.extracting(0..<start.count).equalsIgnoringCase(start.span)
    case .any: true
    }
  }
}

/// Hashes a host from its end, one byte at a time, so that one walk yields the hash of every
/// suffix.
struct HostHash {
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func append(_ byte: UInt8) {
    value = (value ^ UInt64(byte.asciiLowercased)) &* 0x0000_0100_0000_01B3
  }

  static func of(_ bytes: [UInt8]) -> UInt64 {
    var hash = HostHash()
    for byte in bytes.reversed() { hash.append(byte) }
    return hash.value
  }
}
