import SluiceReactor

@testable import SluiceGateway

/// What `TargetPoolStateMachine` promises, said as plainly as possible: arrays that are searched from
/// end to end, no index, no free list.
struct PoolModel {
  struct Connection {
    var id: ConnectionID
    var openedAt: MonotonicTime
    var idleSince: MonotonicTime?
    /// Its age was over when the pool was last asked for events.
    var isDoomed = false
  }

  var limits: PoolLimits
  var isRetired = false
  var connecting = 0
  /// In the order they opened.
  var connections: [Connection] = []
  /// In the order they became idle.
  var idleOrder: [ConnectionID] = []
  var queue: [(id: WaiterID, since: MonotonicTime)] = []

  func connection(_ id: ConnectionID) -> Connection { connections.first { $0.id == id }! }
  func isAged(_ connection: Connection, _ now: MonotonicTime) -> Bool {
    limits.maxAge.map { now.nanoseconds - connection.openedAt.nanoseconds >= $0 } ?? false
  }
  func isIdleTooLong(_ connection: Connection, _ now: MonotonicTime) -> Bool {
    now.nanoseconds - connection.idleSince!.nanoseconds >= limits.idleTimeout
  }
  var room: Int {
    limits.maxConnections.map { $0 - connections.count - connecting } ?? .max
  }

  mutating func lease(_ waiter: WaiterID, _ now: MonotonicTime) -> LeaseAction {
    let fresh = idleOrder.last {
      !isAged(connection($0), now) && !isIdleTooLong(connection($0), now)
    }
    if let fresh {
      idleOrder.removeAll { $0 == fresh }
      connections[connections.firstIndex { $0.id == fresh }!].idleSince = nil
      return .reuse(fresh)
    }
    if room > 0 && queue.isEmpty {
      connecting += 1
      return .connect
    }
    if queue.count >= limits.queue { return .refuse }
    queue.append((waiter, now))
    return .wait(deadline: MonotonicTime(nanoseconds: now.nanoseconds + limits.queueTimeout))
  }

  mutating func cancel(_ waiter: WaiterID) -> Bool {
    let before = queue.count
    queue.removeAll { $0.id == waiter }
    return queue.count < before
  }

  mutating func connectionOpened(_ id: ConnectionID, _ now: MonotonicTime) {
    connecting -= 1
    connections.append(Connection(id: id, openedAt: now))
  }

  mutating func connectFailed() -> PoolAction {
    connecting -= 1
    return useRoom()
  }

  mutating func closed(_ id: ConnectionID) -> PoolAction {
    forget(id)
    return useRoom()
  }

  mutating func release(
    _ id: ConnectionID, _ now: MonotonicTime, reusable: Bool
  ) -> ReleaseAction {
    let connection = connection(id)
    if reusable && room >= 0 && !isAged(connection, now) && !connection.isDoomed {
      if let next = queue.first {
        queue.removeFirst()
        return .assign(id, to: next.id)
      }
      if !isRetired && idleOrder.count < limits.maxIdle {
        connections[connections.firstIndex { $0.id == id }!].idleSince = now
        idleOrder.append(id)
        return .park
      }
    }
    if case .connect(let waiter) = closed(id) { return .close(connectFor: waiter) }
    return .close(connectFor: nil)
  }

  mutating func nextEvent(_ now: MonotonicTime) -> PoolEvent? {
    let longestIdle = idleOrder.first
    if let longestIdle,
      isRetired || room < 0 || idleOrder.count > limits.maxIdle
        || isIdleTooLong(connection(longestIdle), now)
    {
      forget(longestIdle)
      return .close(longestIdle)
    }
    if let aged = connections.first(where: { $0.idleSince != nil && isAged($0, now) }) {
      forget(aged.id)
      return .close(aged.id)
    }
    for index in connections.indices where isAged(connections[index], now) {
      connections[index].isDoomed = true
    }
    if case .connect(let waiter) = useRoom() { return .connect(for: waiter) }
    if let first = queue.first, now.nanoseconds - first.since.nanoseconds >= limits.queueTimeout {
      queue.removeFirst()
      return .fail(first.id)
    }
    return nil
  }

  /// The first moment at which `nextEvent` would have something to do, or to note.
  var nextExpiry: MonotonicTime? {
    var times: [Int64] = []
    for connection in connections {
      if let since = connection.idleSince { times.append(since.nanoseconds + limits.idleTimeout) }
      if let maxAge = limits.maxAge, !connection.isDoomed {
        times.append(connection.openedAt.nanoseconds + maxAge)
      }
    }
    times += queue.map { $0.since.nanoseconds + limits.queueTimeout }
    return times.min().map { MonotonicTime(nanoseconds: $0) }
  }

  private mutating func useRoom() -> PoolAction {
    guard room > 0, let next = queue.first else { return .none }
    queue.removeFirst()
    connecting += 1
    return .connect(for: next.id)
  }

  private mutating func forget(_ id: ConnectionID) {
    connections.removeAll { $0.id == id }
    idleOrder.removeAll { $0 == id }
  }
}
