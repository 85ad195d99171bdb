import SluiceReactor
import SluiceWire

/// What an HTTP/2 connection may cost; mostly a caller's. Whoever goes beyond is told ENHANCE_YOUR_CALM and
/// loses the connection, but for what only concerns one stream.
struct HTTP2Limits: Equatable, Sendable {
  /// Requests under way at the same time.
  var streams = 100
  /// Of one head in HTTP/1.1's words; beyond it the answer is 431.
  var headBytes = 32 * 1_024
  var fields = 100
  /// Of the request target.
  var target = 8 * 1_024

  /// WebSockets may begin here (RFC 8441).
  var takesWebSockets = true
  /// Connections in clear text may become HTTP/2 by `Upgrade: h2c`.
  var takesUpgrade = false

  init() {}

  /// Offsets in a head have 16 bits, and a little is added to what was sent.
  static let largestHead = 65_000
  /// Request bytes that may wait for their targets, all streams of a connection together.
  static let connectionWindow: Int32 = 1 << 20
  /// Streams at the same time on one connection to a target, even if it would take more: so many windows
  /// fit into the connection's.
  static let targetStreams = 100
  /// Of a connection to a target: the windows of all its streams, so that callers who do not read never
  /// stop others.
  static let targetConnectionWindow = Int32(targetStreams) * 65_535
  /// What the windows of one connection may have grown by, see `HTTP2Window`. The connection's own window grows
  /// by as much, so that a stream whose bytes nobody takes leaves the others what they had.
  static let grownConnectionWindows = 4 << 20
  /// The same of all connections of a worker together.
  static let grownWindows = 32 << 20
  /// Response bytes that wait for the caller, all streams together, above which every target waits
  /// and no further request is taken.
  static let responseBacklog = 1 << 20
  /// How many times `headBytes` a head may be when HPACK is undone, before the connection ends.
  static let headExpansion = 8
  /// Frames that wait because the caller does not read, above which nothing of it is read.
  static let queuedFrames = 256
  /// CONTINUATION frames of one head. No more than what the library itself bears, which would end the
  /// connection without a word.
  static let continuations = 8
  /// Streams that end by RST_STREAM, whoever sends it, see `HTTP2Budget`.
  static let resets = HTTP2Budget(burst: 500, perSecond: 50)
  /// Frames that bring nobody on: SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty and unknown ones.
  static let idleFrames = HTTP2Budget(burst: 1_000, perSecond: 100)
  /// What a frame that does bring somebody on adds to the budget of those that don't.
  static let idleFramesEarned = 4
  /// DATA of less bytes earns nothing: windows of some bytes are a way to cost us frames.
  static let earningBytes = 1_024
}

/// What a connection is ended for before the library has seen it.
enum HTTP2Offence: Equatable {
  case flood(HTTP2Flood)
  /// What the RFC calls a connection error of this code.
  case violation(HTTP2ErrorCode)
}

/// Why a connection was ended for what it cost; the names are labels of a metric.
enum HTTP2Flood: UInt8, CaseIterable {
  case resets, idleFrames, continuations, head

  var name: StaticString {
    switch self {
    case .resets: "resets"
    case .idleFrames: "idle-frames"
    case .continuations: "continuations"
    case .head: "head"
    }
  }
}

/// So much at once and so much per second: a bucket that time fills.
struct HTTP2Budget: Equatable, Sendable {
  let burst: Int
  private let nanosecondsEach: Int64
  private var left: Int
  private var filledAt: MonotonicTime?

  init(burst: Int, perSecond: Int) {
    self.burst = burst
    nanosecondsEach = 1_000_000_000 / Int64(perSecond)
    left = burst
  }

  /// False when there is nothing left.
  mutating func take(now: MonotonicTime) -> Bool {
    if left == burst { filledAt = now }
    if left == 0 { fill(now: now) }
    if left == 0 { return false }
    left -= 1
    return true
  }

  private mutating func fill(now: MonotonicTime) {
    guard let filledAt else { return }
    let earned = now.nanoseconds(since: filledAt) / nanosecondsEach
    if earned <= 0 { return }
    left = Int(min(Int64(burst), earned))
    self.filledAt = filledAt.advanced(byNanoseconds: earned &* nanosecondsEach)
  }

  mutating func earn(_ count: Int) { left = min(burst, left + count) }
}
