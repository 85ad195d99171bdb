import Glibc
import SluiceReactor
import SluiceWire

/// A WebSocket within an HTTP/2 stream (RFC 8441): what a socket would be to its session.
///
/// | of a socket | here |
/// | --- | --- |
/// | bytes | DATA, as the stream's windows allow |
/// | FIN | END_STREAM |
/// | reset | RST_STREAM with CANCEL |
///
/// Bytes that nobody reads stay in the stream's window, and of those that the peer does not take at most
/// `roomBytes` are here; the rest is the session's backlog, as behind a socket.
final class HTTP2Tunnel: StreamCarrier, HTTP2TunnelEnd {
  private let stream: HTTP2Stream
  private let connection: StreamConnection
  private var isStreamClosed = false

  /// One frame is full.
  private static let roomBytes = 16 * 1_024

  init(_ stream: HTTP2Stream, on connection: StreamConnection) {
    self.stream = stream
    self.connection = connection
  }

  override var base: StreamConnection? { connection }

  // MARK: Reading

  override func read(into room: UnsafeMutableRawBufferPointer) -> StreamConnection.ReadOutcome {
    let count = stream.readInput(into: room)
    if count > 0 {
      // Windows open.
      stream.wantsPump()
      return .bytes(count)
    }
    if stream.isInputComplete { return .end }
    return isStreamClosed ? .failed(ECONNRESET) : .wouldBlock
  }

  func inputChanged() { changed(.input) }

  func deliverInput() { deliver(.input) }

  override var isReadable: Bool { stream.hasInput || stream.isInputComplete || isStreamClosed }

  override var isAtEnd: Bool { !stream.hasInput && stream.isInputComplete }

  // MARK: Writing

  override func take(_ bytes: UnsafeRawBufferPointer) -> Int {
    let count = min(bytes.count, Self.roomBytes - stream.output.count)
    guard count > 0, let session = stream.session else { return 0 }
    // SAFETY: the bytes are there for this call, which copies them.
    let span = Span(
      _unsafeElements: UnsafeRawBufferPointer(rebasing: bytes[..<count])
        .assumingMemoryBound(to: UInt8.self))
    session.append(span, to: stream)
    stream.wantsPump()
    return count
  }

  func outputDrained() { carried?.ready(.output) }

  override func finish() {
    stream.session?.end(stream)
    stream.wantsPump()
  }

  // MARK: The end

  func streamClosed() {
    isStreamClosed = true
    changed(stream.isInputComplete ? .inputClosed : .failure)
  }

  override func peerFellSilent(since: MonotonicTime) { stream.peerFellSilent(since: since) }

  override func close(isOrderly: Bool) { stream.tunnelEnded(isOrderly: isOrderly) }
}

extension HTTP2Stream {
  /// The bytes are `carried`'s from now on, and its end is the stream's. Nothing happens on a stream that
  /// is over: then `carried` stays closed.
  func beginTunnel(for carried: StreamConnection, on connection: StreamConnection) {
    if session == nil { return }
    isTunnel = true
    staysOpen = true
    let tunnel = HTTP2Tunnel(self, on: connection)
    self.tunnel = tunnel
    carried.carry(by: tunnel)
    wantsPump()
  }
}
