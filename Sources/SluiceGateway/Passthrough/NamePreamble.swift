import Glibc
import SluiceReactor
import SluiceWire

/// A connection whose ClientHello has not come yet, on a listener that passes some names on.
///
/// The bytes are looked at and stay in the kernel, so that whoever goes on with the connection, TLS here
/// or a target there, finds all of them at the socket.
final class NamePreamble: EventHandler {
  private let acceptor: HTTPListener
  private let table: PassthroughTable
  let peer: SocketAddress
  private var descriptor: Int32 = -1
  /// Bytes of all looks, each of which begins with the first one.
  private var looked = 0

  /// What a ClientHello of any size costs in segments, many times over; one that comes byte by byte may be
  /// longer than a thousand bytes.
  private static let maximumLooked = 64 * ClientHello.maximumBytes

  init(acceptor: HTTPListener, table: PassthroughTable, peer: SocketAddress) {
    self.acceptor = acceptor
    self.table = table
    self.peer = peer
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
    withUnsafeTemporaryAllocation(byteCount: ClientHello.maximumBytes, alignment: 8) { room in
      let count = recv(descriptor, room.baseAddress, room.count, Int32(MSG_PEEK | MSG_DONTWAIT))
      if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
      if count <= 0 { return end(.client) }
      // SAFETY: recv filled `count` bytes, and the span ends with this call.
      let bytes = UnsafeBufferPointer(
        rebasing: room.assumingMemoryBound(to: UInt8.self)[..<count])
      do throws(ClientHelloError) {
        if let hello = try ClientHello.parse(prefixOf: Span(_unsafeElements: bytes)) {
          return found(hello)
        }
        // More is to come, unless the peer has said its last, or there is no room for more.
        if !readiness.isDisjoint(with: [.inputClosed, .hangUp, .failure]) { return end(.client) }
        looked += count
        if count == room.count || looked > Self.maximumLooked {
          notListed(.malformed, alert: TLSAlert.decodeError)
        }
      } catch {
        notListed(.malformed, alert: error == .notTLS ? nil : TLSAlert.decodeError)
      }
    }
  }

  private func found(_ hello: ClientHello) {
    guard let name = hello.serverName, let service = table.service(for: name) else {
      return notListed(.unlisted, alert: TLSAlert.unrecognizedName)
    }
    let descriptor = self.descriptor
    release(closing: false)
    acceptor.passOn(self, descriptor, name: name, service: service, table)
  }

  /// TLS is spoken here, where it is; what cannot be understood is told by it. Otherwise nobody is there.
  private func notListed(_ cause: PassthroughEnd, alert: UInt8?) {
    if acceptor.compiled.tls == nil {
      if let alert { say(alert) }
      return end(cause)
    }
    let descriptor = self.descriptor
    release(closing: false)
    acceptor.secure(self, descriptor)
  }

  /// A fatal alert in clear text (RFC 8446 6), as far as the kernel takes it.
  private func say(_ alert: UInt8) {
    // Unread bytes would make a reset of the end, which destroys what was sent.
    withUnsafeTemporaryAllocation(byteCount: ClientHello.maximumBytes, alignment: 8) { room in
      _ = recv(descriptor, room.baseAddress, room.count, Int32(MSG_DONTWAIT))
    }
    let record: [UInt8] = [21, 3, 3, 0, 2, 2, alert]
    _ = send(descriptor, record, record.count, Int32(MSG_NOSIGNAL))
  }

  func end(_ cause: PassthroughEnd) {
    if descriptor < 0 { return }
    acceptor.worker.counters.passthroughEnds[Int(cause.rawValue)] &+= 1
    release(closing: true)
    acceptor.preambleEnded(self)
  }

  override func deadlineReached() { end(.silent) }

  override func loopEnded() { if descriptor >= 0 { release(closing: true) } }

  private func release(closing: Bool) {
    if closing { close(descriptor) } else { loop.unwatch(descriptor) }
    loop.unregister(self)
    descriptor = -1
  }
}

/// RFC 8446 6.2.
private enum TLSAlert {
  static let decodeError: UInt8 = 50
  static let unrecognizedName: UInt8 = 112
}
