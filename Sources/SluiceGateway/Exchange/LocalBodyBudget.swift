import SluiceReactor

/// The memory that bodies of requests may have which the process answers itself (`LocalResponder`), all of them
/// together: those that arrive, those that wait for their handler, and those that it works on. On any thread.
public final class LocalBodyBudget: Sendable {
  /// What each body has without asking, so that small requests are answered while large ones take everything.
  public let freeBytesPerBody: Int
  private let left: Locked<Int>

  /// - Parameters:
  ///   - bytes: of all bodies together, `freeBytesPerBody` of each aside.
  public init(bytes: Int, freeBytesPerBody: Int) {
    self.freeBytesPerBody = freeBytesPerBody
    left = Locked(bytes)
  }

  /// What nobody has.
  public var bytesLeft: Int { left.withLock { $0 } }

  /// All or nothing.
  fileprivate func take(_ bytes: Int) -> Bool {
    left.withLock { left in
      if bytes > left { return false }
      left -= bytes
      return true
    }
  }

  fileprivate func giveBack(_ bytes: Int) { left.withLock { $0 += bytes } }
}

/// What one body has of a budget, which gets it back when the last reference is gone: however its request
/// ends, and on whatever thread.
final class LocalBodyShare: Sendable {
  private let budget: LocalBodyBudget
  private let taken = Locked(0)

  init(_ budget: LocalBodyBudget) { self.budget = budget }

  deinit { budget.giveBack(taken.withLock { $0 }) }

  /// Makes it enough for a body of so many bytes; false when there is not so much, and then nothing has changed.
  func grow(to bytes: Int) -> Bool {
    let needed = max(0, bytes - budget.freeBytesPerBody)
    return taken.withLock { taken in
      if needed <= taken { return true }
      guard budget.take(needed - taken) else { return false }
      taken = needed
      return true
    }
  }
}
