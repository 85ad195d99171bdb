import SluiceWire
import Testing

@Suite struct GRPCHealthTests {
  private func frame(_ message: [UInt8]) -> [UInt8] {
    [0, 0, 0, 0, UInt8(message.count)] + message
  }

  private func request(_ service: [UInt8]) -> [UInt8] { GRPCHealth.request(service: service.span) }

  private func status(ofResponse body: [UInt8]) -> GRPCHealth.Status? {
    GRPCHealth.status(ofResponse: body.span)
  }

  private func status(_ message: [UInt8]) -> GRPCHealth.Status? {
    status(ofResponse: frame(message))
  }

  /// As protoc's Python makes them.
  @Test func requests() {
    #expect(request([]) == [0, 0, 0, 0, 0])
    #expect(
      request(Array("a.B".utf8))
        == [0, 0, 0, 0, 5, 0x0A, 3] + Array("a.B".utf8))
    let atLimit = [UInt8](repeating: 0x61, count: 127)
    #expect(request(atLimit) == [0, 0, 0, 0, 129, 0x0A, 127] + atLimit)
    let above = [UInt8](repeating: 0x61, count: 255)
    #expect(
      request(above) == [0, 0, 0, 1, 2, 0x0A, 0xFF, 0x01] + above)
  }

  @Test func statuses() {
    #expect(status([]) == .unknown)
    #expect(status([8, 0]) == .unknown)
    #expect(status([8, 1]) == .serving)
    #expect(status([8, 2]) == .notServing)
    #expect(status([8, 3]) == .serviceUnknown)
    #expect(status([8, 4]) == .unknown)
    // Longer than it needs to be, and the last one counts.
    #expect(status([8, 0x81, 0]) == .serving)
    #expect(status([8, 1, 8, 2]) == .notServing)
  }

  @Test func fieldsThatNobodyKnowsArePassedOver() {
    let unknown: [[UInt8]] = [
      [0x10, 0xFF, 0x01], [0x19, 1, 2, 3, 4, 5, 6, 7, 8], [0x22, 2, 8, 2], [0x25, 1, 2, 3, 4],
      // Field 1 of another kind is another field.
      [0x0A, 1, 0x61],
    ]
    for field in unknown {
      #expect(status(field + [8, 1]) == .serving)
      #expect(status([8, 1] + field) == .serving)
      for count in 1..<field.count {
        #expect(status([8, 1] + field.prefix(count)) == nil, "\(field) \(count)")
      }
    }
  }

  @Test func whatIsNoMessage() {
    // Cut off, too long, of no kind, field 0.
    for message: [UInt8] in [
      [8], [8, 0x80], [8] + Array(repeating: 0xFF, count: 9) + [2], [0x0B], [0x0C], [0],
      [0x22, 0x7F],
      [0x22] + Array(repeating: 0xFF, count: 9) + [1],
    ] {
      #expect(status(message) == nil, "\(message)")
    }
    // The largest number there is.
    #expect(status([8] + Array(repeating: 0xFF, count: 9) + [1]) == .unknown)
  }

  @Test func framesThatAreNone() {
    let whole = frame([8, 1])
    for count in 0..<whole.count {
      #expect(status(ofResponse: Array(whole[..<count])) == nil)
    }
    #expect(status(ofResponse: whole + [0]) == nil)
    #expect(status(ofResponse: [1] + whole.dropFirst()) == nil)
    #expect(status(ofResponse: [0, 0xFF, 0xFF, 0xFF, 0xFF, 8, 1]) == nil)
  }
}
