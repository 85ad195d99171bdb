import Foundation

/// One connection of a scripted upstream that speaks HTTP/2, frame by frame.
final class HTTP2Peer {
  let socket: RawSocket
  /// 0 for the first connection.
  let index: Int
  let received = HTTP2Received()
  private var preface = HTTP2Frame.preface.count
  private(set) var hasEnded = false

  /// Reads the gateway's preface and says its own `settings`.
  /// `behind`: what was read of it already.
  init(
    _ peer: UpstreamPeer, settings: HTTP2Frame? = .settings(), behind bytes: [UInt8] = []
  ) throws {
    socket = peer.socket
    index = peer.index
    if let settings { try send(settings) }
    try take(bytes)
  }

  func send(_ frames: HTTP2Frame...) throws { try socket.send(frames.flatMap(\.bytes)) }

  /// Reads what comes next, and answers SETTINGS and PING; false at the end.
  @discardableResult
  func step() throws -> Bool {
    if hasEnded { return false }
    let bytes = try socket.receive()
    hasEnded = bytes.isEmpty
    try take(bytes)
    return !hasEnded
  }

  private func take(_ bytes: [UInt8]) throws {
    var bytes = bytes
    let skipped = min(preface, bytes.count)
    preface -= skipped
    bytes.removeFirst(skipped)
    received.receive(bytes)
    let frames = received.unanswered
    received.unanswered = []
    for frame in frames { try send(frame) }
  }

  func read(until isDone: (HTTP2Received) -> Bool) throws {
    while !isDone(received) {
      if try !step() && !isDone(received) { throw ScenarioError.ended }
    }
  }

  /// The head of the request on this stream.
  @discardableResult
  func head(_ id: Int) throws -> HTTP2Received.Stream {
    try read { !$0[id].heads.isEmpty }
    return received[id]
  }

  /// The whole request on this stream.
  @discardableResult
  func request(_ id: Int) throws -> HTTP2Received.Stream {
    try read { $0[id].isOver }
    return received[id]
  }

  /// Answers with a body.
  func answer(_ id: Int, _ text: String, _ fields: [HTTP2Frame.Field] = []) throws {
    try send(
      .headers(id, [(":status", "200")] + fields, end: false),
      .data(id, Array(text.utf8), end: true))
  }

  func readToEnd() throws { while try step() {} }

  /// Says that this was all, so that nothing of it is lost.
  func finish() throws {
    socket.finishWriting()
    try readToEnd()
  }
}

extension ScriptedUpstream {
  /// Speaks HTTP/2; one thread per connection runs the script.
  static func http2(
    port: UInt16 = 0, tls: TestTLSSettings? = nil, settings: HTTP2Frame? = .settings(),
    _ script: @escaping @Sendable (HTTP2Peer) throws -> Void
  ) throws -> ScriptedUpstream {
    try ScriptedUpstream(port: port, tls: tls) { try script(HTTP2Peer($0, settings: settings)) }
  }

  /// Answers each request with its path and the number of the connection.
  static func echoingHTTP2(
    port: UInt16 = 0, tls: TestTLSSettings? = nil, settings: HTTP2Frame = .settings()
  ) throws -> ScriptedUpstream {
    try http2(port: port, tls: tls, settings: settings) { peer in
      var next = 1
      while true {
        let request = try peer.request(next)
        try peer.answer(next, "\(request[":path"] ?? "") \(peer.index)")
        next += 2
      }
    }
  }
}

extension HTTP2Frame {
  static func goAway(last: Int, _ code: Int = 0) -> HTTP2Frame {
    HTTP2Frame(kind: Kind.goAway, payload: number(last, 4) + number(code, 4))
  }
}
