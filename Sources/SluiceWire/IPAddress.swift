/// An IP address in 128 bits; IPv4 in the mapped form ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
///
/// One address has one value, so it serves as a key for counting per address.
public struct IPAddress: Hashable, Comparable, Sendable {
  /// The first eight bytes, as a number.
  public var high: UInt64
  /// The last eight bytes, as a number.
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The IPv4 address as a number: 127.0.0.1 is 0x7f000001.
  public init(v4: UInt32) { self.init(high: 0, low: 0xffff_0000_0000 | UInt64(v4)) }

  public var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

  /// The IPv4 address as a number; nil for IPv6.
  public var v4: UInt32? { isIPv4 ? UInt32(truncatingIfNeeded: low) : nil }

  /// 127.0.0.0/8 or ::1.
  public var isLoopback: Bool {
    if let v4 { return v4 >> 24 == 127 }
    return high == 0 && low == 1
  }

  /// 0.0.0.0 or ::.
  public var isUnspecified: Bool { (high == 0 && low == 0) || v4 == 0 }

  public static func < (left: IPAddress, right: IPAddress) -> Bool {
    left.high != right.high ? left.high < right.high : left.low < right.low
  }
}
