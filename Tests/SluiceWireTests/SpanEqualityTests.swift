import SluiceWire
import Testing

/// Bytes are compared eight at a time: every length, and a difference in every place.
@Suite struct SpanEqualityTests {
  private func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool { left.span.equals(right.span) }

  @Test func everyByteCounts() {
    for count in 0...40 {
      let bytes = (0..<count).map { UInt8($0) }
      #expect(equal(bytes, bytes.map { $0 }))
      #expect(!equal(bytes, bytes + [0]))
      for place in 0..<count {
        var other = bytes
        other[place] ^= 0x80
        #expect(!equal(bytes, other))
      }
    }
  }
}
