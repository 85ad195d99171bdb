import CNGHTTP2
import SluiceReactor
import SluiceWire

/// One side of an HTTP/2 connection over nghttp2: bytes in, bytes out. It knows no socket and no clock.
/// `HTTP2ServerSession` is a caller's, `HTTP2ClientSession` a target's.
///
/// ```
///  receive(bytes) ─▶ HTTP2FrameFollower ─▶ nghttp2 ─▶ headEnded, HTTP2Stream.bodyArrived, …
///  withNextFrame  ◀──────────────────────── nghttp2 ◀─ respond or request, append, end, reset
/// ```
///
/// Windows are opened as bodies are taken, so whoever does not read stops the peer. What waits for the
/// peer is bounded by whoever writes: it asks the stream for its backlog.
class HTTP2Session {
  enum Role {
    case server, client

    /// What a connection begins with.
    var connectionWindow: Int32 {
      switch self {
      case .server: HTTP2Limits.connectionWindow
      case .client: HTTP2Limits.targetConnectionWindow
      }
    }
  }

  final let limits: HTTP2Limits
  final var library: OpaquePointer?
  final var follower: HTTP2FrameFollower
  final var builder: HTTP2HeadBuilder
  final var head = ByteBuffer()
  final var streams: [Int32: HTTP2Stream] = [:]
  /// Bytes in all streams' `output`.
  private(set) var outputBytes = 0
  private var drained: [HTTP2Stream] = []
  private var readableTunnels: [any HTTP2TunnelEnd] = []
  final var now = MonotonicTime(nanoseconds: 0)
  /// Within `receive`: nothing may be written.
  private(set) var isReceiving = false
  /// What ended the connection.
  private(set) var flood: HTTP2Flood?
  /// Found by a callback, to be acted upon when the library is done.
  private var floodSeen: HTTP2Flood?
  /// The end of the connection is announced, by us or by the peer.
  final var isDraining = false
  /// The GOAWAY that names the last stream is on its way.
  final var isLeaving = false
  /// The library can't go on.
  private(set) var hasFailed = false
  /// Without, windows keep their first size.
  final var windowBudget: HTTP2WindowBudget?
  private let role: Role
  /// What the windows of streams that are open have grown by.
  private(set) var grownBytes = 0

  private static let keptHeadBytes = 4 * 1_024

  /// Nil without memory.
  init?(_ limits: HTTP2Limits, _ role: Role) {
    self.limits = limits
    self.role = role
    builder = HTTP2HeadBuilder(limits, role)
    follower = HTTP2FrameFollower(role)
    // SAFETY: the library calls back within calls of this object only, and `deinit` ends it.
    let this = Unmanaged.passUnretained(self).toOpaque()
    guard let library = HTTP2Library.makeSession(this, role) else { return nil }
    self.library = library
    HTTP2Library.announce(limits, role, library)
  }

  deinit { nghttp2_session_del(library) }

  // MARK: What subclasses implement, called within `receive` and `withNextFrame`

  /// A head begins. `isRequest`: as the library sees it, the first of a stream that the peer opens.
  func headBegan(_ id: Int32, isRequest: Bool) {}
  /// All fields have arrived.
  func headEnded(_ id: Int32, isRequest: Bool, isEnd: Bool) {}
  func pongArrived(_ opaque: UnsafeRawBufferPointer) {}
  /// The peer's settings are in force.
  func settingsArrived() {}
  /// The peer takes no more streams.
  func goAwayArrived() {}
  /// Our END_STREAM is out.
  func endSent(_ id: Int32) {}
  /// A stream was ended by us, or by the library for a mistake of the peer's.
  func resetSent(_ id: Int32, _ code: HTTP2ErrorCode) {}

  // MARK: Reading

  /// A head has begun and is not whole; it has a deadline.
  var isInHead: Bool { follower.isInHead }

  /// Which head that is.
  var headNumber: Int { follower.heads }

  /// Takes everything. Messages begin and go on within this call.
  func receive(_ bytes: Span<UInt8>, now: MonotonicTime) {
    if hasFailed || isOver { return }
    self.now = now
    switch follower.follow(bytes, now: now) {
    case .flood(let flood)?: return leave(for: flood)
    case .violation(let code)?: return terminate(code)
    case nil: break
    }
    isReceiving = true
    let result = bytes.withUnsafeBufferPointer {
      nghttp2_session_mem_recv(library, $0.baseAddress, $0.count)
    }
    isReceiving = false
    if result < 0 { hasFailed = true }
    if let flood = floodSeen { leave(for: flood) }
  }

  /// Something can be read from a tunnel. What came within `receive` is told by `tellTunnels`: the reader
  /// reads into the loop's buffer, which is in use until then.
  func tunnelReadable(_ tunnel: any HTTP2TunnelEnd) {
    if isReceiving { readableTunnels.append(tunnel) } else { tunnel.inputChanged() }
  }

  /// After `receive`, when nobody needs the loop's buffer any more.
  func tellTunnels() {
    if readableTunnels.isEmpty { return }
    var tunnels: [any HTTP2TunnelEnd] = []
    swap(&tunnels, &readableTunnels)
    for tunnel in tunnels { tunnel.deliverInput() }
  }

  /// Says GOAWAY for what the peer's frames cost.
  private func leave(for flood: HTTP2Flood) {
    if self.flood != nil { return }
    self.flood = flood
    terminate(.enhanceYourCalm)
  }

  // MARK: Writing

  /// Hands out the next frame; false when there is none now.
  func withNextFrame(_ body: (Span<UInt8>) -> Void) -> Bool {
    if hasFailed || isReceiving { return false }
    var data: UnsafePointer<UInt8>?
    let count = nghttp2_session_mem_send(library, &data)
    if count < 0 { hasFailed = true }
    guard count > 0, let data else { return false }
    // SAFETY: the library's memory stays until it is called again, which `body` does not.
    body(Span(_unsafeElements: UnsafeBufferPointer(start: data, count: count)))
    return true
  }

  /// Frames that wait for `withNextFrame`, DATA aside.
  var queuedFrames: Int { nghttp2_session_get_outbound_queue_size(library) }

  /// A stream whose output was taken and that wants to know; nil when there is none.
  func nextDrained() -> HTTP2Stream? { drained.popLast() }

  /// Sends a response's head. `isEnd`: no body follows.
  func respond(_ stream: HTTP2Stream, _ fields: inout HTTP2FieldList, isEnd: Bool) {
    if stream.isOutputBegun || stream.session == nil { return }
    stream.isOutputBegun = true
    if isEnd { stream.isOutputEnded = true }
    var source = nghttp2_data_provider()
    source.read_callback = HTTP2Library.readOutput
    let result = fields.withPairs { pairs, count -> Int32 in
      if isEnd { return nghttp2_submit_response(library, stream.id, pairs, count, nil) }
      return nghttp2_submit_response(library, stream.id, pairs, count, &source)
    }
    if result != 0 { reset(stream, .internalError) }
  }

  /// Sends a 1xx head.
  func inform(_ stream: HTTP2Stream, _ fields: inout HTTP2FieldList) {
    if stream.isOutputBegun || stream.session == nil { return }
    let result = fields.withPairs { pairs, count in
      nghttp2_submit_headers(library, 0, stream.id, nil, pairs, count, nil)
    }
    if result < 0 { reset(stream, .internalError) }
  }

  /// A piece of the body.
  func append(_ bytes: Span<UInt8>, to stream: HTTP2Stream) {
    if bytes.isEmpty || stream.session == nil { return }
    stream.output.append(bytes)
    outputBytes += bytes.count
    wake(stream)
  }

  /// The body's end.
  func end(_ stream: HTTP2Stream, _ trailers: TrailerSection? = nil) {
    if stream.isOutputEnded || stream.session == nil { return }
    stream.isOutputEnded = true
    stream.outputTrailers = trailers
    wake(stream)
  }

  /// Nobody listens to the caller after our END_STREAM any more.
  func stopListening(to stream: HTTP2Stream) {
    stream.staysOpen = false
    if stream.isEndSent && stream.session != nil { endSent(stream.id) }
  }

  private func wake(_ stream: HTTP2Stream) {
    if !stream.isDeferred { return }
    stream.isDeferred = false
    nghttp2_session_resume_data(library, stream.id)
  }

  /// Ends a stream at once.
  func reset(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
    if stream.session == nil { return }
    dropOutput(of: stream)
    nghttp2_submit_rst_stream(library, 0, stream.id, code.rawValue)
  }

  private func dropOutput(of stream: HTTP2Stream) {
    outputBytes -= stream.output.count
    stream.output.release()
  }

  /// The peer may send as much again.
  func consumed(_ count: Int, of stream: HTTP2Stream) {
    if count == 0 { return }
    nghttp2_session_consume(library, stream.id, count)
    if let size = stream.windowAfterTaking(count, now: now) {
      grow(stream, to: size)
    }
  }

  private func grow(_ stream: HTTP2Stream, to size: Int) {
    let added = size - stream.window.size
    // What a stream drops when it ends makes no room for more.
    guard let windowBudget, !stream.isInputComplete, !hasFailed, streams[stream.id] === stream,
      grownBytes + added <= HTTP2Limits.grownConnectionWindows, windowBudget.take(added)
    else { return }
    stream.windowGrew(to: size, at: windowBudget)
    nghttp2_session_set_local_window_size(library, 0, stream.id, Int32(size))
    grownBytes += added
    setConnectionWindow()
  }

  private func setConnectionWindow() {
    nghttp2_session_set_local_window_size(
      library, 0, 0, role.connectionWindow + Int32(grownBytes))
  }

  // MARK: The end

  /// Nothing more will come of this connection, once what `withNextFrame` has is sent.
  var isOver: Bool {
    hasFailed
      || nghttp2_session_want_read(library) == 0 && nghttp2_session_want_write(library) == 0
  }

  /// Ends with this code; streams are lost.
  func terminate(_ code: HTTP2ErrorCode) {
    if hasFailed { return }
    isDraining = true
    isLeaving = true
    nghttp2_session_terminate_session(library, code.rawValue)
  }

  /// The connection is gone: every stream is.
  func close() {
    hasFailed = true
    let open = Array(streams.values)
    streams = [:]
    drained = []
    outputBytes = 0
    for stream in open { stream.end(.cancel) }
  }
}

// MARK: - What the library calls

extension HTTP2Session {
  /// False when the connection has to end.
  final func fieldArrived(_ name: Span<UInt8>, _ value: Span<UInt8>) -> Bool {
    if builder.append(name: name, value: value) { return true }
    flooded(.head)
    return false
  }

  /// To be acted upon when the library is done.
  final func flooded(_ flood: HTTP2Flood) { floodSeen = floodSeen ?? flood }

  /// Calls `body` with the head that has ended, in the words of HTTP/1.1.
  final func withHead(
    isComplete: Bool, answersHEAD: Bool = false, nonce: (UInt64, UInt64) = (0, 0),
    accept: [UInt8]? = nil, _ body: (Span<UInt8>) -> Void
  ) throws(HTTP2HeadFault) {
    head.clear()
    try builder.write(
      isComplete: isComplete, answersHEAD: answersHEAD, nonce: nonce, accept: accept, to: &head)
    // The stream may come back here before it is done with the head.
    var taken = ByteBuffer()
    swap(&taken, &head)
    body(taken.span)
    if taken.allocatedBytes <= Self.keptHeadBytes { swap(&taken, &head) }
  }

  /// Trailers have ended. The library lets no HEADERS pass that are neither a head nor the end.
  final func trailersEnded(_ stream: HTTP2Stream, isEnd: Bool) {
    // RFC 9113 8.5: only DATA passes a tunnel.
    if stream.isTunnel { return reset(stream, .protocolError) }
    do throws(HTTP2HeadFault) {
      let trailers = try builder.trailers()
      if isEnd { stream.endInput(trailers) }
    } catch {
      reset(stream, .protocolError)
    }
  }

  func bodyArrived(_ id: Int32, _ bytes: Span<UInt8>) {
    guard let stream = streams[id] else {
      nghttp2_session_consume_connection(library, bytes.count)
      return
    }
    stream.receive(bytes)
  }

  func bodyEnded(_ id: Int32) { streams[id]?.endInput(TrailerSection()) }

  /// Fills a DATA frame; nil when there is nothing to send now.
  func output(
    of id: Int32, into room: UnsafeMutableRawBufferPointer, isLast: inout Bool,
    hasTrailers: inout Bool
  ) -> Int? {
    guard let stream = streams[id] else { return nil }
    let count = stream.takeOutput(into: room)
    outputBytes -= count
    follower.earn(byOutputOf: count)
    if stream.output.isEmpty {
      if stream.isOutputEnded {
        isLast = true
        hasTrailers = submitTrailers(of: stream)
      } else if count == 0 {
        stream.isDeferred = true
        return nil
      }
      if count > 0 && stream.isWatched { drained.append(stream) }
    }
    return count
  }

  private func submitTrailers(of stream: HTTP2Stream) -> Bool {
    guard let trailers = stream.outputTrailers, !trailers.isEmpty else { return false }
    var fields = HTTP2FieldList()
    for field in trailers.fields {
      fields.append(name: trailers.span(field.name), value: trailers.span(field.value))
    }
    return fields.withPairs { nghttp2_submit_trailer(library, stream.id, $0, $1) } == 0
  }

  func streamClosed(_ id: Int32, _ code: HTTP2ErrorCode) {
    guard let stream = streams.removeValue(forKey: id) else { return }
    outputBytes -= stream.output.count
    if stream.window.grown > 0 {
      grownBytes -= stream.window.grown
      setConnectionWindow()
    }
    stream.end(code)
  }
}
