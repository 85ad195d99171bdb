import SluiceConfiguration
import SluiceReactor
import Testing

@testable import SluiceGateway

/// The borders of the pool one by one; `TargetPoolModelTests` has their combinations.
struct TargetPoolStateMachineTests {
  private static func limits(_ change: (inout PoolLimits) -> Void = { _ in }) -> PoolLimits {
    var limits = PoolLimits(.init(), worker: 0, of: 1)
    limits.idleTimeout = 100
    limits.queueTimeout = 50
    change(&limits)
    return limits
  }

  private func at(_ nanoseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: nanoseconds) }

  /// A pool whose connections 1...count were opened at 0 and are leased.
  private func pool(_ limits: PoolLimits, leased count: UInt64) -> TargetPoolStateMachine {
    let pool = TargetPoolStateMachine(limits: limits)
    for raw in 1...count {
      #expect(pool.lease(waiter: WaiterID(raw: raw), now: at(0)) == .connect)
      pool.connectionOpened(ConnectionID(raw: raw), now: at(0))
    }
    return pool
  }

  @Test func reusesTheMostRecentlyUsedFirst() {
    let pool = pool(Self.limits(), leased: 3)
    for raw: UInt64 in [2, 1, 3] {
      #expect(pool.release(ConnectionID(raw: raw), now: at(1), reusable: true) == .park)
    }
    for raw: UInt64 in [3, 1, 2] {
      #expect(
        pool.lease(waiter: WaiterID(raw: 9), now: at(2)) == .reuse(ConnectionID(raw: raw)))
    }
    #expect(pool.lease(waiter: WaiterID(raw: 9), now: at(2)) == .connect)
  }

  @Test func idleTimeoutCountsFromTheReleaseAndIsExclusive() {
    func idlePool() -> TargetPoolStateMachine {
      let pool = self.pool(Self.limits(), leased: 2)
      _ = pool.release(ConnectionID(raw: 1), now: at(10), reusable: true)
      _ = pool.release(ConnectionID(raw: 2), now: at(20), reusable: true)
      return pool
    }
    let (pool, early) = (idlePool(), idlePool())
    #expect(pool.nextExpiry == at(110))
    #expect(early.nextEvent(now: at(109)) == nil)
    #expect(early.lease(waiter: WaiterID(raw: 9), now: at(119)) == .reuse(ConnectionID(raw: 2)))
    #expect(pool.lease(waiter: WaiterID(raw: 9), now: at(120)) == .connect)
    #expect(pool.nextEvent(now: at(120)) == .close(ConnectionID(raw: 1)))
    #expect(pool.nextEvent(now: at(120)) == .close(ConnectionID(raw: 2)))
    #expect(pool.nextEvent(now: at(120)) == nil)
    #expect(pool.nextExpiry == nil)
  }

  @Test func ageEndsReuseInTheMiddleOfTheIdleOnes() {
    func idlePool() -> TargetPoolStateMachine {
      let pool = TargetPoolStateMachine(limits: Self.limits { $0.maxAge = 60 })
      for (raw, opened): (UInt64, Int64) in [(1, 0), (2, 30)] {
        _ = pool.lease(waiter: WaiterID(raw: raw), now: at(opened))
        pool.connectionOpened(ConnectionID(raw: raw), now: at(opened))
      }
      // The older one is the more recently used.
      _ = pool.release(ConnectionID(raw: 2), now: at(40), reusable: true)
      _ = pool.release(ConnectionID(raw: 1), now: at(50), reusable: true)
      return pool
    }
    let (pool, early) = (idlePool(), idlePool())
    #expect(early.lease(waiter: WaiterID(raw: 9), now: at(59)) == .reuse(ConnectionID(raw: 1)))
    #expect(
      early.release(ConnectionID(raw: 1), now: at(60), reusable: true) == .close(connectFor: nil))
    #expect(pool.lease(waiter: WaiterID(raw: 9), now: at(60)) == .reuse(ConnectionID(raw: 2)))
    #expect(pool.nextExpiry == at(60))
    #expect(pool.nextEvent(now: at(60)) == .close(ConnectionID(raw: 1)))
    #expect(pool.nextEvent(now: at(60)) == nil)
    // The leased one makes the timer fire once at its age, and is closed when it comes back.
    #expect(pool.nextExpiry == at(90))
    #expect(pool.nextEvent(now: at(90)) == nil)
    #expect(pool.nextExpiry == nil)
    #expect(
      pool.release(ConnectionID(raw: 2), now: at(90), reusable: true) == .close(connectFor: nil))
  }

  @Test func waitsAtTheLimitAndRefusesWhenTheQueueIsFull() {
    let pool = pool(Self.limits { ($0.maxConnections, $0.queue) = (2, 1) }, leased: 2)
    #expect(pool.lease(waiter: WaiterID(raw: 8), now: at(5)) == .wait(deadline: at(55)))
    #expect(pool.lease(waiter: WaiterID(raw: 9), now: at(5)) == .refuse)
    #expect(
      pool.release(ConnectionID(raw: 2), now: at(6), reusable: true)
        == .assign(ConnectionID(raw: 2), to: WaiterID(raw: 8)))
    #expect(pool.leased == 2 && pool.waiting == 0)
    // Whoever leaves makes room in the queue.
    #expect(pool.lease(waiter: WaiterID(raw: 9), now: at(7)) == .wait(deadline: at(57)))
    #expect(pool.cancel(WaiterID(raw: 9)) == true)
    #expect(pool.lease(waiter: WaiterID(raw: 10), now: at(7)) == .wait(deadline: at(57)))
  }

  @Test func connectingCountsTowardsTheLimit() {
    let pool = TargetPoolStateMachine(limits: Self.limits { $0.maxConnections = 1 })
    #expect(pool.lease(waiter: WaiterID(raw: 1), now: at(0)) == .connect)
    #expect(pool.lease(waiter: WaiterID(raw: 2), now: at(0)) == .wait(deadline: at(50)))
    #expect(pool.connectFailed() == .connect(for: WaiterID(raw: 2)))
    #expect(pool.connecting == 1)
    #expect(pool.connectFailed() == .none)
    #expect(pool.isDrained)
  }

  @Test func aWaiterGetsThePlaceOfAConnectionThatIsGone() {
    let limits = Self.limits { $0.maxConnections = 1 }
    func contendedPool() -> TargetPoolStateMachine {
      let pool = self.pool(limits, leased: 1)
      _ = pool.lease(waiter: WaiterID(raw: 7), now: at(0))
      return pool
    }
    let (closing, dying) = (contendedPool(), contendedPool())
    #expect(
      closing.release(ConnectionID(raw: 1), now: at(1), reusable: false)
        == .close(connectFor: WaiterID(raw: 7)))
    #expect(dying.closed(ConnectionID(raw: 1)) == .connect(for: WaiterID(raw: 7)))
    // And at the limit, the place of one whose idle time was over before its timer fired.
    let stale = pool(limits, leased: 1)
    _ = stale.release(ConnectionID(raw: 1), now: at(0), reusable: true)
    #expect(stale.lease(waiter: WaiterID(raw: 7), now: at(100)) == .wait(deadline: at(150)))
    #expect(stale.nextEvent(now: at(100)) == .close(ConnectionID(raw: 1)))
    #expect(stale.nextEvent(now: at(100)) == .connect(for: WaiterID(raw: 7)))
    #expect(stale.nextEvent(now: at(100)) == nil)
  }

  @Test func waitersFailAtTheirDeadlineInOrder() {
    let pool = pool(Self.limits { $0.maxConnections = 1 }, leased: 1)
    _ = pool.lease(waiter: WaiterID(raw: 7), now: at(10))
    _ = pool.lease(waiter: WaiterID(raw: 8), now: at(11))
    #expect(pool.nextExpiry == at(60))
    #expect(pool.nextEvent(now: at(59)) == nil)
    #expect(pool.nextEvent(now: at(60)) == .fail(WaiterID(raw: 7)))
    #expect(pool.nextEvent(now: at(60)) == nil)
    #expect(pool.nextExpiry == at(61))
    #expect(pool.cancel(WaiterID(raw: 7)) == false, "it has left the queue")
  }

  @Test func anIdleConnectionThatThePeerClosedIsNotReused() {
    let pool = pool(Self.limits(), leased: 3)
    for raw: UInt64 in 1...3 {
      _ = pool.release(ConnectionID(raw: raw), now: at(Int64(raw)), reusable: true)
    }
    #expect(pool.closed(ConnectionID(raw: 2)) == .none)
    #expect(pool.lease(waiter: WaiterID(raw: 9), now: at(5)) == .reuse(ConnectionID(raw: 3)))
    #expect(pool.lease(waiter: WaiterID(raw: 9), now: at(5)) == .reuse(ConnectionID(raw: 1)))
    #expect(pool.lease(waiter: WaiterID(raw: 9), now: at(5)) == .connect)
  }

  @Test func keepsNoMoreIdleThanConfigured() {
    let pool = pool(Self.limits { $0.maxIdle = 1 }, leased: 2)
    #expect(pool.release(ConnectionID(raw: 1), now: at(0), reusable: true) == .park)
    #expect(
      pool.release(ConnectionID(raw: 2), now: at(0), reusable: true) == .close(connectFor: nil))
  }

  @Test func aRetiredPoolClosesTheIdleAtOnceAndTheLeasedOnRelease() {
    let pool = pool(Self.limits { $0.maxConnections = 3 }, leased: 3)
    _ = pool.release(ConnectionID(raw: 1), now: at(1), reusable: true)
    pool.retire()
    #expect(pool.nextEvent(now: at(1)) == .close(ConnectionID(raw: 1)))
    #expect(pool.nextEvent(now: at(1)) == nil)
    #expect(
      pool.release(ConnectionID(raw: 2), now: at(2), reusable: true) == .close(connectFor: nil))
    // An exchange of the snapshot before is still served, from the queue, too.
    #expect(pool.lease(waiter: WaiterID(raw: 7), now: at(3)) == .connect)
    #expect(pool.lease(waiter: WaiterID(raw: 8), now: at(3)) == .connect)
    #expect(pool.lease(waiter: WaiterID(raw: 9), now: at(3)) == .wait(deadline: at(53)))
    #expect(
      pool.release(ConnectionID(raw: 3), now: at(4), reusable: true)
        == .assign(ConnectionID(raw: 3), to: WaiterID(raw: 9)))
    #expect(pool.connectFailed() == .none)
    #expect(pool.connectFailed() == .none)
    #expect(!pool.isDrained)
    #expect(
      pool.release(ConnectionID(raw: 3), now: at(5), reusable: true) == .close(connectFor: nil))
    #expect(pool.isDrained)
  }

  @Test func newLimitsApplyToWhatIsThere() {
    let pool = pool(Self.limits { $0.maxConnections = 2 }, leased: 2)
    _ = pool.lease(waiter: WaiterID(raw: 7), now: at(0))
    _ = pool.lease(waiter: WaiterID(raw: 8), now: at(0))
    pool.reconfigure(limits: Self.limits { $0.maxConnections = 3 })
    // The queue comes before a newcomer.
    #expect(pool.lease(waiter: WaiterID(raw: 9), now: at(1)) == .wait(deadline: at(51)))
    #expect(pool.nextEvent(now: at(1)) == .connect(for: WaiterID(raw: 7)))
    #expect(pool.nextEvent(now: at(1)) == nil)
    pool.connectionOpened(ConnectionID(raw: 3), now: at(1))
    pool.reconfigure(limits: Self.limits { $0.maxConnections = 1 })
    // Two too many go although somebody waits.
    #expect(
      pool.release(ConnectionID(raw: 1), now: at(2), reusable: true) == .close(connectFor: nil))
    #expect(
      pool.release(ConnectionID(raw: 2), now: at(2), reusable: true) == .close(connectFor: nil))
    #expect(
      pool.release(ConnectionID(raw: 3), now: at(2), reusable: true)
        == .assign(ConnectionID(raw: 3), to: WaiterID(raw: 8)))
  }

  @Test func dismissedWaitersLeaveInOrder() {
    let pool = pool(Self.limits { $0.maxConnections = 1 }, leased: 1)
    _ = pool.lease(waiter: WaiterID(raw: 7), now: at(0))
    _ = pool.lease(waiter: WaiterID(raw: 8), now: at(0))
    #expect(pool.dismissWaiter() == WaiterID(raw: 7))
    #expect(pool.dismissWaiter() == WaiterID(raw: 8))
    #expect(pool.dismissWaiter() == nil)
    #expect(pool.release(ConnectionID(raw: 1), now: at(1), reusable: true) == .park)
  }

  @Test(arguments: [(0, 4), (1, 4), (4, 4), (7, 4), (8, 4), (10, 3), (1_000, 7)])
  func workersShareTheLimit(total: Int, workers: Int) {
    var settings = Configuration.Connections()
    settings.maxPerTarget = total
    let shares = (0..<workers).map {
      PoolLimits(settings, worker: $0, of: workers).maxConnections
    }
    guard total > 0 else {
      #expect(shares.allSatisfy { $0 == nil })
      return
    }
    let numbers = shares.map { $0! }
    #expect(numbers.min()! >= 1 && numbers.max()! - numbers.min()! <= 1)
    #expect(numbers.reduce(0, +) == max(total, workers))
  }
}
