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
/// Bytes that nobody reads stay in the stream's window, and of those that the caller does not take at most
/// `roomBytes` are here; the rest is the session's backlog, as behind a socket.
final class HTTP2Tunnel: StreamCarrier {
  private let stream: HTTP2DownstreamStream
  private var isStreamClosed = false

  /// One frame is full.
  private static let roomBytes = 16 * 1_024

  init(_ stream: HTTP2DownstreamStream) { self.stream = stream }

  override var base: StreamConnection? { stream.connection }

  // MARK: Reading

  override func read(into room: UnsafeMutableRawBufferPointer) -> StreamConnection.ReadOutcome {
    let count = stream.readInput(into: room)
    if count > 0 {
      // Windows open.
      stream.connection.wantsPump()
      return .bytes(count)
    }
    if stream.isInputComplete { return .end }
    return isStreamClosed ? .failed(ECONNRESET) : .wouldBlock
  }

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
    stream.connection.wantsPump()
    return count
  }

  /// The caller's windows took all there was. Nobody reads now: whoever writes is in the middle of it.
  func outputDrained() { carried?.ready(.output) }

  override func finish() {
    stream.session?.end(stream)
    stream.connection.wantsPump()
  }

  // MARK: The end

  /// By a reset, by the connection's end, or because both ends are said.
  func streamClosed() {
    isStreamClosed = true
    changed(stream.isInputComplete ? .inputClosed : .failure)
  }

  override func close(isOrderly: Bool) { stream.tunnelEnded(isOrderly: isOrderly) }
}
