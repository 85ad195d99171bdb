import SluiceReactor
import Testing

private let tick = TimerWheel.tickNanoseconds

private func time(_ nanoseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: nanoseconds) }

@Suite struct TimerWheelTests {
  private func due(_ wheel: inout TimerWheel, _ nanoseconds: Int64) -> [UInt64] {
    var due: [UInt64] = []
    wheel.advance(to: time(nanoseconds), due: &due)
    return due
  }

  @Test func firesAtTheDeadlineRoundedUpAndNotBefore() {
    let start = 1000 * tick
    for delta in [1, tick - 1, tick, tick + 1, 63 * tick, 64 * tick, 65 * tick, 4096 * tick + 1] {
      var wheel = TimerWheel(now: time(start))
      _ = wheel.schedule(at: time(start + delta), payload: 7)
      let rounded = (start + delta + tick - 1) / tick * tick
      #expect(due(&wheel, rounded - 1) == [])
      #expect(wheel.count == 1)
      #expect(wheel.nextWakeUp() == time(rounded))
      #expect(due(&wheel, rounded) == [7])
      #expect(wheel.count == 0)
      #expect(wheel.nextWakeUp() == nil)
    }
  }

  @Test func pastDeadlinesFireAtTheNextAdvanceEvenWhenTimeStandsStill() {
    var wheel = TimerWheel(now: time(50 * tick))
    _ = wheel.schedule(at: time(0), payload: 1)
    _ = wheel.schedule(at: time(50 * tick), payload: 2)
    _ = wheel.schedule(at: time(-5), payload: 3)
    #expect(wheel.nextWakeUp() == time(50 * tick))
    #expect(due(&wheel, 50 * tick) == [1, 2, 3])
    _ = wheel.schedule(at: time(50 * tick), payload: 4)
    #expect(due(&wheel, 3 * tick) == [4], "a clock that goes back must not hold up a due timer")
  }

  @Test func aClockThatGoesBackMeansTimeStandsStill() {
    var wheel = TimerWheel(now: time(100 * tick))
    _ = wheel.schedule(at: time(110 * tick), payload: 1)
    #expect(due(&wheel, 3 * tick) == [])
    #expect(wheel.nextWakeUp() == time(110 * tick))
    #expect(due(&wheel, 109 * tick) == [])
    #expect(due(&wheel, 110 * tick) == [1])
  }

  @Test func staleTokensDoNothing() {
    var wheel = TimerWheel(now: time(0))
    var fired = wheel.schedule(at: time(tick), payload: 1)
    #expect(due(&wheel, tick) == [1])
    // Takes the same place in the slab.
    var second = wheel.schedule(at: time(2 * tick), payload: 2)
    wheel.cancel(&fired)
    #expect(fired == .none)
    #expect(wheel.count == 1)
    var copy = second
    wheel.cancel(&second)
    #expect(wheel.count == 0)
    wheel.reschedule(&copy, at: time(3 * tick), payload: 3)
    #expect(copy != .none)
    var none = TimerWheel.Token.none
    wheel.cancel(&none)
    #expect(due(&wheel, 100 * tick) == [3])
  }

  @Test func theFarthestDeadlinesAreKeptAndNeverFireEarly() {
    var wheel = TimerWheel(now: time(1))
    var never = wheel.schedule(at: .distantFuture, payload: 1)
    let year: Int64 = 365 * 86_400 * 1_000_000_000
    _ = wheel.schedule(at: time(200 * year), payload: 2)
    #expect(due(&wheel, 200 * year - 1) == [])
    #expect(due(&wheel, 200 * year + tick) == [2])
    #expect(due(&wheel, .max - tick) == [])
    // distantFuture is later than every moment.
    #expect(due(&wheel, .max) == [])
    #expect(wheel.nextWakeUp() == .distantFuture)
    wheel.cancel(&never)
    #expect(wheel.nextWakeUp() == nil)
  }

  @Test func sleepingUntilTheWakeUpReachesADistantDeadlineInFewSteps() {
    var wheel = TimerWheel(now: time(12_345))
    let deadline: Int64 = 40 * 86_400 * 1_000_000_000 + 1
    _ = wheel.schedule(at: time(deadline), payload: 9)
    var steps = 0
    while let next = wheel.nextWakeUp() {
      steps += 1
      let fired = due(&wheel, next.nanoseconds)
      #expect(fired.isEmpty == (next.nanoseconds < deadline))
    }
    #expect(steps <= 7, "one per level")
  }

  /// The obvious model: a list of deadlines in ticks.
  private struct Model {
    var now: Int64 = 0
    var timers: [UInt64: Int64] = [:]

    mutating func schedule(_ payload: UInt64, at deadline: Int64) {
      timers[payload] = max(now, (max(0, deadline) + tick - 1) / tick)
    }

    mutating func advance(to nanoseconds: Int64) -> [(tick: Int64, payload: UInt64)] {
      now = max(now, nanoseconds / tick)
      let due = timers.filter { $0.value <= now }
      for payload in due.keys { timers[payload] = nil }
      return due.map { ($0.value, $0.key) }.sorted { $0 < $1 }
    }
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
  func behavesLikeASortedList(seed: UInt64) {
    var random = SplitMix(state: seed)
    var now = Int64(random.next() % 1_000_000_000_000)
    var model = Model(now: now / tick)
    var wheel = TimerWheel(now: time(now))
    var tokens: [UInt64: TimerWheel.Token] = [:]
    var stale: [TimerWheel.Token] = []
    var nextPayload: UInt64 = 0

    func someDelta() -> Int64 {
      // Every magnitude from within a tick to months, and the past.
      let magnitude = random.next() % 53
      let delta = Int64(random.next() & ((1 << magnitude) - 1))
      return random.next() % 16 == 0 ? -delta : delta
    }

    for _ in 0..<6000 {
      switch random.next() % 8 {
      case 0...2:
        let deadline = now + someDelta()
        tokens[nextPayload] = wheel.schedule(at: time(deadline), payload: nextPayload)
        model.schedule(nextPayload, at: deadline)
        nextPayload += 1
      case 3:
        guard let (old, token) = tokens.first else { continue }
        var moved = token
        let deadline = now + someDelta()
        wheel.reschedule(&moved, at: time(deadline), payload: nextPayload)
        #expect(moved == token, "a live timer keeps its token")
        tokens[old] = nil
        tokens[nextPayload] = moved
        model.timers[old] = nil
        model.schedule(nextPayload, at: deadline)
        nextPayload += 1
      case 4:
        guard let (payload, token) = tokens.first else { continue }
        var cancelled = token
        wheel.cancel(&cancelled)
        stale.append(token)
        tokens[payload] = nil
        model.timers[payload] = nil
      case 5:
        guard var token = stale.randomElement(using: &random) else { continue }
        wheel.cancel(&token)
      default:
        let wasDue = wheel.nextWakeUp()
        if random.next() % 4 > 0 { now += random.next() % 3 == 0 ? abs(someDelta()) : tick }
        let expected = model.advance(to: now)
        var fired: [UInt64] = []
        wheel.advance(to: time(now), due: &fired)
        // In order of ticks; within one tick in any order.
        let tickOf = Dictionary(uniqueKeysWithValues: expected.map { ($0.payload, $0.tick) })
        #expect(fired.compactMap { tickOf[$0] } == expected.map(\.tick))
        #expect(Set(fired) == Set(expected.map(\.payload)))
        if let first = expected.first {
          #expect(wasDue.map { $0.nanoseconds <= first.tick * tick } == true)
        }
        for payload in fired {
          if let token = tokens.removeValue(forKey: payload) { stale.append(token) }
        }
      }
      #expect(wheel.count == model.timers.count)
      #expect((wheel.nextWakeUp() == nil) == model.timers.isEmpty)
      if let wakeUp = wheel.nextWakeUp(), let earliest = model.timers.values.min() {
        #expect(wakeUp.nanoseconds <= earliest * tick)
        #expect(wakeUp.nanoseconds >= model.now * tick, "a wake-up in the past would spin")
      }
    }
  }
}

/// Repeatable random numbers (Steele, Lea and Flood, 2014).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
