import Foundation
import Glibc

/// Holds threads until it is opened; then stays open.
final class Gate: Sendable {
  private let condition = NSCondition()
  private nonisolated(unsafe) var isOpen = false

  var hasOpened: Bool { condition.withLock { isOpen } }

  func open() {
    condition.withLock {
      isOpen = true
      condition.broadcast()
    }
  }

  func wait() {
    condition.withLock {
      let end = Date(timeIntervalSinceNow: 10)
      while !isOpen, condition.wait(until: end) {}
    }
  }
}

/// A listener whose queue is full, so that connecting to it never ends.
final class FullListener {
  let port: UInt16
  private let descriptor: Int32
  private var waiting: [Int32] = []

  init() throws {
    (descriptor, port) = try listenOnLoopback(port: 0, backlog: 0)
    // The kernel completes one connection more than the backlog says.
    for _ in 0..<4 {
      let socket = Glibc.socket(
        AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
      waiting.append(socket)
      _ = withLoopback(port) { connect(socket, $0, $1) }
    }
  }

  var url: String { "http://127.0.0.1:\(port)" }

  deinit {
    for socket in waiting { close(socket) }
    close(descriptor)
  }
}
