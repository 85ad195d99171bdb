import SluiceConfiguration
import SluiceReactor
import SluiceWire
import Testing

@testable import SluiceGateway

@Suite struct ActiveHealthTests {
  private static let second: Int64 = 1_000_000_000

  private func at(_ seconds: Double) -> MonotonicTime {
    MonotonicTime(nanoseconds: Int64(seconds * 1_000_000_000))
  }

  /// 10 s, two to become healthy, three to become unhealthy.
  private func machine(
    _ verdict: ActiveHealthStateMachine.Verdict = .unknown, interval: Timespan = .seconds(10),
    draw: UInt64 = 0
  ) -> ActiveHealthStateMachine {
    var settings = Configuration.HealthCheck()
    settings.interval = interval
    return ActiveHealthStateMachine(settings, verdict: verdict, now: at(100), draw: draw)
  }

  private func run(
    _ machine: inout ActiveHealthStateMachine, _ hasPassed: Bool
  ) -> ActiveHealthStateMachine.Change? {
    let now = machine.nextCheck
    machine.checkBegan(now: now)
    return machine.checkEnded(hasPassed: hasPassed, now: now, draw: 0)
  }

  @Test func theFirstResultDecides() {
    var well = machine()
    #expect(well.verdict == .unknown)
    #expect(run(&well, true) == .becameHealthy && well.verdict == .healthy)
    var ill = machine()
    #expect(run(&ill, false) == .becameUnhealthy && ill.verdict == .unhealthy)
  }

  @Test func onlyResultsInARowChangeAVerdict() {
    var machine = machine(.healthy)
    for results in [[false, false, true], [false, true, true], [true, false, true]] {
      for result in results { #expect(run(&machine, result) == nil) }
      #expect(machine.verdict == .healthy)
    }
    #expect([false, false].map { run(&machine, $0) } == [nil, nil])
    #expect(run(&machine, false) == .becameUnhealthy)
    for results in [[true, false], [false, false], [true, false]] {
      for result in results { #expect(run(&machine, result) == nil) }
      #expect(machine.verdict == .unhealthy)
    }
    #expect(run(&machine, true) == nil)
    #expect(run(&machine, true) == .becameHealthy)
    #expect(machine.passed == 9 && machine.failed == 11)
  }

  /// Descriptors that ran out here say nothing about a target.
  @Test func whatSaysNothingChangesNothing() {
    var machine = machine(.healthy)
    #expect([false, false].map { run(&machine, $0) } == [nil, nil])
    let before = machine.nextCheck
    machine.checkBegan(now: before)
    machine.checkWasVoid(now: before, draw: 0)
    #expect(machine.nextCheck > before)
    #expect(machine.verdict == .healthy && machine.failed == 2 && machine.passed == 0)
    #expect(run(&machine, false) == .becameUnhealthy)
  }

  @Test func aVerdictFromBeforeHasToBeOverruledLikeAnyOther() {
    var machine = machine(.unhealthy)
    #expect(run(&machine, true) == nil && machine.verdict == .unhealthy)
    #expect(run(&machine, true) == .becameHealthy)
  }

  /// Against the words: the last so many results all say the other thing.
  @Test func anySequenceOfResults() {
    var generator = SplitMix64(seed: 7)
    for _ in 0..<200 {
      var machine = machine()
      var results: [Bool] = []
      var verdict: Bool?
      var since = 0
      for _ in 0..<40 {
        let result = generator.next() % 2 == 0
        results.append(result)
        let change = run(&machine, result)
        var expected: ActiveHealthStateMachine.Change?
        let needed = verdict.map { $0 ? 3 : 2 } ?? 1
        let tail = results[since...].suffix(needed)
        if result != verdict, tail.count == needed, tail.allSatisfy({ $0 == result }) {
          verdict = result
          since = results.count
          expected = result ? .becameHealthy : .becameUnhealthy
        }
        #expect(change == expected)
      }
      #expect(machine.passed == UInt64(results.count { $0 }))
      #expect(machine.failed == UInt64(results.count { !$0 }))
    }
  }

  // MARK: Time

  @Test func firstChecksAreSpread() {
    let firsts = (0..<1_000).map { machine(draw: UInt64($0) &* 0x9E37_79B9_7F4A_7C15).nextCheck }
    #expect(firsts.allSatisfy { $0 >= at(100) && $0 < at(101) })
    #expect(Set(firsts).count > 990)
    // Those that come more often begin sooner.
    #expect(machine(interval: .milliseconds(100), draw: .max).nextCheck < at(100.1))
  }

  @Test func theNextOneIsATenthAroundTheInterval() {
    let tenth = UInt64(Self.second)
    for (draw, next) in [
      (0, 109.0), (tenth, 110), (2 * tenth, 111), (2 * tenth + 1, 109), (UInt64.max, 0),
    ] {
      var machine = machine()
      machine.checkBegan(now: at(100))
      #expect(machine.isChecking && machine.nextCheck == .distantFuture)
      _ = machine.checkEnded(hasPassed: true, now: at(101), draw: draw)
      #expect(!machine.isChecking)
      if next > 0 { #expect(machine.nextCheck == at(next)) }
      #expect(machine.nextCheck >= at(109) && machine.nextCheck <= at(111))
    }
  }

  @Test func aCheckThatTakesLongerThanTheIntervalIsFollowedAtOnce() {
    var machine = machine()
    machine.checkBegan(now: at(100))
    _ = machine.checkEnded(hasPassed: false, now: at(130), draw: 0)
    #expect(machine.nextCheck == at(130))
  }

  // MARK: What a call's answer means

  private func response(
    _ status: Int = 200, _ body: [UInt8] = [0, 0, 0, 0, 2, 8, 1], trailers: [String: String] = [:],
    fields: [String: String] = [:]
  ) -> CheckResult {
    CheckResult(
      ofCall: ClientResponse(
        status: status, fields: fields.map { (Array($0.utf8), Array($1.utf8)) }, body: body,
        trailers: trailers.map { (Array($0.utf8), Array($1.utf8)) }))
  }

  @Test func calls() {
    let ok = ["grpc-status": "0"]
    #expect(response(trailers: ok) == .passed)
    #expect(response(200, [0, 0, 0, 0, 2, 8, 2], trailers: ok) == .state(.notServing))
    #expect(response(200, [0, 0, 0, 0, 0], trailers: ok) == .state(.unknown))
    #expect(response(200, [], trailers: ok) == .state(nil))
    // A server that does not have the service answers with nothing but a head.
    #expect(response(200, [], fields: ["grpc-status": "12"]) == .call(.unimplemented))
    #expect(response() == .call(nil))
    #expect(response(trailers: ["grpc-status": "99"]) == .call(nil))
    #expect(response(404, [], trailers: ok) == .status(404))
    // What comes last is what holds.
    #expect(
      response(trailers: ["grpc-status": "14"], fields: ok) == .call(.unavailable))
  }

  @Test func reasons() {
    #expect(CheckResult.failed(.upstreamRefused).reason == "upstream-refused")
    #expect(CheckResult.status(503).reason == "status 503")
    #expect(CheckResult.call(.unavailable).reason == "grpc-status UNAVAILABLE")
    #expect(CheckResult.state(.notServing).reason == "NOT_SERVING")
  }
}
