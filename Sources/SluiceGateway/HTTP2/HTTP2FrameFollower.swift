import SluiceReactor
import SluiceWire

/// Follows the frames that a peer sends (RFC 9113 4.1), only far enough to count them: what floods
/// is found here, before the library spends anything on it, and so is what the library passes over though
/// the RFC has the connection end for it.
///
/// ```
///  preface (24 bytes) ─▶ header (9 bytes) ─▶ payload ─▶ header ─▶ …
/// ```
struct HTTP2FrameFollower {
  /// What the caller's connection begins with: `PRI * HTTP/2.0`, an empty line, `SM`, another one.
  private static let prefaceBytes = 24
  /// So much of it is a head to HTTP/1.
  static let headLikeBytes = 18

  private enum FrameType {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let priority: UInt8 = 2
    static let resetStream: UInt8 = 3
    static let settings: UInt8 = 4
    static let continuation: UInt8 = 9
  }

  private static let headerBytes = 9
  private static let endStream: UInt8 = 1
  private static let endHeaders: UInt8 = 4

  private let role: HTTP2Session.Role
  /// Bytes until the next frame's header.
  private var skipped: Int
  /// Of a frame's header: its bytes so far, as a number, and how many there are.
  private var header: UInt64 = 0
  private var stream: UInt32 = 0
  private var headerCount = 0
  private var continuations = 0
  /// A head has begun and is not whole, or the caller has not begun as RFC 9113 3.4 wants it.
  private(set) var isInHead = true
  /// Heads begun, so that the deadline of one is not taken for the next one's.
  private(set) var heads = 0
  /// The frame under way is the last one of a head.
  private var endsHead = false
  /// The stream of a head whose CONTINUATION has to come next.
  private var unfinished: UInt32?
  private var numbers = HTTP2StreamNumbers()
  private var resets = HTTP2Limits.resets
  private var idleFrames = HTTP2Limits.idleFrames

  /// `role`: ours. Only a caller begins with a preface.
  init(_ role: HTTP2Session.Role = .server) {
    self.role = role
    skipped = role == .server ? Self.prefaceBytes : 0
  }

  /// Looks at the next bytes; what the connection has to end for, if they hold it.
  mutating func follow(_ bytes: Span<UInt8>, now: MonotonicTime) -> HTTP2Offence? {
    var at = 0
    while at < bytes.count {
      if skipped > 0 {
        let count = min(skipped, bytes.count - at)
        skipped -= count
        at += count
        if skipped == 0 { payloadEnded() }
        continue
      }
      // Length, type and flags; then the stream's number.
      if headerCount < 5 {
        header = header << 8 | UInt64(bytes[at])
      } else {
        stream = stream << 8 | UInt32(bytes[at])
      }
      headerCount += 1
      at += 1
      if headerCount == Self.headerBytes {
        let found = frame(
          type: UInt8(truncatingIfNeeded: header >> 8), flags: UInt8(truncatingIfNeeded: header),
          length: Int(header >> 16), stream: stream & 0x7FFF_FFFF, now: now)
        if let found { return found }
        skipped = Int(header >> 16)
        header = 0
        stream = 0
        headerCount = 0
        if skipped == 0 { payloadEnded() }
      }
    }
    return nil
  }

  /// A stream of the peer's began by other means than a frame.
  mutating func streamBegan(_ number: UInt32) { _ = numbers.use(number) }

  private mutating func payloadEnded() {
    if !endsHead { return }
    endsHead = false
    isInHead = false
  }

  private mutating func frame(
    type: UInt8, flags: UInt8, length: Int, stream: UInt32, now: MonotonicTime
  ) -> HTTP2Offence? {
    // RFC 9113 6.10: nothing may come between.
    if let unfinished, type != FrameType.continuation || stream != unfinished {
      return .violation(.protocolError)
    }
    switch type {
    case FrameType.data where length > 0:
      if length >= HTTP2Limits.earningBytes || flags & Self.endStream != 0 { earn() }
    case FrameType.data where flags & Self.endStream != 0: break
    case FrameType.headers:
      isInHead = true
      heads &+= 1
      endsHead = flags & Self.endHeaders != 0
      unfinished = endsHead ? nil : stream
      continuations = 0
      // RFC 9113 5.1.1: who has gone on does not come back.
      if role == .server && !numbers.use(stream) { return .violation(.protocolError) }
      earn()
    case FrameType.continuation:
      endsHead = isInHead && flags & Self.endHeaders != 0
      if endsHead { unfinished = nil }
      continuations += 1
      if continuations > HTTP2Limits.continuations { return .flood(.continuations) }
    case FrameType.priority where stream == 0: return .violation(.protocolError)
    // A target ends no more streams than we have begun; what it does beside that brings nobody on.
    case FrameType.resetStream where role == .server:
      return countReset(now: now).map { .flood($0) }
    default:
      if type == FrameType.settings { isInHead = false }
      if !idleFrames.take(now: now) { return .flood(.idleFrames) }
    }
    return nil
  }

  /// A stream ended by RST_STREAM; also those that the caller makes us send.
  mutating func countReset(now: MonotonicTime) -> HTTP2Flood? {
    resets.take(now: now) ? nil : .resets
  }

  /// DATA of so many bytes went to the peer. Small messages bring a target on as large ones do, and it
  /// opens its windows for each; callers could make us send bytes one by one.
  mutating func earn(byOutputOf count: Int) {
    if count >= (role == .server ? HTTP2Limits.earningBytes : 1) { earn() }
  }

  /// A frame brought somebody on: some of those that go with it are to be expected.
  mutating func earn() { idleFrames.earn(HTTP2Limits.idleFramesEarned) }
}
