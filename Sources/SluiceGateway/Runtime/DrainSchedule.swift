/// When a draining worker closes its sessions; pure. Times count from the beginning of the drain.
///
/// ```
///  0 ──────── so many per second, longest idle first ──────── the rest at once ── cut off
///                                                             last call          timeout
/// ```
struct DrainSchedule: Equatable {
  /// When what is left is told to end, so that its close frames still go out.
  let lastCallNanoseconds: Int64
  let perSecond: Int

  /// `closeRate` is the whole process's; `sessions` are this worker's.
  init(timeoutNanoseconds: Int64, closeRate: Int, workers: Int, sessions: Int) {
    lastCallNanoseconds =
      timeoutNanoseconds - min(timeoutNanoseconds / 10, Self.maxLastCallNanoseconds)
    let share = (closeRate + workers - 1) / workers
    // What a rate too low would leave for the end would all come back at the same moment.
    let milliseconds = max(1, lastCallNanoseconds / 1_000_000)
    let needed = (sessions * 1_000 + Int(milliseconds) - 1) / Int(milliseconds)
    perSecond = max(1, share, needed)
  }

  private static let maxLastCallNanoseconds: Int64 = 1_000_000_000
}
