/// Syntax of `host[:port]` (RFC 3986 3.2.2), narrowed to what names a host on a network: DNS-like
/// names, IPv4 addresses and bracketed IPv6 addresses. Percent-encoding, sub-delimiters, zone
/// identifiers and empty ports are refused, because peers disagree about what they mean.
public enum HostSyntax {
  /// Checks `authority`; returns the range of the host (with brackets) and the port, nil when it is
  /// not a valid host.
  public static func parse(_ authority: Span<UInt8>) -> (host: Range<Int>, port: UInt16?)? {
    let count = authority.count
    if count == 0 || count > 262 { return nil }
    var end = 0
    if authority[0] == 0x5B {
      while end < count, authority[end] != 0x5D { end &+= 1 }
      guard end < count, isIPv6(authority.extracting(1..<end)) else { return nil }
      end &+= 1
    } else {
      // No dot first and none after a dot: an empty label.
      let allowed = ByteSet.unreserved
      var afterDot = true
      while end &+ 8 <= count {
        let word = authority.word(at: end)
        let dots = Word.dotsAmongNameBytes(word)
        guard let dots, dots & (dots &<< 8) == 0, !(afterDot && dots & 0x80 != 0) else { break }
        afterDot = dots &>> 63 == 1
        end &+= 8
      }
      // What is left, and whatever is not as simple.
      while end < count, authority[end] != 0x3A {
        let byte = authority[end]
        let isDot = byte == 0x2E
        if !allowed.contains(byte) || isDot && afterDot { return nil }
        afterDot = isDot
        end &+= 1
      }
      if end == 0 || end > 255 { return nil }
    }
    if end == count { return (0..<end, nil) }
    guard authority[end] == 0x3A, let port = port(authority.extracting((end + 1)..<count)) else {
      return nil
    }
    return (0..<end, port)
  }

  /// A port between 1 and 65535 without leading zero.
  static func port(_ digits: Span<UInt8>) -> UInt16? {
    if digits.isEmpty || digits.count > 5 || digits[0] == 0x30 { return nil }
    var value = 0
    for index in digits.indices {
      guard digits[index].isDigit else { return nil }
      value = value * 10 + Int(digits[index] - 0x30)
    }
    return UInt16(exactly: value)
  }

  /// RFC 3986 IPv6address, without brackets and zone.
  static func isIPv6(_ text: Span<UInt8>) -> Bool {
    var groups = 0
    var elided = false
    var at = 0
    let count = text.count
    if count < 2 || count > 45 { return false }
    if text[0] == 0x3A {
      if text[1] != 0x3A { return false }
      elided = true
      at = 2
    }
    while at < count {
      let start = at
      while at < count, text[at].hexValue != nil { at += 1 }
      if at < count, text[at] == 0x2E {
        // An IPv4 address may stand for the last two groups.
        guard isIPv4(text.extracting(start..<count)) else { return false }
        groups += 2
        return elided ? groups <= 7 : groups == 8
      }
      if at == start || at - start > 4 { return false }
      groups += 1
      if at == count { break }
      if text[at] != 0x3A { return false }
      at += 1
      if at == count { return false }
      if text[at] == 0x3A {
        if elided { return false }
        elided = true
        at += 1
      }
    }
    return elided ? groups <= 7 : groups == 8
  }

  static func isIPv4(_ text: Span<UInt8>) -> Bool {
    var parts = 0
    var at = 0
    while true {
      let start = at
      var value = 0
      while at < text.count, text[at].isDigit, at - start < 4 {
        value = value * 10 + Int(text[at] - 0x30)
        at += 1
      }
      let digits = at - start
      if digits == 0 || value > 255 || digits > 1 && text[start] == 0x30 { return false }
      parts += 1
      if at == text.count { return parts == 4 }
      if text[at] != 0x2E || parts == 4 { return false }
      at += 1
    }
  }
}
