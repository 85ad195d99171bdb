import SluiceWire
import Testing

@Suite struct WebSocketWritingTests {
  /// Every length and every place in the key, against one byte at a time.
  @Test func maskingIsExclusiveOr() {
    let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    let mask = WebSocketMask(key: 0x3D21_FA37)
    let bytes = (0..<200).map { UInt8(truncatingIfNeeded: $0 * 7) }
    for count in [0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 31, 32, 33, 63, 64, 65, 100, 200] {
      for offset in 0..<9 {
        let expected = (0..<count).map { bytes[$0] ^ key[($0 + offset) % 4] }
        var output = ByteBuffer()
        output.append(ascii("x"))
        output.append(bytes.span.extracting(..<count), mask: mask, offset: offset)
        #expect(output.copiedBytes() == ascii("x") + expected)
        // In place, at an odd address too.
        var copy = Array(bytes[..<count])
        var span = copy.mutableSpan
        mask.apply(to: &span, offset: offset)
        #expect(copy == expected)
        if count > 1 {
          var whole = Array(bytes[..<count])
          whole.withUnsafeMutableBufferPointer { bytes in
            var tail = MutableSpan(_unsafeElements: bytes.extracting(1...))
            mask.apply(to: &tail, offset: offset + 1)
          }
          #expect(Array(whole[1...]) == Array(expected[1...]))
        }
      }
    }
    #expect(mask.advanced(by: 4) == mask && mask.advanced(by: 1) == WebSocketMask(key: 0x373D_21FA))
  }

  @Test func closeFramesHaveCodeAndReason() {
    func close(_ code: WebSocketCloseCode, _ reason: String, mask: WebSocketMask? = nil) -> [UInt8]
    {
      var output = ByteBuffer()
      output.appendWebSocketClose(code, reason: ascii(reason).span, mask: mask)
      return output.copiedBytes()
    }
    #expect(close(.normal, "") == [0x88, 2, 0x03, 0xE8])
    #expect(close(.goingAway, "bye") == [0x88, 5, 0x03, 0xE9] + ascii("bye"))
    #expect(close(.noStatus, "dropped") == [0x88, 0])
    #expect(
      close(.normal, "ab", mask: WebSocketMask(key: 0x0403_0201))
        == [0x88, 0x84, 1, 2, 3, 4, 0x02, 0xEA, 0x62, 0x66])
    var output = ByteBuffer()
    output.appendWebSocketClose(.protocolError, "A fixed reason.")
    #expect(output.copiedBytes() == [0x88, 17, 0x03, 0xEA] + ascii("A fixed reason."))

    // 123 bytes fit; a longer reason is cut in front of a character.
    for (reason, count) in [
      (String(repeating: "a", count: 123), 123), (String(repeating: "a", count: 124), 123),
      (String(repeating: "é", count: 62), 122), (String(repeating: "€", count: 42), 123),
      ("a" + String(repeating: "€", count: 42), 121), (String(repeating: "𝄞", count: 40), 120),
    ] {
      let frame = close(.normal, reason)
      #expect(frame == [0x88, UInt8(2 + count), 0x03, 0xE8] + ascii(reason).prefix(count))
      #expect(WebSocketModel.isUTF8(frame[4...]))
    }
  }

  @Test func pingsCarryANumber() {
    var output = ByteBuffer()
    output.appendWebSocketPing(0x0102_0304_0506_0708)
    #expect(output.copiedBytes() == [0x89, 8, 1, 2, 3, 4, 5, 6, 7, 8])
  }

  @Test func closeCodesOnTheWire() {
    let legal = (0...UInt16.max).filter { WebSocketCloseCode(rawValue: $0).isAllowedOnWire }
    #expect(legal == Array(1_000...1_003) + Array(1_007...1_014) + Array(3_000...4_999))
    // Every code with a meaning has a name, each its own.
    let named = (0...UInt16.max).compactMap { WebSocketCloseCode(rawValue: $0).name }
    #expect(named.count == 19 && Set(named.map { "\($0)" }).count == 19)
    #expect(WebSocketCloseCode.serviceRestart.sender == .server)
    #expect(WebSocketCloseCode.mandatoryExtension.sender == .client)
    #expect(WebSocketCloseCode.normal.sender == nil)
  }

  @Test func closePayloads() throws {
    func close(_ bytes: [UInt8]) throws -> WebSocketClose { try WebSocketClose(bytes.span) }
    #expect(try close([]).code == .noStatus)
    let given = try close([0x0F, 0xA0] + ascii("why"))
    #expect(given.code.rawValue == 4_000 && given.reason == 2..<5)
    #expect(throws: WebSocketError.invalidClose) { try close([3]) }
    #expect(throws: WebSocketError.invalidCloseCode) { try close([3, 0xEE]) }
    #expect(throws: WebSocketError.invalidCloseReason) { try close([3, 0xE8, 0x80]) }
  }
}
