import CLinux
import Glibc
public import SluiceWire

/// What is written: composed in the loop's stage, sent, and kept while the kernel takes no more.
extension StreamConnection {
  /// Composes output in the loop's stage: what several calls write during one turn, and a head with its
  /// body, leave in one system call. Flushed when this connection writes more than the stage is for or
  /// closes, and at the end of the turn.
  public final func stage(_ compose: (inout ByteBuffer) -> Void) {
    loop.stage.append(for: self, compose)
  }

  /// Smaller pieces are copied behind what is staged, larger ones are sent from where they are.
  private static let copyLimit = 4 * 1_024

  /// Sends or queues what is staged, if this connection has a part in it.
  public final func flushStage() {
    if hasStaged { loop.stage.flush() }
  }

  /// Like `flushStage` where `close` follows, unless there is a backlog then: the FIN travels with the last
  /// bytes.
  public final func flushBeforeClose() {
    // Closing over unread bytes is a reset, in front of which nothing may still wait.
    if isReadable || isAborting { flushStage() } else { flushBeforeFinish() }
  }

  func flushBeforeFinish() {
    if !hasStaged { return }
    guard loop.stage.isLast(self), tls == nil else { return flushStage() }
    loop.stage.flushLast { sendBytes($0.span, hasMore: true) }
  }

  /// Sends bytes after what is staged; small pieces are staged, too.
  public final func write(_ bytes: Span<UInt8>) {
    if bytes.count <= Self.copyLimit {
      stage { $0.append(bytes) }
    } else if loop.stage.isLast(self) {
      loop.stage.flushLast { send(&$0, and: bytes) }
    } else {
      flushStage()
      send(bytes)
    }
  }

  private func send(_ staged: inout ByteBuffer, and bytes: Span<UInt8>) {
    guard let tls else { return send(staged, bytes) }
    // The first record is filled, so that a head does not travel in one of its own.
    let added = min(bytes.count, max(0, TLSRecord.maxText &- staged.count))
    staged.append(bytes.extracting(..<added))
    tls.write(staged.span)
    sendEncrypted(tls, bytes.extracting(added...))
  }

  final func send(_ bytes: Span<UInt8>) {
    if bytes.isEmpty || descriptor < 0 { return }
    if let tls { sendEncrypted(tls, bytes) } else { sendBytes(bytes) }
  }

  /// Sends what the kernel takes and keeps the rest. A broken connection is noticed by reading.
  /// `hasMore`: what comes next belongs into the same packet.
  final func sendBytes(_ bytes: Span<UInt8>, hasMore: Bool = false) {
    if !outbound.isEmpty || !isWritable { return keep(bytes) }
    let flags = hasMore ? Int32(MSG_MORE) : 0
    let sent = bytes.withUnsafeBufferPointer {
      transmit(UnsafeRawBufferPointer($0), flags: flags)
    }
    if sent < bytes.count { keep(bytes.extracting(sent...)) }
  }

  private func keep(_ bytes: Span<UInt8>) {
    let isFirst = backlog == 0
    outbound.append(bytes)
    if isFirst { streamStalled() }
  }

  /// Like two sends, in one system call.
  private func send(_ first: borrowing ByteBuffer, _ second: Span<UInt8>) {
    if second.isEmpty { return send(first.span) }
    if !outbound.isEmpty || !isWritable || descriptor < 0 {
      send(first.span)
      return send(second)
    }
    let firstCount = first.count
    let sent = first.withUnsafeBytes { head in
      second.withUnsafeBufferPointer { transmit(head, UnsafeRawBufferPointer($0)) }
    }
    if sent < firstCount {
      keep(first.span.extracting(sent...))
      outbound.append(second)
    } else if sent < firstCount &+ second.count {
      keep(second.extracting((sent &- firstCount)...))
    }
  }

  /// Returns how many bytes the kernel took.
  private func transmit(_ bytes: UnsafeRawBufferPointer, flags: Int32 = 0) -> Int {
    if let carrier { return transmitCarried(carrier, bytes) }
    while true {
      let count = clinux_send(
        descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL) | flags)
      if count >= 0 {
        if count < bytes.count { isWritable = false }
        return count
      }
      if errno == EINTR { continue }
      return couldNotSend()
    }
  }

  private func transmit(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> Int {
    if let carrier {
      let count = transmitCarried(carrier, first)
      return count < first.count ? count : count &+ transmitCarried(carrier, second)
    }
    let total = first.count &+ second.count
    return withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { parts in
      // SAFETY: sendmsg only reads; the casts drop const because iovec has none.
      parts[0] = iovec(
        iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count)
      parts[1] = iovec(
        iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count)
      var message = msghdr()
      message.msg_iov = parts.baseAddress
      message.msg_iovlen = 2
      while true {
        let count = clinux_sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
        if count >= 0 {
          if count < total { isWritable = false }
          return count
        }
        if errno == EINTR { continue }
        return couldNotSend()
      }
    }
  }

  /// The kernel took nothing. On a broken connection the bytes are kept like those that must wait;
  /// the failure itself arrives as an event, in order with what the peer may have sent before.
  private func couldNotSend() -> Int {
    isWritable = false
    return 0
  }

  /// Sends what the kernel takes of what waits: the pipe's bytes were there first.
  func sendBacklog() {
    if pipe != nil { drainPipe() }
    if isWritable && !outbound.isEmpty {
      outbound.consume(outbound.withUnsafeBytes { transmit($0) })
    }
  }

  func flush() {
    let waiting = backlog
    if waiting == 0 || !isWritable { return }
    sendBacklog()
    if let tls, !tls.isEstablished {
      // Nobody but the handshake has written yet.
      if backlog == 0 { outbound.release() }
      return
    }
    if backlog < waiting { streamProgressed() }
    if isClosed || backlog > 0 { return }
    outbound.release()
    if shutsDownWhenDrained {
      shutsDownWhenDrained = false
      sendFinish()
    }
    streamDrained()
  }
}
