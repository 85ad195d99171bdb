/// Syntax of the Origin field (RFC 6454 7.1): one `scheme://host[:port]`, or `null`. A list, which
/// the RFC allows and no browser sends, is refused.
public enum OriginSyntax {
  public enum Origin: Equatable, Sendable {
    /// A page without an origin that could be named.
    case null
    /// `host` with brackets, if it is an IPv6 address; `port` as given.
    case named(scheme: Range<Int>, host: Range<Int>, port: UInt16?)
  }

  /// Reads a field's value; nil when it is no origin.
  public static func parse(_ value: Span<UInt8>) -> Origin? {
    if value.equals("null") { return .null }
    var end = 0
    while end < value.count, isSchemeByte(value[end], isFirst: end == 0) { end &+= 1 }
    guard end > 0, end &+ 3 <= value.count, value[end] == 0x3A, value[end &+ 1] == 0x2F,
      value[end &+ 2] == 0x2F
    else { return nil }
    let start = end &+ 3
    guard let (host, port) = HostSyntax.parse(value.extracting(start...)) else { return nil }
    return .named(
      scheme: 0..<end, host: start &+ host.lowerBound..<start &+ host.upperBound, port: port)
  }

  /// The port that a scheme means when none is given; nil for schemes of applications.
  public static func defaultPort(_ scheme: Span<UInt8>) -> UInt16? {
    if scheme.equalsIgnoringCase("https") || scheme.equalsIgnoringCase("wss") { return 443 }
    if scheme.equalsIgnoringCase("http") || scheme.equalsIgnoringCase("ws") { return 80 }
    return nil
  }

  /// RFC 3986 3.1.
  private static func isSchemeByte(_ byte: UInt8, isFirst: Bool) -> Bool {
    if (byte | 0x20) &- 0x61 < 26 { return true }
    return !isFirst && (byte.isDigit || byte == 0x2B || byte == 0x2D || byte == 0x2E)
  }
}
