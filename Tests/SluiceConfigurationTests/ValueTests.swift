import Foundation
import Testing

@testable import SluiceConfiguration

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct ValueTests {
  @Test(arguments: [
    ("1.2.3.4", "1.2.3.4"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
    ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::1", "2001:db8::1"),
    ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
    ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"), ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
    ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("1::1.2.3.4", "1::102:304"),
    ("0:0:1:2:3:4:5:6", "::1:2:3:4:5:6"),
  ])
  func addresses(text: String, canonical: String) {
    #expect(IPAddress(text)?.description == canonical)
  }

  @Test(arguments: [
    "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.",
    "1..2.3",
    "1.2.3.4x", "0x1.2.3.4", "-1.2.3.4", ":", ":::", "1::2::3", "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "1:", ":1", "fe80::1%eth0", "[::1]",
    "1.2.3.4::", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4",
  ])
  func noAddresses(text: String) {
    #expect(IPAddress(text) == nil)
  }

  /// The system's parser says the same of random texts that are nearly addresses.
  @Test func addressesAgreeWithTheSystem() {
    let pieces = [
      "0", "1", "ff", "255", "256", "abcd", "00", ":", "::", ":", ".", ".", "1.2.3.4", "12345",
    ]
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 1...15)).map { _ in pieces.randomElement()! }.joined()
      var v4 = in_addr()
      var v6 = in6_addr()
      let isV4 = inet_pton(AF_INET, text, &v4) == 1
      let isV6 = inet_pton(AF_INET6, text, &v6) == 1
      let address = IPAddress(text)
      #expect((address != nil) == (isV4 || isV6), "\(text)")
      if isV4 { #expect(address?.bits == UInt128(UInt32(bigEndian: v4.s_addr)), "\(text)") }
      if isV6 {
        let bits = withUnsafeBytes(of: v6) { $0.reduce(UInt128(0)) { $0 << 8 | UInt128($1) } }
        #expect(address?.bits == bits, "\(text)")
      }
      if let address { #expect(IPAddress(address.description) == address, "\(text)") }
    }
  }

  @Test(arguments: [
    ("10.0.0.0/8", true), ("0.0.0.0/0", true), ("::/0", true), ("1.2.3.4", true),
    ("1.2.3.4/32", true),
    ("2001:db8::/32", true), ("::1/128", true), ("10.0.0.1/8", false), ("10.0.0.0/33", false),
    ("::/129", false), ("10.0.0.0/", false), ("10.0.0.0/+8", false), ("10.0.0.0/8/8", false),
    ("/8", false), ("2001:db8::1/32", false), ("", false),
  ])
  func ranges(text: String, isRight: Bool) {
    #expect((CIDR(text) != nil) == isRight)
  }

  @Test(arguments: [
    ("127.0.0.1:1", true), ("127.255.0.1:1", true), ("[::1]:1", true),
    ("[::ffff:127.0.0.1]:1", true),
    ("unix:/a", true), ("128.0.0.1:1", false), ("0.0.0.0:1", false), ("[::]:1", false),
    ("[::2]:1", false), ("[::ffff:128.0.0.1]:1", false),
  ])
  func localAddresses(text: String, isLocal: Bool) {
    #expect(ListenAddress(text)?.isLocal == isLocal)
  }

  @Test(arguments: [
    ("250ms", 250_000_000), ("7s", 7_000_000_000), ("1m30s", 90_000_000_000), ("1us", 1_000),
    ("24h", 86_400_000_000_000), ("0s", 0), ("1h1m1s1ms1us", 3_661_001_001_000),
  ])
  func timespans(text: String, nanoseconds: Int64) {
    #expect(Timespan(text: text)?.nanoseconds == nanoseconds)
    #expect(Timespan(text: Timespan(nanoseconds: nanoseconds).text)?.nanoseconds == nanoseconds)
  }

  @Test(arguments: [
    "", "s", "7", "-7s", "+7s", "7 s", "1.5s", "7d", "1s1h", "7s7s", "7S", "9223372036854775807h",
    "9223372036s1000000000ms", "٣s",
  ])
  func noTimespans(text: String) {
    #expect(Timespan(text: text) == nil)
  }

  @Test(arguments: [
    ("0", 0), ("512", 512), ("512B", 512), ("64KiB", 65_536), ("10MB", 10_000_000),
    ("1GiB", 1 << 30),
  ])
  func byteCounts(text: String, bytes: Int) {
    #expect(ByteCount(text: text)?.bytes == bytes)
    #expect(ByteCount(text: ByteCount(bytes).text)?.bytes == bytes)
  }

  @Test(arguments: ["", "KiB", "-1", "1.5KiB", "1 KiB", "1kb", "9223372036854775807KiB", "٣"])
  func noByteCounts(text: String) {
    #expect(ByteCount(text: text) == nil)
  }

  @Test(arguments: [
    ("adress", "address"), ("Address", "address"), ("adderss", "address"), ("target", "targets"),
    ("zzz", nil), ("", nil), ("timeout", "timeouts"),
  ])
  func suggestions(text: String, expected: String?) {
    #expect(Suggestion.nearest(to: text, among: ["address", "targets", "timeouts"]) == expected)
  }

  @Test(arguments: [("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("kitten", "sitting", 3)])
  func distances(left: String, right: String, distance: Int) {
    #expect(Suggestion.distance(Array(left.utf8), Array(right.utf8)) == distance)
    #expect(Suggestion.distance(Array(right.utf8), Array(left.utf8)) == distance)
  }
}
