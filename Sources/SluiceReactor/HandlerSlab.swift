import CLinux

/// The handlers of one loop, by token; keeps each alive from `insert` until the end of the turn in
/// which it is removed.
///
/// A handler often removes itself while it runs (a connection that closes). Because its memory stays
/// until the turn is over, the loop calls handlers without counting references, and can ask the CPU to
/// fetch the next one's memory while it runs the one before.
struct HandlerSlab: ~Copyable {
  private struct Slot {
    var handler: Unmanaged<EventHandler>?
    var generation: UInt32
  }

  private var slots: UnsafeMutablePointer<Slot>
  private var capacity = 64
  /// Slots that were ever used.
  private var used = 0
  private var free: [Int] = []
  private var removed: [Unmanaged<EventHandler>] = []

  /// Memory of a handler that its first calls touch.
  private static let prefetchedBytes: Int32 = 384

  init() {
    slots = .allocate(capacity: capacity)
    free.reserveCapacity(64)
    removed.reserveCapacity(64)
  }

  deinit {
    for index in 0..<used { slots[index].handler?.release() }
    for handler in removed { handler.release() }
    slots.deallocate()
  }

  var count: Int { used - free.count }

  mutating func insert(_ handler: EventHandler) -> HandlerToken {
    let index: Int
    if let reused = free.popLast() {
      index = reused
    } else {
      if used == capacity { grow() }
      index = used
      // SAFETY: used < capacity, and slots from `used` on are uninitialised.
      (slots + index).initialize(to: Slot(handler: nil, generation: 1))
      used += 1
    }
    slots[index].handler = .passRetained(handler)
    return HandlerToken(index: index, generation: slots[index].generation)
  }

  /// Puts another handler into the place of the one that `token` names; the token names it from now on.
  mutating func replace(_ token: HandlerToken, with successor: EventHandler) {
    guard let handler = self[token] else { return }
    slots[token.index].handler = .passRetained(successor)
    removed.append(handler)
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Slot>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: slots, count: used)
    slots.deallocate()
    slots = larger
    capacity *= 2
  }

  mutating func remove(_ token: HandlerToken) {
    guard let handler = self[token] else { return }
    let index = token.index
    slots[index].handler = nil
    slots[index].generation = (slots[index].generation &+ 1) & 0x7FFF_FFFF
    free.append(index)
    removed.append(handler)
  }

  /// Lets go of the handlers that were removed; called between turns, when none of them runs.
  mutating func releaseRemoved() {
    while let handler = removed.popLast() { handler.release() }
  }

  subscript(_ token: HandlerToken) -> Unmanaged<EventHandler>? {
    let index = token.index
    // SAFETY: slots below `used` are initialised; the generation tells whether the token is stale.
    if index >= used || slots[index].generation != token.generation { return nil }
    return slots[index].handler
  }

  /// Whoever is there, of any generation.
  func handler(at index: Int) -> EventHandler? {
    index < used ? slots[index].handler?.takeUnretainedValue() : nil
  }

  /// Asks for a handler's memory ahead of its turn: after the kernel ran, most of it is cold.
  func prefetch(_ token: HandlerToken) {
    guard let handler = self[token] else { return }
    clinux_prefetch(handler.toOpaque(), Self.prefetchedBytes)
  }

  /// Every handler that is registered now.
  func all() -> [EventHandler] {
    (0..<used).compactMap { slots[$0].handler?.takeUnretainedValue() }
  }
}
