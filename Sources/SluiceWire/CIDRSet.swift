/// A range of addresses that share a prefix: "10.0.0.0/8", "2001:db8::/32".
public struct CIDR: Hashable, Sendable {
  /// The first address of the range.
  public let first: IPAddress
  /// 0 to 128, counted in the mapped form: an IPv4 /8 is 104 here.
  public let prefixLength: Int

  /// Bits of `address` behind the prefix are dropped. `prefixLength` counts 128 bits; 0 to 128.
  public init(_ address: IPAddress, prefixLength: Int) {
    precondition((0...128).contains(prefixLength))
    let mask = Self.hostMask(prefixLength)
    self.first = IPAddress(high: address.high & ~mask.high, low: address.low & ~mask.low)
    self.prefixLength = prefixLength
  }

  public func contains(_ address: IPAddress) -> Bool {
    let mask = Self.hostMask(prefixLength)
    return address.high & ~mask.high == first.high && address.low & ~mask.low == first.low
  }

  /// Reads "10.0.0.0/8", "2001:db8::/32", or one address. An IPv4 prefix counts 32 bits.
  ///
  /// Refuses bits behind the prefix ("10.0.0.1/8"): they are usually a mistake, and one that opens
  /// more than was meant. An IPv4-mapped IPv6 prefix counts 128 bits.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let address = IPAddress(String(parts[0])) else { return nil }
    var length = 128
    if parts.count == 2 {
      guard (1...3).contains(parts[1].utf8.count),
        parts[1].utf8.allSatisfy({ (48...57).contains($0) }),
        let given = Int(parts[1])
      else { return nil }
      let isQuad = !parts[0].utf8.contains(UInt8(ascii: ":"))
      length = isQuad ? 96 + given : given
      if length > 128 { return nil }
    }
    self.init(address, prefixLength: length)
    if first != address { return nil }
  }

  /// The last address of the range.
  public var last: IPAddress {
    let mask = Self.hostMask(prefixLength)
    return IPAddress(high: first.high | mask.high, low: first.low | mask.low)
  }

  private static func hostMask(_ prefixLength: Int) -> (high: UInt64, low: UInt64) {
    // Swift's smart shift gives 0 where all 64 bits are shifted out.
    let high = UInt64.max >> UInt64(min(prefixLength, 64))
    let low = UInt64.max >> UInt64(max(prefixLength - 64, 0))
    return (high, low)
  }
}

/// A set of address ranges, compiled for asking whether it holds an address.
///
/// Sorted disjoint ranges; the question is a binary search over their first addresses: four
/// comparisons for twelve ranges, ten for a thousand. IPv4-mapped IPv6 addresses count as IPv4.
/// An IPv6 range wider than ::ffff:0:0/96 (such as ::/0) does not hold IPv4 addresses: who writes
/// an IPv6 range means IPv6.
public struct CIDRSet: Sendable {
  private var firsts: [IPAddress] = []
  private var lasts: [IPAddress] = []

  public init(_ ranges: [CIDR]) {
    let pieces = ranges.flatMap(Self.pieces).sorted { $0.first < $1.first }
    for piece in pieces {
      if let last = lasts.last, piece.first <= last || piece.first == Self.successor(last) {
        lasts[lasts.count - 1] = max(last, piece.last)
      } else {
        firsts.append(piece.first)
        lasts.append(piece.last)
      }
    }
  }

  /// Nil when a text isn't a range that `CIDR` reads.
  public init?(texts: [String]) {
    var ranges: [CIDR] = []
    for text in texts {
      guard let range = CIDR(text) else { return nil }
      ranges.append(range)
    }
    self.init(ranges)
  }

  public var isEmpty: Bool { firsts.isEmpty }

  /// How many disjoint ranges are left after merging.
  public var rangeCount: Int { firsts.count }

  public func contains(_ ip: IPAddress) -> Bool {
    // Finds how many ranges begin at or before the address.
    var low = 0
    var high = firsts.count
    while low < high {
      let middle = (low &+ high) / 2
      if firsts[middle] <= ip { low = middle &+ 1 } else { high = middle }
    }
    return low > 0 && ip <= lasts[low &- 1]
  }

  /// The range without the IPv4 addresses inside it, unless it is an IPv4 range itself.
  private static func pieces(of range: CIDR) -> [(first: IPAddress, last: IPAddress)] {
    let firstV4 = IPAddress(v4: 0)
    let lastV4 = IPAddress(v4: .max)
    if range.first.isIPv4 || range.first > lastV4 || range.last < firstV4 {
      return [(range.first, range.last)]
    }
    // Prefix ranges nest or are disjoint, so this one has all of IPv4 inside, and begins before it.
    let before = IPAddress(high: 0, low: firstV4.low - 1)
    let after = IPAddress(high: 0, low: lastV4.low + 1)
    return [(range.first, before), (after, range.last)]
  }

  private static func successor(_ ip: IPAddress) -> IPAddress? {
    if ip.low < .max { return IPAddress(high: ip.high, low: ip.low + 1) }
    return ip.high < .max ? IPAddress(high: ip.high + 1, low: 0) : nil
  }
}
