import SluiceWire

/// One stream of an `HTTP2Session`: a request and its response. Subclasses say what becomes of the
/// request; the session calls them while it reads, so they must not make it read or write.
///
/// ```
///  requestBegan ─▶ takeBody… ─▶ requestEnded ─┐
///        └──────────────────────────────────┴─▶ closed   (always last, at any time)
/// ```
class HTTP2Stream {
  let id: Int32
  /// Nil once the stream is closed.
  private(set) final var session: HTTP2Session?
  /// The head was handed over, or its refusal.
  final var hasBegun = false
  /// The caller has sent everything.
  final var isRequestComplete = false
  /// The caller's end was handed over.
  private var isEndDelivered = false
  private var trailers = TrailerSection()
  /// Request bytes that nobody took yet; at most a stream's window.
  private var input = ByteBuffer()

  /// Response bytes that wait for the caller's windows.
  final var output = ByteBuffer()
  final var isResponseBegun = false
  final var isResponseEnded = false
  /// The library waits for bytes.
  final var isDeferred = false
  /// Ready to be sent behind `output`; nil for none.
  final var responseTrailers: TrailerSection?
  /// Said to a caller whose request is not complete when its response is (RFC 9113 8.1).
  final var codeAfterResponse = HTTP2ErrorCode.noError
  /// Whoever fills `output` wants to know when it is empty.
  final var isWatched = false
  /// The request asks for a tunnel (RFC 8441): there is no body, but bytes that somebody reads.
  final var isTunnel = false
  /// The caller is heard after our END_STREAM, too.
  final var staysOpen = false
  final var isEndSent = false

  private static let keptBytes = 16 * 1_024

  init(id: Int32) { self.id = id }

  final func attach(to session: HTTP2Session) { self.session = session }

  // MARK: What subclasses implement

  /// A head in the words of HTTP/1.1. `isComplete`: nothing follows.
  func requestBegan(_ head: Span<UInt8>, isComplete: Bool) {}
  /// A head that can't be served.
  func requestRefused(_ fault: HTTP2HeadFault) {}
  /// Whether `bodyArrived` may be called.
  var takesBody: Bool { true }
  func bodyArrived(_ bytes: Span<UInt8>) {}
  /// Of a tunnel: bytes or an end can be read.
  func tunnelReadable() {}
  /// After the last byte of the body, unless the head was all.
  func requestEnded(_ trailers: TrailerSection) {}
  /// The caller's windows took some of `output`. Must not write.
  func outputTaken() {}
  /// `output` is empty, after it was not. May write.
  func outputDrained() {}
  /// The stream is over: both sides have ended, or one reset it.
  func closed(_ code: HTTP2ErrorCode) {}

  // MARK: The request's body

  /// The session has read a piece of the body.
  final func receive(_ bytes: Span<UInt8>) {
    if input.isEmpty && takesBody {
      bodyArrived(bytes)
      session?.consumed(bytes.count, of: self)
    } else {
      input.append(bytes)
      if isTunnel { tunnelReadable() }
    }
  }

  /// Takes bytes of a tunnel; how many there were.
  final func readInput(into room: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(room.count, input.count)
    if count == 0 { return 0 }
    input.withUnsafeBytes { bytes in
      room.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    }
    input.consume(count)
    if input.isEmpty { input.release() }
    session?.consumed(count, of: self)
    return count
  }

  final func endRequest(_ trailers: TrailerSection) {
    isRequestComplete = true
    self.trailers = trailers
    if isTunnel { tunnelReadable() }
    takeInput()
  }

  /// Somebody takes more of the body now.
  final func takeInput() {
    if !input.isEmpty && takesBody {
      var taken = ByteBuffer()
      swap(&taken, &input)
      bodyArrived(taken.span)
      session?.consumed(taken.count, of: self)
    }
    if input.isEmpty && isRequestComplete && !isEndDelivered && takesBody {
      isEndDelivered = true
      requestEnded(trailers)
    }
  }

  /// Nobody wants the rest of the body.
  final func dropInput() {
    if input.isEmpty { return }
    session?.consumed(input.count, of: self)
    input.release()
  }

  final var hasInput: Bool { !input.isEmpty }
  /// The request is complete, and its end could not be handed over yet.
  final var isEndWaiting: Bool { isRequestComplete && !isEndDelivered }

  // MARK: Of the session

  /// Moves bytes of the response into the library's frame.
  final func takeOutput(into room: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(room.count, output.count)
    output.withUnsafeBytes { bytes in
      room.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    }
    output.consume(count)
    if output.isEmpty && output.allocatedBytes > Self.keptBytes { output.release() }
    if count > 0 { outputTaken() }
    return count
  }

  final func end(_ code: HTTP2ErrorCode) {
    // What came through a tunnel is read before its end.
    if !isTunnel { dropInput() } else if hasInput { session?.consumed(input.count, of: self) }
    session = nil
    output.release()
    closed(code)
  }
}
