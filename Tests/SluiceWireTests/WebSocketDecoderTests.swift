import SluiceWire
import Testing

@Suite struct WebSocketDecoderTests {
  @Test func sizeStaysSmall() { #expect(MemoryLayout<WebSocketMessageDecoder>.size <= 88) }

  private static func message(
    _ step: WebSocketMessageDecoder.Step, _ place: SourceLocation = #_sourceLocation
  ) throws -> WebSocketMessage {
    guard case .message(let message) = step else {
      Issue.record("no message but \(step)", sourceLocation: place)
      throw CancellationError()
    }
    return message
  }

  /// A server's message that is whole in the input is handed out where it is; a client's is unmasked
  /// into the scratch, and its frame can be passed on.
  @Test func wholeMessagesAreNotKept() throws {
    let limits = WebSocketMessageLimits(maxSize: 100)
    var scratch = ByteBuffer()
    var server = WebSocketMessageDecoder(from: .server, allowsRSV1: false)
    let plain: [UInt8] = [0x81, 2, 0x68, 0x69, 0x89]
    let first = try Self.message(
      server.next(plain.span, from: 0, limits: limits, scratch: &scratch))
    #expect(first.opcode == .text && !first.isCompressed && first.consumed == 4)
    #expect(first.frame == 0..<4 && first.payload == 2..<4)
    #expect(scratch.allocatedBytes == 0 && server.bufferedBytes == 0)

    var client = WebSocketMessageDecoder(from: .client, allowsRSV1: false)
    let masked: [UInt8] = [0x89, 0x80, 0, 0, 0, 0, 0x82, 0x82, 1, 2, 3, 4, 0x69, 0x6B]
    #expect(
      try client.next(masked.span, from: 0, limits: limits, scratch: &scratch)
        == .control(.ping, mask: WebSocketMask(key: 0), consumed: 6))
    let second = try Self.message(
      client.next(masked.span, from: 6, limits: limits, scratch: &scratch))
    #expect(second.opcode == .binary && second.consumed == 14)
    #expect(second.frame == 6..<14 && second.payload == nil)
    #expect(scratch.copiedBytes() == ascii("hi"))
    #expect(client.bufferedBytes == 0 && client.messages == 1 && client.payloadBytes == 2)
  }

  /// What was announced is no reason to own memory; what came is, until the message is whole.
  @Test func memoryIsOwnedOnlyForWhatCame() throws {
    let limits = WebSocketMessageLimits(maxSize: 1 << 30)
    var scratch = ByteBuffer()
    var decoder = WebSocketMessageDecoder(from: .server, allowsRSV1: false)
    let begin: [UInt8] = [0x02, 127, 0, 0, 0, 0, 0x20, 0, 0, 0, 1, 2, 3]
    #expect(
      try decoder.next(begin.span, from: 0, limits: limits, scratch: &scratch) == .needsMore)
    #expect(decoder.bufferedBytes > 0 && decoder.bufferedBytes <= 64)

    var small = WebSocketMessageDecoder(from: .server, allowsRSV1: false)
    let first: [UInt8] = [0x01, 2, 0x68, 0x69]
    let last: [UInt8] = [0x80, 1, 0x21]
    #expect(try small.next(first.span, from: 0, limits: limits, scratch: &scratch) == .needsMore)
    #expect(small.bufferedBytes > 0)
    let message = try Self.message(
      small.next(last.span, from: 0, limits: limits, scratch: &scratch))
    #expect(message.frame == nil && message.payload == nil && message.consumed == 3)
    #expect(scratch.copiedBytes() == ascii("hi!"))
    #expect(small.bufferedBytes == 0 && small.frames == 2)
  }

  /// Between the limits: as many bytes and fragments as allowed.
  @Test func limitsCountTheWholeMessage() throws {
    let limits = WebSocketMessageLimits(maxSize: 4, maxFragments: 2)
    func outcome(_ stream: [UInt8]) -> WebSocketError? {
      var scratch = ByteBuffer()
      var decoder = WebSocketMessageDecoder(from: .server, allowsRSV1: false)
      do throws(WebSocketError) {
        _ = try decoder.next(stream.span, from: 0, limits: limits, scratch: &scratch)
        return nil
      } catch {
        return error
      }
    }
    #expect(outcome([0x02, 2, 1, 2, 0x80, 2, 3, 4]) == nil)
    #expect(outcome([0x02, 2, 1, 2, 0x80, 3]) == .messageTooBig)
    #expect(outcome([0x82, 4, 1, 2, 3, 4]) == nil)
    #expect(outcome([0x82, 5]) == .messageTooBig)
    #expect(outcome([0x02, 0, 0x00, 0, 0x80, 0]) == .tooManyFragments)
  }

  /// A text that can't become valid is refused with the byte that shows it.
  @Test func textFailsEarly() {
    let limits = WebSocketMessageLimits(maxSize: 1_000)
    var scratch = ByteBuffer()
    var decoder = WebSocketMessageDecoder(from: .server, allowsRSV1: false)
    // A frame of 100 bytes: F4 8F is the beginning of U+10FFFF, F4 90 of nothing.
    for byte in [0x81, 100, 0x61, 0xF4] as [UInt8] {
      #expect(throws: Never.self) {
        try decoder.next([byte].span, from: 0, limits: limits, scratch: &scratch)
      }
    }
    #expect(throws: WebSocketError.invalidText) {
      try decoder.next([0x90].span, from: 0, limits: limits, scratch: &scratch)
    }
  }

  /// Another connection goes on in the middle of a message: nothing of it is left, and what was counted
  /// stays.
  @Test(arguments: 1..<12) func aRestartForgetsWhatHadBegun(length: Int) throws {
    let limits = WebSocketMessageLimits(maxSize: 4, maxFragments: 2)
    var scratch = ByteBuffer()
    var decoder = WebSocketMessageDecoder(from: .server, allowsRSV1: false)
    // A message, then half a character in the first fragment of another, a ping, the rest.
    let input: [UInt8] = [0x82, 0, 0x01, 1, 0xC3, 0x89, 1, 7, 0x80, 3, 0xA4, 7, 7]
    let part = Array(input[..<length])
    var offset = 0
    loop: while true {
      switch try decoder.next(part.span, from: offset, limits: limits, scratch: &scratch) {
      case .needsMore: break loop
      case .message(let message): offset = message.consumed
      case .control(_, _, let consumed): offset = consumed
      }
    }
    let counted = decoder.messages
    decoder.restart()
    #expect(decoder.bufferedBytes == 0 && decoder.messages == counted && !decoder.isClosed)
    let next: [UInt8] = [0x01, 2, 0x68, 0x69, 0x80, 2, 0x68, 0x69]
    _ = try Self.message(decoder.next(next.span, from: 0, limits: limits, scratch: &scratch))
    #expect(scratch.copiedBytes() == ascii("hihi"))
  }
}
