import SluiceReactor

/// Copies of one policy and worker that wait for the ends of their bodies: each is given up after the same
/// time, so that whoever uploads slowly holds no place for long.
///
/// Registered with the loop until `end`, and then until nothing waits.
final class MirrorUploads: EventHandler {
  private struct Waiting {
    weak var copy: MirrorCopy?
    let end: MonotonicTime
  }

  private let timeout: Int64
  private var isOver = false
  /// The first to be over comes first, because all have the same time.
  private var waiting: [Waiting] = []
  /// Entries up to which those that are over are kept.
  private static let kept = 64

  init(timeout: Int64, _ loop: EventLoop) {
    self.timeout = timeout
    super.init(loop: loop)
    loop.register(self)
  }

  func add(_ copy: MirrorCopy) {
    // A request that began before a reload came to this policy after it.
    if isOver && waiting.isEmpty { return copy.giveUp() }
    // Most are whole long before their time; the list must not hold them all until then.
    if waiting.count >= Self.kept, waiting.count == waiting.capacity {
      waiting.removeAll { $0.copy?.isPending != true }
    }
    if waiting.isEmpty { setDeadline(afterNanoseconds: timeout) }
    waiting.append(Waiting(copy: copy, end: loop.now.advanced(byNanoseconds: timeout)))
  }

  override func deadlineReached() {
    let now = loop.now
    let over = waiting.prefix { $0.end <= now || $0.copy?.isPending != true }
    for entry in over where entry.end <= now { entry.copy?.giveUp() }
    waiting.removeFirst(over.count)
    if let next = waiting.first { setDeadline(next.end) } else if isOver { loop.unregister(self) }
  }

  func end() {
    isOver = true
    if waiting.isEmpty { loop.unregister(self) }
  }
}
