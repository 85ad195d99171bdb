import SluiceReactor
import SluiceWire

/// Who has a stream's bytes once it is a tunnel: `HTTP2Tunnel`.
protocol HTTP2TunnelEnd: AnyObject {
  /// Bytes or an end can be read; whoever reads them does it in a turn of its own.
  func inputChanged()
  /// The same, at once. Nobody may be reading on this loop.
  func deliverInput()
  /// The peer's windows took all there was. Nobody reads now: whoever writes is in the middle of it.
  func outputDrained()
  /// By a reset, by the connection's end, or because both ends are said.
  func streamClosed()
}

/// One stream of an `HTTP2Session`: a request and its response. What the peer sends is its input, what we
/// send its output. Subclasses say what becomes of the input; the session calls them while it reads, so
/// they must not make it read or write.
class HTTP2Stream {
  /// 0 until a request of ours is on its way.
  final var id: Int32
  /// Nil once the stream is closed.
  private(set) final var session: HTTP2Session?
  /// The peer has sent everything.
  final var isInputComplete = false
  /// The peer's end was handed over.
  private var isEndDelivered = false
  private var trailers = TrailerSection()
  /// Bytes that nobody took yet; at most a stream's window.
  private var input = ByteBuffer()
  private(set) final var window = HTTP2Window()
  /// Whose bytes the window has grown by.
  private var windowBudget: HTTP2WindowBudget?

  /// Bytes that wait for the peer's windows.
  final var output = ByteBuffer()
  final var isOutputBegun = false
  final var isOutputEnded = false
  /// The library waits for bytes.
  final var isDeferred = false
  /// Ready to be sent behind `output`; nil for none.
  final var outputTrailers: TrailerSection?
  /// Whoever fills `output` wants to know when it is empty.
  final var isWatched = false
  /// The stream is a tunnel, or a caller asks for one (RFC 8441): there is no body, but bytes that
  /// somebody reads.
  final var isTunnel = false
  /// There from the handshake's end to the tunnel's.
  final var tunnel: (any HTTP2TunnelEnd)?
  /// The caller is heard after our END_STREAM, too.
  final var staysOpen = false
  final var isEndSent = false

  private static let keptBytes = 16 * 1_024

  init(id: Int32 = 0) { self.id = id }

  deinit { giveBackWindow() }

  final func attach(to session: HTTP2Session) { self.session = session }

  /// Bytes or an end can be read from a tunnel.
  private func tellTunnel() { if let tunnel { session?.tunnelReadable(tunnel) } }

  // MARK: What subclasses implement

  /// Whether `bodyArrived` may be called.
  var takesBody: Bool { true }
  func bodyArrived(_ bytes: Span<UInt8>) {}
  /// Of a tunnel: frames are due, to be sent in a turn of their own.
  func wantsPump() {}
  /// Of a tunnel: the carried connection is gone. `isOrderly`: all that was written was taken.
  func tunnelEnded(isOrderly: Bool) {}
  /// Nothing was heard since then of who is at the other end of the tunnel.
  func peerFellSilent(since: MonotonicTime) {}
  /// After the last byte of the body, unless the head was all.
  func inputEnded(_ trailers: TrailerSection) {}
  /// The peer's windows took some of `output`. Must not write.
  func outputTaken() {}
  /// `output` is empty, after it was not. May write.
  func outputDrained() {}
  /// Whether what has arrived whole outlives the stream until somebody takes it.
  var keepsInput: Bool { false }
  /// The stream is over: both sides have ended, or one reset it.
  func closed(_ code: HTTP2ErrorCode) {}

  // MARK: The input

  /// The session has read a piece of the body.
  final func receive(_ bytes: Span<UInt8>) {
    if input.isEmpty && takesBody {
      bodyArrived(bytes)
      session?.consumed(bytes.count, of: self)
    } else {
      input.append(bytes)
      tellTunnel()
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
    if let session {
      session.consumed(count, of: self)
    } else if input.isEmpty {
      giveBackWindow()
    }
    return count
  }

  final func endInput(_ trailers: TrailerSection) {
    isInputComplete = true
    self.trailers = trailers
    tellTunnel()
    takeInput()
  }

  /// Somebody takes more of the body now.
  final func takeInput() {
    if !input.isEmpty && takesBody {
      var taken = ByteBuffer()
      swap(&taken, &input)
      bodyArrived(taken.span)
      session?.consumed(taken.count, of: self)
      if session == nil && input.isEmpty { giveBackWindow() }
    }
    if input.isEmpty && isInputComplete && !isEndDelivered && takesBody {
      isEndDelivered = true
      inputEnded(trailers)
    }
  }

  /// Nobody wants the rest of the body.
  final func dropInput() {
    if input.isEmpty { return }
    let count = input.count
    input.release()
    if let session { session.consumed(count, of: self) } else { giveBackWindow() }
  }

  final var hasInput: Bool { !input.isEmpty }
  /// The input is complete, and its end could not be handed over yet.
  final var isEndWaiting: Bool { isInputComplete && !isEndDelivered }

  // MARK: The window

  /// The size that the window should grow to, if it should.
  final func windowAfterTaking(_ count: Int, now: MonotonicTime) -> Int? {
    window.take(count, keepsUp: !hasInput, now: now)
  }

  final func windowGrew(to size: Int, at budget: HTTP2WindowBudget) {
    windowBudget = budget
    window.grow(to: size)
  }

  /// Nothing of what the window has let in waits any more, and nothing comes.
  private func giveBackWindow() {
    windowBudget?.giveBack(window.grown)
    windowBudget = nil
  }

  // MARK: Of the session

  /// Moves bytes of the output into the library's frame.
  final func takeOutput(into room: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(room.count, output.count)
    output.withUnsafeBytes { bytes in
      room.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    }
    output.consume(count)
    // Tunnels are idle for hours.
    if output.isEmpty && (isTunnel || output.allocatedBytes > Self.keptBytes) { output.release() }
    if count > 0 { outputTaken() }
    return count
  }

  final func end(_ code: HTTP2ErrorCode) {
    let isKept = isTunnel || keepsInput && isInputComplete && code == .noError
    if !isKept {
      dropInput()
    } else if hasInput {
      // The peer's windows are open again, and what it sent is read by and by.
      session?.consumed(input.count, of: self)
    }
    session = nil
    output.release()
    if input.isEmpty { giveBackWindow() }
    closed(code)
  }
}
