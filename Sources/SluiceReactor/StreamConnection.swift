import CLinux
import Glibc
public import SluiceWire

/// One non-blocking stream socket on one event loop, with the bytes that wait for the kernel.
///
/// The socket is watched edge-triggered, so readiness is remembered here: `isReadable` stays true
/// until a read came back short. A subclass gets the four `stream…` calls, decides what to read, and
/// stops reading (`pauseReading`) while the bytes it produced for another connection pile up there.
/// An idle connection owns no buffer. Everything happens on the loop's thread.
///
/// ```
///          connect()                     writable, no error
///  new ───────────────▶ connecting ─────────────────────────▶ open ──▶ closed
///   └── adopt() (accepted) ─────────────────────────────────▶ open
/// ```
open class StreamConnection: EventHandler {
  public private(set) var descriptor: Int32 = -1
  public private(set) var isConnecting = false
  /// More bytes, an end or an error can be read.
  public internal(set) var isReadable = false
  /// The peer's FIN arrived; it may still have to be read.
  public internal(set) var hasPeerFinished = false
  public private(set) var isReadingPaused = false
  /// The connection is gone in both directions: the peer sent a reset, or the network failed.
  public private(set) var isBroken = false
  var isWritable = false
  var shutsDownWhenDrained = false
  /// Our FIN is out. From then on a hang-up only means that the peer's is here, too.
  private var hasFinishedWriting = false
  /// Bytes in front of `outbound`, in `pipe`; there are none while `isWritable` holds.
  var piped = SpliceStateMachine()
  /// Bytes that the kernel did not take yet; ciphertext where there is TLS.
  var outbound = ByteBuffer()
  var pipe: SplicePipe?
  final var layer = StreamLayer.none
  // These two lie behind the pointers, where they cost a subclass with flags of its own no space.
  private(set) var isAborting = false
  /// Some of what the loop has staged is this connection's.
  final var hasStaged = false
  /// A read behind the peer's FIN came back short.
  private var hasReadAll = false

  public enum ReadOutcome: Equatable {
    case bytes(Int)
    case wouldBlock
    /// The peer's FIN: no more bytes.
    case end
    case failed(Int32)
  }

  /// TLS below; nil on a plain connection.
  final var tls: TLSLayer? {
    get { if case .tls(let layer) = layer { layer } else { nil } }
    set { layer = newValue.map { .tls($0) } ?? .none }
  }

  public var isClosed: Bool { descriptor < 0 }
  /// Bytes that wait for the peer to read.
  public final var backlog: Int { outbound.count &+ piped.held }
  /// The backlog above which whoever feeds this connection should stop until `streamDrained`.
  public static let highWater = 64 * 1_024

  // MARK: What subclasses implement

  /// Bytes, an end or an error can be read and reading is not paused.
  open func streamReadable() {}
  /// The turn that `resumeReading` or `loop.resumeLater` promised.
  open func streamResumed() { if isReadable { streamReadable() } }
  /// Bytes have to wait that might have gone out: there is a backlog from now on. Called in the middle of
  /// writing, so it may set a deadline and nothing else.
  open func streamStalled() {}
  /// The peer took some of the backlog.
  open func streamProgressed() {}
  /// The backlog is gone, after it was there.
  open func streamDrained() {}
  /// `connect` succeeded.
  open func streamConnected() {}
  /// The connection broke while reading was paused. What the peer sent before can still be read after
  /// `resumeReading`; whoever does not want it ends the connection here.
  open func streamBrokeWhilePaused() { streamFailed(pendingError()) }
  /// Connecting failed, or the connection broke while nothing was being read. Not called by `close`.
  open func streamFailed(_ code: Int32) {}
  /// The TLS handshake of an accepted connection is done; bytes can be read and written from now on.
  open func streamSecured() {}
  /// There is no TLS with this peer. After `plainText` the connection is a plain one whose first bytes
  /// are lost, so that the peer can be told; otherwise it is of no use.
  open func streamHandshakeFailed(_ failure: TLSFailure) { streamFailed(EPROTO) }

  // MARK: Life

  /// Takes over an accepted, non-blocking socket and starts watching it.
  public final func adopt(_ descriptor: Int32) throws(SystemError) {
    self.descriptor = descriptor
    loop.register(self)
    isWritable = true
    do throws(SystemError) {
      try loop.watchEdges(descriptor, self)
    } catch {
      close()
      throw error
    }
  }

  /// For `carry`.
  final func beginCarried() {
    descriptor = Self.carriedDescriptor
    loop.register(self)
    isWritable = true
  }

  /// Opens a socket and starts connecting; `streamConnected` or `streamFailed` follows.
  public final func connect(to address: SocketAddress) throws(SystemError) {
    let family = address.family
    let socket = Glibc.socket(
      family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if socket < 0 { throw SystemError(call: "socket", code: errno) }
    if family != AF_UNIX { Sockets.setNoDelay(socket) }
    descriptor = socket
    isConnecting = true
    loop.register(self)
    do throws(SystemError) {
      try loop.watchEdges(socket, self)
    } catch {
      close()
      throw error
    }
    let result = address.withSockaddr { Glibc.connect(socket, $0, $1) }
    let code = errno
    if result != 0 && code != EINPROGRESS {
      close()
      throw SystemError(call: "connect", code: code)
    }
  }

  /// Before `connect`: what goes out first, below TLS.
  public final func sendFirst(_ compose: (inout ByteBuffer) -> Void) { compose(&outbound) }

  /// The address that the peer has connected to, or that this connection was made from.
  public final var localAddress: SocketAddress? {
    if let carrier { return carrier.base?.localAddress }
    return Sockets.localAddress(of: descriptor)
  }

  /// Closes at once; what is staged is still sent, bytes in the backlog are lost.
  public final func close() {
    if descriptor < 0 { return }
    flushBeforeClose()
    if tls != nil {
      // Bytes that are lost must not look like an orderly end.
      if outbound.isEmpty && !isBroken && !isAborting { sendNotice() }
      tls = nil
    }
    loop.unregister(self)
    if let carrier {
      leaveCarrier(carrier, isOrderly: outbound.isEmpty && !isBroken && !isAborting)
    } else {
      Glibc.close(descriptor)
    }
    descriptor = -1
    isReadable = false
    isWritable = false
    isConnecting = false
    outbound.release()
    // Bytes may be left in it, so it is nobody else's.
    if pipe != nil { closePipe() }
  }

  /// Gives the socket, its TLS, what is known of it and what waits for the kernel to `successor`, which
  /// has none yet; this connection is closed without a trace for the peer. Reading is not paused there,
  /// and it gets a turn, so that nothing which has arrived is forgotten: no edge comes for plaintext
  /// that OpenSSL holds.
  ///
  /// The kernel is not asked: the successor is known under the same token.
  public final func handOver(to successor: StreamConnection) {
    precondition(successor.isClosed && !isClosed && !isConnecting && !isInHandshake)
    // No edge comes for a socket that is writable already.
    sendBacklog()
    loop.replace(self, with: successor)
    successor.descriptor = descriptor
    successor.isReadable = isReadable
    successor.hasPeerFinished = hasPeerFinished
    successor.isBroken = isBroken
    successor.isWritable = isWritable
    successor.shutsDownWhenDrained = shutsDownWhenDrained
    successor.hasFinishedWriting = hasFinishedWriting
    giveCarrier(to: successor)
    swap(&successor.layer, &layer)
    swap(&successor.outbound, &outbound)
    swap(&successor.pipe, &pipe)
    swap(&successor.piped, &piped)
    loop.stage.handOver(from: self, to: successor)
    descriptor = -1
    isReadable = false
    isWritable = false
    loop.resumeLater(successor)
  }

  /// Makes the peer see a reset instead of an orderly end: a message was cut short.
  public final func abort() {
    if descriptor < 0 { return }
    if !isCarried {
      var option = linger(l_onoff: 1, l_linger: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
    isAborting = true
    close()
  }

  /// Sends FIN once the backlog is gone; reading goes on.
  public final func finishWriting() {
    if descriptor < 0 { return }
    flushBeforeFinish()
    if tls != nil { sendNotice() }
    if backlog == 0 {
      sendFinish()
    } else {
      shutsDownWhenDrained = true
    }
  }

  func sendFinish() {
    hasFinishedWriting = true
    if let carrier { return carrier.finish() }
    shutdown(descriptor, Int32(SHUT_WR))
  }

  // MARK: Reading

  public final func pauseReading() { isReadingPaused = true }

  /// `streamResumed` follows in the loop's next turn.
  public final func resumeReading() {
    if !isReadingPaused { return }
    isReadingPaused = false
    if !isClosed { loop.resumeLater(self) }
  }

  /// Reads once into `buffer`. A short read means that the kernel has no more: the next edge tells.
  public final func read(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
    if let tls { return readDecrypted(tls, into: buffer) }
    return receive(into: buffer)
  }

  /// Reads once from the socket.
  final func receive(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
    if let carrier { return readCarried(carrier, into: buffer) }
    while true {
      let count = clinux_recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count > 0 {
        if count < buffer.count {
          // With the FIN already seen no further edge will come, so reading must go on to the end.
          if hasPeerFinished { hasReadAll = true } else { isReadable = false }
        }
        return .bytes(count)
      }
      if count == 0 {
        isReadable = false
        hasPeerFinished = true
        return .end
      }
      let code = errno
      if code == EINTR { continue }
      isReadable = false
      if code == EAGAIN { return .wouldBlock }
      return .failed(code)
    }
  }

  /// Takes the peer's FIN without asking the kernel, when nothing else can be left to read: true once. For
  /// protocols that tell the end of a message by other means, because a read comes back short at a mark of
  /// TCP's urgent data, too. Never true over TLS, or when the connection broke.
  public final func takeKnownEnd() -> Bool {
    guard hasReadAll, isReadable, tls == nil, !isBroken else { return false }
    isReadable = false
    return true
  }

  /// Proves that an idle connection is alive: false when the peer has closed it or sent something.
  /// One system call.
  public final func isQuiet() -> Bool {
    if let tls { return isQuiet(tls) }
    if let carrier { return !carrier.isReadable }
    var byte: UInt8 = 0
    let count = clinux_recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
    isReadable = count >= 0 || errno != EAGAIN
    return !isReadable
  }

  /// Whether nothing but the peer's end is left to read. One system call.
  public final func isAtEnd() -> Bool {
    if let tls { return peekDecrypted(tls) == true }
    if let carrier { return carrier.isAtEnd }
    var byte: UInt8 = 0
    return clinux_recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) == 0
  }

  // MARK: Events

  public final override func ready(_ readiness: Readiness) {
    if isConnecting { return connectReady(readiness) }
    // A hang-up alone is the orderly end of both directions when our own FIN is out.
    if readiness.contains(.failure) || readiness.contains(.hangUp) && !hasFinishedWriting {
      isBroken = true
    }
    if readiness.contains(.output) || isBroken {
      isWritable = true
      flush()
      if isClosed { return }
    }
    if isBroken || !readiness.isDisjoint(with: [.input, .inputClosed, .hangUp]) {
      isReadable = true
      if isBroken || !readiness.isDisjoint(with: [.inputClosed, .hangUp]) {
        hasPeerFinished = true
      }
      if let tls {
        tls.isSocketReadable = true
        if !tls.isEstablished { return continueHandshake(tls) }
      }
      if !isReadingPaused {
        streamReadable()
      } else if isBroken {
        streamBrokeWhilePaused()
      }
    }
  }

  private func connectReady(_ readiness: Readiness) {
    if readiness.isDisjoint(with: [.output, .failure, .hangUp]) { return }
    // Every error of the socket shows as a failure.
    if readiness.contains(.failure) {
      let code = pendingError()
      return streamFailed(code == 0 ? ECONNREFUSED : code)
    }
    isConnecting = false
    isWritable = true
    if !readiness.isDisjoint(with: [.input, .inputClosed, .hangUp]) { isReadable = true }
    if !readiness.isDisjoint(with: [.inputClosed, .hangUp]) { hasPeerFinished = true }
    if let tls {
      tls.isSocketReadable = isReadable
      flush()
      return continueHandshake(tls)
    }
    streamConnected()
    if isClosed { return }
    flush()
    if !isClosed && isReadable && !isReadingPaused { streamReadable() }
  }

  /// SO_ERROR, which reading clears.
  private func pendingError() -> Int32 {
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
    return code
  }

  /// As if the network had failed, in the loop's next turn: TLS can't go on.
  final func breakLater() {
    if isBroken { return }
    isBroken = true
    isReadable = true
    loop.resumeLater(self)
  }

  public final override func loopEnded() { close() }

  public final override func resumed() {
    if let tls, !tls.isEstablished { return continueHandshake(tls, isResumed: true) }
    if let carrier { carrier.deliver([]) }
    if isClosed { return }
    if !isReadingPaused {
      streamResumed()
    } else if let tls, tls.hasFailed {
      streamBrokeWhilePaused()
    }
  }
}
