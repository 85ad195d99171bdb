/// When to look one name up, and whether the answer is news.
///
/// ```
///                 time came, or connect failure
///   ┌─────────┐ ──────────────────────────────► ┌────────────┐
///   │ waiting │          lookUp                 │ looking up │
///   └─────────┘ ◄────────────────────────────── └────────────┘
///                answer: changed, or nothing
/// ```
/// A good answer is good for `interval`: getaddrinfo tells no TTL. A connect failure asks at once,
/// but look-ups begin at least `gap` apart: 1 s, doubled up to 30 s by every look-up that failed, or
/// that came after a connect failure and brought nothing new. Addresses stay through failed
/// look-ups: a name server that is down must not take the targets with it.
///
/// Pure: time is a parameter. The shell calls `poll` at `wakeUp`, performs the actions, and gives
/// back every look-up's outcome.
public struct NameScheduleStateMachine: Sendable {
  public enum Action: Equatable, Sendable {
    case none
    /// Look the name up and call `answered`.
    case lookUp
    /// Use these addresses from now on.
    case changed([SocketAddress])
  }

  public static let minimumGapNanoseconds: Int64 = 1_000_000_000
  public static let maximumGapNanoseconds: Int64 = 30_000_000_000

  private enum State: Sendable {
    /// The next look-up is due at `until`; `isDoubted` after a connect failure.
    case waiting(until: MonotonicTime, isDoubted: Bool)
    case lookingUp(isDoubted: Bool)
  }

  private var state: State
  private var lastBegan: MonotonicTime?
  private var gapNanoseconds = Self.minimumGapNanoseconds
  private let intervalNanoseconds: Int64

  /// The addresses of the last good answer; empty before the first.
  public private(set) var addresses: [SocketAddress] = []
  /// Why the last look-up failed; nil after a good one.
  public private(set) var lastError: NameResolutionError?

  /// The first look-up is due at once.
  public init(intervalNanoseconds: Int64, now: MonotonicTime) {
    precondition(intervalNanoseconds > 0)
    self.intervalNanoseconds = intervalNanoseconds
    self.state = .waiting(until: now, isDoubted: false)
  }

  /// When to call `poll`; nil while a look-up is under way.
  public var wakeUp: MonotonicTime? {
    guard case .waiting(let until, _) = state else { return nil }
    return until
  }

  /// `lookUp` when it is time for it, else `none`.
  public mutating func poll(now: MonotonicTime) -> Action {
    guard case .waiting(let until, let isDoubted) = state, until <= now else { return .none }
    state = .lookingUp(isDoubted: isDoubted)
    lastBegan = now
    return .lookUp
  }

  /// A connection to one of the addresses failed: they may be old. `wakeUp` may be earlier now.
  ///
  /// Means nothing while a look-up is under way: its answer is fresh enough.
  public mutating func connectFailed(now: MonotonicTime) -> Action {
    guard case .waiting(let until, _) = state else { return .none }
    let earliest = lastBegan.map { max(now, $0.advanced(byNanoseconds: gapNanoseconds)) } ?? now
    state = .waiting(until: min(earliest, until), isDoubted: true)
    return poll(now: now)
  }

  /// The outcome of the look-up. `changed` when the set of addresses is another one; the order
  /// doesn't count, because name servers rotate it. No addresses at all count as a failure.
  public mutating func answered(_ outcome: NameResolver.Outcome, now: MonotonicTime) -> Action {
    guard case .lookingUp(let isDoubted) = state else { return .none }
    switch outcome {
    case .success(let found) where !found.isEmpty:
      lastError = nil
      let isNews = Set(found) != Set(addresses)
      if isDoubted && !isNews { growGap() } else { gapNanoseconds = Self.minimumGapNanoseconds }
      state = .waiting(until: now.advanced(byNanoseconds: intervalNanoseconds), isDoubted: false)
      if !isNews { return .none }
      addresses = found
      return .changed(found)
    case .success:
      return failed(
        NameResolutionError(kind: .notFound, text: "the name has no addresses"), now: now)
    case .failure(let error):
      return failed(error, now: now)
    }
  }

  private mutating func failed(_ error: NameResolutionError, now: MonotonicTime) -> Action {
    lastError = error
    let pause = min(gapNanoseconds, intervalNanoseconds)
    state = .waiting(until: now.advanced(byNanoseconds: pause), isDoubted: false)
    growGap()
    return .none
  }

  private mutating func growGap() {
    gapNanoseconds = min(gapNanoseconds * 2, Self.maximumGapNanoseconds)
  }
}
