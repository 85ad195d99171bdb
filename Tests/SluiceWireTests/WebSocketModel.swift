// Compiled into the fuzz targets too, where everything is one module.
#if canImport(SluiceWire)
  import SluiceWire
#endif

/// What a peer's bytes come to.
struct WebSocketOutcome: Equatable {
  enum Event: Equatable {
    /// Bytes of data frames that passed; neighbours are joined.
    case passed([UInt8])
    case message(WebSocketOpcode, isCompressed: Bool, [UInt8])
    case control(WebSocketOpcode, [UInt8])
  }

  var events: [Event] = []
  var error: WebSocketError?
  var messages = 0
  /// Of data frames, as far as they passed or were handed out.
  var payloadBytes = 0
  var frames = 0
  var isClosed = false
  /// What passed ends at the border of a frame, or of a message.
  var isAtFrameBoundary = true
  var isAtMessageBoundary = true

  mutating func pass(_ bytes: [UInt8]) {
    if bytes.isEmpty { return }
    if case .passed(let earlier) = events.last {
      events[events.count - 1] = .passed(earlier + bytes)
    } else {
      events.append(.passed(bytes))
    }
  }
}

/// How a peer's bytes are read.
struct WebSocketSetting {
  var sender: WebSocketSender
  var allowsRSV1 = false
  var maxSize = 70_000
  var maxFragments = 1_024
}

/// RFC 6455 written down slowly: all bytes at once, a frame at a time, each copied.
enum WebSocketModel {
  private struct Frame {
    var isFinal: Bool
    var rsv: Int
    var opcode: Int
    var headerLength: Int
    var payload: [UInt8]
    var announced: Int
    var isWhole: Bool { payload.count == announced }
  }

  static func outcome(
    _ stream: [UInt8], _ setting: WebSocketSetting, inspects: Bool
  ) -> WebSocketOutcome {
    var outcome = WebSocketOutcome()
    var at = 0
    /// The message under way: its opcode, RSV1, payload and fragments.
    var message: (opcode: WebSocketOpcode, isCompressed: Bool, bytes: [UInt8], frames: Int)?
    while at < stream.count {
      let rest = Array(stream[at...])
      do throws(WebSocketError) {
        if outcome.isClosed { throw .frameAfterClose }
        guard let frame = try frame(rest, setting, inMessage: message != nil) else { break }
        if frame.opcode >= 8 {
          if !frame.isWhole { break }
          if frame.opcode == 8 { try checkClose(frame.payload) }
          outcome.events.append(
            .control(WebSocketOpcode(rawValue: UInt8(frame.opcode))!, frame.payload))
          outcome.isClosed = frame.opcode == 8
          at += frame.headerLength + frame.payload.count
          continue
        }
        let size = frame.announced + (message?.bytes.count ?? 0)
        if size > setting.maxSize { throw .messageTooBig }
        var current =
          message ?? (WebSocketOpcode(rawValue: UInt8(frame.opcode))!, frame.rsv == 4, [], 0)
        current.frames += 1
        if inspects, current.frames > setting.maxFragments { throw .tooManyFragments }
        current.bytes += frame.payload
        outcome.frames += 1
        let isEnd = frame.isFinal && frame.isWhole
        if inspects, current.opcode == .text, !current.isCompressed {
          let isText = isEnd ? isUTF8(current.bytes) : canBecomeUTF8(current.bytes)
          if !isText { throw .invalidText }
        }
        let length = frame.headerLength + frame.payload.count
        if !inspects { outcome.pass(Array(rest.prefix(length))) }
        at += length
        if !inspects {
          outcome.isAtFrameBoundary = frame.isWhole
          outcome.isAtMessageBoundary = isEnd
          outcome.payloadBytes += frame.payload.count
        }
        message = isEnd ? nil : current
        if !isEnd { continue }
        outcome.messages += 1
        if inspects {
          outcome.payloadBytes += current.bytes.count
          outcome.events.append(
            .message(current.opcode, isCompressed: current.isCompressed, current.bytes))
        }
      } catch {
        outcome.error = error
        break
      }
    }
    return outcome
  }

  /// Nil while the header is not whole; the payload is what there is of it, unmasked.
  private static func frame(
    _ rest: [UInt8], _ setting: WebSocketSetting, inMessage: Bool
  ) throws(WebSocketError) -> Frame? {
    let first = Int(rest[0])
    let (isFinal, rsv, opcode) = (first >= 128, first / 16 % 8, first % 16)
    if rsv != 0 {
      let isFirstOfMessage = opcode == 1 || opcode == 2
      if rsv != 4 || !setting.allowsRSV1 || !isFirstOfMessage { throw .reservedBits }
    }
    switch opcode {
    case 0: if !inMessage { throw .unexpectedContinuation }
    case 1, 2: if inMessage { throw .messageInterrupted }
    case 8, 9, 10: if !isFinal { throw .fragmentedControl }
    default: throw .unknownOpcode
    }
    guard rest.count >= 2 else { return nil }
    let isMasked = rest[1] >= 128
    if isMasked, setting.sender == .server { throw .maskedFrame }
    if !isMasked, setting.sender == .client { throw .unmaskedFrame }
    let short = Int(rest[1] % 128)
    if opcode >= 8, short > 125 { throw .longControl }
    if opcode == 8, short == 1 { throw .invalidClose }
    let lengthBytes = [126: 2, 127: 8][short] ?? 0
    let headerLength = 2 + lengthBytes + (isMasked ? 4 : 0)
    guard rest.count >= headerLength else { return nil }
    var length = short
    if lengthBytes > 0 {
      if lengthBytes == 8, rest[2] >= 128 { throw .lengthTooLarge }
      length = rest[2..<2 + lengthBytes].reduce(0) { $0 * 256 + Int($1) }
      if length <= (lengthBytes == 2 ? 125 : 65_535) { throw .lengthNotMinimal }
    }
    // Everything far above the limit is alike, and this can be added to.
    let announced = min(length, Int.max / 2)
    var payload = Array(rest[headerLength...].prefix(announced))
    if isMasked {
      let key = Array(rest[headerLength - 4..<headerLength])
      for index in payload.indices { payload[index] ^= key[index % 4] }
    }
    return Frame(
      isFinal: isFinal, rsv: rsv, opcode: opcode, headerLength: headerLength, payload: payload,
      announced: announced)
  }

  private static func checkClose(_ payload: [UInt8]) throws(WebSocketError) {
    if payload.isEmpty { return }
    let code = Int(payload[0]) * 256 + Int(payload[1])
    let known = [1_000, 1_001, 1_002, 1_003] + Array(1_007...1_014)
    if !known.contains(code), code / 1_000 != 3, code / 1_000 != 4 { throw .invalidCloseCode }
    if !isUTF8(Array(payload[2...])) { throw .invalidCloseReason }
  }

  static func isUTF8(_ bytes: some Sequence<UInt8>) -> Bool {
    String(validating: Array(bytes), as: UTF8.self) != nil
  }

  /// Whether some bytes behind these would make them a text.
  static func canBecomeUTF8(_ bytes: [UInt8]) -> Bool {
    if isUTF8(bytes) { return true }
    let borders: [UInt8] = [0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF]
    // A character that is cut has at most three bytes, and what is before it is whole.
    for length in 1...3 where length <= bytes.count {
      let cut = Array(bytes.suffix(length))
      var endings: [[UInt8]] = [[]]
      for _ in length..<4 {
        endings = endings.flatMap { ending in borders.map { ending + [$0] } }
        if isUTF8(bytes.dropLast(length)), endings.contains(where: { isUTF8(cut + $0) }) {
          return true
        }
      }
    }
    return false
  }
}
