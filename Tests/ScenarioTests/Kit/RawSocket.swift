import Glibc
import SluiceReactor

/// Why a scenario could not go on.
enum ScenarioError: Error, Equatable {
  /// The safety net: nothing that is tested takes this long.
  case timedOut(String)
  /// The peer sent a reset.
  case reset
  /// The peer sent its FIN where more was expected.
  case ended
  case system(String, Int32)
  /// TLS: the FIN came without close_notify.
  case cut
  /// TLS: in OpenSSL's words.
  case tls(String)
}

/// One TCP socket of a test, used by one thread at a time. Waits at most `patience`.
final class RawSocket: Sendable {
  static let patience: Int32 = 60_000

  let descriptor: Int32
  /// Locked while the descriptor is used by others than the owner: its number may be given to
  /// another socket as soon as it is closed.
  private let closed = Locked(false)
  /// Nil for plain bytes.
  let tls: TestTLS?

  /// Takes ownership. With TLS the handshake comes with the first byte that is read or written.
  init(_ descriptor: Int32, _ settings: TestTLSSettings? = nil) {
    self.descriptor = descriptor
    tls = settings.map { TestTLS($0, descriptor) }
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    var one: Int32 = 1
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit { close() }

  /// Connects to a port of the loopback. `receiveBuffer`: bytes the kernel may hold unread.
  convenience init(
    port: UInt16, receiveBuffer: Int32? = nil, _ settings: TestTLSSettings? = nil
  ) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if descriptor < 0 { throw ScenarioError.system("socket", errno) }
    if var size = receiveBuffer {
      setsockopt(
        descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    let result = withLoopback(port) { Glibc.connect(descriptor, $0, $1) }
    let code = errno
    self.init(descriptor, settings)
    if result != 0 { throw ScenarioError.system("connect", code) }
  }

  func close() {
    closed.withLock { isClosed in
      if !isClosed { Glibc.close(descriptor) }
      isClosed = true
    }
  }

  /// Closes so that the peer sees a reset.
  func reset() {
    setToReset()
    close()
  }

  /// Closing will send a reset.
  func setToReset() {
    var option = linger(l_onoff: 1, l_linger: 0)
    closed.withLock {
      if $0 { return }
      setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
  }

  func finishWriting() {
    tls?.finish()
    cut()
  }

  /// A FIN, with TLS without close_notify before it.
  func cut() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Waits for the end of the TLS handshake.
  func handshake() throws {
    guard let tls else { return }
    while try count(tls.handshake()) == nil {}
  }

  /// What came of a step of TLS: bytes, or nil after waiting for the socket.
  private func count(_ outcome: TestTLS.Outcome) throws -> Int? {
    switch outcome {
    case .bytes(let count): return count
    case .wantsRead: try wait(for: POLLIN, "TLS to read")
    case .wantsWrite: try wait(for: POLLOUT, "TLS to write")
    case .end: return 0
    case .cut: throw ScenarioError.cut
    case .reset: throw ScenarioError.reset
    case .failed(let reason): throw ScenarioError.tls(reason)
    }
    return nil
  }

  private func receive(atMost limit: Int, _ tls: TestTLS) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: limit)
    while true {
      if let count = try count(bytes.withUnsafeMutableBufferPointer({ tls.read($0) })) {
        return Array(bytes[..<count])
      }
    }
  }

  /// Wakes a thread that waits in this socket.
  func interrupt() {
    closed.withLock { if !$0 { shutdown(descriptor, Int32(SHUT_RDWR)) } }
  }

  var isClosed: Bool { closed.withLock { $0 } }

  /// The next bytes; empty at the peer's FIN.
  func receive(atMost count: Int = 65_536) throws -> [UInt8] {
    if let tls { return try receive(atMost: count, tls) }
    while true {
      var code: Int32 = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
        let received = recv(descriptor, buffer.baseAddress, count, 0)
        code = received < 0 ? errno : 0
        used = max(0, received)
      }
      switch code {
      case 0: return bytes
      case EAGAIN: try wait(for: POLLIN, "bytes to read")
      case EINTR: continue
      case ECONNRESET, EPIPE: throw ScenarioError.reset
      default: throw ScenarioError.system("recv", code)
      }
    }
  }

  func send(_ bytes: some Collection<UInt8>) throws {
    let all = Array(bytes)
    var sent = 0
    while sent < all.count {
      sent += try sendSome(all[sent...])
    }
  }

  func send(_ text: String) throws { try send(text.utf8) }

  /// What goes before the TLS handshake.
  func sendBelowTLS(_ text: String) throws {
    let bytes = Array(text.utf8)
    guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
      throw ScenarioError.system("send", errno)
    }
  }

  var localPort: UInt16? { Sockets.localAddress(of: descriptor)?.port }

  /// Sends what the kernel takes within the patience.
  private func sendSome(_ bytes: ArraySlice<UInt8>) throws -> Int {
    while true {
      if let count = try sendNow(bytes) { return count }
      try wait(for: POLLOUT, "room to write")
    }
  }

  /// Sends what the kernel takes at once; nil when that is nothing.
  func sendNow(_ bytes: ArraySlice<UInt8>) throws -> Int? {
    if let tls {
      switch bytes.withUnsafeBytes({ tls.write($0) }) {
      case .bytes(let count): return count
      case .wantsRead:
        // Only the handshake, or new keys; whoever reads at the same time may take it.
        _ = isReadable(within: 10)
        return nil
      case .wantsWrite: return nil
      case .end: throw ScenarioError.ended
      case .cut: throw ScenarioError.cut
      case .reset: throw ScenarioError.reset
      case .failed(let reason): throw ScenarioError.tls(reason)
      }
    }
    let count = bytes.withUnsafeBytes {
      Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
    if count >= 0 { return count }
    switch errno {
    case EAGAIN, EINTR: return nil
    case ECONNRESET, EPIPE: throw ScenarioError.reset
    default: throw ScenarioError.system("send", errno)
    }
  }

  /// Whether the peer takes bytes within `milliseconds`.
  func isWritable(within milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    return poll(&entry, 1, milliseconds) > 0
  }

  func isReadable(within milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, milliseconds) > 0
  }

  private func wait(for event: Int32, _ what: String) throws {
    var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
    if poll(&entry, 1, Self.patience) == 0 { throw ScenarioError.timedOut(what) }
  }
}

/// Calls `body` with 127.0.0.1 and `port`.
func withLoopback<R>(
  _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
) -> R {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  return withUnsafePointer(to: address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
}

/// Waits until `condition` holds, at most so many milliseconds.
func eventually(
  _ what: String = "condition", within milliseconds: Int32 = RawSocket.patience,
  _ condition: () async throws -> Bool
) async throws {
  for _ in 0..<milliseconds {
    if try await condition() { return }
    try await Task.sleep(nanoseconds: 1_000_000)
  }
  throw ScenarioError.timedOut(what)
}

/// The same for a test that does not await.
func waitUntil(
  _ what: String = "condition", within milliseconds: Int32 = RawSocket.patience,
  _ condition: () throws -> Bool
) throws {
  for _ in 0..<milliseconds {
    if try condition() { return }
    usleep(1_000)
  }
  throw ScenarioError.timedOut(what)
}
