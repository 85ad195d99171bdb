import Glibc
import SluiceWire
import Testing

@Suite struct IPAddressTests {
  @Test(arguments: [
    ("127.0.0.1", true), ("127.255.255.255", true), ("126.255.255.255", false),
    ("128.0.0.0", false), ("::1", true), ("::2", false), ("::", false), ("1::1", false),
    ("::ffff:127.0.0.1", true), ("::127.0.0.1", false),
  ])
  func loopback(text: String, isLoopback: Bool) {
    #expect(IPAddress(text)?.isLoopback == isLoopback)
  }

  @Test(arguments: [
    ("1.2.3.4", "1.2.3.4"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
    ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::1", "2001:db8::1"),
    ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
    ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"), ("::ffff:1.2.3.4", "1.2.3.4"),
    ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("1::1.2.3.4", "1::102:304"),
    ("0:0:1:2:3:4:5:6", "::1:2:3:4:5:6"),
  ])
  func canonical(text: String, canonical: String) {
    #expect(IPAddress(text)?.description == canonical)
  }

  @Test(arguments: [
    "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.",
    "1..2.3", "1.2.3.4x", "0x1.2.3.4", "-1.2.3.4", ":", ":::", "1::2::3", "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "1:", ":1",
    "fe80::1%eth0", "[::1]", "1.2.3.4::", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4",
  ])
  func refuses(text: String) { #expect(IPAddress(text) == nil) }

  /// What the C library writes, in RFC 5952 form but for its IPv4-compatible addresses.
  private func libraryText(_ ip: IPAddress) -> String {
    var bytes = [ip.high.bigEndian, ip.low.bigEndian]
    var text = [CChar](repeating: 0, count: 64)
    inet_ntop(AF_INET6, &bytes, &text, 64)
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8($0) }, as: UTF8.self)
  }

  @Test func writesWhatTheLibraryWritesForEveryPatternOfZeroGroups() {
    var random = SplitMix(5)
    for pattern in 0..<256 {
      for mask: UInt64 in [0xf, 0xffff] {
        var words: [UInt64] = [0, 0]
        for group in 0..<8 where pattern & (1 << group) != 0 {
          words[group / 4] |= max(1, random.next() & mask) << UInt64(48 - 16 * (group % 4))
        }
        let ip = IPAddress(high: words[0], low: words[1])
        // The library writes ::1.2.3.4 and ::ffff:1.2.3.4; the former is obsolete.
        if ip.high == 0 && ip.low >> 32 == 0 && ip.low > 0xffff { continue }
        if ip.isIPv4 { continue }
        #expect(ip.description == libraryText(ip))
        #expect(IPAddress(ip.description) == ip)
      }
    }
  }

  /// Random near-misses: both readers must agree on all of them.
  @Test func readsWhatTheLibraryReads() {
    var random = SplitMix(11)
    let pieces = ["::", ":", "0", "1", "ff", "abcd", "FFFF", "12345", "1.2.3.4", "256", ".", "g"]
    var accepted = 0
    for _ in 0..<30_000 {
      var text = ""
      for at in 0..<(1 + random.next() % 9) {
        if at > 0 && random.next() % 4 > 0 { text += ":" }
        text += pieces.randomElement(using: &random) ?? ""
      }
      var bytes: [UInt64] = [0, 0]
      if !text.contains(":") { continue }
      let isValid = inet_pton(AF_INET6, text, &bytes) == 1
      let ours = IPAddress(text)
      let library = IPAddress(high: UInt64(bigEndian: bytes[0]), low: UInt64(bigEndian: bytes[1]))
      #expect(ours == (isValid ? library : nil), "\(text)")
      if isValid { accepted += 1 }
    }
    #expect(accepted > 500)
  }
}
