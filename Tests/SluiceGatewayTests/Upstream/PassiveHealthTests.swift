import SluiceConfiguration
import SluiceReactor
import Testing

@testable import SluiceGateway

struct PassiveHealthTests {
  private func at(_ seconds: Double) -> MonotonicTime {
    MonotonicTime(nanoseconds: Int64(seconds * 1_000_000_000))
  }

  private func machine(
    failures: Int = 3, pause: Int64 = 5, maxPause: Int64 = 30
  ) -> PassiveHealthStateMachine {
    var settings = Configuration.Health()
    settings.failures = failures
    settings.pause = .seconds(pause)
    settings.maxPause = .seconds(maxPause)
    return PassiveHealthStateMachine(settings)
  }

  private func fail(
    _ machine: inout PassiveHealthStateMachine, _ times: Int, at now: MonotonicTime
  ) -> HealthChange {
    var change = HealthChange.unchanged
    for _ in 0..<times {
      #expect(change == .unchanged)
      let ticket = machine.begin(now: now)
      change = machine.failed(ticket, now: now)
    }
    return change
  }

  @Test func ejectsAtTheLimitAndNotBefore() {
    var machine = machine()
    #expect(fail(&machine, 2, at: at(1)) == .unchanged)
    #expect(machine.admits(now: at(1)))
    #expect(fail(&machine, 1, at: at(1)) == .becameEjected(until: at(6), ejections: 1))
    #expect(!machine.admits(now: at(5.999)))
    #expect(machine.admits(now: at(6)))
  }

  @Test func aSuccessBreaksTheRow() {
    var machine = machine()
    #expect(fail(&machine, 2, at: at(1)) == .unchanged)
    let ticket = machine.begin(now: at(1))
    #expect(machine.succeeded(ticket) == .unchanged)
    #expect(fail(&machine, 2, at: at(1)) == .unchanged)
    #expect(fail(&machine, 1, at: at(1)) == .becameEjected(until: at(6), ejections: 1))
  }

  @Test func oneTrialAtATimeDecides() {
    var machine = machine()
    _ = fail(&machine, 3, at: at(0))
    let trial = machine.begin(now: at(5))
    #expect(trial.isTrial && machine.state == .inTrial(pauseEnded: at(5)))
    #expect(!machine.admits(now: at(1_000)))
    #expect(machine.succeeded(trial) == .recovered)
    #expect(machine.admits(now: at(5)))
    #expect(!machine.begin(now: at(5)).isTrial)
    // The row begins anew, and so does the pause.
    #expect(fail(&machine, 2, at: at(6)) == .unchanged)
    #expect(fail(&machine, 1, at: at(6)) == .becameEjected(until: at(11), ejections: 1))
  }

  @Test func thePauseDoublesUpToItsMaximum() {
    var machine = machine()
    _ = fail(&machine, 3, at: at(0))
    var now = at(5)
    for (ejection, pause) in [(2, 10.0), (3, 20), (4, 30), (5, 30)] {
      let trial = machine.begin(now: now)
      let until = now.advanced(byNanoseconds: Int64(pause * 1_000_000_000))
      #expect(machine.failed(trial, now: now) == .becameEjected(until: until, ejections: ejection))
      now = until
    }
    let trial = machine.begin(now: now)
    #expect(machine.succeeded(trial) == .recovered)
    let until = now.advanced(byNanoseconds: 5_000_000_000)
    #expect(fail(&machine, 3, at: now) == .becameEjected(until: until, ejections: 1))
  }

  @Test func anEndlessPauseDoesNotOverflow() {
    var machine = machine(failures: 1, pause: 4_000_000_000, maxPause: 9_000_000_000)
    _ = fail(&machine, 1, at: at(0))
    let trial = machine.begin(now: at(4_000_000_000))
    _ = machine.failed(trial, now: at(4_000_000_000))
    #expect(machine.state == .ejected(until: .distantFuture))
  }

  @Test func anAbandonedTrialLeavesRoomForTheNext() {
    var machine = machine()
    _ = fail(&machine, 3, at: at(0))
    let abandoned = machine.begin(now: at(7))
    machine.abandoned(abandoned)
    #expect(machine.state == .ejected(until: at(5)) && machine.admits(now: at(7)))
    let trial = machine.begin(now: at(8))
    // The one that left has no say any more.
    #expect(machine.failed(abandoned, now: at(8)) == .unchanged)
    #expect(machine.succeeded(abandoned) == .unchanged)
    #expect(machine.succeeded(trial) == .recovered)
  }

  @Test func resultsFromBeforeAnEjectionCountForNothing() {
    var machine = machine()
    let old = (0..<6).map { _ in machine.begin(now: at(0)) }
    _ = fail(&machine, 3, at: at(1))
    // Ejected: neither is it extended nor ended.
    #expect(machine.failed(old[0], now: at(2)) == .unchanged)
    #expect(machine.succeeded(old[1]) == .unchanged)
    #expect(machine.state == .ejected(until: at(6)))
    // In trial: only the trial decides.
    let trial = machine.begin(now: at(6))
    #expect(machine.failed(old[2], now: at(7)) == .unchanged)
    #expect(machine.succeeded(old[3]) == .unchanged)
    #expect(machine.state == .inTrial(pauseEnded: at(6)))
    // Back: time-outs of then are not failures of now, nor do they break a row.
    #expect(machine.succeeded(trial) == .recovered)
    #expect(machine.failed(old[4], now: at(8)) == .unchanged)
    #expect(machine.state == .healthy(failuresInARow: 0))
    #expect(fail(&machine, 2, at: at(8)) == .unchanged)
    #expect(machine.succeeded(old[5]) == .unchanged)
    #expect(machine.state == .healthy(failuresInARow: 2))
  }

  @Test func zeroNeverEjects() {
    var machine = machine(failures: 0)
    #expect(fail(&machine, 1_000, at: at(0)) == .unchanged)
    #expect(machine.admits(now: at(0)))
  }

  @Test func aReloadKeepsTheEjection() {
    var former = machine()
    _ = fail(&former, 3, at: at(0))
    _ = former.begin(now: at(5))
    var next = machine(failures: 1, maxPause: 8)
    next.inherit(from: former)
    // The former one's trial is under way; this one may send its own.
    let trial = next.begin(now: at(5))
    #expect(trial.isTrial)
    #expect(next.failed(trial, now: at(5)) == .becameEjected(until: at(13), ejections: 2))
    // A row that would have reached the new limit stays one short of it.
    var shaky = machine(failures: 5)
    _ = fail(&shaky, 4, at: at(0))
    next = machine(failures: 2)
    next.inherit(from: shaky)
    #expect(next.state == .healthy(failuresInARow: 1))
    var off = machine(failures: 0)
    off.inherit(from: former)
    #expect(off.admits(now: at(0)))
  }
}
