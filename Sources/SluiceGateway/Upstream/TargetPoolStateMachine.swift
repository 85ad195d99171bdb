import SluiceReactor

/// The keep-alive connections to one target and the queue in front of them; one per worker.
///
/// A connection:
///
///            lease: connect, or .connect(for:)
///                           │
///                           ▼
///      connectFailed ┌────────────┐ connectionOpened ┌────────┐   release: park   ┌──────┐
///     gone ◀─────────┤ connecting ├─────────────────▶│ leased ├──────────────────▶│ idle │
///                    └────────────┘        ┌────────▶│        │◀──────────────────┤      │
///                                          │         └─┬────┬─┘   lease: reuse    └──┬───┘
///                          release: assign └───────────┘    │                        │
///                                                           │ release: close, or     │ closed (FIN), or
///                                                           ▼ closed                 ▼ nextEvent: close
///                                                          gone                     gone
///
/// A leased connection whose exchange becomes a session is detached: it only keeps its place.
///
/// A connection of HTTP/2 has a capacity of more than one exchange: leased it is still handed out until it
/// is full, and it is idle when the last one is over. Where connections are shared, exchanges wait for
/// one that is being opened instead of opening more of them.
///
/// An exchange: `lease` gives it a connection at once, an attempt of its own to connect, a place in
/// the queue, or a refusal. From the queue it gets a connection that another gives back, or, when a
/// place becomes free, an attempt to connect; it leaves by `cancel` or at its deadline. An exchange
/// that leaves while it connects hands the connection back through `connectionOpened` and `release`.
///
/// Invariants: open and connecting never pass the limit (unless it was lowered since); while
/// exchanges wait, the limit is reached, and no connection is idle but such as are past their time
/// (until `nextEvent` has closed them). The queue is first in, first out; idle connections are last
/// in, first out, so that the surplus gets to its timeout. A connection past its idle timeout or age
/// is never handed out.
///
/// `now` never goes back. After each call the shell looks at `nextExpiry` for its timer; when the
/// timer fires, and after `retire` and `reconfigure`, it performs `nextEvent` until nil. Nothing is
/// called back, so the shell may call the pool between two events. No call allocates once the pool
/// has been as large before.
/// A class, because a copy would be another pool, and one made by accident costs a dozen references.
final class TargetPoolStateMachine {
  private struct Connection: Sendable {
    var id: ConnectionID
    var openedAt: MonotonicTime
    var idleSince: MonotonicTime
    /// Exchanges that it is leased to, and how many it takes.
    var inUse = 1
    var capacity: Int
    /// Takes no more exchanges, whatever its capacity.
    var isLeaving = false
    /// Opened for many exchanges at a time.
    let isShared: Bool
    /// Counted in `retiring`.
    var isRetiring = false

    var isIdle: Bool { inUse == 0 }
  }

  private struct Waiter: Sendable {
    var id: WaiterID
    var since: MonotonicTime
  }

  private(set) var limits: PoolLimits
  private(set) var isRetired = false
  private(set) var connecting = 0
  /// One connection is expected to carry many exchanges. False for HTTP/1.1.
  var sharesConnections = false

  /// Connections of many streams that take no more and still carry some. Streams may be sessions of hours: as
  /// many again as the limit says do not count, or nobody else would get to the target meanwhile.
  private var retiring = 0

  private var connections: [Connection] = []
  private var freeConnections: [Int32] = []
  private var connectionSlots = SlotTable()
  /// Idle connections, the longest idle first.
  private var idleList = SlotList()
  /// Leased connections that take more exchanges, the one that has for longest first.
  private var roomyList = SlotList()
  /// Open connections that age has not caught up with, the oldest first.
  private var ages = SlotList()

  private var waiters: [Waiter] = []
  private var freeWaiters: [Int32] = []
  private var waiterSlots = SlotTable()
  private var queue = SlotList()

  init(limits: PoolLimits) { self.limits = limits }

  // MARK: - Counts

  /// Connections that carry sessions: they count like leased ones and never come back.
  private(set) var detached = 0
  /// Idle, leased and detached ones.
  var open: Int { connectionSlots.count + detached }
  var idle: Int { idleList.count }
  var leased: Int { connectionSlots.count - idle }
  var waiting: Int { queue.count }
  /// Nothing is left that could call the pool; a retired one may go.
  var isDrained: Bool { open == 0 && connecting == 0 && waiting == 0 }

  // MARK: - Exchanges

  /// An exchange asks for a connection.
  func lease(waiter: WaiterID, now: MonotonicTime) -> LeaseAction {
    if let slot = roomiest(now: now) ?? freshestIdle(now: now) {
      take(slot)
      return .reuse(connections[slot].id)
    }
    // Who can't even wait for what is being opened opens one more.
    let mayConnect =
      sharesConnections ? !isEnoughConnecting || queue.count >= limits.queue : queue.isEmpty
    if hasRoom && mayConnect {
      connecting += 1
      return .connect
    }
    guard queue.count < limits.queue else { return .refuse }
    enqueue(Waiter(id: waiter, since: now))
    return .wait(deadline: now.advanced(byNanoseconds: limits.queueTimeout))
  }

  /// An exchange asks for a connection of another kind than those that are open. It does not wait: what
  /// others give back would be of no use to it.
  func leaseNew() -> NewLeaseAction {
    if hasRoom {
      connecting += 1
      return .connect
    }
    guard !isOverLimit, let slot = idleList.first else { return .refuse }
    let id = connections[slot].id
    forget(slot)
    connecting += 1
    return .replace(id)
  }

  /// The exchange no longer waits. False when it was not in the queue: it has been assigned a
  /// connection or an attempt to connect, or has failed.
  @discardableResult
  func cancel(_ waiter: WaiterID) -> Bool {
    guard let slot = waiterSlots[waiter.raw] else { return false }
    dequeue(slot)
    return true
  }

  // MARK: - Connections

  /// An attempt to connect succeeded; the connection is leased to the exchange it was opened for.
  ///
  /// `capacity`: exchanges that it takes at a time. With more than one, `nextEvent` tells who else gets it.
  func connectionOpened(_ id: ConnectionID, capacity: Int = 1, now: MonotonicTime) {
    precondition(connecting > 0, "a connection opened that the pool did not ask for")
    connecting -= 1
    let connection = Connection(
      id: id, openedAt: now, idleSince: now, capacity: capacity, isShared: capacity > 1)
    let slot: Int
    if let free = freeConnections.popLast() {
      slot = Int(free)
      connections[slot] = connection
    } else {
      slot = connections.count
      connections.append(connection)
    }
    connectionSlots.insert(id.raw, slot: slot)
    ages.append(slot)
    placeRoomy(slot)
  }

  /// The peer takes so many exchanges at a time from now on; `nextEvent` tells what follows.
  func setCapacity(_ id: ConnectionID, _ capacity: Int) {
    guard let slot = connectionSlots[id.raw] else { return }
    connections[slot].capacity = capacity
    placeRoomy(slot)
  }

  /// The connection takes no more exchanges. True when it has none: then the shell closes it.
  func leave(_ id: ConnectionID) -> Bool {
    guard let slot = connectionSlots[id.raw] else { return false }
    connections[slot].isLeaving = true
    placeRoomy(slot)
    return connections[slot].isIdle
  }

  /// An attempt to connect failed or was given up; its place may go to the next in the queue.
  func connectFailed() -> PoolAction {
    precondition(connecting > 0, "an attempt to connect failed that the pool did not ask for")
    connecting -= 1
    return useRoom()
  }

  /// The exchange on a leased connection is over. `reusable` means that both sides are at a message
  /// boundary and want to keep it.
  func release(
    _ id: ConnectionID, now: MonotonicTime, reusable: Bool
  ) -> ReleaseAction {
    guard let slot = connectionSlots[id.raw], !connections[slot].isIdle else {
      assertionFailure("a connection was released that is not leased")
      return .close(connectFor: nil)
    }
    if !reusable { connections[slot].isLeaving = true }
    let takesMore =
      !connections[slot].isLeaving && !isOverLimit && ages.contains(slot)
      && !isAged(slot, now: now)
    if takesMore, connections[slot].inUse <= connections[slot].capacity, let next = queue.first {
      let waiter = waiters[next].id
      dequeue(next)
      return .assign(id, to: waiter)
    }
    connections[slot].inUse -= 1
    if connections[slot].inUse > 0 {
      placeRoomy(slot)
      return .keep
    }
    guard takesMore, !isRetired, idleList.count < limits.maxIdle else { return close(slot) }
    placeRoomy(slot)
    connections[slot].idleSince = now
    idleList.append(slot)
    return .park
  }

  /// The connection is gone, idle (the peer's FIN or an error) or leased.
  func closed(_ id: ConnectionID) -> PoolAction {
    guard let slot = connectionSlots[id.raw] else {
      assertionFailure("a connection closed that the pool does not hold")
      return .none
    }
    forget(slot)
    return useRoom()
  }

  /// A leased connection belongs to a session from now on: its place stays taken until
  /// `detachedClosed`.
  func detach(_ id: ConnectionID) {
    guard let slot = connectionSlots[id.raw], !connections[slot].isIdle else {
      assertionFailure("a connection was detached that is not leased")
      return
    }
    forget(slot)
    detached += 1
  }

  /// A session's connection is gone.
  func detachedClosed() -> PoolAction {
    precondition(detached > 0, "a session gave back a connection that the pool did not detach")
    detached -= 1
    return useRoom()
  }

  // MARK: - Time and configuration

  /// When `nextEvent` has to be asked next; nil when never.
  var nextExpiry: MonotonicTime? {
    var first = MonotonicTime.distantFuture
    if let slot = idleList.first {
      first = connections[slot].idleSince.advanced(byNanoseconds: limits.idleTimeout)
    }
    if let maxAge = limits.maxAge, let slot = ages.first {
      first = min(first, connections[slot].openedAt.advanced(byNanoseconds: maxAge))
    }
    if let slot = queue.first {
      first = min(first, waiters[slot].since.advanced(byNanoseconds: limits.queueTimeout))
    }
    return first == .distantFuture ? nil : first
  }

  /// The next thing that time or a change of configuration demands; call it until nil.
  func nextEvent(now: MonotonicTime) -> PoolEvent? {
    if let slot = idleList.first, mustClose(slot, now: now) {
      let id = connections[slot].id
      forget(slot)
      return .close(id)
    }
    while let slot = ages.first, isAged(slot, now: now) {
      if connections[slot].isIdle {
        let id = connections[slot].id
        forget(slot)
        return .close(id)
      }
      // A leased one is closed when it is released; until then it needs no timer.
      ages.remove(slot)
      placeRoomy(slot)
    }
    if let waiting = queue.first, let slot = roomiest(now: now) ?? freshestIdle(now: now) {
      let waiter = waiters[waiting].id
      dequeue(waiting)
      take(slot)
      return .assign(connections[slot].id, to: waiter)
    }
    // Before the deadlines: whoever can still be served is.
    if case .connect(let waiter) = useRoom() { return .connect(for: waiter) }
    if let slot = queue.first,
      now >= waiters[slot].since.advanced(byNanoseconds: limits.queueTimeout)
    {
      let waiter = waiters[slot].id
      dequeue(slot)
      return .fail(waiter)
    }
    return nil
  }

  /// The target has left the configuration: idle connections close now (`nextEvent`), leased ones
  /// when they are released. Exchanges that began before are still served.
  func retire() { isRetired = true }

  /// New limits for a target that stays, whose connections stay with it; `nextEvent` tells what
  /// follows.
  func reconfigure(limits: PoolLimits) {
    self.limits = limits
    isRetired = false
  }

  /// Takes the longest waiting exchange out of the queue, for a target that was just ejected: what
  /// waits for it is better off elsewhere.
  func dismissWaiter() -> WaiterID? {
    guard let slot = queue.first else { return nil }
    let waiter = waiters[slot].id
    dequeue(slot)
    return waiter
  }

  // MARK: - Details

  /// What a connection that is not open yet is expected to take.
  static let expectedCapacity = 100

  /// All that wait, and one more, will find a place on what is being opened.
  private var isEnoughConnecting: Bool { queue.count < connecting * (Self.expectedCapacity - 1) }

  /// A leased connection that takes more.
  private func roomiest(now: MonotonicTime) -> Int? {
    var candidate = roomyList.first
    while let slot = candidate {
      if !isAged(slot, now: now) { return slot }
      roomyList.remove(slot)
      candidate = roomyList.first
    }
    return nil
  }

  /// One more exchange for this connection.
  private func take(_ slot: Int) {
    if connections[slot].isIdle { idleList.remove(slot) }
    connections[slot].inUse += 1
    placeRoomy(slot)
  }

  /// After every change of what the connection carries or takes.
  private func placeRoomy(_ slot: Int) {
    let connection = connections[slot]
    noteRetiring(
      slot,
      connection.inUse > 0 && connection.isShared
        && (connection.isLeaving || !ages.contains(slot)))
    let isRoomy =
      connection.inUse > 0 && connection.inUse < connection.capacity && !connection.isLeaving
      && ages.contains(slot)
    if isRoomy == roomyList.contains(slot) { return }
    if isRoomy { roomyList.append(slot) } else { roomyList.remove(slot) }
  }

  private func noteRetiring(_ slot: Int, _ isRetiring: Bool) {
    if connections[slot].isRetiring == isRetiring { return }
    connections[slot].isRetiring = isRetiring
    retiring += isRetiring ? 1 : -1
  }

  private var hasRoom: Bool {
    guard let limit = limits.maxConnections else { return true }
    return counted(limit) < limit
  }

  /// Only after the limit was lowered.
  private var isOverLimit: Bool {
    guard let limit = limits.maxConnections else { return false }
    return counted(limit) > limit
  }

  private func counted(_ limit: Int) -> Int { open + connecting - min(retiring, limit) }

  /// The idle connection to hand out: the most recently used that is not past its time.
  private func freshestIdle(now: MonotonicTime) -> Int? {
    var candidate = idleList.last
    while let slot = candidate {
      // Those before it have been idle for longer still.
      if isIdleTooLong(slot, now: now) { return nil }
      let connection = connections[slot]
      if !isAged(slot, now: now), !connection.isLeaving, connection.capacity > 0 { return slot }
      candidate = idleList.slot(before: slot)
    }
    return nil
  }

  private func isIdleTooLong(_ slot: Int, now: MonotonicTime) -> Bool {
    now >= connections[slot].idleSince.advanced(byNanoseconds: limits.idleTimeout)
  }

  private func isAged(_ slot: Int, now: MonotonicTime) -> Bool {
    guard let maxAge = limits.maxAge else { return false }
    return now >= connections[slot].openedAt.advanced(byNanoseconds: maxAge)
  }

  /// For the longest idle one.
  private func mustClose(_ slot: Int, now: MonotonicTime) -> Bool {
    isRetired || isOverLimit || idleList.count > limits.maxIdle || isIdleTooLong(slot, now: now)
  }

  private func useRoom() -> PoolAction {
    guard let slot = queue.first, hasRoom else { return .none }
    if sharesConnections && connecting > 0 && isEnoughConnecting { return .none }
    let waiter = waiters[slot].id
    dequeue(slot)
    connecting += 1
    return .connect(for: waiter)
  }

  private func close(_ slot: Int) -> ReleaseAction {
    forget(slot)
    if case .connect(let waiter) = useRoom() { return .close(connectFor: waiter) }
    return .close(connectFor: nil)
  }

  private func forget(_ slot: Int) {
    noteRetiring(slot, false)
    connectionSlots.remove(connections[slot].id.raw)
    if idleList.contains(slot) { idleList.remove(slot) }
    if roomyList.contains(slot) { roomyList.remove(slot) }
    if ages.contains(slot) { ages.remove(slot) }
    freeConnections.append(Int32(slot))
  }

  private func enqueue(_ waiter: Waiter) {
    let slot: Int
    if let free = freeWaiters.popLast() {
      slot = Int(free)
      waiters[slot] = waiter
    } else {
      slot = waiters.count
      waiters.append(waiter)
    }
    waiterSlots.insert(waiter.id.raw, slot: slot)
    queue.append(slot)
  }

  private func dequeue(_ slot: Int) {
    queue.remove(slot)
    waiterSlots.remove(waiters[slot].id.raw)
    freeWaiters.append(Int32(slot))
  }
}
