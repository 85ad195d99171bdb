import SluiceWire
import Testing

@Suite struct WebSocketFrameTests {
  private static func encode(
    _ opcode: WebSocketOpcode, _ payload: [UInt8], mask: WebSocketMask? = nil, isFinal: Bool = true
  ) -> [UInt8] {
    var output = ByteBuffer()
    output.appendWebSocketFrame(opcode, payload.span, mask: mask, isFinal: isFinal)
    return output.copiedBytes()
  }

  private static func header(_ bytes: [UInt8]) -> WebSocketFrameHeader? {
    WebSocketFrameHeader(bytes.span)
  }

  // RFC 6455 5.7.
  @Test func examplesOfTheRFC() throws {
    #expect(Self.encode(.text, ascii("Hello")) == [0x81, 5, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
    #expect(Self.encode(.text, ascii("Hel"), isFinal: false) == [0x01, 3, 0x48, 0x65, 0x6C])
    #expect(Self.encode(.continuation, ascii("lo")) == [0x80, 2, 0x6C, 0x6F])
    #expect(Self.encode(.ping, ascii("Hello")).prefix(2) == [0x89, 5])
    let masked: [UInt8] = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]
    let mask = WebSocketMask(key: 0x3D21_FA37)
    #expect(Self.encode(.text, ascii("Hello"), mask: mask) == masked)
    let header = try #require(Self.header(masked))
    #expect(header.isFinal && header.opcode == .text && header.payloadLength == 5)
    #expect(header.mask == mask && header.headerLength == 6 && !header.isCompressed)
  }

  @Test(arguments: [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 70_000])
  func everyLengthHasItsShortestForm(count: Int) throws {
    for mask in [nil, WebSocketMask(key: 0x0102_0304)] {
      let frame = Self.encode(.binary, Array(repeating: 7, count: count), mask: mask)
      let headerLength = (count <= 125 ? 2 : count <= 65_535 ? 4 : 10) + (mask == nil ? 0 : 4)
      #expect(frame.count == headerLength + count)
      for length in 0..<headerLength {
        #expect(Self.header(Array(frame.prefix(length))) == nil)
      }
      let header = try #require(Self.header(frame))
      #expect(header.payloadLength == UInt64(count))
      #expect(header.headerLength == headerLength)
      #expect(header.mask == mask)
    }
  }
}
