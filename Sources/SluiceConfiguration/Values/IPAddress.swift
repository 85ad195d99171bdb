/// An IPv4 or IPv6 address, for validation; the data plane has its own, which knows sockets.
///
/// Zones (`%eth0`) are refused.
struct IPAddress: Hashable, Sendable {
  /// As a number in network order; an IPv4 address in the low 32 bits.
  let bits: UInt128
  let isV4: Bool

  init(v4 bits: UInt32) {
    self.bits = UInt128(bits)
    isV4 = true
  }

  init(v6 bits: UInt128) {
    self.bits = bits
    isV4 = false
  }

  /// Reads the text form without brackets (RFC 4291 section 2.2; four decimal octets without
  /// leading zeros for IPv4).
  init?(_ text: String) {
    let text = Array(text.utf8)
    if let bits = Self.parseV4(text, from: 0) {
      self.init(v4: bits)
    } else if let bits = Self.parseV6(text) {
      self.init(v6: bits)
    } else {
      return nil
    }
  }

  var isLoopback: Bool {
    isV4 ? bits >> 24 == 127 : bits == 1 || bits >> 24 == 0xffff_7f
  }

  /// 32 or 128.
  var bitWidth: Int { isV4 ? 32 : 128 }
}

extension IPAddress {
  private static func parseV4(_ text: [UInt8], from start: Int) -> UInt32? {
    var bits: UInt32 = 0
    var octets = 0
    var index = start
    while true {
      let first = index
      var octet: UInt32 = 0
      while index < text.count, index - first < 3, let digit = decimalDigit(text[index]) {
        octet = octet * 10 + digit
        index += 1
      }
      guard index > first, octet <= 255, index - first == 1 || text[first] != UInt8(ascii: "0")
      else { return nil }
      bits = bits << 8 | octet
      octets += 1
      if octets == 4 { return index == text.count ? bits : nil }
      guard index < text.count, text[index] == UInt8(ascii: ".") else { return nil }
      index += 1
    }
  }

  private static func parseV6(_ text: [UInt8]) -> UInt128? {
    var bits: UInt128 = 0
    var groups = 0
    /// How many groups stand before `::`.
    var gap: Int?
    var index = 0
    if text.count >= 2, text[0] == UInt8(ascii: ":") {
      guard text[1] == UInt8(ascii: ":") else { return nil }
      gap = 0
      index = 2
    }
    while index < text.count {
      guard groups < 8 else { return nil }
      let first = index
      var group: UInt128 = 0
      while index < text.count, index - first < 4, let digit = hexadecimalDigit(text[index]) {
        group = group << 4 | UInt128(digit)
        index += 1
      }
      guard index > first else { return nil }
      if index < text.count, text[index] == UInt8(ascii: ".") {
        guard groups <= 6, let v4 = parseV4(text, from: first) else { return nil }
        bits = bits << 32 | UInt128(v4)
        groups += 2
        index = text.count
        break
      }
      bits = bits << 16 | group
      groups += 1
      if index == text.count { break }
      guard text[index] == UInt8(ascii: ":") else { return nil }
      index += 1
      guard index < text.count else { return nil }
      if text[index] == UInt8(ascii: ":") {
        guard gap == nil else { return nil }
        gap = groups
        index += 1
      }
    }
    guard let gap else { return groups == 8 ? bits : nil }
    guard groups < 8 else { return nil }
    let tailBits = (groups - gap) * 16
    let tail = bits & ((1 << tailBits) - 1)
    return (bits >> tailBits) << ((8 - gap) * 16) | tail
  }

  private static func decimalDigit(_ byte: UInt8) -> UInt32? {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? UInt32(byte & 0x0f) : nil
  }

  private static func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte & 0x0f
    case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
      (byte & 0x0f) + 9
    default: nil
    }
  }
}

extension IPAddress: CustomStringConvertible {
  /// The canonical form of RFC 5952.
  var description: String {
    if isV4 { return Self.dotted(bits) }
    if bits >> 32 == 0xffff { return "::ffff:" + Self.dotted(bits & 0xffff_ffff) }
    let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> (112 - 16 * $0)) }
    // The first longest run of at least two zero groups becomes `::`.
    var gap = 0..<0
    var start = 0
    while start < 8 {
      let end = groups[start...].firstIndex { $0 != 0 } ?? 8
      if end - start >= 2, end - start > gap.count { gap = start..<end }
      start = max(end, start) + 1
    }
    let text = { (range: Range<Int>) in
      groups[range].map { String($0, radix: 16) }.joined(separator: ":")
    }
    return gap.isEmpty ? text(0..<8) : text(0..<gap.lowerBound) + "::" + text(gap.upperBound..<8)
  }

  private static func dotted(_ bits: UInt128) -> String {
    "\(bits >> 24 & 255).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)"
  }
}
