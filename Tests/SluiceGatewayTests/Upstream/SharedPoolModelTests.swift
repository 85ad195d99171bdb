import SluiceConfiguration
import SluiceReactor
import Testing

@testable import SluiceGateway

/// Random operations on a pool whose connections carry many exchanges, and beside it what exchanges and
/// connections know themselves: who has which, who waits, what each connection takes.
///
/// The machine may choose among connections, so its actions are not compared with another's but judged:
/// nobody is forgotten or served twice, no connection gets more than it takes or anything after it has said
/// that it leaves, no limit is passed, and nobody waits for what is there.
struct SharedPoolModelTests {
  @Test(arguments: UInt64(1)...60)
  func everyActionIsLegal(seed: UInt64) {
    var run = SharedPoolRun(seed: seed)
    for _ in 0..<1_500 { run.step() }
    run.drain()
    #expect(run.pool.isDrained)
    #expect(run.waiting.isEmpty && run.connections.isEmpty)
    #expect(run.leases > 100 && run.shared > 10)
  }
}

private struct SharedPoolRun {
  struct Connection {
    var capacity: Int
    /// Exchanges under way.
    var load = 1
    var isLeaving = false
    let openedAt: MonotonicTime
    /// Opened for several.
    var isShared = false
    /// Its age was over when the pool was last asked for events; limits that change do not bring it back.
    var isDoomed = false
  }

  var random: SplitMix64
  var now = MonotonicTime(nanoseconds: 1_000)
  let pool: TargetPoolStateMachine
  var limits: PoolLimits
  /// In the order they opened.
  var connections: [(id: ConnectionID, state: Connection)] = []
  var connects = 0
  var waiting: [WaiterID] = []
  var nextID: UInt64 = 0
  var leases = 0
  /// Leases of a connection that others had, too.
  var shared = 0
  var isRetired = false
  /// Connections beyond a limit that was lowered.
  var ceiling: Int

  init(seed: UInt64) {
    random = SplitMix64(seed: seed)
    limits = Self.limits(&random)
    pool = TargetPoolStateMachine(limits: limits)
    pool.sharesConnections = true
    ceiling = limits.maxConnections ?? .max
  }

  static func limits(_ random: inout SplitMix64) -> PoolLimits {
    var limits = PoolLimits(.init(), worker: 0, of: 1)
    limits.maxConnections =
      Int.random(in: 0...3, using: &random) == 0 ? nil : Int.random(in: 1...4, using: &random)
    limits.maxIdle = Int.random(in: 0...3, using: &random)
    limits.idleTimeout = Int64.random(in: 1...200, using: &random)
    limits.maxAge = Bool.random(using: &random) ? Int64.random(in: 1...600, using: &random) : nil
    limits.queue = Int.random(in: 0...20, using: &random)
    limits.queueTimeout = Int64.random(in: 1...150, using: &random)
    return limits
  }

  mutating func step() {
    now.nanoseconds += Int64.random(in: 0...6, using: &random)
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<38: lease()
    case 38..<52: open()
    case 52..<55: failToConnect()
    case 55..<82: finish(reusable: Int.random(in: 0..<20, using: &random) > 0)
    case 82..<85: loseAny()
    case 85..<89: goAway()
    case 89..<94: changeCapacity()
    case 94..<97: cancel()
    case 97..<98: reconfigure()
    case 98..<99: if let waiter = pool.dismissWaiter() { take(waiter) }
    default: retire()
    }
    pump()
    check()
  }

  func index(_ id: ConnectionID) -> Int? { connections.firstIndex { $0.id == id } }

  func isAged(_ connection: Connection) -> Bool {
    limits.maxAge.map { now.nanoseconds - connection.openedAt.nanoseconds >= $0 } ?? false
  }

  /// The pool gives a connection to one more exchange.
  mutating func give(_ id: ConnectionID) {
    guard let index = index(id) else {
      Issue.record("a connection was lent that is gone")
      return
    }
    let state = connections[index].state
    #expect(!state.isLeaving, "a connection was lent after it has left")
    #expect(state.load < state.capacity, "a connection was lent that is full")
    #expect(!isAged(state) && !state.isDoomed, "a connection was lent that is too old")
    if state.load > 0 { shared += 1 }
    connections[index].state.load += 1
  }

  mutating func take(_ waiter: WaiterID) {
    #expect(waiting.first == waiter, "the queue is not first in, first out")
    waiting.removeAll { $0 == waiter }
  }

  mutating func lease() {
    leases += 1
    nextID += 1
    let waiter = WaiterID(raw: nextID)
    switch pool.lease(waiter: waiter, now: now) {
    case .reuse(let id): give(id)
    case .connect: connects += 1
    case .wait: waiting.append(waiter)
    case .refuse: #expect(waiting.count >= limits.queue, "refused while there was a place to wait")
    }
  }

  mutating func open() {
    guard connects > 0 else { return }
    connects -= 1
    nextID += 1
    let id = ConnectionID(raw: nextID << 32 | nextID % 16)
    let capacity = Int.random(in: 1...6, using: &random)
    pool.connectionOpened(id, capacity: capacity, now: now)
    connections.append((id, Connection(capacity: capacity, openedAt: now, isShared: capacity > 1)))
  }

  mutating func failToConnect() {
    guard connects > 0 else { return }
    connects -= 1
    follow(pool.connectFailed())
  }

  /// One exchange of some connection is over: answered, or its stream was reset.
  mutating func finish(reusable: Bool) {
    let busy = connections.indices.filter { connections[$0].state.load > 0 }
    guard let index = busy.randomElement(using: &random) else { return }
    let id = connections[index].id
    connections[index].state.load -= 1
    if !reusable { connections[index].state.isLeaving = true }
    switch pool.release(id, now: now, reusable: reusable) {
    case .assign(let assigned, let waiter):
      #expect(assigned == id)
      take(waiter)
      let state = connections[index].state
      #expect(!state.isLeaving && state.load < state.capacity)
      connections[index].state.load += 1
    case .keep: #expect(connections[index].state.load > 0, "an idle connection is in nobody's list")
    case .park:
      #expect(connections[index].state.load == 0 && !connections[index].state.isLeaving)
    case .close(let waiter):
      #expect(connections[index].state.load == 0, "a connection was closed under its exchanges")
      connections.remove(at: index)
      if let waiter {
        take(waiter)
        connects += 1
      }
    }
  }

  /// The connection is gone with all its exchanges.
  mutating func loseAny() {
    guard let index = connections.indices.randomElement(using: &random) else { return }
    let id = connections.remove(at: index).id
    follow(pool.closed(id))
  }

  /// GOAWAY: exchanges under way go on.
  mutating func goAway() {
    guard let index = connections.indices.randomElement(using: &random) else { return }
    let id = connections[index].id
    connections[index].state.isLeaving = true
    let isIdle = pool.leave(id)
    #expect(isIdle == (connections[index].state.load == 0))
    if isIdle {
      connections.remove(at: index)
      follow(pool.closed(id))
    }
  }

  /// SETTINGS: more or fewer streams than before, maybe none.
  mutating func changeCapacity() {
    guard let index = connections.indices.randomElement(using: &random) else { return }
    let capacity = Int.random(in: 0...6, using: &random)
    connections[index].state.capacity = capacity
    pool.setCapacity(connections[index].id, capacity)
  }

  mutating func cancel() {
    guard let waiter = waiting.randomElement(using: &random) else { return }
    waiting.removeAll { $0 == waiter }
    let wasWaiting = pool.cancel(waiter)
    #expect(wasWaiting)
    #expect(pool.cancel(waiter) == false, "a waiter was in the queue twice")
  }

  mutating func reconfigure() {
    limits = Self.limits(&random)
    pool.reconfigure(limits: limits)
    isRetired = false
    ceiling = limits.maxConnections.map { max($0, pool.open + pool.connecting) } ?? .max
  }

  mutating func retire() {
    pool.retire()
    isRetired = true
  }

  mutating func follow(_ action: PoolAction) {
    if case .connect(let waiter) = action {
      take(waiter)
      connects += 1
    }
  }

  mutating func pump() {
    while let event = pool.nextEvent(now: now) {
      switch event {
      case .close(let id):
        guard let index = index(id) else {
          Issue.record("a connection was closed that is gone")
          continue
        }
        #expect(connections[index].state.load == 0, "a connection was closed under its exchanges")
        connections.remove(at: index)
      case .connect(let waiter):
        take(waiter)
        connects += 1
      case .assign(let id, let waiter):
        take(waiter)
        give(id)
      case .fail(let waiter): take(waiter)
      }
    }
    for index in connections.indices where isAged(connections[index].state) {
      connections[index].state.isDoomed = true
    }
    if let expiry = pool.nextExpiry { #expect(expiry > now, "the timer would spin") }
  }

  mutating func check() {
    let idle = connections.count { $0.state.load == 0 }
    #expect(pool.open == connections.count && pool.idle == idle)
    #expect(pool.connecting == connects && pool.waiting == waiting.count)
    if isRetired { #expect(idle == 0) }
    #expect(idle <= limits.maxIdle)
    if let limit = limits.maxConnections {
      ceiling = max(limit, min(ceiling, counted(limit)))
      #expect(counted(limit) <= ceiling)
      #expect(pool.open + pool.connecting <= 2 * max(limit, ceiling))
    }
    if waiting.isEmpty { return }
    // Nobody waits for what is there: a place on a connection, or room for another one while none is
    // being opened.
    #expect(
      !connections.contains {
        !$0.state.isLeaving && $0.state.load < $0.state.capacity && !$0.state.isDoomed
      }, "an exchange waits while a connection has a place")
    let hasRoom = limits.maxConnections.map { counted($0) < $0 } ?? true
    #expect(!hasRoom || connects > 0, "an exchange waits while nothing is opened")
  }

  /// Connections that count: of those that only finish what they have, as many are left out as the limit says.
  private func counted(_ limit: Int) -> Int {
    let retiring = connections.count {
      $0.state.isShared && $0.state.load > 0 && ($0.state.isLeaving || $0.state.isDoomed)
    }
    return pool.open + pool.connecting - min(retiring, limit)
  }

  mutating func drain() {
    retire()
    while !pool.isDrained {
      now.nanoseconds += 5
      open()
      finish(reusable: true)
      pump()
      check()
    }
  }
}
