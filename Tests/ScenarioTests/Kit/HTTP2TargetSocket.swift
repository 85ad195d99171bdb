import SluiceConfiguration
import SluiceGateway
import SluiceReactor

/// A target's end of a WebSocket that is one stream of its HTTP/2 connection (RFC 8441): frames byte by
/// byte, within the gateway's windows.
final class HTTP2TargetSocket {
  let peer: HTTP2Peer
  let id: Int
  private var taken = 0
  private var sent = 0
  private let coder: WebSocketPeer

  fileprivate init(_ peer: HTTP2Peer, _ id: Int) {
    self.peer = peer
    self.id = id
    coder = WebSocketPeer(peer.socket, MessageReader(peer.socket), masks: false)
  }

  var stream: HTTP2Received.Stream { peer.received[id] }

  func send(_ bytes: [UInt8]) throws {
    var offset = 0
    while offset < bytes.count {
      let count = min(bytes.count - offset, 65_535 + stream.window - sent, 16_384)
      if count <= 0 {
        if try !peer.step() || stream.resetCode != nil { throw ScenarioError.ended }
        continue
      }
      try peer.send(.data(id, Array(bytes[offset..<(offset + count)])))
      offset += count
      sent += count
    }
  }

  func send(_ frame: WebSocketPeer.Frame) throws { try send(coder.bytes(frame)) }
  func send(text: String) throws { try send(.init(opcode: 1, payload: Array(text.utf8))) }

  func sendClose(_ code: Int) throws {
    try send(.init(opcode: 8, payload: [UInt8(code >> 8), UInt8(code & 255)]))
  }

  func end() throws { try peer.send(.data(id, [], end: true)) }

  /// A frame that is here already.
  func next() -> WebSocketPeer.Frame? {
    guard let (frame, count) = WebSocketPeer.Frame.first(in: stream.body[taken...]) else {
      return nil
    }
    taken += count
    return frame
  }

  /// The next frame; nil when the stream ends first.
  func read() throws -> WebSocketPeer.Frame? {
    while true {
      if let frame = next() { return frame }
      if stream.isOver { return nil }
      if try !peer.step() { return nil }
    }
  }

  func text() throws -> String? {
    let frame = try read()
    return frame?.opcode == 1 ? frame?.text : nil
  }

  /// Answers as an echo does; false for the closing handshake's end.
  @discardableResult
  func answer(_ frame: WebSocketPeer.Frame) throws -> Bool {
    switch frame.opcode {
    case 8:
      try send(.init(opcode: 8, payload: frame.payload))
      try end()
      return false
    case 9: try send(.init(opcode: 10, payload: frame.payload))
    case 10: break
    default: try send(frame)
    }
    return true
  }

  /// Until the stream ends.
  func echo() throws {
    while let frame = try read() { if try !answer(frame) { break } }
    try peer.read { [id] in $0[id].isOver }
  }
}

extension HTTP2Peer {
  /// Takes the handshake on this stream.
  @discardableResult
  func accept(_ id: Int = 1, _ fields: [HTTP2Frame.Field] = []) throws -> HTTP2TargetSocket {
    try head(id)
    try send(.headers(id, [(":status", "200")] + fields, end: false))
    return HTTP2TargetSocket(self, id)
  }

  /// Takes every handshake, and echoes on every stream until the connection ends.
  func echoOnAllStreams() throws {
    var sockets: [Int: HTTP2TargetSocket] = [:]
    var heard = Set<Int>()
    repeat {
      for id in received.streams.keys.sorted() where id > 0 && !received[id].heads.isEmpty {
        if heard.insert(id).inserted { sockets[id] = try accept(id) }
        guard let socket = sockets[id] else { continue }
        while let frame = socket.next() {
          if try !socket.answer(frame) {
            sockets[id] = nil
            break
          }
        }
        if received[id].isOver { sockets[id] = nil }
      }
    } while try step()
  }
}

/// What targets were asked for on HTTP/2's streams.
final class HTTP2Handshakes: Sendable {
  private let heads = Locked<[HTTP2Received.Stream]>([])
  var all: [HTTP2Received.Stream] { heads.withLock { $0 } }
  func add(_ stream: HTTP2Received.Stream) { heads.withLock { $0.append(stream) } }
}

extension ScriptedUpstream {
  /// Speaks HTTP/2 and takes WebSockets there.
  static func http2Sockets(
    port: UInt16 = 0, tls: TestTLSSettings? = nil, settings: HTTP2Frame = .settings((8, 1)),
    _ script: @escaping @Sendable (HTTP2Peer) throws -> Void = { try $0.echoOnAllStreams() }
  ) throws -> ScriptedUpstream {
    try http2(port: port, tls: tls, settings: settings, script)
  }
}

extension Fixture {
  /// The route "all", for WebSockets, to a target that speaks HTTP/2.
  static func http2Sockets(
    to upstream: ScriptedUpstream, isInspected: Bool = false,
    _ edit: (inout Configuration) -> Void = { _ in }
  ) throws -> Fixture {
    try http2(to: upstream) {
      $0.all.kind = .websocket
      $0.all.connection = .impatient
      $0.all.messages = Configuration.MessageSettings()
      $0.all.messages?.inspect = isInspected
      edit(&$0)
    }
  }

  /// The one session there was has ended for this cause.
  func ended(by cause: SessionCause) async throws {
    let gateway = self.gateway
    try await eventually("cause \(cause)") {
      let (open, closed) = await gateway.sessions()
      return open == 0 && closed == [cause: 1]
    }
  }
}
