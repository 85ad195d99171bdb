/// Which pings of the gateway's one end may still answer: pure, two bytes, because each session has two.
///
/// Pings are numbered, and the latest 63 that nobody answered are remembered. A pong for one of them is
/// the gateway's, also when further pings have gone out since (RFC 6455 5.5.3 sets no time, and lets
/// an end answer only the latest).
struct PingWindow {
  enum Answer: Equatable {
    /// `isTimed`: nothing was taken for a ping since, so the time since then is its round trip.
    case latest(isTimed: Bool)
    case late
  }

  /// The latest one's.
  private var number: UInt8 = 0
  private var bits: UInt8 = 0

  static let maxRemembered: UInt8 = 63
  private static let awaited: UInt8 = 0x80
  private static let untimed: UInt8 = 0x40

  private var remembered: UInt8 {
    get { bits & Self.maxRemembered }
    set { bits = bits & ~Self.maxRemembered | newValue }
  }

  /// A sign of life is waited for.
  var isAwaited: Bool {
    get { bits & Self.awaited != 0 }
    set { bits = newValue ? bits | Self.awaited : bits & ~Self.awaited }
  }

  /// The number of a ping that goes out now.
  mutating func send() -> UInt8 {
    number &+= 1
    remembered = min(remembered + 1, Self.maxRemembered)
    bits &= ~Self.untimed
    isAwaited = true
    return number
  }

  /// Data on its way counts as a ping; or it puts the ping off, when nothing would show that it arrives.
  mutating func skip(isAwaited: Bool) {
    bits |= Self.untimed
    self.isAwaited = isAwaited
  }

  /// Whether a pong with this number answers a ping that is remembered.
  func remembers(_ number: UInt8) -> Bool { self.number &- number < remembered }

  /// Takes the answer to a ping that is remembered. Those before it will not be answered any more.
  mutating func take(_ number: UInt8) -> Answer {
    let later = self.number &- number
    remembered = min(remembered, later)
    if later > 0 { return .late }
    isAwaited = false
    return .latest(isTimed: bits & Self.untimed == 0)
  }
}
