import SluiceConfiguration
import SluiceReactor
import Testing

@testable import SluiceGateway

/// The pool with connections that carry many exchanges.
@Suite struct SharedPoolTests {
  private func at(_ nanoseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: nanoseconds) }
  private func connection(_ raw: UInt64) -> ConnectionID { ConnectionID(raw: raw) }
  private func waiter(_ raw: UInt64) -> WaiterID { WaiterID(raw: raw) }

  private func pool(_ change: (inout PoolLimits) -> Void = { _ in }) -> TargetPoolStateMachine {
    var limits = PoolLimits(.init(), worker: 0, of: 1)
    limits.idleTimeout = 100
    limits.queueTimeout = 50
    change(&limits)
    let pool = TargetPoolStateMachine(limits: limits)
    pool.sharesConnections = true
    return pool
  }

  /// Connection 1, leased once, takes `capacity`.
  private func opened(
    _ capacity: Int, _ change: (inout PoolLimits) -> Void = { _ in }
  ) -> TargetPoolStateMachine {
    let pool = pool(change)
    #expect(pool.lease(waiter: waiter(1), now: at(0)) == .connect)
    pool.connectionOpened(connection(1), capacity: capacity, now: at(0))
    return pool
  }

  @Test func whoNeedsAnotherKindOfConnectionGetsItWithinTheLimit() {
    let pool = opened(3) { $0.maxConnections = 2 }
    #expect(pool.leaseNew() == .connect)
    // What is open or being opened is in use.
    #expect(pool.leaseNew() == .refuse)
    pool.connectionOpened(connection(2), capacity: 1, now: at(1))
    #expect(pool.leaseNew() == .refuse)
    #expect(pool.release(connection(1), now: at(2), reusable: true) == .park)
    #expect(pool.leaseNew() == .replace(connection(1)))
    #expect(pool.open == 1 && pool.connecting == 1 && pool.idle == 0)
    #expect(pool.connectFailed() == .none)
    // Without a limit nothing is replaced.
    let free = opened(3)
    #expect(free.release(connection(1), now: at(1), reusable: true) == .park)
    #expect(free.leaseNew() == .connect)
    #expect(free.idle == 1)
  }

  /// A stream may be a session of hours: it must not keep everybody else from the target.
  @Test func whoOnlyFinishesWhatItHasMakesRoomForAnother() {
    let pool = opened(3) { $0.maxConnections = 1 }
    #expect(!pool.leave(connection(1)))
    #expect(pool.lease(waiter: waiter(2), now: at(1)) == .connect)
    pool.connectionOpened(connection(2), capacity: 3, now: at(1))
    #expect(pool.lease(waiter: waiter(3), now: at(2)) == .reuse(connection(2)))
    // As many as the limit says, and no more.
    #expect(!pool.leave(connection(2)))
    #expect(pool.lease(waiter: waiter(4), now: at(3)) == .wait(deadline: at(53)))
    #expect(
      pool.release(connection(1), now: at(4), reusable: true) == .close(connectFor: waiter(4)))
  }

  @Test func aLeasedConnectionIsHandedOutUntilItIsFull() {
    let pool = opened(3)
    #expect(pool.lease(waiter: waiter(2), now: at(1)) == .reuse(connection(1)))
    #expect(pool.lease(waiter: waiter(3), now: at(1)) == .reuse(connection(1)))
    #expect(pool.lease(waiter: waiter(4), now: at(1)) == .connect)
    #expect(pool.release(connection(1), now: at(2), reusable: true) == .keep)
    #expect(pool.lease(waiter: waiter(5), now: at(2)) == .reuse(connection(1)))
  }

  @Test func whoCanNotEvenWaitForItOpensOneMore() {
    let pool = pool {
      $0.queue = 1
      $0.maxConnections = 2
    }
    #expect(pool.lease(waiter: waiter(1), now: at(0)) == .connect)
    #expect(pool.lease(waiter: waiter(2), now: at(0)) == .wait(deadline: at(50)))
    #expect(pool.lease(waiter: waiter(3), now: at(0)) == .connect)
    // Within the limit of connections.
    #expect(pool.lease(waiter: waiter(4), now: at(0)) == .refuse)
  }

  @Test func whoComesWhileConnectingWaitsForTheOneConnection() {
    let pool = pool()
    #expect(pool.lease(waiter: waiter(1), now: at(0)) == .connect)
    #expect(pool.lease(waiter: waiter(2), now: at(0)) == .wait(deadline: at(50)))
    #expect(pool.lease(waiter: waiter(3), now: at(0)) == .wait(deadline: at(50)))
    #expect(pool.nextEvent(now: at(1)) == nil)
    pool.connectionOpened(connection(1), capacity: 2, now: at(2))
    #expect(pool.nextEvent(now: at(2)) == .assign(connection(1), to: waiter(2)))
    // The other one needs another.
    #expect(pool.nextEvent(now: at(2)) == .connect(for: waiter(3)))
    #expect(pool.nextEvent(now: at(2)) == nil)
  }

  @Test func moreThanOneConnectionTakesOpensAnother() {
    let pool = pool { $0.queue = 1_000 }
    var connects = 0
    for raw in 1...150 where pool.lease(waiter: waiter(UInt64(raw)), now: at(0)) == .connect {
      connects += 1
    }
    #expect(connects == 2)
    #expect(pool.waiting == 148)
  }

  @Test func ifConnectingFailsTheNextOneTries() {
    let pool = pool()
    #expect(pool.lease(waiter: waiter(1), now: at(0)) == .connect)
    _ = pool.lease(waiter: waiter(2), now: at(0))
    #expect(pool.connectFailed() == .connect(for: waiter(2)))
    #expect(pool.connectFailed() == .none)
  }

  @Test func aTargetThatTurnsOutToSpeakHTTP1GetsAConnectionEach() {
    let pool = pool()
    #expect(pool.lease(waiter: waiter(1), now: at(0)) == .connect)
    _ = pool.lease(waiter: waiter(2), now: at(0))
    _ = pool.lease(waiter: waiter(3), now: at(0))
    pool.connectionOpened(connection(1), now: at(1))
    pool.sharesConnections = false
    #expect(pool.nextEvent(now: at(1)) == .connect(for: waiter(2)))
    #expect(pool.nextEvent(now: at(1)) == .connect(for: waiter(3)))
    #expect(pool.nextEvent(now: at(1)) == nil)
  }

  @Test func theLastExchangeMakesItIdle() {
    let pool = opened(2)
    _ = pool.lease(waiter: waiter(2), now: at(0))
    #expect(pool.release(connection(1), now: at(5), reusable: true) == .keep)
    #expect(pool.idle == 0)
    #expect(pool.release(connection(1), now: at(6), reusable: true) == .park)
    #expect(pool.idle == 1)
    #expect(pool.nextEvent(now: at(105)) == nil)
    #expect(pool.nextEvent(now: at(106)) == .close(connection(1)))
    #expect(pool.isDrained)
  }

  @Test func whoeverLeavesIsNotLentAgainAndClosedWithItsLastExchange() {
    let pool = opened(9)
    _ = pool.lease(waiter: waiter(2), now: at(0))
    #expect(pool.leave(connection(1)) == false)
    #expect(pool.lease(waiter: waiter(3), now: at(0)) == .connect)
    #expect(pool.release(connection(1), now: at(1), reusable: true) == .keep)
    #expect(pool.release(connection(1), now: at(1), reusable: true) == .close(connectFor: nil))
    #expect(pool.open == 0)
  }

  @Test func anIdleOneThatLeavesIsClosedAtOnce() {
    let pool = opened(9)
    #expect(pool.release(connection(1), now: at(1), reusable: true) == .park)
    #expect(pool.leave(connection(1)) == true)
    #expect(pool.lease(waiter: waiter(2), now: at(1)) == .connect)
    #expect(pool.closed(connection(1)) == .none)
    #expect(pool.open == 0)
  }

  @Test func capacityMayShrinkAndGrow() {
    let pool = opened(4) { $0.maxConnections = 1 }
    _ = pool.lease(waiter: waiter(2), now: at(0))
    pool.setCapacity(connection(1), 1)
    #expect(pool.lease(waiter: waiter(3), now: at(0)) == .wait(deadline: at(50)))
    #expect(pool.release(connection(1), now: at(1), reusable: true) == .keep)
    #expect(pool.nextEvent(now: at(1)) == nil)
    pool.setCapacity(connection(1), 2)
    #expect(pool.nextEvent(now: at(1)) == .assign(connection(1), to: waiter(3)))
    // None at all: it is kept, and lent to nobody.
    pool.setCapacity(connection(1), 0)
    #expect(pool.release(connection(1), now: at(2), reusable: true) == .keep)
    #expect(pool.release(connection(1), now: at(2), reusable: true) == .park)
    #expect(pool.lease(waiter: waiter(4), now: at(2)) == .wait(deadline: at(52)))
    pool.setCapacity(connection(1), 1)
    #expect(pool.nextEvent(now: at(2)) == .assign(connection(1), to: waiter(4)))
  }

  @Test func aWaiterGetsThePlaceThatIsGivenBack() {
    let pool = opened(1) { $0.maxConnections = 1 }
    #expect(pool.lease(waiter: waiter(2), now: at(0)) == .wait(deadline: at(50)))
    #expect(
      pool.release(connection(1), now: at(1), reusable: true)
        == .assign(connection(1), to: waiter(2)))
  }

  @Test func ageEndsLendingWhileExchangesAreUnderWay() {
    let pool = opened(5) { $0.maxAge = 10 }
    #expect(pool.lease(waiter: waiter(2), now: at(9)) == .reuse(connection(1)))
    #expect(pool.lease(waiter: waiter(3), now: at(10)) == .connect)
    #expect(pool.nextEvent(now: at(10)) == nil)
    #expect(pool.release(connection(1), now: at(11), reusable: true) == .keep)
    #expect(pool.release(connection(1), now: at(11), reusable: true) == .close(connectFor: nil))
  }

  @Test func aConnectionThatIsGoneTakesAllItsLeasesWithIt() {
    let pool = opened(5)
    for raw: UInt64 in 2...5 { _ = pool.lease(waiter: waiter(raw), now: at(0)) }
    #expect(pool.closed(connection(1)) == .none)
    #expect(pool.open == 0 && pool.leased == 0)
    #expect(pool.lease(waiter: waiter(9), now: at(0)) == .connect)
  }

  @Test func aRetiredPoolServesWhatHasBegun() {
    let pool = opened(5)
    pool.retire()
    #expect(pool.lease(waiter: waiter(2), now: at(0)) == .reuse(connection(1)))
    #expect(pool.release(connection(1), now: at(1), reusable: true) == .keep)
    #expect(pool.release(connection(1), now: at(1), reusable: true) == .close(connectFor: nil))
    #expect(pool.isDrained)
  }
}
