import SluiceWire
import Testing

/// Random traffic against the slow model.
@Suite struct WebSocketModelTests {
  private static let texts: [[UInt8]] = [
    ascii("plain"), ascii(""), Array("κόσμε".utf8), Array("𝄞€µ".utf8), [0xE2, 0x82], [0xAC],
    [0xED], [0xA0], [0xF4], [0x8F], [0xFF], Array(repeating: 0x61, count: 130),
  ]

  /// One frame, mostly legal.
  private static func frame(_ chance: inout SplitMix, _ sender: WebSocketSender) -> [UInt8] {
    let opcodes: [WebSocketOpcode] = [
      .text, .text, .binary, .continuation, .continuation, .ping, .pong, .close,
    ]
    var opcode = opcodes.randomElement(using: &chance)!
    if opcode == .close, Int.random(in: 0..<4, using: &chance) > 0 { opcode = .ping }
    var payload = texts.randomElement(using: &chance)!
    if opcode == .close {
      payload = [UInt8.random(in: 3...4, using: &chance), 0xE8] + payload
    } else if opcode == .binary, Bool.random(using: &chance) {
      let count = Int.random(in: 0...400, using: &chance)
      payload = (0..<count).map { _ in UInt8.random(in: 0...255, using: &chance) }
    }
    if opcode.isControl { payload = Array(payload.prefix(125)) }
    let isMasked = (sender == .client) != (Int.random(in: 0..<200, using: &chance) == 0)
    var output = ByteBuffer()
    output.appendWebSocketFrame(
      opcode, payload.span,
      mask: isMasked ? WebSocketMask(key: .random(in: 0 ... .max, using: &chance)) : nil,
      isFinal: opcode.isControl || Bool.random(using: &chance),
      isCompressed: !opcode.isControl && Int.random(in: 0..<6, using: &chance) == 0)
    var bytes = output.copiedBytes()
    if Int.random(in: 0..<60, using: &chance) == 0 {
      let index = Int.random(in: 0..<min(14, bytes.count), using: &chance)
      bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &chance)
    }
    return bytes
  }

  @Test(arguments: 0..<8)
  func randomTraffic(seed: UInt64) {
    var chance = SplitMix(seed)
    var outcomes = Set<String>()
    for _ in 0..<400 {
      let setting = WebSocketSetting(
        sender: Bool.random(using: &chance) ? .client : .server,
        allowsRSV1: Bool.random(using: &chance), maxSize: 500, maxFragments: 5)
      var stream: [UInt8] = []
      for _ in 0..<Int.random(in: 1...12, using: &chance) {
        stream += Self.frame(&chance, setting.sender)
      }
      if Bool.random(using: &chance) { stream.removeLast(min(3, stream.count)) }
      var feeding = WebSocketFeeding(setting: setting) { Issue.record("\($0)") }
      feeding.stopsAtFrames = Bool.random(using: &chance)
      let largest = Int.random(in: 1...60, using: &chance)
      let followed = WebSocketModel.outcome(stream, setting, inspects: false)
      #expect(feeding.follow(stream) { .max / 2 } == followed, "\(stream)")
      #expect(
        feeding.follow(stream) { Int.random(in: 1...largest, using: &chance) } == followed,
        "\(stream)")
      let decoded = WebSocketModel.outcome(stream, setting, inspects: true)
      #expect(feeding.decode(stream) { .max / 2 } == decoded, "\(stream)")
      #expect(
        feeding.decode(stream) { Int.random(in: 1...largest, using: &chance) } == decoded,
        "\(stream)")
      outcomes.insert(decoded.error.map { "\($0.code)" } ?? "ok")
    }
    // The traffic is such that most things happen.
    #expect(outcomes.count > 8, "\(outcomes)")
  }
}
