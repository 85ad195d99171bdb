import SluiceWire
import Testing

@Suite struct WebSocketFollowerTests {
  private static func frames(_ counts: [Int]) -> [UInt8] {
    var output = ByteBuffer()
    for count in counts {
      output.appendWebSocketFrame(.binary, Array(repeating: 1, count: count).span)
    }
    return output.copiedBytes()
  }

  private static func step(
    _ follower: inout WebSocketFrameFollower, _ input: [UInt8], from offset: Int = 0,
    maxSize: UInt64 = 1_000, stopsAtFrames: Bool = false
  ) throws -> WebSocketFrameFollower.Step {
    var scratch = ByteBuffer()
    return try follower.next(
      input.span, from: offset, maxSize: maxSize, scratch: &scratch, stopsAtFrames: stopsAtFrames)
  }

  /// Two of them per session.
  @Test func sizeStaysSmall() { #expect(MemoryLayout<WebSocketFrameFollower>.size <= 42) }

  @Test func wholeFramesOfAChunkAreOneRange() throws {
    var follower = WebSocketFrameFollower(from: .server, allowsRSV1: false)
    let input = Self.frames([0, 5, 125, 126, 300])
    #expect(try Self.step(&follower, input) == .relay(0..<input.count, frames: 5))
    #expect(follower.messages == 5 && follower.payloadBytes == 556)
  }

  /// The end of one frame, whole ones and the beginning of another pass together; what is held of a
  /// header passes with what follows.
  @Test func partsOfFramesPassWithTheirNeighbours() throws {
    var follower = WebSocketFrameFollower(from: .server, allowsRSV1: false)
    let input = Self.frames([10, 3, 200, 4])
    #expect(try Self.step(&follower, Array(input[..<7])) == .relay(0..<7, frames: 1))
    #expect(!follower.isAtFrameBoundary && !follower.isHolding)
    // Up to the third header's second byte.
    #expect(try Self.step(&follower, Array(input[7..<19])) == .relay(0..<10, frames: 1))
    #expect(try Self.step(&follower, Array(input[7..<19]), from: 10) == .needsMore)
    #expect(follower.isAtFrameBoundary && follower.isHolding)
    guard
      case .relayHeld(let held, 0..<208, frames: 2) = try Self.step(
        &follower, Array(input[19...]))
    else {
      Issue.record("what was held did not pass")
      return
    }
    #expect(held.count == 2)
    #expect(follower.isAtMessageBoundary && !follower.isHolding && follower.messages == 4)
  }

  @Test func oneFrameAtATimeOnDemand() throws {
    var follower = WebSocketFrameFollower(from: .server, allowsRSV1: false)
    let input = Self.frames([3, 0, 2])
    #expect(try Self.step(&follower, input, stopsAtFrames: true) == .relay(0..<5, frames: 1))
    #expect(
      try Self.step(&follower, input, from: 5, stopsAtFrames: true) == .relay(5..<7, frames: 1))
    #expect(
      try Self.step(&follower, input, from: 7, stopsAtFrames: true) == .relay(7..<11, frames: 1))
  }

  /// A frame of the gateway's own may go between fragments, a message may not.
  @Test func boundariesOfFramesAndMessages() throws {
    var output = ByteBuffer()
    output.appendWebSocketFrame(.text, ascii("ab").span, isFinal: false)
    output.appendWebSocketFrame(.continuation, ascii("cd").span)
    let input = output.copiedBytes()
    var follower = WebSocketFrameFollower(from: .server, allowsRSV1: false)
    #expect(follower.isAtFrameBoundary && follower.isAtMessageBoundary)
    var boundaries: [String] = []
    for byte in input {
      _ = try Self.step(&follower, [byte])
      boundaries.append(
        follower.isAtMessageBoundary ? "message" : follower.isAtFrameBoundary ? "frame" : "")
    }
    // The first byte of a header is held, so before it passes the border is still there.
    #expect(boundaries == ["message", "", "", "frame", "frame", "", "", "message"])
  }

  @Test func sizesAreThoseOfTheMessage() throws {
    var follower = WebSocketFrameFollower(from: .server, allowsRSV1: false)
    #expect(
      try Self.step(&follower, [0x02, 3, 1, 2, 3, 0x00, 2, 4, 5], maxSize: 6)
        == .relay(0..<9, frames: 2))
    // What is legal before the fault passes first.
    #expect(try Self.step(&follower, [0x89, 0, 0x80, 2], maxSize: 6) != .needsMore)
    #expect(throws: WebSocketError.messageTooBig) {
      try Self.step(&follower, [0x89, 0, 0x80, 2], from: 2, maxSize: 6)
    }
    // A limit that shrank since the message began is no overflow.
    #expect(throws: WebSocketError.messageTooBig) {
      try Self.step(&follower, [0x80, 0], maxSize: 4)
    }
    follower = WebSocketFrameFollower(from: .server, allowsRSV1: false)
    #expect(throws: WebSocketError.messageTooBig) {
      try Self.step(
        &follower, [0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], maxSize: 1 << 62)
    }
    // Nothing is too big for no limit.
    follower = WebSocketFrameFollower(from: .server, allowsRSV1: false)
    #expect(
      try Self.step(
        &follower, [0x02, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], maxSize: .max)
        == .relay(0..<10, frames: 1))
  }

  /// A copy of a follower that holds a part of a control frame is one of its own.
  @Test func copiesDoNotShareWhatIsHeld() throws {
    var first = WebSocketFrameFollower(from: .server, allowsRSV1: false)
    #expect(try Self.step(&first, [0x89, 2, 0x61]) == .needsMore)
    var second = first
    var scratch = ByteBuffer()
    _ = try first.next([0x62].span, from: 0, maxSize: 0, scratch: &scratch)
    #expect(scratch.copiedBytes() == ascii("ab"))
    _ = try second.next([0x63].span, from: 0, maxSize: 0, scratch: &scratch)
    #expect(scratch.copiedBytes() == ascii("ac"))
  }

  /// Another connection goes on in the middle of anything.
  @Test(arguments: 1..<12) func aRestartForgetsWhatHadBegun(length: Int) throws {
    // The first fragment of a message, a ping in three bytes, the last fragment.
    let input: [UInt8] = [0x01, 2, 7, 7, 0x89, 1, 7, 0x80, 3, 7, 7, 7]
    var follower = WebSocketFrameFollower(from: .server, allowsRSV1: false)
    var scratch = ByteBuffer()
    var offset = 0
    let part = Array(input[..<length])
    loop: while true {
      switch try follower.next(part.span, from: offset, maxSize: 100, scratch: &scratch) {
      case .needsMore: break loop
      case .relay(let range, _), .relayHeld(_, let range, _): offset = range.upperBound
      case .control(_, _, let consumed): offset = consumed
      }
    }
    let counted = (follower.messages, follower.payloadBytes)
    follower.restart()
    #expect(follower.isAtMessageBoundary && !follower.isHolding && !follower.isClosed)
    #expect((follower.messages, follower.payloadBytes) == counted)
    // A message begins, and may be as large as any.
    let next: [UInt8] = [0x82, 100] + [UInt8](repeating: 1, count: 100)
    #expect(
      try follower.next(next.span, from: 0, maxSize: 100, scratch: &scratch)
        == .relay(0..<next.count, frames: 1))
  }

  @Test func aRestartComesAfterACloseFrame() throws {
    var follower = WebSocketFrameFollower(from: .server, allowsRSV1: false)
    _ = try Self.step(&follower, [0x88, 2, 3, 0xE9])
    #expect(follower.isClosed)
    follower.restart()
    #expect(try Self.step(&follower, [0x81, 0]) == .relay(0..<2, frames: 1))
  }
}

/// What is seen of a frame that is refused, whole and byte by byte.
@Suite struct RefusedFrameTests {
  /// A frame from a client, after a legal one.
  static let cases: [(bytes: [UInt8], error: WebSocketError, seen: [UInt64])] = [
    // A text of 1,000 bytes: 100 are allowed.
    ([0x81, 0xFE, 0x03, 0xE8, 1, 2, 3, 4], .messageTooBig, [1, 1, 1_000]),
    ([0x02, 0xFE, 0x03, 0xE8, 1, 2, 3, 4], .messageTooBig, [2, 0, 1_000]),
    // Told with the first byte, when there is no length yet.
    ([0x83, 0x85, 1, 2, 3, 4, 5, 6, 7, 8, 9], .unknownOpcode, [3, 1, 5]),
    ([0x80, 0x85, 1, 2, 3, 4, 5, 6, 7, 8, 9], .unexpectedContinuation, [0, 1, 5]),
    ([0x81, 0x05, 1, 2, 3, 4, 5], .unmaskedFrame, [1, 1, 5]),
    // A close frame with the code 1006, whole.
    ([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xEE], .invalidCloseCode, [8, 1, 2]),
  ]

  private func seen(_ frame: WebSocketFrameGlimpse?) -> [UInt64] {
    frame.map { [UInt64($0.opcode), $0.isFinal ? 1 : 0, $0.payloadLength] } ?? []
  }

  @Test(arguments: cases.indices, [1, 2, 3, 5, 100]) func isSeen(_ index: Int, piece: Int) {
    let (bytes, error, expected) = Self.cases[index]
    let stream = [0x82, 0x81, 0, 0, 0, 0, 7] + bytes
    // The decoder speaks of whole messages.
    var ofMessage = expected
    if error == .messageTooBig { ofMessage[1] = 1 }
    for (result, expected) in [
      (follow(stream, piece), expected), (decode(stream, piece), ofMessage),
    ] {
      #expect(result.error == error)
      // Where a piece ends within the header some are refused before their length is known.
      let isShort = result.seen.last == 0 && piece < 100
      #expect(result.seen == expected || isShort && result.seen.dropLast() == expected.dropLast())
    }
  }

  private func follow(_ stream: [UInt8], _ piece: Int) -> (error: WebSocketError?, seen: [UInt64]) {
    var follower = WebSocketFrameFollower(from: .client, allowsRSV1: false)
    var scratch = ByteBuffer()
    var start = 0
    while start < stream.count {
      let input = Array(stream[start..<min(stream.count, start + piece)])
      start += piece
      var offset = 0
      do throws(WebSocketError) {
        while offset < input.count {
          switch try follower.next(input.span, from: offset, maxSize: 100, scratch: &scratch) {
          case .needsMore: offset = input.count
          case .relay(let range, _), .relayHeld(_, let range, _): offset = range.upperBound
          case .control(_, _, let consumed): offset = consumed
          }
        }
      } catch {
        return (error, seen(follower.refused(input.span, from: offset)))
      }
    }
    return (nil, [])
  }

  private func decode(_ stream: [UInt8], _ piece: Int) -> (error: WebSocketError?, seen: [UInt64]) {
    var decoder = WebSocketMessageDecoder(from: .client, allowsRSV1: false)
    var scratch = ByteBuffer()
    var start = 0
    while start < stream.count {
      let input = Array(stream[start..<min(stream.count, start + piece)])
      start += piece
      var offset = 0
      do throws(WebSocketError) {
        while offset < input.count {
          switch try decoder.next(
            input.span, from: offset, limits: .init(maxSize: 100), scratch: &scratch)
          {
          case .needsMore: offset = input.count
          case .message(let message): offset = message.consumed
          case .control(_, _, let consumed): offset = consumed
          }
        }
      } catch {
        return (error, seen(decoder.refused(error, input.span, from: offset)))
      }
    }
    return (nil, [])
  }

  /// The text of the second fragment is none: the message under way is at fault.
  @Test func badTextIsItsMessagesFault() {
    let stream: [UInt8] = [0x01, 0x81, 0, 0, 0, 0, 65, 0x80, 0x83, 0, 0, 0, 0, 66, 0xFF, 67]
    for piece in [1, 2, 16] {
      let (error, seen) = decode(stream, piece)
      #expect(error == .invalidText)
      #expect(seen == [1, 1, 4])
    }
    let whole: [UInt8] = [0x81, 0x83, 0, 0, 0, 0, 66, 0xFF, 67]
    #expect(decode(whole, 16).seen == [1, 1, 3])
    // Cut within a character.
    let cut: [UInt8] = [0x81, 0x82, 0, 0, 0, 0, 66, 0xC3]
    for piece in [1, 3, 16] { #expect(decode(cut, piece).seen == [1, 1, 2]) }
  }
}
