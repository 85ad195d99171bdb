import Foundation
import Glibc
import SluiceReactor

/// How many sessions a scenario of many opens: what CI can bear, or what `make soak` asks for.
enum CrowdSize {
  static let sessions = Int(ProcessInfo.processInfo.environment["SLUICE_SESSIONS"] ?? "") ?? 200

  /// Both ends of every session are in the tests' process.
  static func allow() throws {
    let needed = UInt64(2 * sessions + 500)
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    if limit.rlim_cur >= needed { return }
    guard limit.rlim_max >= needed else {
      throw TooFewDescriptors(needed: needed, allowed: UInt64(limit.rlim_max))
    }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  struct TooFewDescriptors: Error {
    let needed: UInt64
    let allowed: UInt64
  }
}

/// The callers' ends of many sessions, read and written one after the other.
final class Crowd {
  let sockets: [WebSocketPeer]

  /// Every handshake is sent before the first answer is read.
  init(_ count: Int, port: UInt16) throws {
    let clients = try (0..<count).map { _ in try TestClient(port: port) }
    for client in clients { try client.send(WebSocketPeer.handshake()) }
    sockets = try clients.map { client in
      guard let head = try client.reader.readHead(), head.status == 101 else {
        throw ScenarioError.ended
      }
      return WebSocketPeer(client.socket, client.reader, masks: true)
    }
  }

  func send(_ text: String) throws { for socket in sockets { try socket.send(text: text) } }

  /// How many of them get exactly this next, the gateway's pings aside.
  func receive(_ text: String) throws -> Int {
    try sockets.reduce(0) { $0 + (try Self.message(to: $1) == text ? 1 : 0) }
  }

  private static func message(to socket: WebSocketPeer) throws -> String? {
    while let frame = try socket.read() {
      if frame.opcode == 1 { return frame.text }
      guard frame.opcode == 9 else { return nil }
      try socket.send(.init(opcode: 10, payload: frame.payload))
    }
    return nil
  }

  /// The whole closing handshake.
  func close(_ code: Int) throws {
    for socket in sockets { try socket.sendClose(code) }
    for socket in sockets { while try socket.read() != nil {} }
  }
}

/// A target for thousands of sessions: one thread takes handshakes and answers messages, `who` with
/// its port and all others with themselves.
final class CrowdUpstream: Sendable {
  private struct State {
    var sessions = 0
    var closes: [Int: Int] = [:]
    var hasStopped = false
  }

  let port: UInt16
  private let listener: RawSocket
  private let state = Locked(State())

  init(port: UInt16 = 0) throws {
    let (descriptor, bound) = try listenOnLoopback(port: port, backlog: 4_096)
    self.port = bound
    listener = RawSocket(descriptor)
    let thread = CrowdThread(listener: listener, port: bound)
    // Weak, so that an upstream ends with the test that made it.
    Thread.detachNewThread { [weak self, listener] in
      thread.run { event in
        self?.state.withLock { state in
          switch event {
          case .opened: state.sessions += 1
          case .closed(let code): state.closes[code, default: 0] += 1
          }
        }
      }
      listener.close()
      self?.state.withLock { $0.hasStopped = true }
    }
  }

  deinit { listener.interrupt() }

  var url: String { "http://127.0.0.1:\(port)" }
  /// Handshakes answered so far.
  var sessionCount: Int { state.withLock { $0.sessions } }
  /// Close frames by their code.
  var closes: [Int: Int] { state.withLock { $0.closes } }

  /// Refuses from now on; every connection has ended when this returns.
  func stop() throws {
    listener.interrupt()
    try waitUntil("the target's end") { state.withLock { $0.hasStopped } }
  }
}

private enum CrowdEvent {
  case opened
  case closed(Int)
}

/// What the thread of a `CrowdUpstream` owns. It waits in `poll` for whoever is readable and then for
/// the rest of that one's frame, which is on its way.
private final class CrowdThread: @unchecked Sendable {
  // SAFETY: made by the upstream and handed to its thread, which alone uses it.
  private let listener: RawSocket
  private let port: UInt16
  /// By descriptor; false until the handshake.
  private var peers: [Int32: (peer: WebSocketPeer, isOpen: Bool)] = [:]

  init(listener: RawSocket, port: UInt16) {
    self.listener = listener
    self.port = port
  }

  func run(_ tell: (CrowdEvent) -> Void) {
    while true {
      var entries = [pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0)]
      entries += peers.keys.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      if poll(&entries, nfds_t(entries.count), -1) < 0 && errno != EINTR { break }
      for entry in entries.dropFirst() where entry.revents != 0 {
        if (try? serve(entry.fd, tell)) != true { peers[entry.fd] = nil }
      }
      if entries[0].revents != 0 && !acceptAll() { break }
    }
    peers = [:]
  }

  /// False when the listener is gone.
  private func acceptAll() -> Bool {
    while true {
      let descriptor = accept(listener.descriptor, nil, nil)
      if descriptor < 0 { return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED }
      let socket = RawSocket(descriptor)
      peers[descriptor] = (WebSocketPeer(socket, MessageReader(socket), masks: false), false)
    }
  }

  /// False when the peer is gone.
  private func serve(_ descriptor: Int32, _ tell: (CrowdEvent) -> Void) throws -> Bool {
    guard let (peer, isOpen) = peers[descriptor] else { return false }
    if !isOpen {
      guard let request = try peer.reader.readRequest() else { return false }
      try peer.socket.send(WebSocketPeer.accept(request["Sec-WebSocket-Key"]))
      peers[descriptor]?.isOpen = true
      tell(.opened)
      if peer.reader.buffer.isEmpty { return true }
    }
    repeat {
      guard let frame = try peer.read() else { return false }
      switch frame.opcode {
      case 1 where frame.text == "who": try peer.send(text: "\(port)")
      case 1, 2: try peer.send(.init(opcode: frame.opcode, payload: frame.payload))
      case 8:
        tell(.closed(frame.closeCode ?? 1_005))
        try peer.send(.init(opcode: 8, payload: frame.payload))
        return false
      case 9: try peer.send(.init(opcode: 10, payload: frame.payload))
      default: break
      }
    } while !peer.reader.buffer.isEmpty
    return true
  }
}
