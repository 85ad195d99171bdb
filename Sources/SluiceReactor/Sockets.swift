import CLinux
import Glibc

/// Small socket operations that have no state of their own.
public enum Sockets {
  static func setNoDelay(_ descriptor: Int32) {
    setFlag(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
  }

  private static func setFlag(_ descriptor: Int32, _ level: Int32, _ option: Int32) {
    var one: Int32 = 1
    setsockopt(descriptor, level, option, &one, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Opens one listening socket per worker on `address`, all before any accepts.
  ///
  /// IP sockets share the port by SO_REUSEPORT, so the kernel spreads connections over the workers.
  /// Because that option would also let a second process join in silence, a plain bind proves first
  /// that the port is free. With port 0 the kernel picks one port for all. A Unix socket cannot be
  /// bound twice: its descriptor is opened once and duplicated. A stale socket file is replaced, one
  /// that somebody listens on is not.
  public static func listen(
    on address: SocketAddress, count: Int, backlog: Int32 = 4_096
  ) throws(SystemError) -> [Int32] {
    if address.family == AF_UNIX { return try listenUnix(on: address, count: count, backlog) }
    var actual = address
    var descriptors: [Int32] = []
    if address.port == 0 {
      // A probe's port would be free for others between its close and the next bind; the kernel
      // never picks a port for two sockets, not even for such that share.
      let first = try bound(to: address, sharesPort: true)
      descriptors.append(first)
      actual = localAddress(of: first) ?? address
    } else {
      close(try bound(to: address, sharesPort: false))
    }
    do throws(SystemError) {
      while descriptors.count < count {
        descriptors.append(try bound(to: actual, sharesPort: true))
      }
      for descriptor in descriptors {
        if Glibc.listen(descriptor, backlog) != 0 {
          throw SystemError(call: "listen", code: errno)
        }
      }
    } catch {
      for descriptor in descriptors { close(descriptor) }
      throw error
    }
    return descriptors
  }

  private static func bound(
    to address: SocketAddress, sharesPort: Bool
  ) throws(SystemError) -> Int32 {
    let descriptor = socket(
      address.family,
      Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if descriptor < 0 { throw SystemError(call: "socket", code: errno) }
    setFlag(descriptor, SOL_SOCKET, SO_REUSEADDR)
    if sharesPort { setFlag(descriptor, SOL_SOCKET, SO_REUSEPORT) }
    if address.family == AF_INET6 { setFlag(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY) }
    if address.withSockaddr({ bind(descriptor, $0, $1) }) != 0 {
      let code = errno
      close(descriptor)
      throw SystemError(call: "bind", code: code)
    }
    return descriptor
  }

  private static func listenUnix(
    on address: SocketAddress, count: Int, _ backlog: Int32
  ) throws(SystemError) -> [Int32] {
    if let bytes = address.pathBytes, bytes.first != 0 {
      let path = bytes + [0]
      if isStaleSocket(address, path) {
        // SAFETY: the path ends in the NUL that was just appended, so it is not empty either.
        path.withUnsafeBytes { _ = unlink($0.assumingMemoryBound(to: CChar.self).baseAddress!) }
      }
    }
    let first = try bound(to: address, sharesPort: false)
    if Glibc.listen(first, backlog) != 0 {
      let code = errno
      close(first)
      throw SystemError(call: "listen", code: code)
    }
    var descriptors = [first]
    for _ in 1..<max(count, 1) {
      let copy = fcntl(first, F_DUPFD_CLOEXEC, 0)
      if copy < 0 {
        let code = errno
        for descriptor in descriptors { close(descriptor) }
        throw SystemError(call: "fcntl", code: code)
      }
      descriptors.append(copy)
    }
    return descriptors
  }

  /// A socket file on which nobody listens any more. Connecting to any other file is refused in the same way,
  /// and such a file is somebody's data.
  private static func isStaleSocket(_ address: SocketAddress, _ path: [UInt8]) -> Bool {
    var status = stat()
    // SAFETY: `path` ends in a NUL.
    let isFound = path.withUnsafeBytes {
      lstat($0.assumingMemoryBound(to: CChar.self).baseAddress!, &status) == 0
    }
    guard isFound, status.st_mode & S_IFMT == S_IFSOCK else { return false }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if descriptor < 0 { return false }
    defer { close(descriptor) }
    let result = address.withSockaddr { connect(descriptor, $0, $1) }
    return result != 0 && errno == ECONNREFUSED
  }

  /// The address a socket is bound to.
  public static func localAddress(of descriptor: Int32) -> SocketAddress? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    return result == 0 ? SocketAddress(storage: storage, length: length) : nil
  }
}
