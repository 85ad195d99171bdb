import CLinux
import Glibc
import SluiceWire

/// A pipe through which the kernel moves bytes from one socket to another without copying them.
///
/// Only descriptors: what is in it, `SpliceStateMachine` knows.
final class SplicePipe {
  /// Bytes asked for; more means fewer calls, and more memory that a caller who stops reading pins.
  static let wantedCapacity = 256 * 1_024
  /// A pipe that holds less than this costs more than copying. The kernel gives small ones to a user
  /// who has very many.
  private static let leastCapacity = 64 * 1_024

  private let readEnd: Int32
  private let writeEnd: Int32
  let capacity: Int

  /// Nil without descriptors or memory for one.
  init?() {
    var ends: [2 of Int32] = [-1, -1]
    let capacity = withUnsafeMutablePointer(to: &ends) {
      $0.withMemoryRebound(to: Int32.self, capacity: 2) {
        clinux_open_pipe($0, Int32(Self.wantedCapacity))
      }
    }
    readEnd = ends[0]
    writeEnd = ends[1]
    self.capacity = Int(capacity)
    if capacity < Self.leastCapacity { return nil }
  }

  deinit {
    if readEnd >= 0 { close(readEnd) }
    if writeEnd >= 0 { close(writeEnd) }
  }

  /// Takes up to `limit` bytes from a socket.
  func fill(from socket: Int32, atMost limit: Int) -> SpliceStateMachine.Result {
    Self.splice(from: socket, to: writeEnd, min(limit, capacity))
  }

  /// Gives up to `limit` bytes to a socket.
  func drain(to socket: Int32, atMost limit: Int) -> SpliceStateMachine.Result {
    Self.splice(from: readEnd, to: socket, limit)
  }

  /// Copies `count` bytes, which are in the pipe, to the end of `buffer`.
  func copyOut(_ count: Int, to buffer: inout ByteBuffer) {
    var left = count
    while left > 0 {
      var copied = 0
      buffer.append(upTo: left) { room in
        copied = max(0, Glibc.read(readEnd, room.baseAddress, room.count))
        return copied
      }
      precondition(copied > 0 || errno == EINTR, "a pipe does not hold what went into it")
      left -= copied
    }
  }

  private static func splice(
    from: Int32, to: Int32, _ count: Int
  ) -> SpliceStateMachine.Result {
    while true {
      let moved = clinux_splice(from, to, count)
      let code = errno
      if moved < 0 && code == EINTR { continue }
      return SpliceStateMachine.Result(count: moved, code: code)
    }
  }
}
