import SluiceWire
import Testing

/// Names are checked eight bytes at a time where they are long enough: every byte at every place.
struct HostSyntaxTests {
  @Test func everyByteAtEveryPlace() {
    for length in 1...19 {
      for place in 0..<length {
        for byte in UInt8.min...UInt8.max where byte != 0x3A && byte != 0x5B {
          var text = [UInt8](repeating: 0x61, count: length)
          text[place] = byte
          #expect(accepts(text) == isName(text), "\(byte) at \(place) of \(length)")
        }
      }
    }
  }

  @Test func twoDotsAtEveryTwoPlaces() {
    for length in 2...19 {
      for first in 0..<length {
        for second in first..<length {
          var text = [UInt8](repeating: 0x61, count: length)
          text[first] = 0x2E
          text[second] = 0x2E
          #expect(accepts(text) == isName(text), "\(first) and \(second) of \(length)")
        }
      }
    }
  }

  @Test(arguments: [
    ("127.0.0.1:18999", 9, 18_999), ("api.example.com:443", 15, 443), ("abcdefg:1", 7, 1),
    ("abcdefgh:1", 8, 1), ("abcdefghi:65535", 9, 65_535),
  ])
  func thePortBegins(_ text: String, host: Int, port: UInt16) {
    let parsed = HostSyntax.parse(Array(text.utf8).span)
    #expect(parsed?.host == 0..<host)
    #expect(parsed?.port == port)
  }

  private func accepts(_ text: [UInt8]) -> Bool { HostSyntax.parse(text.span) != nil }

  /// Labels of unreserved characters, none of them empty but for the last one, byte by byte.
  private func isName(_ text: [UInt8]) -> Bool {
    let isUnreserved = text.allSatisfy {
      switch $0 {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
      default: false
      }
    }
    let labels = text.split(separator: 0x2E, omittingEmptySubsequences: false)
    return isUnreserved && labels.dropLast().allSatisfy { !$0.isEmpty }
  }
}
