import CNGHTTP2
import SluiceReactor
import SluiceWire

/// The server's side of an HTTP/2 connection: a caller's requests.
///
/// It stops taking requests while more than `HTTP2Limits.responseBacklog` waits for the caller.
class HTTP2ServerSession: HTTP2Session {
  /// Requests that were begun.
  private(set) var requests = 0

  private static let drainPing: [UInt8] = Array("draining".utf8)

  /// Nil without memory.
  init?(_ limits: HTTP2Limits) { super.init(limits, .server) }

  /// Makes the object for a new request's stream; for subclasses.
  func makeStream(_ id: Int32) -> HTTP2ServerStream { HTTP2ServerStream(id: id) }

  /// The nonce of a handshake that came without one, because HTTP/2 has none (RFC 8441 5).
  func makeNonce() -> (UInt64, UInt64) { (0, 0) }

  // MARK: The beginning

  /// Before anything else: the request that asked for this connection becomes stream 1 (RFC 7540 3.2).
  /// False when the caller's settings are wrong.
  func take(_ upgrade: HTTP2Upgrade, now: MonotonicTime) -> Bool {
    self.now = now
    let result = upgrade.settings.withUnsafeBufferPointer {
      nghttp2_session_upgrade2(library, $0.baseAddress, $0.count, upgrade.isHead ? 1 : 0, nil)
    }
    if result != 0 { return false }
    follower.streamBegan(1)
    let stream = makeStream(1)
    stream.attach(to: self)
    streams[1] = stream
    requests += 1
    stream.hasBegun = true
    stream.isInputComplete = true
    stream.requestBegan(upgrade.head.span, isComplete: true)
    return true
  }

  // MARK: The end

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

  // MARK: What the library calls

  /// Whether another request has to wait for another connection, or for its caller to read.
  private var refusesRequests: Bool {
    isLeaving || outputBytes > HTTP2Limits.responseBacklog
  }

  override func headBegan(_ id: Int32, isRequest: Bool) {
    builder.begin(isTrailer: !isRequest)
    if !isRequest { return }
    let stream = makeStream(id)
    stream.attach(to: self)
    streams[id] = stream
  }

  override func headEnded(_ id: Int32, isRequest: Bool, isEnd: Bool) {
    guard let stream = streams[id] as? HTTP2ServerStream else { return }
    if !isRequest { return trailersEnded(stream, isEnd: isEnd) }
    if refusesRequests { return reset(stream, .refusedStream) }
    requests += 1
    stream.hasBegun = true
    stream.isInputComplete = isEnd
    stream.isTunnel = builder.opensTunnel
    let nonce = stream.isTunnel ? makeNonce() : (0, 0)
    do throws(HTTP2HeadFault) {
      try withHead(isComplete: isEnd, nonce: nonce) {
        stream.requestBegan($0, isComplete: isEnd)
      }
    } catch {
      stream.isTunnel = false
      stream.requestRefused(error)
    }
  }

  override func pongArrived(_ opaque: UnsafeRawBufferPointer) {
    if isDraining && opaque.elementsEqual(Self.drainPing) { finishDraining() }
  }

  /// Who still sends is told to stop.
  override func endSent(_ id: Int32) {
    guard let stream = streams[id] as? HTTP2ServerStream else { return }
    stream.isEndSent = true
    if stream.isInputComplete || stream.staysOpen { return }
    nghttp2_submit_rst_stream(library, 0, id, stream.codeAfterResponse.rawValue)
  }

  /// Streams that the caller's mistakes end cost as much as those it ends itself.
  override func resetSent(_ id: Int32, _ code: HTTP2ErrorCode) {
    if code == .noError || code == .internalError { return }
    if let flood = follower.countReset(now: now) { flooded(flood) }
  }
}

/// One request of a caller's and its response.
///
/// ```
///  requestBegan ─▶ bodyArrived… ─▶ inputEnded ─┐
///        └──────────────────────────────────┴─▶ closed   (always last, at any time)
/// ```
class HTTP2ServerStream: HTTP2Stream {
  /// The head was handed over, or its refusal.
  final var hasBegun = false
  /// Said to a caller whose request is not complete when its response is (RFC 9113 8.1).
  final var codeAfterResponse = HTTP2ErrorCode.noError

  /// A head in the words of HTTP/1.1. `isComplete`: nothing follows.
  func requestBegan(_ head: Span<UInt8>, isComplete: Bool) {}
  /// A head that can't be served.
  func requestRefused(_ fault: HTTP2HeadFault) {}
}
