import SluiceWire
import Testing

@Suite struct CIDRSetTests {
  private func contains(_ texts: [String], _ address: String) throws -> Bool {
    let set = try #require(CIDRSet(texts: texts))
    return set.contains(try #require(IPAddress(address)))
  }

  @Test(arguments: [
    ("10.0.0.0/8", "9.255.255.255", false), ("10.0.0.0/8", "10.0.0.0", true),
    ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false),
    ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("::ffff:10.0.0.0/104", "10.1.2.3", true),
    ("1.2.3.4", "1.2.3.4", true), ("1.2.3.4", "1.2.3.5", false), ("1.2.3.4/32", "1.2.3.3", false),
    ("2001:db8::/32", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ("2001:db8::/32", "2001:db8::", true),
    ("2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true),
    ("2001:db8::/32", "2001:db9::", false),
    ("::/64", "::ffff:ffff:ffff:ffff", true), ("::/64", "0:0:0:1::", false),
    ("0.0.0.0/0", "255.1.2.3", true), ("0.0.0.0/0", "::1", false),
    ("0.0.0.0/0", "::fffe:ffff:ffff", false), ("0.0.0.0/0", "::1:0:0:0", false),
    ("::/0", "::1", true), ("::/0", "ffff::", true), ("::/0", "1.2.3.4", false),
    ("::/64", "1.2.3.4", false),
    ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true),
  ])
  func holds(range: String, address: String, isInside: Bool) throws {
    #expect(try contains([range], address) == isInside)
  }

  @Test(arguments: [
    "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.1/8",
    "10.0.0.0/8/8", "::/129", "2001:db8::1/32", "10.0.0.0/ 8", "10/8", "host/8",
    "::ffff:10.0.0.0/8", "10.0.0.0/0000000008",
  ])
  func refuses(text: String) { #expect(CIDRSet(texts: ["::1", text]) == nil) }

  @Test func theEmptySetHoldsNothing() {
    #expect(!CIDRSet([]).contains(IPAddress(high: 0, low: 0)))
  }

  @Test func mergesNestedAndAdjacentRanges() throws {
    let set = try #require(
      CIDRSet(texts: ["10.1.0.0/16", "10.0.0.0/16", "10.0.5.0/24", "10.0.0.0/16", "10.3.0.0/16"]))
    #expect(set.rangeCount == 2)
  }

  @Test func agreesWithAskingEveryRange() {
    var random = SplitMix(3)
    // Few distinct bits, so that ranges nest and touch.
    func someAddress() -> IPAddress {
      let low = random.next() & 0x0303_0000_0000_0303
      return random.next() % 2 == 0
        ? IPAddress(v4: UInt32(truncatingIfNeeded: low | low >> 32))
        : IPAddress(high: random.next() & 0x0300_0000_0000_0003, low: low)
    }
    for _ in 0..<300 {
      let ranges = (0..<(random.next() % 20)).map { _ in
        let address = someAddress()
        let length = Int(random.next() % 129)
        return CIDR(address, prefixLength: address.isIPv4 ? max(96, length) : length)
      }
      let set = CIDRSet(ranges)
      var asked = (0..<50).map { _ in someAddress() }
      asked += ranges.map(\.first) + ranges.map(\.last)
      for address in asked {
        let expected = ranges.contains {
          $0.first <= address && address <= $0.last && (!address.isIPv4 || $0.first.isIPv4)
        }
        #expect(set.contains(address) == expected)
      }
    }
  }
}
