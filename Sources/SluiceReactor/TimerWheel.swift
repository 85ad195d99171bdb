/// A hierarchical timing wheel (Varghese and Lauck, 1987): every operation on a timer is O(1).
///
/// Seven levels of 64 slots. A timer sits on the level of the highest digit (base 64) in which its
/// tick differs from the present one, in the slot of that digit. Hence, at any time:
///  - a level only holds slots behind the present digit, so nothing wraps around;
///  - everything on a lower level is due before anything on a higher one, so the next slot to look
///    at is the lowest bit of the first mask that isn't zero, however far away it is;
///  - seven digits reach further than `MonotonicTime` does, so no deadline needs clamping.
/// Reaching a slot of a higher level deals its timers out to lower levels; a timer moves down at
/// most six times in its life, and most are cancelled or put off before they move at all.
///
/// A timer costs 32 bytes; nothing is allocated once the most timers at a time were seen, and
/// nothing happens per tick. Time is a parameter. Not thread-safe: each worker owns one.
public struct TimerWheel: ~Copyable {
  /// 4 ms, the tick. It bounds how late a timer fires. The deadlines of a gateway are promises in
  /// whole milliseconds to minutes that nobody measures finer than that, while a coarser tick
  /// merges wake-ups: a busy worker wakes for timers at most 250 times a second.
  public static let tickNanoseconds: Int64 = 4_000_000

  /// Names one scheduled timer. Using one whose timer has fired or was cancelled does nothing.
  public struct Token: Hashable, Sendable {
    /// Generation in the high half, index in the low half. Generations start at 1.
    public var raw: UInt64

    public init(raw: UInt64) { self.raw = raw }

    /// Names no timer.
    public static let none = Token(raw: 0)
  }

  /// One timer, or a free place. Lists are linked by index: a slot's list is a ring, so that its
  /// head knows the tail; the free list uses `next` alone.
  private struct Entry {
    var payload: UInt64 = 0
    var tick: UInt64 = 0
    var next: UInt32 = absent
    var previous: UInt32 = absent
    /// Counted up when the entry becomes free, so that no token given out names a free entry.
    var generation: UInt32 = 1
    var slot: UInt16 = 0
  }

  private static let absent = UInt32.max
  private static let levels = 7
  private static let digitBits = 6
  /// Behind the slots of all levels: the list of timers whose tick had come when scheduled.
  private static let overdueSlot = 448

  private var entries: [Entry] = []
  private var free = absent
  /// The first entry of every slot's ring.
  private var heads = InlineArray<449, UInt32>(repeating: absent)
  /// Per level, a bit for every slot that holds a timer.
  private var occupied = InlineArray<7, UInt64>(repeating: 0)
  /// Ticks up to and including this one have been handed out.
  private var currentTick: UInt64
  /// How many timers are scheduled.
  public private(set) var count = 0

  public init(now: MonotonicTime) { currentTick = Self.tickBefore(now) }

  /// Schedules a timer; one whose deadline has passed fires at the next `advance`.
  /// `payload` is handed back when it fires.
  public mutating func schedule(at deadline: MonotonicTime, payload: UInt64) -> Token {
    let index = takeFree()
    entries[Int(index)].payload = payload
    let tick = Self.tickAfter(deadline)
    entries[Int(index)].tick = tick
    link(index, into: slot(of: tick))
    count &+= 1
    return Token(raw: UInt64(entries[Int(index)].generation) << 32 | UInt64(index))
  }

  /// Gives the timer another deadline and payload. When it has fired or was cancelled, schedules a
  /// new one and replaces `token`.
  public mutating func reschedule(
    _ token: inout Token, at deadline: MonotonicTime, payload: UInt64
  ) {
    guard let index = find(token) else {
      token = schedule(at: deadline, payload: payload)
      return
    }
    entries[Int(index)].payload = payload
    let tick = Self.tickAfter(deadline)
    entries[Int(index)].tick = tick
    let slot = slot(of: tick)
    // Putting off an idle deadline by little usually stays in the slot.
    if entries[Int(index)].slot == UInt16(slot) { return }
    unlink(index)
    link(index, into: slot)
  }

  /// Cancels the timer if it is still scheduled, and makes `token` none.
  public mutating func cancel(_ token: inout Token) {
    if let index = find(token) {
      unlink(index)
      release(index)
    }
    token = .none
  }

  /// Moves time on to `now` and appends the payloads of all due timers to `due`, ordered by
  /// deadline up to the tick (timers scheduled too late come first). A timer is due when its
  /// deadline, rounded up to a tick, has come: never early, less than a tick late.
  ///
  /// When `now` lies before an earlier one, time stands still. Cost: the due timers, and those in
  /// the up to six slots that `now` falls into.
  public mutating func advance(to now: MonotonicTime, due: inout [UInt64]) {
    let target = Self.tickBefore(now)
    fire(slot: Self.overdueSlot, due: &due)
    while let next = nextOccupied(), next.tick <= target {
      currentTick = next.tick
      if next.slot < 64 {
        fire(slot: next.slot, due: &due)
      } else {
        deal(slot: next.slot)
        // What is due at this very tick landed here.
        fire(slot: Self.overdueSlot, due: &due)
      }
    }
    // Nothing is left before target, so every timer keeps its level and slot (see the type).
    if target > currentTick { currentTick = target }
  }

  /// When to call `advance` next; nil when nothing is scheduled. At the latest the earliest
  /// deadline rounded up to a tick. For deadlines far away it is earlier: then `advance` hands out
  /// nothing and the answer is more exact afterwards.
  public func nextWakeUp() -> MonotonicTime? {
    if heads[Self.overdueSlot] != Self.absent { return Self.start(of: currentTick) }
    guard let next = nextOccupied() else { return nil }
    return Self.start(of: next.tick)
  }
}

// MARK: - Ticks and slots

extension TimerWheel {
  private static func tickBefore(_ time: MonotonicTime) -> UInt64 {
    UInt64(max(0, time.nanoseconds) / tickNanoseconds)
  }

  private static func tickAfter(_ time: MonotonicTime) -> UInt64 {
    let (tick, rest) = max(0, time.nanoseconds).quotientAndRemainder(dividingBy: tickNanoseconds)
    return UInt64(rest == 0 ? tick : tick + 1)
  }

  private static func start(of tick: UInt64) -> MonotonicTime {
    let (time, overflow) = Int64(tick).multipliedReportingOverflow(by: tickNanoseconds)
    return overflow ? .distantFuture : MonotonicTime(nanoseconds: time)
  }

  private func slot(of tick: UInt64) -> Int {
    if tick <= currentTick { return Self.overdueSlot }
    let level = (63 &- (tick ^ currentTick).leadingZeroBitCount) / Self.digitBits
    return level &* 64 &+ Int((tick >> UInt64(level &* Self.digitBits)) & 63)
  }

  /// The first slot of the wheel that holds timers, and the first tick of the slot.
  private func nextOccupied() -> (slot: Int, tick: UInt64)? {
    for level in 0..<Self.levels where occupied[level] != 0 {
      let digit = occupied[level].trailingZeroBitCount
      let shift = UInt64(level &* Self.digitBits)
      let prefix = (currentTick >> (shift &+ 6)) << (shift &+ 6)
      return (level &* 64 &+ digit, prefix | UInt64(digit) << shift)
    }
    return nil
  }
}

// MARK: - Lists

extension TimerWheel {
  private mutating func link(_ index: UInt32, into slot: Int) {
    entries[Int(index)].slot = UInt16(slot)
    let head = heads[slot]
    if head == Self.absent {
      heads[slot] = index
      entries[Int(index)].next = index
      entries[Int(index)].previous = index
      if slot < Self.overdueSlot { occupied[slot / 64] |= 1 << UInt64(slot % 64) }
    } else {
      let tail = entries[Int(head)].previous
      entries[Int(index)].next = head
      entries[Int(index)].previous = tail
      entries[Int(tail)].next = index
      entries[Int(head)].previous = index
    }
  }

  private mutating func unlink(_ index: UInt32) {
    let entry = entries[Int(index)]
    let slot = Int(entry.slot)
    if entry.next == index {
      clear(slot)
      return
    }
    entries[Int(entry.previous)].next = entry.next
    entries[Int(entry.next)].previous = entry.previous
    if heads[slot] == index { heads[slot] = entry.next }
  }

  private mutating func clear(_ slot: Int) {
    heads[slot] = Self.absent
    if slot < Self.overdueSlot { occupied[slot / 64] &= ~(1 << UInt64(slot % 64)) }
  }

  /// Hands out all timers of a slot.
  private mutating func fire(slot: Int, due: inout [UInt64]) {
    let head = heads[slot]
    if head == Self.absent { return }
    clear(slot)
    var index = head
    repeat {
      due.append(entries[Int(index)].payload)
      let next = entries[Int(index)].next
      release(index)
      index = next
    } while index != head
  }

  /// Moves the timers of a slot of a higher level to where they belong now.
  private mutating func deal(slot: Int) {
    let head = heads[slot]
    clear(slot)
    var index = head
    repeat {
      let entry = entries[Int(index)]
      link(index, into: self.slot(of: entry.tick))
      index = entry.next
    } while index != head
  }

  private func find(_ token: Token) -> UInt32? {
    let index = UInt32(truncatingIfNeeded: token.raw)
    let generation = UInt32(truncatingIfNeeded: token.raw >> 32)
    guard Int(index) < entries.count, entries[Int(index)].generation == generation else {
      return nil
    }
    return index
  }

  private mutating func takeFree() -> UInt32 {
    if free == Self.absent {
      precondition(entries.count < Int(Self.absent))
      entries.append(Entry())
      return UInt32(entries.count &- 1)
    }
    let index = free
    free = entries[Int(index)].next
    return index
  }

  private mutating func release(_ index: UInt32) {
    count &-= 1
    let generation = entries[Int(index)].generation &+ 1
    // Zero is for Token.none.
    entries[Int(index)].generation = generation == 0 ? 1 : generation
    entries[Int(index)].next = free
    free = index
  }
}
