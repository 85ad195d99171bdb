import CNGHTTP2
import SluiceWire

/// nghttp2's callbacks and options; nothing else calls it by pointers.
enum HTTP2Library {
  /// The rules for all sessions; made once and only read afterwards.
  // SAFETY: the library copies both when it makes a session, and nobody writes to them.
  private nonisolated(unsafe) static let callbacks = makeCallbacks()
  // SAFETY: as above.
  private nonisolated(unsafe) static let options = makeOptions()

  /// A session that calls `owner`, an unretained `HTTP2Session`. Nil without memory.
  static func makeSession(
    _ owner: UnsafeMutableRawPointer, _ role: HTTP2Session.Role
  ) -> OpaquePointer? {
    var session: OpaquePointer?
    guard let callbacks, let options else { return nil }
    let result =
      switch role {
      case .server: nghttp2_session_server_new2(&session, callbacks, owner, options)
      case .client: nghttp2_session_client_new2(&session, callbacks, owner, options)
      }
    return result == 0 ? session : nil
  }

  /// Queues the settings that a connection begins with.
  static func announce(
    _ limits: HTTP2Limits, _ role: HTTP2Session.Role, _ session: OpaquePointer
  ) {
    var entries = [
      entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.headBytes),
      // RFC 9218 instead of the tree of priorities, which callers could grow.
      entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
    ]
    switch role {
    case .server:
      entries.append(entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streams))
      if limits.takesWebSockets {
        entries.append(entry(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1))
      }
    case .client:
      entries.append(entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
    }
    nghttp2_submit_settings(session, 0, entries, entries.count)
    nghttp2_session_set_local_window_size(session, 0, 0, role.connectionWindow)
  }

  private static func entry(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
    nghttp2_settings_entry(
      settings_id: Int32(bitPattern: id.rawValue), value: UInt32(clamping: value))
  }

  private static func makeOptions() -> OpaquePointer? {
    var options: OpaquePointer?
    if nghttp2_option_new(&options) != 0 { return nil }
    // Windows open as targets take bodies.
    nghttp2_option_set_no_auto_window_update(options, 1)
    // Closed streams are of use for the old priorities only.
    nghttp2_option_set_no_closed_streams(options, 1)
    nghttp2_option_set_builtin_recv_extension_type(
      options, UInt8(truncatingIfNeeded: NGHTTP2_PRIORITY_UPDATE.rawValue))
    // Heads are bounded where they are parsed.
    nghttp2_option_set_max_send_header_block_length(options, 256 * 1_024)
    return options
  }

  private static func session(_ data: UnsafeMutableRawPointer?) -> Unmanaged<HTTP2Session>? {
    // SAFETY: the session that the library belongs to, which keeps itself alive while it calls it.
    data.map { Unmanaged<HTTP2Session>.fromOpaque($0) }
  }

  private static func bytes(_ start: UnsafePointer<UInt8>?, _ count: Int) -> UnsafeBufferPointer<
    UInt8
  > { UnsafeBufferPointer(start: start, count: count) }

  private static func isRequest(_ frame: nghttp2_frame) -> Bool {
    frame.headers.cat == NGHTTP2_HCAT_REQUEST
  }

  private static func has(_ flag: nghttp2_flag, _ flags: UInt8) -> Bool {
    UInt32(flags) & flag.rawValue != 0
  }

  private static func type(_ frame: nghttp2_frame) -> UInt32 { UInt32(frame.hd.type) }

  private static func makeCallbacks() -> OpaquePointer? {
    var callbacks: OpaquePointer?
    if nghttp2_session_callbacks_new(&callbacks) != 0 { return nil }
    setHeadCallbacks(callbacks)
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, data in
      guard let frame = frame?.pointee, let session = HTTP2Library.session(data) else { return 0 }
      session._withUnsafeGuaranteedRef { HTTP2Library.arrived(frame, $0) }
      return 0
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
      _, _, id, start, count, data in
      // SAFETY: the bytes are the ones that are being read, and the span ends with this call.
      let bytes = Span(_unsafeElements: HTTP2Library.bytes(start, count))
      HTTP2Library.session(data)?._withUnsafeGuaranteedRef { $0.bodyArrived(id, bytes) }
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, data in
      guard let frame = frame?.pointee, let session = HTTP2Library.session(data) else { return 0 }
      session._withUnsafeGuaranteedRef { HTTP2Library.sent(frame, $0) }
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) { _, frame, _, data in
      guard let frame = frame?.pointee, let session = HTTP2Library.session(data),
        HTTP2Library.type(frame) == NGHTTP2_HEADERS.rawValue, HTTP2Library.isRequest(frame)
      else { return 0 }
      // A request that the peer's GOAWAY came before.
      session._withUnsafeGuaranteedRef { $0.streamClosed(frame.hd.stream_id, .refusedStream) }
      return 0
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, code, data in
      HTTP2Library.session(data)?._withUnsafeGuaranteedRef {
        $0.streamClosed(id, HTTP2ErrorCode(rawValue: code))
      }
      return 0
    }
    return callbacks
  }

  private static func setHeadCallbacks(_ callbacks: OpaquePointer?) {
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, data in
      guard let frame = frame?.pointee, let session = HTTP2Library.session(data) else { return 0 }
      session._withUnsafeGuaranteedRef {
        $0.headBegan(frame.hd.stream_id, isRequest: HTTP2Library.isRequest(frame))
      }
      return 0
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _, _, name, nameCount, value, valueCount, _, data in
      // SAFETY: the library's memory stays for this call, and so do the spans.
      let name = Span(_unsafeElements: HTTP2Library.bytes(name, nameCount))
      // SAFETY: as above.
      let value = Span(_unsafeElements: HTTP2Library.bytes(value, valueCount))
      guard let session = HTTP2Library.session(data) else { return 0 }
      let goesOn = session._withUnsafeGuaranteedRef { $0.fieldArrived(name, value) }
      return goesOn ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }
    // What the library finds malformed would be left out otherwise.
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks) {
      _, _, _, _, _, _, _, _ in NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }
  }

  private static func arrived(_ frame: nghttp2_frame, _ session: HTTP2Session) {
    let isEnd = has(NGHTTP2_FLAG_END_STREAM, frame.hd.flags)
    switch type(frame) {
    case NGHTTP2_HEADERS.rawValue:
      session.headEnded(frame.hd.stream_id, isRequest: isRequest(frame), isEnd: isEnd)
    case NGHTTP2_DATA.rawValue where isEnd: session.bodyEnded(frame.hd.stream_id)
    case NGHTTP2_SETTINGS.rawValue where !has(NGHTTP2_FLAG_ACK, frame.hd.flags):
      session.settingsArrived()
    case NGHTTP2_GOAWAY.rawValue: session.goAwayArrived()
    case NGHTTP2_PING.rawValue where has(NGHTTP2_FLAG_ACK, frame.hd.flags):
      withUnsafeBytes(of: frame.ping.opaque_data) { session.pongArrived($0) }
    default: break
    }
  }

  private static func sent(_ frame: nghttp2_frame, _ session: HTTP2Session) {
    switch type(frame) {
    case NGHTTP2_HEADERS.rawValue, NGHTTP2_DATA.rawValue:
      if has(NGHTTP2_FLAG_END_STREAM, frame.hd.flags) { session.endSent(frame.hd.stream_id) }
    case NGHTTP2_RST_STREAM.rawValue:
      session.resetSent(
        frame.hd.stream_id, HTTP2ErrorCode(rawValue: frame.rst_stream.error_code))
    default: break
    }
  }

  static let readOutput: nghttp2_data_source_read_callback = {
    _, id, room, count, flags, _, data in
    guard let session = HTTP2Library.session(data), let room, let flags else {
      return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
    }
    var isLast = false
    var hasTrailers = false
    let taken = session._withUnsafeGuaranteedRef {
      $0.output(
        of: id, into: UnsafeMutableRawBufferPointer(start: room, count: count), isLast: &isLast,
        hasTrailers: &hasTrailers)
    }
    guard let taken else { return Int(NGHTTP2_ERR_DEFERRED.rawValue) }
    if isLast { flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue }
    if hasTrailers { flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue }
    return taken
  }
}
