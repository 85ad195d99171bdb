import Glibc
import SluiceReactor
import SluiceWire

/// A connection whose PROXY header has not come yet.
///
/// The bytes are looked at and stay in the kernel, but for the header, so that the connection which
/// follows finds its own bytes where it expects them: at the socket.
final class ProxyPreamble: EventHandler {
  private let acceptor: HTTPListener
  private let proxy: SocketAddress
  private var descriptor: Int32 = -1

  init(acceptor: HTTPListener, proxy: SocketAddress) {
    self.acceptor = acceptor
    self.proxy = proxy
    super.init(loop: acceptor.loop)
  }

  /// Takes ownership of the descriptor.
  func start(_ descriptor: Int32) throws(SystemError) {
    self.descriptor = descriptor
    loop.register(self)
    do throws(SystemError) {
      try loop.watchEdges(descriptor, self)
    } catch {
      release(closing: true)
      throw error
    }
    setDeadline(afterNanoseconds: acceptor.compiled.handshakeTimeout)
  }

  override func ready(_ readiness: Readiness) {
    withUnsafeTemporaryAllocation(byteCount: ProxyHeader.maximumBytes, alignment: 8) { room in
      let count = recv(descriptor, room.baseAddress, room.count, Int32(MSG_PEEK | MSG_DONTWAIT))
      if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
      if count <= 0 { return end() }
      // SAFETY: recv filled `count` bytes, and the span ends with this call.
      let bytes = UnsafeBufferPointer(
        rebasing: room.assumingMemoryBound(to: UInt8.self)[..<count])
      do throws(ProxyHeaderError) {
        guard let (header, length) = try ProxyHeader.parse(prefixOf: Span(_unsafeElements: bytes))
        else {
          // More is to come, unless the peer has said its last.
          if !readiness.isDisjoint(with: [.inputClosed, .hangUp, .failure]) { end() }
          return
        }
        _ = recv(descriptor, room.baseAddress, length, Int32(MSG_DONTWAIT))
        finish(header)
      } catch {
        end()
      }
    }
  }

  private func finish(_ header: ProxyHeader) {
    let descriptor = self.descriptor
    release(closing: false)
    // LOCAL, or a caller without address: the proxy speaks for itself.
    let caller = header.ends.map { SocketAddress(ip: $0.source.ip, port: $0.source.port) } ?? proxy
    acceptor.opened(self, descriptor, from: caller)
  }

  /// Closes; nobody is told why, because nobody trustworthy speaks.
  func end() {
    if descriptor < 0 { return }
    acceptor.worker.counters.refusedConnections &+= 1
    release(closing: true)
    acceptor.preambleEnded(self)
  }

  override func deadlineReached() { end() }

  override func loopEnded() { if descriptor >= 0 { release(closing: true) } }

  private func release(closing: Bool) {
    if closing { close(descriptor) } else { loop.unwatch(descriptor) }
    loop.unregister(self)
    descriptor = -1
  }
}
