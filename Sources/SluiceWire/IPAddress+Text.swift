// Reading: dotted quads as in RFC 6943 3.1.1's strict form, IPv6 as in RFC 4291 2.2.
// Writing: RFC 5952. Neither allocates.

extension IPAddress {
  /// Reads an IPv4 dotted quad or an IPv6 address; the whole of `text`.
  ///
  /// Refuses what readers of addresses disagree about: leading zeros in a quad (octal to some),
  /// fewer than four parts, brackets, zones, spaces.
  public init?(text: Span<UInt8>) {
    for i in 0..<text.count where text[i] == UInt8(ascii: ":") {
      guard let parsed = Self.parseIPv6(text) else { return nil }
      self = parsed
      return
    }
    guard let v4 = Self.parseIPv4(text, from: 0) else { return nil }
    self.init(v4: v4)
  }

  /// For set-up; the request path has bytes.
  public init?(_ text: String) {
    self.init(text: Array(text.utf8).span)
  }

  private static func parseIPv4(_ text: Span<UInt8>, from start: Int) -> UInt32? {
    var address: UInt32 = 0
    var part: UInt32 = 0
    var digits = 0
    var dots = 0
    for i in start..<text.count {
      let byte = text[i]
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        if digits > 0 && part == 0 { return nil }
        part = part &* 10 &+ UInt32(byte &- UInt8(ascii: "0"))
        digits &+= 1
        if part > 255 { return nil }
      case UInt8(ascii: "."):
        if digits == 0 || dots == 3 { return nil }
        address = address << 8 | part
        part = 0
        digits = 0
        dots &+= 1
      default:
        return nil
      }
    }
    return dots == 3 && digits > 0 ? address << 8 | part : nil
  }

  private static func parseIPv6(_ text: Span<UInt8>) -> IPAddress? {
    var groups = Groups()
    /// How many groups stand before "::".
    var gap: Int?
    var at = 0
    if text.count >= 2, text[0] == UInt8(ascii: ":") {
      guard text[1] == UInt8(ascii: ":") else { return nil }
      gap = 0
      at = 2
    }
    while at < text.count {
      let start = at
      var value: UInt16 = 0
      while at < text.count, let digit = text[at].hexValue {
        if at &- start == 4 { return nil }
        value = value << 4 | UInt16(digit)
        at &+= 1
      }
      if at < text.count, text[at] == UInt8(ascii: ".") {
        guard let v4 = parseIPv4(text, from: start),
          groups.append(UInt16(truncatingIfNeeded: v4 >> 16)),
          groups.append(UInt16(truncatingIfNeeded: v4))
        else { return nil }
        break
      }
      guard at > start, groups.append(value) else { return nil }
      if at == text.count { break }
      guard text[at] == UInt8(ascii: ":") else { return nil }
      at &+= 1
      // A single colon must not end the address.
      guard at < text.count else { return nil }
      if text[at] == UInt8(ascii: ":") {
        if gap != nil { return nil }
        gap = groups.count
        at &+= 1
      }
    }
    return groups.address(gapAfter: gap)
  }

  /// Up to eight 16-bit groups read so far, as a 128-bit number.
  private struct Groups {
    var high: UInt64 = 0
    var low: UInt64 = 0
    var count = 0

    mutating func append(_ group: UInt16) -> Bool {
      if count == 8 { return false }
      high = high << 16 | low >> 48
      low = low << 16 | UInt64(group)
      count &+= 1
      return true
    }

    /// `gapAfter` groups go to the front, the others to the end. A gap stands for at least one
    /// group (RFC 4291, 2.2).
    func address(gapAfter gap: Int?) -> IPAddress? {
      guard let gap else { return count == 8 ? IPAddress(high: high, low: low) : nil }
      if count == 8 { return nil }
      let all = UInt128(high) << 64 | UInt128(low)
      let tailBits = 16 &* UInt128(count &- gap)
      let head = all >> tailBits
      let tail = all & ((1 << tailBits) &- 1)
      // Swift's smart shift gives 0 for 128 bits, which an empty head needs.
      let value = head << (128 &- 16 &* UInt128(gap)) | tail
      return IPAddress(
        high: UInt64(truncatingIfNeeded: value >> 64), low: UInt64(truncatingIfNeeded: value))
    }
  }
}

extension ByteBuffer {
  /// Appends the canonical text of `ip`, without brackets.
  public mutating func append(ip: IPAddress) {
    if let v4 = ip.v4 { return append(ipv4: v4) }
    let gap = ip.longestZeroRun()
    var at = 0
    while at < 8 {
      if at == gap.start {
        append("::")
        at = gap.end
        continue
      }
      if at > 0 && at != gap.end { append(UInt8(ascii: ":")) }
      append(hex: UInt64(ip.group(at)))
      at &+= 1
    }
  }
}

extension ByteBuffer {
  /// The longest text of an address and a dot behind it.
  private static let longestIPv4 = 16

  /// Every request carries one of these: written in one go, without a question for room at each digit.
  private mutating func append(ipv4: UInt32) {
    append(upTo: Self.longestIPv4) { room in
      var at = 0
      var shift: UInt32 = 32
      while shift > 0 {
        shift &-= 8
        let octet = ipv4 &>> shift & 255
        if octet >= 100 {
          room[at] = Self.digit(octet / 100)
          at &+= 1
        }
        if octet >= 10 {
          room[at] = Self.digit(octet / 10 % 10)
          at &+= 1
        }
        room[at] = Self.digit(octet % 10)
        room[at &+ 1] = 0x2E
        at &+= 2
      }
      return at &- 1
    }
  }

  @inline(__always)
  private static func digit(_ value: UInt32) -> UInt8 { 0x30 &+ UInt8(truncatingIfNeeded: value) }
}

extension IPAddress: CustomStringConvertible {
  /// For messages and set-up; the request path appends to a `ByteBuffer`.
  public var description: String {
    var buffer = ByteBuffer()
    buffer.append(ip: self)
    return buffer.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }
}

extension IPAddress {
  fileprivate func group(_ index: Int) -> UInt16 {
    let half = index < 4 ? high : low
    return UInt16(truncatingIfNeeded: half >> UInt64(48 &- 16 &* (index & 3)))
  }

  /// The groups that "::" stands for: the first of the longest runs of two or more zero groups;
  /// start and end are -1 when there is none (RFC 5952, 4.2).
  fileprivate func longestZeroRun() -> (start: Int, end: Int) {
    var best = (start: -1, end: -1)
    var start = 0
    for at in 0...8 where at == 8 || group(at) != 0 {
      if at &- start >= 2 && at &- start > best.end &- best.start { best = (start, at) }
      start = at &+ 1
    }
    return best
  }
}
