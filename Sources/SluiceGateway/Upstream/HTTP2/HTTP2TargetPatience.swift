import SluiceReactor

/// How long those who share a connection wait for its target: pure.
///
/// ```
///            waits                     drained
///  takes ────────────▶ takes nothing ──────────▶ takes
///                       │    ▲
///                       │    └─ waits: it took some, the time begins anew
///                       ▼
///                isOver: the connection is cut off
/// ```
///
/// The time is the last exchange's patience for a response, as on a connection of its own. Once a session has
/// begun it is no less than `session`: an impatient request must not end the sessions beside it.
struct HTTP2TargetPatience {
  /// A target that takes nothing for as long as a handshake may take ends no sessions. Nanoseconds.
  static let session: Int64 = 30_000_000_000

  /// When the target has to have taken something of what waits for it; never while nothing does.
  private(set) var deadline = MonotonicTime.distantFuture
  /// Nanoseconds.
  private var timeout: Int64 = 0
  private var carriesSessions = false
  /// Since when the target has taken nothing; means something while there is a deadline.
  private var stalled = MonotonicTime(nanoseconds: 0)
  /// When a byte last came.
  private var lastHeard = MonotonicTime(nanoseconds: 0)

  // MARK: Writing

  /// `timeout`: nanoseconds that this exchange waits for a response.
  mutating func exchangeBegan(isSession: Bool, timeout: Int64) {
    if isSession { carriesSessions = true }
    self.timeout = carriesSessions ? max(self.timeout, timeout, Self.session) : timeout
    // What stalled under a request's patience would end the session that begins behind it. An impatient
    // request takes no time from those who wait already.
    if deadline < .distantFuture {
      deadline = max(deadline, stalled.advanced(byNanoseconds: self.timeout))
    }
  }

  /// There are bytes that the target does not take, or it took some of them. Returns the deadline.
  mutating func waits(now: MonotonicTime) -> MonotonicTime {
    stalled = now
    deadline = now.advanced(byNanoseconds: timeout)
    return deadline
  }

  /// Nothing waits any more.
  mutating func drained() { deadline = .distantFuture }

  /// Whether the target has taken nothing for too long.
  func isOver(now: MonotonicTime) -> Bool { deadline <= now }

  // MARK: Reading

  /// Bytes came.
  mutating func heard(now: MonotonicTime) { lastHeard = now }

  /// Whether nothing has come for `timeout` nanoseconds of somebody's waiting, who began at `begun`.
  func isSilent(since begun: MonotonicTime, for timeout: Int64, now: MonotonicTime) -> Bool {
    now >= max(begun, lastHeard).advanced(byNanoseconds: timeout)
  }

  /// Whether nothing has come since then.
  func isSilent(since time: MonotonicTime) -> Bool { lastHeard <= time }
}
