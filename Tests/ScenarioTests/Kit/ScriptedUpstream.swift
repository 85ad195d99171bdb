import Foundation
import Glibc
import SluiceReactor

/// A target whose every move a test writes down. One thread per connection runs the script.
final class ScriptedUpstream: Sendable {
  typealias Script = @Sendable (UpstreamPeer) throws -> Void

  private struct State {
    var connections: [RawSocket] = []
    var requests: [Message] = []
    var ended = 0
  }

  let port: UInt16
  private let listener: RawSocket
  private let state = Locked(State())
  private let script: Script
  private let tls: TestTLSSettings?

  /// Listens on the loopback; `port` 0 lets the kernel choose.
  init(port: UInt16 = 0, tls: TestTLSSettings? = nil, _ script: @escaping Script) throws {
    let (descriptor, bound) = try listenOnLoopback(port: port, backlog: 512)
    self.port = bound
    self.script = script
    self.tls = tls
    listener = RawSocket(descriptor)
    // Weak, so that an upstream ends with the test that made it.
    Thread.detachNewThread { [weak self, listener, tls] in
      while let descriptor = Self.nextConnection(on: listener) {
        let socket = RawSocket(descriptor, tls)
        guard let self else { break }
        adopt(socket)
      }
      // Only here, because this thread uses the descriptor.
      listener.close()
    }
  }

  deinit { interrupt(resetting: false) }

  /// Answers every request on every connection with what `answer` returns; keeps connections alive.
  static func answering(
    port: UInt16 = 0, tls: TestTLSSettings? = nil,
    _ answer: @escaping @Sendable (Message) -> String
  ) throws -> ScriptedUpstream {
    try ScriptedUpstream(port: port, tls: tls) { peer in
      while let request = try peer.readRequest() { try peer.send(answer(request)) }
    }
  }

  /// Answers with 200 and the request's target.
  static func echoing(port: UInt16 = 0, tls: TestTLSSettings? = nil) throws -> ScriptedUpstream {
    try answering(port: port, tls: tls) { request in
      ok(request.method == "HEAD" ? "" : request.target)
    }
  }

  var url: String { tls == nil ? "http://127.0.0.1:\(port)" : "https://localhost:\(port)" }
  /// Requests read so far, whole or cut short.
  var requests: [Message] { state.withLock { $0.requests } }
  var connectionCount: Int { state.withLock { $0.connections.count } }
  /// Connections whose script has ended, other than by running out of patience.
  var endedCount: Int { state.withLock { $0.ended } }

  /// Refuses from now on and ends every connection.
  func stop(resetting: Bool = false) {
    interrupt(resetting: resetting)
    try? waitUntil { listener.isClosed }
  }

  private func interrupt(resetting: Bool) {
    listener.interrupt()
    let connections = state.withLock { $0.connections }
    for connection in connections {
      if resetting { connection.setToReset() }
      connection.interrupt()
    }
  }

  /// Nil when the listener is gone.
  private static func nextConnection(on listener: RawSocket) -> Int32? {
    while true {
      var entry = pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0)
      if poll(&entry, 1, -1) < 0 && errno != EINTR { return nil }
      let descriptor = accept(listener.descriptor, nil, nil)
      if descriptor >= 0 { return descriptor }
      if errno != EAGAIN && errno != EINTR && errno != ECONNABORTED { return nil }
    }
  }

  private func adopt(_ socket: RawSocket) {
    let index = state.withLock { state in
      state.connections.append(socket)
      return state.connections.count - 1
    }
    let peer = UpstreamPeer(socket, index: index, upstream: self)
    Thread.detachNewThread { [script] in
      var isStuck = false
      do { try script(peer) } catch ScenarioError.timedOut { isStuck = true } catch {}
      peer.finish(isStuck: isStuck)
    }
  }

  fileprivate func record(_ request: Message) { state.withLock { $0.requests.append(request) } }
  fileprivate func recordEnd() { state.withLock { $0.ended += 1 } }
}

/// One connection of a scripted upstream; used by its own thread only.
final class UpstreamPeer: @unchecked Sendable {
  // SAFETY: made on the accepting thread and handed to the script's thread, which alone uses it.
  let socket: RawSocket
  let reader: MessageReader
  /// 0 for the first connection.
  let index: Int
  private weak let upstream: ScriptedUpstream?

  fileprivate init(_ socket: RawSocket, index: Int, upstream: ScriptedUpstream) {
    self.socket = socket
    self.index = index
    self.upstream = upstream
    reader = MessageReader(socket)
  }

  /// The next request, recorded; nil at the gateway's FIN.
  func readRequest() throws -> Message? {
    guard let request = try reader.readRequest() else { return nil }
    upstream?.record(request)
    return request
  }

  func send(_ text: String) throws { try socket.send(text) }

  /// Shakes hands by TLS, and says what came of that.
  func agreesOnHTTP2() throws -> Bool {
    try socket.handshake()
    return socket.tls?.negotiated == "h2"
  }

  fileprivate func finish(isStuck: Bool) {
    socket.interrupt()
    socket.close()
    if !isStuck { upstream?.recordEnd() }
  }
}

/// A 200 with a length.
func ok(_ body: String, _ fields: String...) -> String {
  "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n"
    + fields.map { $0 + "\r\n" }.joined() + "\r\n\(body)"
}

func listenOnLoopback(port: UInt16, backlog: Int32) throws -> (descriptor: Int32, port: UInt16) {
  let bound = try bindToLoopback(port: port)
  if listen(bound.descriptor, backlog) != 0 {
    let code = errno
    close(bound.descriptor)
    throw ScenarioError.system("listen", code)
  }
  return bound
}

private func bindToLoopback(port: UInt16) throws -> (descriptor: Int32, port: UInt16) {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  var one: Int32 = 1
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
  if withLoopback(port, { bind(descriptor, $0, $1) }) != 0 {
    let code = errno
    close(descriptor)
    throw ScenarioError.system("bind", code)
  }
  var address = sockaddr_in()
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  _ = withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
  }
  return (descriptor, UInt16(bigEndian: address.sin_port))
}

/// A port of the loopback on which nobody listens.
func unusedPort() throws -> UInt16 {
  let (descriptor, port) = try listenOnLoopback(port: 0, backlog: 1)
  close(descriptor)
  return port
}

/// A port of the loopback that refuses connections, and that nobody else gets as long as this lives: an
/// upstream may listen on it, and stop, and listen again.
final class HeldPort: Sendable {
  let port: UInt16
  private let descriptor: Int32

  init() throws {
    // Bound and not listening: who connects is refused, and no connection gets the port as its own.
    (descriptor, port) = try bindToLoopback(port: 0)
  }

  deinit { close(descriptor) }
}
