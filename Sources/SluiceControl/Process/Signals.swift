import CLinux
import Glibc

/// Signals as values, waited for on the main thread.
///
/// `hold` must come before any thread is started, so that all inherit the mask and no signal is
/// delivered elsewhere.
public struct Signals: Sendable {
  private let numbers: [Int32]

  private init(_ numbers: [Int32]) { self.numbers = numbers }

  /// Holds these signals back until `next` takes them; a write to a closed pipe, or beyond the size that
  /// files may have, becomes an error.
  public static func hold(_ numbers: [Int32]) -> Signals {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    let signals = Signals(numbers)
    var set = signals.set
    pthread_sigmask(SIG_BLOCK, &set, nil)
    return signals
  }

  /// Waits for one of the signals and takes it; nil when none has come within so many seconds.
  public func next(within seconds: Int) -> Int32? {
    var set = set
    var limit = timespec(tv_sec: seconds, tv_nsec: 0)
    let number = sigtimedwait(&set, nil, &limit)
    return number > 0 ? number : nil
  }

  private var set: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for number in numbers { sigaddset(&set, number) }
    return set
  }
}
