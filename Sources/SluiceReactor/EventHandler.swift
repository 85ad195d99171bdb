/// What a descriptor is ready for, as epoll reports it.
public struct Readiness: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let input = Readiness(rawValue: 0x001)
  public static let output = Readiness(rawValue: 0x004)
  public static let failure = Readiness(rawValue: 0x008)
  public static let hangUp = Readiness(rawValue: 0x010)
  /// The peer has sent its FIN.
  public static let inputClosed = Readiness(rawValue: 0x2000)
  static let edgeTriggered = Readiness(rawValue: 1 << 31)
  static let exclusive = Readiness(rawValue: 1 << 28)
}

/// Names a handler in its loop's slab: index in the low half, generation in the high half.
///
/// A token outlives its handler harmlessly, because a slot's generation changes when it is freed.
public struct HandlerToken: Hashable, Sendable {
  public var raw: UInt64
  public init(raw: UInt64) { self.raw = raw }
  public static let none = HandlerToken(raw: .max)

  init(index: Int, generation: UInt32) {
    raw = UInt64(generation) << 32 | UInt64(UInt32(truncatingIfNeeded: index))
  }
  /// Nobody else's while the handler is registered.
  public var index: Int { Int(truncatingIfNeeded: raw & 0xFFFF_FFFF) }
  var generation: UInt32 { UInt32(truncatingIfNeeded: raw >> 32) }
}

/// Something that lives on one event loop: it may have a descriptor and has one deadline.
///
/// Every method runs on the loop's thread. A handler registers once and is kept alive by its loop
/// until it unregisters.
open class EventHandler {
  /// The loop that runs this handler.
  public let loop: EventLoop
  public internal(set) var token = HandlerToken.none
  /// The deadline in force; `distantFuture` when there is none.
  public private(set) var deadline = MonotonicTime.distantFuture
  /// When the timer wheel calls next; earlier than `deadline` after the deadline was put off.
  private var scheduledAt = MonotonicTime.distantFuture
  private var timer = TimerWheel.Token.none

  public init(loop: EventLoop) { self.loop = loop }

  /// The descriptor became ready.
  open func ready(_ readiness: Readiness) {}

  /// The deadline has passed; it is cleared before this call.
  open func deadlineReached() {}

  /// The turn that `loop.resumeLater` promised.
  open func resumed() {}

  /// The loop has ended: gives descriptors back. The loop lets go of the handler afterwards.
  open func loopEnded() {}

  /// Sets the one deadline of this handler.
  ///
  /// Putting a deadline off, the usual case, is a store: the wheel's entry stays where it is and is
  /// moved when it fires. So a kept-alive connection pays nothing for its timer per request.
  public final func setDeadline(_ deadline: MonotonicTime) {
    self.deadline = deadline
    if deadline < scheduledAt {
      scheduledAt = deadline
      loop.timers.reschedule(&timer, at: deadline, payload: token.raw)
    }
  }

  public final func setDeadline(afterNanoseconds delay: Int64) {
    setDeadline(loop.now.advanced(byNanoseconds: delay))
  }

  public final func clearDeadline() { deadline = .distantFuture }

  /// The wheel's entry fired: now or never, unless the deadline was put off meanwhile.
  final func timerFired(now: MonotonicTime) {
    timer = .none
    scheduledAt = .distantFuture
    if deadline == .distantFuture { return }
    if deadline > now {
      setDeadline(deadline)
    } else {
      deadline = .distantFuture
      deadlineReached()
    }
  }

  /// Takes the entry out of the wheel, when the handler unregisters.
  final func dropTimer() {
    loop.timers.cancel(&timer)
    scheduledAt = .distantFuture
    deadline = .distantFuture
  }
}
