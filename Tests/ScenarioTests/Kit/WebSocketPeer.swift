import SluiceGateway

/// One end of a WebSocket as a test plays it: frames byte by byte, with no help from the gateway's own
/// code.
final class WebSocketPeer: @unchecked Sendable {
  // SAFETY: a test reads on one thread and writes on one thread; the two share the socket alone.
  struct Frame: Equatable {
    var opcode: UInt8
    var payload: [UInt8]
    var isFinal = true
    var isMasked = false

    var text: String { String(decoding: payload, as: UTF8.self) }
    static func close(_ code: Int, _ reason: String = "") -> Frame {
      Frame(opcode: 8, payload: [UInt8(code >> 8), UInt8(code & 255)] + Array(reason.utf8))
    }

    /// Of a close frame; nil without.
    var closeCode: Int? {
      payload.count < 2 ? nil : Int(payload[0]) << 8 | Int(payload[1])
    }
  }

  let socket: RawSocket
  let reader: MessageReader
  private let masks: Bool

  /// `masks`: the client's end.
  init(_ socket: RawSocket, _ reader: MessageReader, masks: Bool) {
    self.socket = socket
    self.reader = reader
    self.masks = masks
  }

  static let key = "dGhlIHNhbXBsZSBub25jZQ=="

  static func handshake(_ fields: String..., path: String = "/socket") -> String {
    "GET \(path) HTTP/1.1\r\nHost: gateway.test\r\nConnection: keep-alive, Upgrade\r\n"
      + "Upgrade: websocket\r\nSec-WebSocket-Key: \(key)\r\nSec-WebSocket-Version: 13\r\n"
      + fields.map { $0 + "\r\n" }.joined() + "\r\n"
  }

  static func accept(_ key: String?, _ fields: String...) -> String {
    let value = String(
      decoding: WebSocketAccept.value(forKey: Array((key ?? "").utf8).span), as: UTF8.self)
    return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      + "Sec-WebSocket-Accept: \(value)\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
  }

  func bytes(_ frame: Frame, masked: Bool? = nil) -> [UInt8] {
    let masked = masked ?? masks
    var bytes: [UInt8] = [(frame.isFinal ? 0x80 : 0) | frame.opcode]
    let count = frame.payload.count
    let bit: UInt8 = masked ? 0x80 : 0
    if count < 126 {
      bytes.append(bit | UInt8(count))
    } else if count < 65_536 {
      bytes += [bit | 126, UInt8(count >> 8), UInt8(count & 255)]
    } else {
      bytes.append(bit | 127)
      for shift in stride(from: 56, through: 0, by: -8) {
        bytes.append(UInt8(count >> shift & 255))
      }
    }
    guard masked else { return bytes + frame.payload }
    let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    return bytes + mask + frame.payload.enumerated().map { $1 ^ mask[$0 & 3] }
  }

  func send(_ frame: Frame) throws { try socket.send(bytes(frame)) }
  func send(text: String) throws { try send(Frame(opcode: 1, payload: Array(text.utf8))) }
  func send(binary: [UInt8]) throws { try send(Frame(opcode: 2, payload: binary)) }
  func sendClose(_ code: Int, _ reason: String = "") throws {
    try send(.close(code, reason))
  }

  /// Nil when the connection ends first.
  func read() throws -> Frame? {
    do {
      guard try need(2) else { return nil }
      let first = reader.take(2)
      var count = Int(first[1] & 0x7F)
      if count >= 126 {
        let width = count == 126 ? 2 : 8
        guard try need(width) else { return nil }
        count = reader.take(width).reduce(0) { $0 << 8 | Int($1) }
      }
      var mask: [UInt8] = [0, 0, 0, 0]
      let isMasked = first[1] & 0x80 != 0
      if isMasked {
        guard try need(4) else { return nil }
        mask = reader.take(4)
      }
      guard try need(count) else { return nil }
      var payload = reader.take(count)
      if isMasked { for index in payload.indices { payload[index] ^= mask[index & 3] } }
      return Frame(
        opcode: first[0] & 0x0F, payload: payload, isFinal: first[0] & 0x80 != 0,
        isMasked: isMasked)
    } catch ScenarioError.reset {
      return nil
    }
  }

  private func need(_ count: Int) throws -> Bool {
    while reader.buffer.count < count { if try !reader.fill() { return false } }
    return true
  }

  /// The next text message.
  func text() throws -> String? {
    let frame = try read()
    return frame?.opcode == 1 ? frame?.text : nil
  }

  /// Echoes messages, answers pings and close frames, until the other end is gone.
  func echo() throws {
    while let frame = try read() {
      switch frame.opcode {
      case 8:
        try send(Frame(opcode: 8, payload: frame.payload))
        return
      case 9: try send(Frame(opcode: 10, payload: frame.payload))
      case 10: break
      default: try send(Frame(opcode: frame.opcode, payload: frame.payload, isFinal: frame.isFinal))
      }
    }
  }
}

extension WebSocketPeer.Frame {
  /// The frame that these bytes begin with, and how many it has; nil while it is not whole.
  static func first(in bytes: ArraySlice<UInt8>) -> (frame: Self, count: Int)? {
    let start = bytes.startIndex
    guard bytes.count >= 2 else { return nil }
    let isMasked = bytes[start + 1] & 0x80 != 0
    var header = 2
    var count = Int(bytes[start + 1] & 0x7F)
    if count >= 126 {
      header += count == 126 ? 2 : 8
      if bytes.count < header { return nil }
      count = bytes[(start + 2)..<(start + header)].reduce(0) { $0 << 8 | Int($1) }
    }
    let mask = header
    if isMasked { header += 4 }
    if bytes.count < header + count { return nil }
    var payload = Array(bytes[(start + header)..<(start + header + count)])
    if isMasked {
      for index in payload.indices { payload[index] ^= bytes[start + mask + (index & 3)] }
    }
    let frame = Self(
      opcode: bytes[start] & 0x0F, payload: payload, isFinal: bytes[start] & 0x80 != 0,
      isMasked: isMasked)
    return (frame, header + count)
  }
}

extension UpstreamPeer {
  /// Takes a handshake and becomes the server's end.
  func accept(_ fields: String...) throws -> WebSocketPeer {
    let request = try readRequest()
    let answer = WebSocketPeer.accept(request?["Sec-WebSocket-Key"])
    try send(answer.dropLast(1) + fields.map { $0 + "\r\n" }.joined() + "\r\n")
    return WebSocketPeer(socket, reader, masks: false)
  }
}

extension TestClient {
  /// Makes a handshake that has to succeed.
  func open(_ fields: String..., path: String = "/socket") throws -> WebSocketPeer {
    // CR and LF are one character.
    let handshake = WebSocketPeer.handshake(path: path).dropLast(1)
    try send(handshake + fields.map { $0 + "\r\n" }.joined() + "\r\n")
    guard let head = try reader.readHead(), head.status == 101 else { throw ScenarioError.ended }
    return WebSocketPeer(socket, reader, masks: true)
  }
}

extension Gateway {
  /// What all workers counted of the sessions of the route "all".
  func sessions(of route: String = "all") async -> (open: Int, closed: [SessionCause: UInt64]) {
    var open = 0
    var closed: [SessionCause: UInt64] = [:]
    for report in await reports() {
      for entry in report.routes where entry.name == route {
        guard let sessions = entry.sessions else { continue }
        open += sessions.open
        for cause in SessionCause.allCases where sessions.closed(cause) > 0 {
          closed[cause, default: 0] += sessions.closed(cause)
        }
      }
    }
    return (open, closed)
  }
}
