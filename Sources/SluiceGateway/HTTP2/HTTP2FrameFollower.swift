import SluiceReactor
import SluiceWire

/// Follows the frames that a peer sends (RFC 9113 4.1), only far enough to count them: what floods
/// is found here, before the library spends anything on it.
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
  private var headerCount = 0
  private var continuations = 0
  /// A head has begun and is not whole, or the caller has not begun as RFC 9113 3.4 wants it.
  private(set) var isInHead = true
  /// Heads begun, so that the deadline of one is not taken for the next one's.
  private(set) var heads = 0
  /// The frame under way is the last one of a head.
  private var endsHead = false
  private var resets = HTTP2Limits.resets
  private var idleFrames = HTTP2Limits.idleFrames

  /// `role`: ours. Only a caller begins with a preface.
  init(_ role: HTTP2Session.Role = .server) {
    self.role = role
    skipped = role == .server ? Self.prefaceBytes : 0
  }

  /// Looks at the next bytes; what they flood with, if they do.
  mutating func follow(_ bytes: Span<UInt8>, now: MonotonicTime) -> HTTP2Flood? {
    var at = 0
    while at < bytes.count {
      if skipped > 0 {
        let count = min(skipped, bytes.count - at)
        skipped -= count
        at += count
        if skipped == 0 { payloadEnded() }
        continue
      }
      // Length, type and flags; the stream's number is not looked at.
      if headerCount < 5 { header = header << 8 | UInt64(bytes[at]) }
      headerCount += 1
      at += 1
      if headerCount == Self.headerBytes {
        let found = frame(
          type: UInt8(truncatingIfNeeded: header >> 8), flags: UInt8(truncatingIfNeeded: header),
          length: Int(header >> 16), now: now)
        if let found { return found }
        skipped = Int(header >> 16)
        header = 0
        headerCount = 0
        if skipped == 0 { payloadEnded() }
      }
    }
    return nil
  }

  private mutating func payloadEnded() {
    if !endsHead { return }
    endsHead = false
    isInHead = false
  }

  private mutating func frame(
    type: UInt8, flags: UInt8, length: Int, now: MonotonicTime
  ) -> HTTP2Flood? {
    switch type {
    case FrameType.data where length > 0:
      if length >= HTTP2Limits.earningBytes || flags & Self.endStream != 0 { earn() }
    case FrameType.data where flags & Self.endStream != 0: break
    case FrameType.headers:
      isInHead = true
      heads &+= 1
      endsHead = flags & Self.endHeaders != 0
      continuations = 0
      earn()
    case FrameType.continuation:
      endsHead = isInHead && flags & Self.endHeaders != 0
      continuations += 1
      if continuations > HTTP2Limits.continuations { return .continuations }
    // A target ends no more streams than we have begun; what it does beside that brings nobody on.
    case FrameType.resetStream where role == .server: return countReset(now: now)
    default:
      if type == FrameType.settings { isInHead = false }
      if !idleFrames.take(now: now) { return .idleFrames }
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
