/// A WebSocket that is one stream of an HTTP/2 client (RFC 8441): frames byte by byte, within the
/// gateway's windows.
final class HTTP2WebSocket {
  let client: HTTP2Client
  let id: Int
  private var taken = 0
  private var sent = 0
  private let coder: WebSocketPeer

  /// Asks, and returns without waiting for an answer.
  init(
    _ client: HTTP2Client, stream id: Int, path: String = "/socket",
    _ fields: [HTTP2Frame.Field] = [], protocol name: String = "websocket"
  ) throws {
    self.client = client
    self.id = id
    coder = WebSocketPeer(client.socket, MessageReader(client.socket), masks: true)
    try client.send(
      .headers(id, Self.connect(path, fields, protocol: name), end: false))
  }

  static func connect(
    _ path: String = "/socket", _ fields: [HTTP2Frame.Field] = [],
    protocol name: String = "websocket"
  ) -> [HTTP2Frame.Field] {
    [
      (":method", "CONNECT"), (":protocol", name), (":scheme", "https"),
      (":authority", "gateway.test"), (":path", path), ("sec-websocket-version", "13"),
    ] + fields
  }

  var stream: HTTP2Received.Stream { client.received[id] }

  func waitForHead() throws -> HTTP2Received.Stream {
    let id = self.id
    try client.read { $0[id].status != nil || $0[id].isOver }
    return stream
  }

  func send(_ bytes: [UInt8]) throws {
    var offset = 0
    while offset < bytes.count {
      let open = 65_535 + stream.window - sent
      let count = min(bytes.count - offset, open, 16_384)
      if count <= 0 {
        if try !client.step() { throw ScenarioError.ended }
        continue
      }
      try client.send(.data(id, Array(bytes[offset..<(offset + count)])))
      offset += count
      sent += count
    }
  }

  func send(text: String) throws { try send(.init(opcode: 1, payload: Array(text.utf8))) }

  func send(_ frame: WebSocketPeer.Frame) throws { try send(coder.bytes(frame)) }

  func sendClose(_ code: Int) throws {
    try send(.init(opcode: 8, payload: [UInt8(code >> 8), UInt8(code & 255)]))
  }

  func end() throws { try client.send(.data(id, [], end: true)) }

  /// The next frame; nil when the stream ends first.
  func read() throws -> WebSocketPeer.Frame? {
    while true {
      if let (frame, count) = WebSocketPeer.Frame.first(in: stream.body[taken...]) {
        taken += count
        return frame
      }
      if stream.isOver { return nil }
      if try !client.step() { return nil }
    }
  }

  func text() throws -> String? { try read()?.text }
}
