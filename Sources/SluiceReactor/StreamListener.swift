import CLinux
import Glibc

/// Accepts connections on one listening socket of one worker.
///
/// Stops accepting at the descriptor limit or when told to, and goes on when a descriptor is freed
/// (or, should another thread have freed it, after a pause): the loop never spins on EMFILE. What
/// cannot be accepted waits in the kernel's queue.
open class StreamListener: EventHandler {
  private let descriptor: Int32
  private let isShared: Bool
  private var isWatching = false
  private var isClosed = false
  /// Times that accepting stopped because descriptors ran out.
  public private(set) var exhaustions: UInt64 = 0
  /// How many are likely to wait now. Who waits beyond that shows in the next turn, so that where
  /// connections come one at a time no call is made to find nobody.
  private var expected = 1
  private var lastTurn: UInt64 = 0

  private static let retryNanoseconds: Int64 = 100_000_000
  private static let acceptsPerTurn = 64

  /// Takes ownership of a listening descriptor. `isShared`: other loops hold duplicates of it.
  public init(loop: EventLoop, descriptor: Int32, isShared: Bool) {
    self.descriptor = descriptor
    self.isShared = isShared
    // What is accepted inherits it.
    if Sockets.localAddress(of: descriptor)?.family != AF_UNIX { Sockets.setNoDelay(descriptor) }
    super.init(loop: loop)
    loop.register(self)
  }

  /// A connection was accepted; the callee owns the descriptor.
  open func accepted(_ descriptor: Int32, from address: SocketAddress) {}

  /// Whether one more connection may be accepted now.
  open var hasRoom: Bool { true }

  public final func startAccepting() {
    if isWatching || isClosed { return }
    do {
      try loop.watchInput(descriptor, self, isShared: isShared)
      isWatching = true
    } catch {
      setDeadline(afterNanoseconds: Self.retryNanoseconds)
    }
  }

  /// Leaves new connections in the kernel's queue.
  public final func pauseAccepting() {
    if !isWatching { return }
    loop.unwatch(descriptor)
    isWatching = false
  }

  /// Accepts no more; the kernel refuses who still waits.
  public final func close() {
    if isClosed { return }
    isClosed = true
    pauseAccepting()
    loop.unregister(self)
    Glibc.close(descriptor)
  }

  public final override func deadlineReached() { startAccepting() }

  public final override func loopEnded() { close() }

  public final override func ready(_ readiness: Readiness) {
    if loop.turnNumber == lastTurn &+ 1 { expected = min(expected &* 2, Self.acceptsPerTurn) }
    for number in 0..<expected {
      if isClosed { return }
      guard hasRoom else { return pauseAccepting() }
      var storage = sockaddr_storage()
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let accepted = withUnsafeMutablePointer(to: &storage) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          clinux_accept4(
            descriptor, $0, &length, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
        }
      }
      if accepted < 0 {
        let code = errno
        if code == EINTR || code == ECONNABORTED { continue }
        if code == EAGAIN { expected = max(number, 1) } else { ranOut(code) }
        return
      }
      self.accepted(
        accepted, from: SocketAddress(storage: storage, length: length) ?? .unnamedUnix)
    }
    lastTurn = loop.turnNumber
  }

  /// EMFILE, ENFILE, ENOBUFS, ENOMEM: the condition stays, and so would the readiness.
  private func ranOut(_ code: Int32) {
    exhaustions &+= 1
    pauseAccepting()
    setDeadline(afterNanoseconds: Self.retryNanoseconds)
  }
}
