import SluiceReactor
import Testing

@testable import SluiceGateway

@Suite struct ReconnectStateMachineTests {
  private static let settings = ReconnectStateMachine.Settings(
    deadline: 1_000, backoff: 10, maxBackoff: 100)
  private var machine = ReconnectStateMachine()

  private func time(_ nanoseconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: nanoseconds)
  }

  /// A number whose remainder by any pause is that pause less one: the longest there is.
  private static func longest(of pause: UInt64) -> UInt64 { pause - 1 }

  @Test mutating func aTryFollowsAPauseAndSettles() {
    #expect(machine.lost(Self.settings, now: time(50), random: 7) == .wait(until: time(57)))
    #expect(machine.timeReached(now: time(56)) == .wait(until: time(57)))
    #expect(machine.timeReached(now: time(57)) == .connect)
    // The try has until the deadline.
    #expect(machine.timeReached(now: time(60)) == .wait(until: time(1_050)))
    machine.succeeded(now: time(61))
    #expect(machine.reconnections == 1)
  }

  @Test mutating func pausesDoubleToTheirLongest() {
    var now: Int64 = 0
    var pauses: [Int64] = []
    var action = machine.lost(Self.settings, now: time(now), random: Self.longest(of: 10))
    for longest: UInt64 in [20, 40, 80, 100, 100] {
      guard case .wait(let until) = action else {
        Issue.record("no pause")
        return
      }
      pauses.append(until.nanoseconds - now)
      now = until.nanoseconds
      #expect(machine.timeReached(now: until) == .connect)
      action = machine.failed(
        Self.settings, now: time(now), random: Self.longest(of: longest))
    }
    #expect(pauses == [9, 19, 39, 79, 99])
  }

  @Test mutating func theSmallestShareIsNoPause() {
    #expect(machine.lost(Self.settings, now: time(5), random: 0) == .wait(until: time(5)))
    #expect(machine.timeReached(now: time(5)) == .connect)
  }

  @Test mutating func theDeadlineCutsThePauseAndTheTry() {
    let settings = ReconnectStateMachine.Settings(deadline: 30, backoff: 100, maxBackoff: 100)
    #expect(machine.lost(settings, now: time(0), random: 99) == .wait(until: time(30)))
    #expect(machine.timeReached(now: time(30)) == .giveUp)
    #expect(machine.timeReached(now: time(31)) == .giveUp)
    var second = ReconnectStateMachine()
    _ = second.lost(settings, now: time(0), random: 1)
    #expect(second.timeReached(now: time(1)) == .connect)
    #expect(second.timeReached(now: time(30)) == .giveUp)
    // What comes of the try later changes nothing.
    #expect(second.failed(settings, now: time(31), random: 0) == .giveUp)
  }

  /// A target that takes handshakes and drops them must not be asked for ever, nor ever faster.
  @Test mutating func whatDoesNotLastGoesOnWithTheLossBefore() {
    _ = machine.lost(Self.settings, now: time(0), random: 0)
    _ = machine.timeReached(now: time(0))
    machine.succeeded(now: time(1))
    #expect(
      machine.lost(Self.settings, now: time(100), random: Self.longest(of: 20))
        == .wait(until: time(119)))
    _ = machine.timeReached(now: time(119))
    machine.succeeded(now: time(120))
    #expect(machine.lost(Self.settings, now: time(121), random: 0) == .wait(until: time(121)))
    #expect(machine.deadline == time(1_000))
    #expect(machine.timeReached(now: time(1_000)) == .giveUp)
  }

  @Test mutating func whatHasLastedBeginsAnew() {
    _ = machine.lost(Self.settings, now: time(0), random: 0)
    _ = machine.timeReached(now: time(0))
    machine.succeeded(now: time(1))
    #expect(
      machine.lost(Self.settings, now: time(101), random: Self.longest(of: 10))
        == .wait(until: time(110)))
    #expect(machine.deadline == time(1_101))
  }

  @Test mutating func theLongestTimesDoNotOverflow() {
    let minute: Int64 = 60_000_000_000
    let settings = ReconnectStateMachine.Settings(
      deadline: 60 * minute, backoff: minute, maxBackoff: minute)
    var now = time(0)
    var action = machine.lost(settings, now: now, random: .max)
    var tries = 0
    while case .wait(let until) = action {
      #expect(until <= time(60 * minute) && until.nanoseconds - now.nanoseconds <= minute)
      now = until
      guard machine.timeReached(now: now) == .connect else { break }
      tries += 1
      action = machine.failed(settings, now: now, random: UInt64(minute) - 1)
    }
    #expect(tries >= 60)
    #expect(machine.timeReached(now: time(60 * minute)) == .giveUp)
  }
}
