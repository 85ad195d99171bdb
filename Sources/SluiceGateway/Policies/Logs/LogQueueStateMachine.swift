import SluiceReactor

/// When lines go to a server, how many at a time, and which are given up.
///
/// ```
///  idle ──add──▶ gathering ──full, or the delay is over──▶ sending ──sent──▶ idle or gathering
///                                                          │   ▲
///                                                    failed│   │the pause is over
///                                                          ▼   │
///                                                         pausing ──retried for too long──▶ the batch is lost
/// ```
///
/// Lines that are sent are out of the queue that overflows, so that a batch is the same when it is sent
/// again. Pure: time is a parameter, and what is to be done is returned.
struct LogQueueStateMachine {
  struct Limits: Equatable {
    var batchSize = 1
    /// Nanoseconds, as the others.
    var batchDelay: Int64 = 1_000_000_000
    /// Of lines that wait, those under way among them.
    var maxLines = 10_000
    var maxBytes = 8 << 20
    var retryFor: Int64 = 60_000_000_000
    var firstPause: Int64 = 10_000_000
    var maxPause: Int64 = 60_000_000_000
  }

  enum Action: Equatable {
    case nothing
    /// `deadlineReached` at this time.
    case wait(MonotonicTime)
    /// `batch` goes to the server.
    case send
  }

  private enum State {
    case idle
    case gathering
    case sending(firstFailure: MonotonicTime?, pause: Int64)
    case pausing(firstFailure: MonotonicTime, pause: Int64)
  }

  let limits: Limits
  private var state = State.idle
  private var waiting: [[UInt8]] = []
  /// Places of `waiting` that were taken.
  private var taken = 0
  private var bytes = 0
  /// What is sent, until the server has it.
  private(set) var batch: [[UInt8]] = []
  /// Lines lost so far.
  private(set) var lost = 0
  /// Every line goes at once, and nothing is sent twice: a drain.
  private(set) var isHurried = false

  init(_ limits: Limits) { self.limits = limits }

  private var waitingCount: Int { waiting.count - taken }

  /// Nothing waits, and nothing is under way.
  var isEmpty: Bool { batch.isEmpty && waitingCount == 0 }

  // MARK: Events

  /// A further line. The oldest that wait make room for it; without such it is lost itself.
  mutating func add(_ line: [UInt8], now: MonotonicTime) -> Action {
    while waitingCount + batch.count >= limits.maxLines || bytes + line.count > limits.maxBytes {
      guard waitingCount > 0 else {
        lost += 1
        return .nothing
      }
      take()
      lost += 1
    }
    bytes += line.count
    waiting.append(line)
    switch state {
    case .idle:
      state = .gathering
      return isFull ? send() : .wait(now.advanced(byNanoseconds: limits.batchDelay))
    case .gathering: return isFull ? send() : .nothing
    case .sending, .pausing: return .nothing
    }
  }

  private var isFull: Bool {
    isHurried || waitingCount >= limits.batchSize || limits.batchDelay == 0
  }

  /// The time that `wait` named has come.
  mutating func deadlineReached() -> Action {
    switch state {
    case .gathering: return send()
    case .pausing(let firstFailure, let pause):
      state = .sending(firstFailure: firstFailure, pause: pause)
      return .send
    case .idle, .sending: return .nothing
    }
  }

  /// The server has the batch.
  mutating func sent(now: MonotonicTime) -> Action {
    guard case .sending = state else { return .nothing }
    return goOn(now)
  }

  /// It does not, or may not.
  mutating func failed(now: MonotonicTime) -> Action {
    guard case .sending(let earlier, let former) = state else { return .nothing }
    let firstFailure = earlier ?? now
    let pause = earlier == nil ? limits.firstPause : min(limits.maxPause, 2 * former)
    let isOver = now.nanoseconds(since: firstFailure) + pause > limits.retryFor
    if isHurried || isOver {
      lost += batch.count
      return goOn(now)
    }
    state = .pausing(firstFailure: firstFailure, pause: pause)
    return .wait(now.advanced(byNanoseconds: pause))
  }

  /// From now on, or until `isHurried` is taken back, nothing waits for company or for another attempt.
  mutating func hurry(_ isHurried: Bool = true) -> Action {
    self.isHurried = isHurried
    guard isHurried else { return .nothing }
    switch state {
    case .gathering, .pausing: return deadlineReached()
    case .idle, .sending: return .nothing
    }
  }

  // MARK: Lines

  /// The batch is over, one way or the other.
  private mutating func goOn(_ now: MonotonicTime) -> Action {
    bytes -= batch.reduce(0) { $0 + $1.count }
    batch = []
    if waitingCount == 0 {
      state = .idle
      return .nothing
    }
    state = .gathering
    return isFull ? send() : .wait(now.advanced(byNanoseconds: limits.batchDelay))
  }

  private mutating func send() -> Action {
    batch = []
    for _ in 0..<min(limits.batchSize, waitingCount) {
      batch.append(waiting[taken])
      skip()
    }
    state = .sending(firstFailure: nil, pause: 0)
    return .send
  }

  /// Drops the oldest line.
  private mutating func take() {
    bytes -= waiting[taken].count
    skip()
  }

  private mutating func skip() {
    waiting[taken] = []
    taken += 1
    // What was taken is at most as much as what waits, so that moving costs a constant for each.
    if taken * 2 >= waiting.count {
      waiting.removeFirst(taken)
      taken = 0
    }
  }
}
