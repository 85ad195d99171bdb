import SluiceConfiguration
import SluiceReactor
import Testing

@testable import SluiceGateway

/// Random operations on the machine and on the model side by side; the exchanges' own view, which
/// knows neither, checks that each action was legal.
struct TargetPoolModelTests {
  @Test(arguments: UInt64(1)...60)
  func agreesWithTheModel(seed: UInt64) {
    var run = PoolRun(seed: seed)
    for _ in 0..<1_500 { run.step() }
    run.drain()
    #expect(run.pool.isDrained)
    #expect(run.waiting.isEmpty, "a waiter was lost")
    #expect(run.leased.isEmpty)
    // The run has seen what it is for.
    #expect(run.leases > 100)
  }
}

private struct PoolRun {
  var random: SplitMix64
  var now = MonotonicTime(nanoseconds: 1_000)
  var pool: TargetPoolStateMachine
  var model: PoolModel
  var nextID: UInt64 = 0
  var leases = 0
  /// What the exchanges know.
  var leased: Set<ConnectionID> = []
  var parked: Set<ConnectionID> = []
  var connects = 0
  var waiting: [WaiterID] = []
  /// An upper bound for open and connecting that holds although the limit was lowered.
  var ceiling: Int

  init(seed: UInt64) {
    random = SplitMix64(seed: seed)
    let limits = Self.limits(&random)
    pool = TargetPoolStateMachine(limits: limits)
    model = PoolModel(limits: limits)
    ceiling = limits.maxConnections ?? .max
  }

  static func limits(_ random: inout SplitMix64) -> PoolLimits {
    var limits = PoolLimits(.init(), worker: 0, of: 1)
    limits.maxConnections =
      Int.random(in: 0...4, using: &random) == 0
      ? nil : Int.random(in: 1...12, using: &random)
    limits.maxIdle = Int.random(in: 0...8, using: &random)
    limits.idleTimeout = Int64.random(in: 1...200, using: &random)
    limits.maxAge = Bool.random(using: &random) ? Int64.random(in: 1...600, using: &random) : nil
    limits.queue = Int.random(in: 0...10, using: &random)
    limits.queueTimeout = Int64.random(in: 1...150, using: &random)
    return limits
  }

  mutating func step() {
    now.nanoseconds += Int64.random(in: 0...12, using: &random)
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<40: lease()
    case 40..<60: open()
    case 60..<64: failToConnect()
    case 64..<84: release(reusable: Int.random(in: 0..<8, using: &random) > 0)
    case 84..<88: closeAny()
    case 88..<91: cancel()
    case 91..<97: pump()
    case 97: dismiss()
    case 98: reconfigure()
    default: retire()
    }
    check()
  }

  mutating func lease() {
    leases += 1
    nextID += 1
    let waiter = WaiterID(raw: nextID)
    let action = pool.lease(waiter: waiter, now: now)
    let expected = model.lease(waiter, now)
    #expect(action == expected)
    switch action {
    case .reuse(let id):
      #expect(parked.remove(id) != nil, "an idle connection was leased")
      #expect(leased.insert(id).inserted, "a connection was leased twice")
    case .connect: connects += 1
    case .wait: waiting.append(waiter)
    case .refuse: #expect(waiting.count >= pool.limits.queue)
    }
  }

  mutating func open() {
    guard connects > 0 else { return }
    connects -= 1
    // Ids as a slab with generations makes them.
    nextID += 1
    let id = ConnectionID(raw: nextID << 32 | nextID % 16)
    pool.connectionOpened(id, now: now)
    model.connectionOpened(id, now)
    leased.insert(id)
  }

  mutating func failToConnect() {
    guard connects > 0 else { return }
    connects -= 1
    follow(pool.connectFailed(), model.connectFailed())
  }

  mutating func release(reusable: Bool) {
    guard let id = leased.sorted(by: { $0.raw < $1.raw }).randomElement(using: &random) else {
      return
    }
    leased.remove(id)
    let action = pool.release(id, now: now, reusable: reusable)
    let expected = model.release(id, now, reusable: reusable)
    #expect(action == expected)
    switch action {
    case .assign(let assigned, let waiter):
      #expect(assigned == id && reusable)
      take(waiter)
      leased.insert(id)
    case .park:
      #expect(reusable)
      parked.insert(id)
    case .keep: Issue.record("a connection of HTTP/1.1 carried more than one exchange")
    case .close(let waiter):
      if let waiter {
        take(waiter)
        connects += 1
      }
    }
  }

  mutating func closeAny() {
    let all = leased.union(parked).sorted { $0.raw < $1.raw }
    guard let id = all.randomElement(using: &random) else { return }
    leased.remove(id)
    parked.remove(id)
    follow(pool.closed(id), model.closed(id))
  }

  mutating func cancel() {
    guard let waiter = waiting.randomElement(using: &random) else { return }
    waiting.removeAll { $0 == waiter }
    let wasWaiting = pool.cancel(waiter)
    #expect(wasWaiting)
    _ = model.cancel(waiter)
    #expect(pool.cancel(waiter) == false, "a waiter was in the queue twice")
  }

  mutating func dismiss() {
    let waiter = pool.dismissWaiter()
    #expect(waiter == model.queue.first?.id)
    if let waiter {
      _ = model.cancel(waiter)
      take(waiter)
    }
  }

  mutating func pump() {
    while true {
      let event = pool.nextEvent(now: now)
      let expected = model.nextEvent(now)
      #expect(event == expected)
      switch event {
      case nil:
        if let expiry = pool.nextExpiry { #expect(expiry > now, "the timer would spin") }
        return
      case .close(let id): #expect(parked.remove(id) != nil, "a connection in use was closed")
      case .connect(let waiter):
        take(waiter)
        connects += 1
      case .assign: Issue.record("an exchange waited while a connection was idle")
      case .fail(let waiter): take(waiter)
      }
    }
  }

  mutating func reconfigure() {
    let limits = Self.limits(&random)
    pool.reconfigure(limits: limits)
    model.limits = limits
    model.isRetired = false
    pump()
    ceiling = limits.maxConnections.map { max($0, pool.open + pool.connecting) } ?? .max
  }

  mutating func retire() {
    pool.retire()
    model.isRetired = true
    pump()
    #expect(pool.idle == 0)
  }

  mutating func follow(_ action: PoolAction, _ expected: PoolAction) {
    #expect(action == expected)
    if case .connect(let waiter) = action {
      take(waiter)
      connects += 1
    }
  }

  /// A waiter leaves the queue for a good reason: first in, first out.
  mutating func take(_ waiter: WaiterID) {
    #expect(waiting.first == waiter, "the queue is not first in, first out")
    waiting.removeAll { $0 == waiter }
  }

  mutating func check() {
    #expect(pool.open == leased.count + parked.count && pool.idle == parked.count)
    #expect(pool.leased == leased.count && pool.connecting == connects)
    #expect(pool.waiting == waiting.count)
    #expect(pool.nextExpiry == model.nextExpiry)
    if let limit = pool.limits.maxConnections {
      // A lowered limit is approached, never moved away from.
      ceiling = max(limit, min(ceiling, pool.open + pool.connecting))
      #expect(pool.open + pool.connecting <= ceiling)
      if !waiting.isEmpty { #expect(pool.open + pool.connecting >= limit) }
    } else {
      #expect(waiting.isEmpty)
    }
  }

  mutating func drain() {
    retire()
    while !pool.isDrained {
      now.nanoseconds += 5
      open()
      release(reusable: true)
      pump()
      check()
    }
  }
}
