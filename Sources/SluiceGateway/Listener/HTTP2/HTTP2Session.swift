import CNGHTTP2
import SluiceReactor
import SluiceWire

/// The server's side of an HTTP/2 connection over nghttp2: bytes in, bytes out. It knows no socket and
/// no clock.
///
/// ```
///  receive(bytes) ─▶ HTTP2FrameFollower ─▶ nghttp2 ─▶ HTTP2Stream.requestBegan, bodyArrived, …
///  withNextFrame  ◀──────────────────────── nghttp2 ◀─ respond, append, end, reset
/// ```
///
/// Windows are opened as bodies are taken, so a target that does not read stops its caller. What waits
/// for the caller is bounded by whoever writes: it asks `backlog` of the stream, and the session stops
/// taking requests above `HTTP2Limits.responseBacklog`.
class HTTP2Session {
  final let limits: HTTP2Limits
  private var library: OpaquePointer?
  private var follower = HTTP2FrameFollower()
  private var builder: HTTP2HeadBuilder
  private var head = ByteBuffer()
  private(set) var streams: [Int32: HTTP2Stream] = [:]
  /// Bytes in all streams' `output`.
  private(set) var outputBytes = 0
  private var drained: [HTTP2Stream] = []
  private var now = MonotonicTime(nanoseconds: 0)
  /// Within `receive`: nothing may be written.
  private(set) var isReceiving = false
  /// What ended the connection.
  private(set) var flood: HTTP2Flood?
  /// Found by a callback, to be acted upon when the library is done.
  private var floodSeen: HTTP2Flood?
  private(set) var isDraining = false
  /// The GOAWAY that names the last stream is on its way.
  private(set) var isLeaving = false
  /// The library can't go on.
  private(set) var hasFailed = false
  /// Requests that were begun.
  private(set) var requests = 0

  private static let keptHeadBytes = 4 * 1_024
  private static let drainPing: [UInt8] = Array("draining".utf8)

  /// Nil without memory.
  init?(_ limits: HTTP2Limits) {
    self.limits = limits
    builder = HTTP2HeadBuilder(limits)
    // SAFETY: the library calls back within calls of this object only, and `deinit` ends it.
    let this = Unmanaged.passUnretained(self).toOpaque()
    guard let library = HTTP2Library.makeSession(this) else { return nil }
    self.library = library
    HTTP2Library.announce(limits, library)
  }

  deinit { nghttp2_session_del(library) }

  /// The nonce of a handshake that came without one, because HTTP/2 has none (RFC 8441 5).
  func makeNonce() -> (UInt64, UInt64) { (0, 0) }

  /// Makes the object for a new request's stream; for subclasses.
  func makeStream(_ id: Int32) -> HTTP2Stream { HTTP2Stream(id: id) }

  // MARK: Reading

  /// A head has begun and is not whole; it has a deadline.
  var isInHead: Bool { follower.isInHead }

  /// Which head that is.
  var headNumber: Int { follower.heads }

  /// Takes everything. Requests begin and go on within this call.
  func receive(_ bytes: Span<UInt8>, now: MonotonicTime) {
    if hasFailed || isOver { return }
    self.now = now
    if let flood = follower.follow(bytes, now: now) { return leave(for: flood) }
    isReceiving = true
    let result = bytes.withUnsafeBufferPointer {
      nghttp2_session_mem_recv(library, $0.baseAddress, $0.count)
    }
    isReceiving = false
    if result < 0 { hasFailed = true }
    if let flood = floodSeen { leave(for: flood) }
  }

  /// Says GOAWAY for what the caller's frames cost.
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

  /// Sends a head. `isEnd`: no body follows.
  func respond(_ stream: HTTP2Stream, _ fields: inout HTTP2FieldList, isEnd: Bool) {
    if stream.isResponseBegun || stream.session == nil { return }
    stream.isResponseBegun = true
    if isEnd { stream.isResponseEnded = true }
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
    if stream.isResponseBegun || stream.session == nil { return }
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
    if stream.isResponseEnded || stream.session == nil { return }
    stream.isResponseEnded = true
    stream.responseTrailers = trailers
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

  /// The caller may send as much again.
  func consumed(_ count: Int, of stream: HTTP2Stream) {
    if count > 0 { nghttp2_session_consume(library, stream.id, count) }
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

  /// Says that the end is near, and asks for a sign when the caller knows. Requests on their way are
  /// still taken; `finishDraining` follows with that sign, or when somebody's patience is over.
  func drain() {
    if isDraining || hasFailed { return }
    isDraining = true
    nghttp2_submit_shutdown_notice(library)
    nghttp2_submit_ping(library, 0, Self.drainPing)
  }

  /// From here on no request is taken.
  func finishDraining() {
    if isLeaving || hasFailed { return }
    isDraining = true
    isLeaving = true
    nghttp2_submit_goaway(
      library, 0, nghttp2_session_get_last_proc_stream_id(library), 0, nil, 0)
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
  /// Whether another request has to wait for another connection, or for its caller to read.
  private var refusesRequests: Bool {
    isLeaving || outputBytes > HTTP2Limits.responseBacklog
  }

  func headBegan(_ id: Int32, isRequest: Bool) {
    builder.begin(isTrailer: !isRequest)
    if !isRequest { return }
    let stream = makeStream(id)
    stream.attach(to: self)
    streams[id] = stream
  }

  /// False when the connection has to end.
  func fieldArrived(_ name: Span<UInt8>, _ value: Span<UInt8>) -> Bool {
    if builder.append(name: name, value: value) { return true }
    floodSeen = floodSeen ?? .head
    return false
  }

  func headEnded(_ id: Int32, isRequest: Bool, isEnd: Bool) {
    guard let stream = streams[id] else { return }
    if !isRequest { return trailersEnded(stream, isEnd: isEnd) }
    if refusesRequests { return reset(stream, .refusedStream) }
    requests += 1
    stream.hasBegun = true
    stream.isRequestComplete = isEnd
    head.clear()
    stream.isTunnel = builder.opensTunnel
    do throws(HTTP2HeadFault) {
      try builder.write(
        isComplete: isEnd, nonce: stream.isTunnel ? makeNonce() : (0, 0), to: &head)
    } catch {
      stream.isTunnel = false
      return stream.requestRefused(error)
    }
    // The stream may come back here before it is done with the head.
    var taken = ByteBuffer()
    swap(&taken, &head)
    stream.requestBegan(taken.span, isComplete: isEnd)
    if taken.allocatedBytes <= Self.keptHeadBytes { swap(&taken, &head) }
  }

  private func trailersEnded(_ stream: HTTP2Stream, isEnd: Bool) {
    // RFC 9113 8.5: only DATA passes a tunnel.
    if stream.isTunnel { return reset(stream, .protocolError) }
    do throws(HTTP2HeadFault) {
      let trailers = try builder.trailers()
      // The library lets no other HEADERS pass.
      if isEnd { stream.endRequest(trailers) }
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

  func bodyEnded(_ id: Int32) { streams[id]?.endRequest(TrailerSection()) }

  func pongArrived(_ opaque: UnsafeRawBufferPointer) {
    if isDraining && opaque.elementsEqual(Self.drainPing) { finishDraining() }
  }

  /// Fills a DATA frame; nil when there is nothing to send now.
  func output(
    of id: Int32, into room: UnsafeMutableRawBufferPointer, isLast: inout Bool,
    hasTrailers: inout Bool
  ) -> Int? {
    guard let stream = streams[id] else { return nil }
    let count = stream.takeOutput(into: room)
    outputBytes -= count
    if count >= HTTP2Limits.earningBytes { follower.earn() }
    if stream.output.isEmpty {
      if stream.isResponseEnded {
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
    guard let trailers = stream.responseTrailers, !trailers.isEmpty else { return false }
    var fields = HTTP2FieldList()
    for field in trailers.fields {
      fields.append(name: trailers.span(field.name), value: trailers.span(field.value))
    }
    return fields.withPairs { nghttp2_submit_trailer(library, stream.id, $0, $1) } == 0
  }

  /// Our END_STREAM is out. Who still sends is told to stop.
  func endSent(_ id: Int32) {
    guard let stream = streams[id] else { return }
    stream.isEndSent = true
    if stream.isRequestComplete || stream.staysOpen { return }
    nghttp2_submit_rst_stream(library, 0, id, stream.codeAfterResponse.rawValue)
  }

  /// Streams that the caller's mistakes end cost as much as those it ends itself.
  func resetSent(_ code: HTTP2ErrorCode) {
    if code == .noError || code == .internalError { return }
    if let flood = follower.countReset(now: now) { floodSeen = floodSeen ?? flood }
  }

  func streamClosed(_ id: Int32, _ code: HTTP2ErrorCode) {
    guard let stream = streams.removeValue(forKey: id) else { return }
    outputBytes -= stream.output.count
    stream.end(code)
  }
}
