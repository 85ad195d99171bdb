import CNGHTTP2
import SluiceReactor
import SluiceWire

/// The client's side of an HTTP/2 connection: requests to a target.
class HTTP2ClientSession: HTTP2Session {
  /// The target's SETTINGS are here: it speaks HTTP/2 (RFC 9113 3.4).
  private(set) var isConfirmed = false
  /// The head under way belongs to a response that was begun already.
  private var isTrailer = false

  /// Stream numbers that are left alone, so that a connection ends long before there is none.
  private static let lastStream: Int32 = 1 << 30

  /// Nil without memory.
  init?(_ limits: HTTP2Limits) { super.init(limits, .client) }

  /// Streams that the target takes at a time, as far as we go.
  var capacity: Int {
    let allowed = nghttp2_session_get_remote_settings(
      library, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
    return min(Int(allowed), HTTP2Limits.targetStreams)
  }

  /// Whether the target has announced that it takes extended CONNECT (RFC 8441 3): without, none may be
  /// sent.
  var takesWebSockets: Bool {
    nghttp2_session_get_remote_settings(library, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1
  }

  /// Whether another request may begin.
  var takesRequests: Bool {
    !isLeaving && !isDraining && !hasFailed
      && nghttp2_session_get_next_stream_id(library) < UInt32(Self.lastStream)
  }

  /// Begins a request on a new stream. `isEnd`: no body follows. False when the library can't.
  func request(
    _ stream: HTTP2ClientStream, _ fields: inout HTTP2FieldList, isEnd: Bool
  ) -> Bool {
    if hasFailed { return false }
    stream.isOutputBegun = true
    stream.isOutputEnded = isEnd
    var source = nghttp2_data_provider()
    source.read_callback = HTTP2Library.readOutput
    let id = fields.withPairs { pairs, count -> Int32 in
      if isEnd { return nghttp2_submit_request(library, nil, pairs, count, nil, nil) }
      return nghttp2_submit_request(library, nil, pairs, count, &source, nil)
    }
    if id <= 0 { return false }
    stream.id = id
    stream.attach(to: self)
    streams[id] = stream
    return true
  }

  /// Tells the target that this was all; streams under way go on.
  func sayGoodbye() {
    if isLeaving || hasFailed { return }
    isDraining = true
    isLeaving = true
    nghttp2_submit_goaway(library, 0, 0, 0, nil, 0)
  }

  // MARK: What the library calls

  override func headBegan(_ id: Int32, isRequest: Bool) {
    let stream = streams[id] as? HTTP2ClientStream
    isTrailer = stream?.hasHead ?? false
    builder.begin(isTrailer: isTrailer, answersTunnel: stream?.accept != nil)
  }

  override func headEnded(_ id: Int32, isRequest: Bool, isEnd: Bool) {
    guard let stream = streams[id] as? HTTP2ClientStream else { return }
    if isTrailer {
      // Only the last HEADERS are trailers (RFC 9113 8.1).
      return isEnd ? trailersEnded(stream, isEnd: true) : stream.responseRefused()
    }
    do throws(HTTP2HeadFault) {
      try withHead(isComplete: isEnd, answersHEAD: stream.answersHEAD, accept: stream.accept) {
        stream.headArrived($0)
      }
    } catch {
      return stream.responseRefused()
    }
    if isEnd { stream.endInput(TrailerSection()) }
  }

  override func settingsArrived() {
    isConfirmed = true
    settingsChanged()
  }

  /// The target's settings are in force, first or anew; for subclasses.
  func settingsChanged() {}

  override func goAwayArrived() { isDraining = true }

  /// The library ends a stream for what the target did wrong.
  override func resetSent(_ id: Int32, _ code: HTTP2ErrorCode) {
    (streams[id] as? HTTP2ClientStream)?.isRefusedByUs = true
  }
}

/// A request of ours, and what the target answers to it.
class HTTP2ClientStream: HTTP2Stream {
  /// The final response's head is here.
  final var hasHead = false
  final var answersHEAD = false
  /// What stands in for Sec-WebSocket-Accept; nil where the request is no handshake.
  final var accept: [UInt8]?
  /// A reset went out that nobody but the target is the reason of.
  final var isRefusedByUs = false

  /// The head of a response, also one of 1xx, in the words of HTTP/1.1.
  func headArrived(_ head: Span<UInt8>) {}
  /// What arrived is not what HTTP/2 allows.
  func responseRefused() {}
}
