import SluiceReactor

/// When a published set of keys is fetched (RFC 7517 5). Pure; time is a parameter.
///
/// ```
///            due, or a key is missing
///   resting ─────────────────────────▶ fetching
///      ▲                                  │
///      └──── after `refresh`, or after a growing pause when it failed
/// ```
struct KeySetStateMachine {
  enum Answer: Equatable {
    case fetch
    /// A fetch is under way; it may bring the key.
    case wait
    /// It was fetched just now and the key was not there.
    case missing
  }

  private let refresh: Int64
  private let pause: Int64
  private(set) var isFetching = false
  private var lastStart: MonotonicTime?
  private var failures = 0

  private static let firstRetry: Int64 = 250_000_000
  private static let lastRetry: Int64 = 30_000_000_000

  init(refreshNanoseconds: Int64, pauseNanoseconds: Int64) {
    refresh = refreshNanoseconds
    pause = pauseNanoseconds
  }

  /// The time that `fetched` named has come. True when a fetch begins now.
  mutating func due(now: MonotonicTime) -> Bool {
    if isFetching { return false }
    begin(now)
    return true
  }

  /// A token came whose key is not in the set. Whoever makes up keys makes no more fetches than one
  /// each `pause`; after a failure the retries are due by themselves.
  mutating func keyMissing(now: MonotonicTime) -> Answer {
    if isFetching { return .wait }
    if let lastStart, now < lastStart.advanced(byNanoseconds: pause) { return .missing }
    begin(now)
    return .fetch
  }

  private mutating func begin(_ now: MonotonicTime) {
    isFetching = true
    lastStart = now
  }

  /// The fetch is over; returns when the next one is due.
  mutating func fetched(isGood: Bool, now: MonotonicTime) -> MonotonicTime {
    isFetching = false
    if isGood {
      failures = 0
      return now.advanced(byNanoseconds: refresh)
    }
    let wait = min(Self.firstRetry << Int64(min(failures, 10)), Self.lastRetry)
    failures += 1
    return now.advanced(byNanoseconds: min(wait, refresh))
  }
}
