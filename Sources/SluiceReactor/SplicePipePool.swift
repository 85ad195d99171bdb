/// The pipes of one loop: those that connections hold bytes in, and empty ones for the next.
///
/// A pipe is taken for one move and comes back at once when the sink took everything, so a loop needs
/// as many as there are sinks that are full, and most of the time one. Those that nobody needed for a
/// while are closed. A pipe that holds bytes never comes back.
final class SplicePipePool: EventHandler {
  private static let idleNanoseconds: Int64 = 10_000_000_000

  /// Open pipes, here and in use.
  private(set) var count = 0
  private var spares: [SplicePipe] = []
  /// The fewest spares since the last look: so many were not needed.
  private var unneeded = 0

  override init(loop: EventLoop) {
    super.init(loop: loop)
    loop.register(self)
  }

  var spareCount: Int { spares.count }

  /// An empty pipe, nil when there is none to be had.
  func take() -> SplicePipe? {
    if let pipe = spares.popLast() {
      if spares.count < unneeded { unneeded = spares.count }
      return pipe
    }
    guard count < EventLoop.pipeLimit, let pipe = SplicePipe() else { return nil }
    count += 1
    return pipe
  }

  /// Takes an empty pipe back.
  func giveBack(_ pipe: SplicePipe) {
    spares.append(pipe)
    if deadline == .distantFuture { setDeadline(afterNanoseconds: Self.idleNanoseconds) }
  }

  /// A pipe was closed instead.
  func lost() { count -= 1 }

  override func deadlineReached() {
    closeSpares(unneeded)
    unneeded = spares.count
    if !spares.isEmpty { setDeadline(afterNanoseconds: Self.idleNanoseconds) }
  }

  override func loopEnded() { closeSpares(spares.count) }

  private func closeSpares(_ closing: Int) {
    spares.removeLast(closing)
    count -= closing
  }
}
