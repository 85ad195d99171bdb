internal import SluiceWire

/// Which hosts a route answers for; written `name`, `*.name`, `name.*`, `~regex` or not at all.
///
/// `*.name` stands for one or more labels in front of `name` (as in nginx), never for `name`
/// itself, and `name.*` for one or more behind it.
enum HostPattern: Hashable {
  case exact([UInt8])
  /// The suffix with its leading dot.
  case wildcard([UInt8])
  /// The start with the dot at its end.
  case start([UInt8])
  /// Matches the whole host in any case (PCRE2 syntax).
  case regex(String)
  case any

  /// Nil when the text is none of these.
  init?(_ text: String) {
    if text.hasPrefix("~") {
      guard text.utf8.count > 1 else { return nil }
      self = .regex(String(text.dropFirst()))
      return
    }
    var bytes = text.utf8.map(\.asciiLowercased)
    bytes.removeLast(bytes.count - Self.length(bytes.span))
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

  /// Of a host without the dot that may end it (RFC 3986 3.2.2): no pattern has one.
  static func length(_ host: Span<UInt8>) -> Int {
    !host.isEmpty && host[host.count &- 1] == UInt8(ascii: ".") ? host.count &- 1 : host.count
  }

  /// Smaller is more specific: exact, then the longer suffix, then the longer start, then regexes in the
  /// order of the file, then any.
  ///
  /// - Parameter place: a regex's among those of the file.
  func precedence(place: Int) -> Int {
    switch self {
    case .exact: Int.min
    case .wildcard(let suffix): -suffix.count - (3 << 32)
    case .start(let start): -start.count - (2 << 32)
    case .regex: place - (1 << 32)
    case .any: 0
    }
  }

  /// Of a regex nothing is known here: false.
  ///
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
    case .regex: false
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
