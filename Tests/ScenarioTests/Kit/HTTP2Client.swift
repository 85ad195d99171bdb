import Foundation

/// A caller that speaks HTTP/2 on a raw socket, frame by frame.
final class HTTP2Client {
  let socket: RawSocket
  let received = HTTP2Received()
  /// Whether PING and SETTINGS are answered as they should be.
  var answers = true
  private(set) var hasEnded = false
  private(set) var wasReset = false
  private var nextStream = 1

  /// `window`: what the gateway may send of each response, and of all of them. `upgrade`: a request of
  /// HTTP/1.1 that asks for HTTP/2, and is stream 1.
  init(
    port: UInt16, window: Int = 1 << 24, receiveBuffer: Int32? = nil,
    _ tls: TestTLSSettings? = nil, upgrade: String? = nil
  ) throws {
    socket = try RawSocket(port: port, receiveBuffer: receiveBuffer, tls)
    if let upgrade {
      try socket.send(Array(upgrade.utf8))
      nextStream = 3
      var answer: [UInt8] = []
      while !answer.contains(sequence: "\r\n\r\n") {
        let bytes = try socket.receive()
        if bytes.isEmpty { throw ScenarioError.ended }
        answer += bytes
      }
      let text = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
      guard answer.starts(with: text.utf8) else { throw ScenarioError.ended }
      received.receive(Array(answer[text.utf8.count...]))
    }
    try socket.send(HTTP2Frame.preface)
    try send(.settings((4, window)), .windowUpdate(0, 1 << 24))
  }

  func send(_ frames: HTTP2Frame...) throws { try socket.send(frames.flatMap(\.bytes)) }

  /// Begins a request; its stream.
  @discardableResult
  func begin(
    _ method: String = "GET", _ path: String = "/", _ fields: [HTTP2Frame.Field] = [],
    end: Bool = true
  ) throws -> Int {
    let id = nextStream
    nextStream += 2
    try send(.headers(id, HTTP2Frame.request(method, path, fields), end: end))
    return id
  }

  /// Reads what comes next; false at the end.
  @discardableResult
  func step() throws -> Bool {
    if hasEnded { return false }
    do {
      let bytes = try socket.receive()
      hasEnded = bytes.isEmpty
      received.receive(bytes)
    } catch ScenarioError.reset {
      hasEnded = true
      wasReset = true
    }
    if answers && !received.unanswered.isEmpty && !hasEnded {
      let frames = received.unanswered
      received.unanswered = []
      for frame in frames { try? send(frame) }
    }
    return !hasEnded
  }

  func read(_ what: String = "frames", until isDone: (HTTP2Received) -> Bool) throws {
    while !isDone(received) {
      if try !step() && !isDone(received) { throw ScenarioError.ended }
    }
  }

  /// The response to a request, whole or reset.
  func response(_ id: Int) throws -> HTTP2Received.Stream {
    try read { $0[id].isOver }
    return received[id]
  }

  /// A request without a body and its response.
  func get(_ path: String, _ fields: [HTTP2Frame.Field] = []) throws -> HTTP2Received.Stream {
    try response(begin("GET", path, fields))
  }

  func readToEnd() throws { while try step() {} }
}

extension [UInt8] {
  fileprivate func contains(sequence text: String) -> Bool {
    firstRange(of: Array(text.utf8)) != nil
  }
}

extension HTTP2Received.Stream {
  /// The stable code of a problem answer.
  var code: String? {
    guard self["content-type"] == "application/problem+json",
      let start = text.range(of: "\"code\":\"")
    else { return nil }
    return String(text[start.upperBound...].prefix { $0 != "\"" })
  }
}

extension Fixture {
  func http2(
    window: Int = 1 << 24, receiveBuffer: Int32? = nil, _ tls: TestTLSSettings? = nil
  ) throws -> HTTP2Client {
    try HTTP2Client(port: port, window: window, receiveBuffer: receiveBuffer, tls)
  }
}
