/// A range of addresses, for validation: `192.0.2.0/24`, `2001:db8::/32`, or one address.
struct CIDR: Hashable, Sendable {
  /// The first address; every bit behind the prefix is zero.
  let network: IPAddress
  /// In bits: 0…32 for IPv4, 0…128 for IPv6.
  let prefixLength: Int

  /// Nil when the prefix is longer than the address or when `network` has bits behind it.
  init?(network: IPAddress, prefixLength: Int) {
    guard (0...network.bitWidth).contains(prefixLength),
      network.bits & Self.hostMask(network.bitWidth - prefixLength) == 0
    else { return nil }
    self.network = network
    self.prefixLength = prefixLength
  }

  /// Reads `address/prefix`, or an address alone as the range of just that address.
  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let network = IPAddress(String(parts[0])) else { return nil }
    guard parts.count == 2 else {
      self.init(network: network, prefixLength: network.bitWidth)
      return
    }
    guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ 48...57 ~= $0 }),
      let prefixLength = Int(parts[1])
    else { return nil }
    self.init(network: network, prefixLength: prefixLength)
  }

  private static func hostMask(_ hostBits: Int) -> UInt128 {
    hostBits == 128 ? .max : (1 << UInt128(hostBits)) - 1
  }
}
