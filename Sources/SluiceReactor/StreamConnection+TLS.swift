import CLinux
import Glibc
import SluiceWire

/// TLS between a connection's bytes and its socket. Whoever uses the connection sees plaintext; only
/// `isEncrypted`, `isEndUnannounced` and the two handshake calls know the difference.
///
/// ```
///  read:   socket ──recv──▶ transport.received ──decrypted──▶ the caller's buffer
///                              └─ does not fit ──▶ tls.inbound (and in the layer, one record)
///  write:  staged or span ──encrypted──▶ transport.output ──send──▶ socket
///                                           └─ not taken ──▶ outbound (ciphertext)
/// ```
extension StreamConnection {
  public final var isEncrypted: Bool { tls != nil }

  /// TLS was asked for and is not there yet.
  public final var isInHandshake: Bool { tls.map { !$0.isEstablished } ?? false }

  /// Why TLS broke after its handshake: an alert of the peer, or bytes that are none of its.
  public final var brokenTLS: TLSFailure? { tls?.failure }

  /// The peer's FIN came without the close_notify that TLS wants before it: what ends only by the
  /// connection's end may have been cut by somebody else (RFC 8446 6.1).
  public final var isEndUnannounced: Bool { tls?.isCut ?? false }

  /// A caller's verified certificate.
  public final var clientCertificate: TLSClientCertificate? {
    if let carrier { return carrier.base?.clientCertificate }
    return tls?.clientCertificate
  }

  /// The name that a caller's TLS handshake asked for (RFC 6066 3), as it wrote it; empty when it asked
  /// for none, nil without TLS. A copy each time.
  public final var serverName: [UInt8]? {
    if let carrier { return carrier.base?.serverName }
    return tls?.serverName
  }

  /// What a caller's TLS handshake has agreed on; nil without TLS. A copy each time.
  public final var tlsHandshake: TLSHandshake? {
    if let carrier { return carrier.base?.tlsHandshake }
    return tls?.summary
  }

  public final var isSessionResumed: Bool { tls?.isResumed ?? false }

  /// Whether ALPN agreed on this protocol.
  public final func hasNegotiated(_ name: StaticString) -> Bool {
    tls?.withNegotiatedProtocol { agreed in
      agreed.count == name.utf8CodeUnitCount
        && agreed.elementsEqual(UnsafeRawBufferPointer(start: name.utf8Start, count: agreed.count))
    } ?? false
  }

  // MARK: Handshake

  /// Takes over an accepted socket that has to speak TLS: `streamSecured` or `streamHandshakeFailed`
  /// follows, and nothing is read before.
  public final func adopt(
    _ descriptor: Int32, securedBy context: TLSServerContext
  ) throws(SystemError) {
    guard let layer = TLSLayer(server: context, loop.transport) else {
      Glibc.close(descriptor)
      throw SystemError(call: "SSL_new", code: ENOMEM)
    }
    tls = layer
    try adopt(descriptor)
  }

  /// Before `connect`: the connection speaks TLS, and `streamConnected` comes after the handshake.
  public final func secure(
    for origin: TLSOrigin, offering name: StaticString? = nil
  ) throws(SystemError) {
    guard let layer = TLSLayer(client: origin, offering: name, loop.transport) else {
      throw SystemError(call: "SSL_new", code: ENOMEM)
    }
    tls = layer
  }

  /// Goes on with the handshake as far as the peer's bytes allow.
  final func continueHandshake(_ layer: TLSLayer, isResumed: Bool = false) {
    if !loop.transport.admitsHandshake(now: loop.now, isResumed: isResumed) {
      return loop.resumeLater(self)
    }
    // What others have to say does not wait for this one's private key.
    loop.stage.flush()
    let transport = loop.transport
    while true {
      var end: TLSFailure?
      if layer.isSocketReadable {
        switch receiveCiphertext(layer, atMost: transport.received.count) {
        case .bytes(let count):
          if layer.isServer && !layer.hasHeard && Self.looksLikeHTTP(transport.input) {
            transport.input = UnsafeRawBufferPointer(start: nil, count: 0)
            tls = nil
            return streamHandshakeFailed(.plainText)
          }
          if count > 0 { layer.hasHeard = true }
        case .wouldBlock: break
        case .end: end = .peerLeft(0)
        case .failed(let code): end = .peerLeft(code)
        }
      }
      let step = layer.handshake()
      flushCiphertext()
      if isClosed { return }
      switch step {
      case .done:
        keepCiphertext(layer)
        return handshakeDone(layer)
      case .failed(let failure): return handshakeFailed(failure)
      case .needsMore:
        if let end { return handshakeFailed(end) }
        if !layer.isSocketReadable { return }
      }
    }
  }

  private func handshakeDone(_ layer: TLSLayer) {
    updateReadable(layer)
    if layer.isServer { streamSecured() } else { streamConnected() }
    if !isClosed && isReadable && !isReadingPaused { streamReadable() }
  }

  private func handshakeFailed(_ failure: TLSFailure) {
    isReadable = false
    loop.transport.input = UnsafeRawBufferPointer(start: nil, count: 0)
    streamHandshakeFailed(failure)
  }

  /// A method's first letters, where TLS has the number of a handshake record.
  private static func looksLikeHTTP(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.prefix(3).allSatisfy { (0x41...0x5A).contains($0) }
  }

  // MARK: Reading

  /// Reads from the socket into the transport's input.
  private func receiveCiphertext(_ layer: TLSLayer, atMost limit: Int) -> ReadOutcome {
    let transport = loop.transport
    let room = UnsafeMutableRawBufferPointer(
      rebasing: transport.received[..<min(limit, transport.received.count)])
    // `receive` takes it back when the kernel has no more.
    isReadable = true
    let outcome = receive(into: room)
    layer.isSocketReadable = isReadable
    if case .bytes(let count) = outcome {
      transport.input = UnsafeRawBufferPointer(rebasing: room[..<count])
    }
    return outcome
  }

  /// What the transport's input still has is read before the socket, another time.
  private func keepCiphertext(_ layer: TLSLayer) {
    let transport = loop.transport
    if transport.input.isEmpty { return }
    let input = transport.input
    layer.inbound.append(upTo: input.count) { room in
      room.copyMemory(from: input)
      return input.count
    }
    transport.input = UnsafeRawBufferPointer(start: nil, count: 0)
  }

  private func updateReadable(_ layer: TLSLayer) {
    isReadable =
      layer.isSocketReadable || layer.hasPlaintext || !layer.inbound.isEmpty || layer.hasEnded
  }

  /// `read` of a connection with TLS. What OpenSSL or this connection still holds afterwards counts
  /// as readable, because no edge will come for it.
  final func readDecrypted(
    _ layer: TLSLayer, into buffer: UnsafeMutableRawBufferPointer
  ) -> ReadOutcome {
    var count = 0
    for _ in 0..<Self.readsWithoutPlaintext {
      if let end = ended(layer) { return end }
      if let outcome = loadCiphertext(layer, atMost: buffer.count) { return outcome }
      count = decryptInput(layer, into: buffer)
      updateReadable(layer)
      if count > 0 {
        if layer.hasPeerNotice { hasPeerFinished = true }
        return .bytes(count)
      }
      if let end = ended(layer) { return end }
      if !isReadable { return .wouldBlock }
    }
    // Records without a byte for anybody: others get a turn.
    loop.resumeLater(self)
    return .wouldBlock
  }

  private static let readsWithoutPlaintext = 4

  /// The end that was seen already; reading is over.
  private func ended(_ layer: TLSLayer) -> ReadOutcome? {
    if layer.hasPlaintext || !layer.hasEnded { return nil }
    isReadable = false
    if !layer.hasPeerNotice { return .failed(EPROTO) }
    hasPeerFinished = true
    return .end
  }

  /// Gives OpenSSL ciphertext, unless it has plaintext yet. The result ends the read.
  /// `isPeeking`: the kernel is asked although it said that there is nothing.
  private func loadCiphertext(
    _ layer: TLSLayer, atMost limit: Int, isPeeking: Bool = false
  ) -> ReadOutcome? {
    if layer.hasPlaintext { return nil }
    if !layer.inbound.isEmpty {
      let transport = loop.transport
      let count = min(layer.inbound.count, transport.received.count)
      layer.inbound.withUnsafeBytes { bytes in
        transport.received.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
      }
      layer.inbound.consume(count)
      if layer.inbound.isEmpty { layer.inbound.release() }
      transport.input = UnsafeRawBufferPointer(rebasing: transport.received[..<count])
      return nil
    }
    if !layer.isSocketReadable && !isPeeking {
      isReadable = false
      return .wouldBlock
    }
    // What is held comes out with it.
    let room = max(limit &- layer.heldBytes, min(limit, Self.leastRead))
    switch receiveCiphertext(layer, atMost: room) {
    case .bytes: return nil
    case .end:
      layer.isCut = true
      return .end
    case let other: return other
    }
  }

  private static let leastRead = 4 * 1_024

  /// Returns how many bytes of plaintext came out.
  private func decryptInput(
    _ layer: TLSLayer, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    let transport = loop.transport
    var count = 0
    transport.outputLimit = TLSLayer.maxReplyBytes
    decrypting: while count < buffer.count {
      let room = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
      switch layer.read(into: room) {
      case .bytes(let added): count += added
      case .needsMore, .end, .failed: break decrypting
      }
      if transport.input.isEmpty && !layer.hasPlaintext { break }
    }
    finishReading(layer)
    return count
  }

  /// Keeps ciphertext that was not used, and sends what had to be answered: nothing behind our
  /// close_notify, for which the kernel has no use.
  private func finishReading(_ layer: TLSLayer) {
    let transport = loop.transport
    transport.outputLimit = .max
    keepCiphertext(layer)
    if layer.hasSentNotice { transport.output.clear() }
    if transport.output.isEmpty { return }
    let isClogged = backlog > Self.cloggedBytes
    if !layer.countReply(transport.output.count, isClogged: isClogged) { transport.output.clear() }
    flushCiphertext()
  }

  /// More than a response can leave in the backlog, which stops at the high-water mark.
  private static let cloggedBytes = 8 * highWater

  /// Whether nothing but the peer's end is left (`true`), something else is (`false`), or nothing
  /// can be told yet (nil). For the questions that must not take bytes.
  final func peekDecrypted(_ layer: TLSLayer) -> Bool? {
    if layer.hasPlaintext { return false }
    if layer.hasEnded { return layer.hasPeerNotice }
    if let outcome = loadCiphertext(
      layer, atMost: TLSRecord.maxText, isPeeking: true)
    {
      switch outcome {
      case .end: return true
      case .wouldBlock: return nil
      case .bytes, .failed: return false
      }
    }
    loop.transport.outputLimit = TLSLayer.maxReplyBytes
    let piece = layer.peek()
    finishReading(layer)
    updateReadable(layer)
    switch piece {
    case .bytes, .failed: return false
    case .end: return true
    case .needsMore: return nil
    }
  }

  /// `isQuiet` of a connection with TLS: records for OpenSSL alone, such as tickets, are no answer to
  /// anything; part of a record may be.
  final func isQuiet(_ layer: TLSLayer) -> Bool {
    peekDecrypted(layer) == nil && !isReadable && !layer.hasPartOfRecord
  }

  // MARK: Writing

  /// Encrypts and sends, behind what the layer has written and nobody has sent; what the kernel does not
  /// take waits encrypted.
  final func sendEncrypted(_ layer: TLSLayer, _ bytes: Span<UInt8>) {
    var rest = bytes
    repeat {
      let room = max(TLSRecord.maxText, TLSTransport.outputBytes - loop.transport.output.count)
      let piece = min(rest.count, room)
      layer.write(rest.extracting(..<piece))
      flushCiphertext()
      rest = rest.extracting(piece...)
    } while !rest.isEmpty
    // The bytes are lost, and no event will tell whoever waits for the peer's answer.
    if layer.hasFailed { breakLater() }
  }

  final func sendEncrypted(_ layer: TLSLayer, _ bytes: borrowing ByteBuffer) {
    sendEncrypted(layer, bytes.span)
  }

  /// Sends what OpenSSL has written for this connection.
  final func flushCiphertext() {
    let transport = loop.transport
    if transport.output.isEmpty { return }
    sendBytes(transport.output.span)
    transport.output.clear()
  }

  /// Tells the peer that nothing more comes, so that it can tell the end from a cut.
  final func sendNotice() {
    guard let tls else { return }
    tls.writeNotice()
    flushCiphertext()
  }
}
