import SluiceWire
import Testing

@Suite struct WebSocketFrameTests {
  private static func encode(
    _ opcode: WebSocketOpcode, _ payload: [UInt8], isFinal: Bool = true
  ) -> [UInt8] {
    var output = ByteBuffer()
    output.appendWebSocketFrame(opcode, payload.span, isFinal: isFinal)
    return output.copiedBytes()
  }

  // RFC 6455 5.7.
  @Test func examplesOfTheRFC() throws {
    #expect(Self.encode(.text, Array("Hello".utf8)) == [0x81, 5, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
    #expect(Self.encode(.text, Array("Hel".utf8), isFinal: false) == [0x01, 3, 0x48, 0x65, 0x6C])
    #expect(Self.encode(.continuation, Array("lo".utf8)) == [0x80, 2, 0x6C, 0x6F])
    #expect(Self.encode(.ping, Array("Hello".utf8)).prefix(2) == [0x89, 5])
    let masked: [UInt8] = [
      0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
    ]
    let header = try #require(try WebSocketFrameHeader.parse(masked.span, from: .client))
    #expect(header.isFinal && header.opcode == .text && header.payloadLength == 5)
    #expect(header.mask == 0x37FA_213D && header.headerLength == 6)
    var payload = ByteBuffer()
    payload.appendUnmasked(masked.span.extracting(6...), mask: 0x37FA_213D)
    #expect(payload.copiedBytes() == Array("Hello".utf8))
  }

  @Test(arguments: [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 70_000])
  func everyLengthHasItsShortestForm(count: Int) throws {
    let frame = Self.encode(.binary, Array(repeating: 7, count: count))
    let headerLength = count <= 125 ? 2 : count <= 65_535 ? 4 : 10
    #expect(frame.count == headerLength + count)
    for length in 0..<headerLength {
      #expect(
        try WebSocketFrameHeader.parse(frame.span.extracting(..<length), from: .server) == nil)
    }
    let header = try #require(try WebSocketFrameHeader.parse(frame.span, from: .server))
    #expect(header.payloadLength == UInt64(count))
    #expect(header.headerLength == headerLength)
    #expect(header.mask == nil)
  }

  /// A payload may come in pieces: the mask goes on where it was.
  @Test func unmaskingIsTheSameInAnyPieces() {
    let masked = (0..<23).map { UInt8($0 * 11) }
    let bytes = (0..<23).map { masked[$0] ^ [0x12, 0x34, 0x56, 0x78][$0 % 4] }
    for cut in 0...23 {
      var output = ByteBuffer()
      output.appendUnmasked(masked.span.extracting(..<cut), mask: 0x1234_5678)
      output.appendUnmasked(masked.span.extracting(cut...), mask: 0x1234_5678, offset: cut)
      #expect(output.copiedBytes() == bytes)
    }
  }

  @Test(
    arguments: [
      ([0xC1, 0x00], .server, .reservedBits), ([0xA1, 0x00], .server, .reservedBits),
      ([0x91, 0x00], .server, .reservedBits), ([0x83, 0x00], .server, .unknownOpcode),
      ([0x87, 0x00], .server, .unknownOpcode), ([0x8B, 0x00], .server, .unknownOpcode),
      ([0x8F, 0x00], .server, .unknownOpcode), ([0x09, 0x00], .server, .fragmentedControl),
      ([0x88, 0x7E], .server, .longControl), ([0x8A, 0x7F], .server, .longControl),
      ([0x81, 0x00], .client, .unmaskedClientFrame), ([0x81, 0x80], .server, .maskedServerFrame),
      ([0x82, 0x7E, 0, 125], .server, .lengthNotMinimal),
      ([0x82, 0x7F, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], .server, .lengthNotMinimal),
      ([0x82, 0x7F, 0x80, 0, 0, 0, 0, 0, 0, 0], .server, .lengthTooLarge),
    ] as [([UInt8], WebSocketFrameHeader.Sender, WebSocketFrameError)])
  func whatIsNoFrame(
    bytes: [UInt8], sender: WebSocketFrameHeader.Sender, error: WebSocketFrameError
  ) {
    #expect(throws: error) { try WebSocketFrameHeader.parse(bytes.span, from: sender) }
  }
}
