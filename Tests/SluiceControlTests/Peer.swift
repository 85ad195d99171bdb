import Glibc
import SluiceReactor

/// A blocking socket for tests. Reads give up after a while, so that a failing test ends.
final class Peer {
  let descriptor: Int32
  private(set) var received: [UInt8] = []

  struct Failure: Error, CustomStringConvertible { let description: String }

  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
    var limit = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  static func connect(to address: SocketAddress) throws -> Peer {
    let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
    let result = address.withSockaddr { Glibc.connect(descriptor, $0, $1) }
    if result != 0 {
      close(descriptor)
      throw SystemError(call: "connect", code: errno)
    }
    return Peer(descriptor)
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }

  /// Reads until `isEnough` holds for what has arrived since the last take.
  func read(until isEnough: ([UInt8]) -> Bool) throws {
    while !isEnough(received) {
      if !readMore() {
        throw Failure(
          description: "the peer ended after \(String(decoding: received, as: UTF8.self))")
      }
    }
  }

  func readToEnd() -> String {
    while readMore() {}
    return take(received.count)
  }

  private func readMore() -> Bool {
    var chunk = [UInt8](repeating: 0, count: 16_384)
    let count = recv(descriptor, &chunk, chunk.count, 0)
    if count <= 0 { return false }
    received += chunk[..<count]
    return true
  }

  @discardableResult
  func take(_ count: Int) -> String {
    let text = String(decoding: received.prefix(count), as: UTF8.self)
    received.removeFirst(count)
    return text
  }

  func readBytes(_ count: Int) throws -> [UInt8] {
    try read { $0.count >= count }
    let bytes = Array(received.prefix(count))
    received.removeFirst(count)
    return bytes
  }

  /// A head with its empty line.
  func readHead() throws -> String {
    let end = Array("\r\n\r\n".utf8)
    try read { $0.range(of: end) != nil }
    return take(received.range(of: end)!.upperBound)
  }

  /// FIN.
  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Sends a request with `Connection: close` and returns the whole response.
  static func get(
    _ path: String, from address: SocketAddress, method: String = "GET",
    host: String = "localhost"
  ) throws -> String {
    let peer = try connect(to: address)
    peer.send("\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
    return peer.readToEnd()
  }

  /// Waits for somebody to connect to a listening descriptor.
  static func accept(_ listener: Int32) -> Peer {
    var wait = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
    poll(&wait, 1, 30_000)
    return Peer(Glibc.accept(listener, nil, nil))
  }
}

extension Array where Element == UInt8 {
  func range(of other: [UInt8]) -> Range<Int>? {
    guard count >= other.count else { return nil }
    for start in 0...(count - other.count) where Array(self[start..<start + other.count]) == other {
      return start..<start + other.count
    }
    return nil
  }
}

extension String {
  /// What follows the head of a response.
  var body: String { String(split(separator: "\r\n\r\n", maxSplits: 1).last ?? "") }
}
