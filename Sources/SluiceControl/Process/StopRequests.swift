import SluiceReactor

/// What a signal to stop means: the first one begins a drain, another one wants the end at once.
///
/// `timeout` of coreutils sends its signal twice within microseconds, to the process and to its group, and a
/// supervisor beside a terminal does the like with Ctrl-C. Such a pair is one request: taken for two, it would
/// cut off what a drain is for. Which signals they are does not matter: wrappers mix the two.
struct StopRequests {
  enum Meaning: Equatable {
    case begin, repetition, endAtOnce
  }

  /// Far more than between two deliveries of one request, even for a process that its CPU quota has stopped in
  /// between (100 ms at a time), and no more than a person waits before a second one.
  static let repetitionNanoseconds: Int64 = 1_000_000_000

  /// When the drain had been begun: a repetition may have had to wait until then.
  private var began: MonotonicTime?

  /// Of a signal that is taken now. `isStopping`: an earlier one has begun a drain that was not taken back.
  func meaning(at now: MonotonicTime, isStopping: Bool) -> Meaning {
    guard isStopping, let began else { return .begin }
    return now.nanoseconds(since: began) < Self.repetitionNanoseconds ? .repetition : .endAtOnce
  }

  mutating func hasBegun(at now: MonotonicTime) { began = now }
}
