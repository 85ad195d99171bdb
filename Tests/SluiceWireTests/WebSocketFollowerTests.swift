import SluiceWire
import Testing

@Suite struct WebSocketFollowerTests {
  /// Two of them per session.
  @Test func sizeStaysSmall() {
    #expect(MemoryLayout<WebSocketFrameFollower>.size <= 40)
    #expect(MemoryLayout<WebSocketMessageDecoder>.size <= 88)
  }

  @Test func wholeFramesOfAChunkAreOneRange() throws {
    var output = ByteBuffer()
    for count in [0, 5, 125, 126, 300] {
      output.appendWebSocketFrame(.binary, Array(repeating: 1, count: count).span)
    }
    var follower = WebSocketFrameFollower(from: .server, allowsRSV1: false)
    var scratch = ByteBuffer()
    let step = try follower.next(output.span, from: 0, maxSize: 1_000, scratch: &scratch)
    #expect(step == .relay(0..<output.count, frames: 5))
    #expect(follower.messages == 5 && follower.payloadBytes == 556)
  }
}
