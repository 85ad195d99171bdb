import SluiceConfiguration
import SluiceReactor
import Testing

@testable import SluiceGateway

struct ServiceStateTests {
  private func at(_ seconds: Double) -> MonotonicTime {
    MonotonicTime(nanoseconds: Int64(seconds * 1_000_000_000))
  }

  /// Ejects at the first failure unless told otherwise, for 5 s.
  private func state(
    _ weights: [Int], _ balance: Configuration.Balance = .roundRobin, failures: Int = 1
  ) -> ServiceState {
    var service = Configuration.Service()
    service.targets = weights.enumerated().map { .init(url: "http://t\($0)", weight: $1) }
    service.balance = balance
    service.health.failures = failures
    let identities = service.targets.map { StableHash.hash($0.url) }
    return ServiceState(service, identities: identities, seed: 0)
  }

  private func choose(
    _ state: inout ServiceState, at now: MonotonicTime, tried: TargetSet = TargetSet()
  ) -> TargetChoice {
    state.choose(hash: 0, now: now, tried: tried)
  }

  private func fail(_ state: inout ServiceState, _ target: Int, at now: MonotonicTime) {
    let attempt = state.started(target, now: now)
    _ = state.finished(attempt, .failed, now: now)
  }

  @Test func anEjectedTargetIsPassedOverAndComesBackThroughOneTrial() {
    var state = state([1, 1])
    let attempt = state.started(0, now: at(0))
    #expect(
      state.finished(attempt, .failed, now: at(0)) == .becameEjected(until: at(5), ejections: 1))
    #expect(state.availableCount == 1)
    for _ in 0..<4 { #expect(choose(&state, at: at(4.999)) == .target(1)) }
    // After the pause each choice may be the trial, until an exchange begins.
    #expect(choose(&state, at: at(5)) == .target(0))
    let trial = state.started(0, now: at(5))
    #expect(trial.isTrial && state.availableCount == 1)
    for _ in 0..<4 { #expect(choose(&state, at: at(6)) == .target(1)) }
    #expect(state.finished(trial, .succeeded, now: at(6)) == .recovered)
    #expect(choose(&state, at: at(6)) == .target(0))
    #expect(choose(&state, at: at(6)) == .target(1))
    #expect(choose(&state, at: at(6)) == .target(0))
  }

  @Test func whenAllAreEjectedTheFirstPauseThatEndsLetsATrialThrough() {
    var state = state([1, 1, 1])
    for (target, time) in [(0, 2.0), (1, 1), (2, 3)] { fail(&state, target, at: at(time)) }
    #expect(choose(&state, at: at(3)) == .noneAvailable(.allEjected(trialAt: at(6))))
    #expect(choose(&state, at: at(5.999)) == .noneAvailable(.allEjected(trialAt: at(6))))
    #expect(choose(&state, at: at(6)) == .target(1))
    let trial = state.started(1, now: at(6))
    #expect(choose(&state, at: at(6.5)) == .noneAvailable(.allEjected(trialAt: at(6))))
    // The trial fails; the next one's pause ends at 7.
    #expect(
      state.finished(trial, .failed, now: at(6.5)) == .becameEjected(until: at(16.5), ejections: 2))
    #expect(choose(&state, at: at(6.5)) == .noneAvailable(.allEjected(trialAt: at(7))))
    #expect(choose(&state, at: at(7)) == .target(0))
  }

  // MARK: Active checks

  private func checked(_ weights: [Int]) -> ServiceState {
    var service = Configuration.Service()
    service.targets = weights.enumerated().map { .init(url: "http://t\($0)", weight: $1) }
    service.health.failures = 1
    service.health.check = Configuration.HealthCheck()
    return ServiceState(
      service, identities: service.targets.map { StableHash.hash($0.url) }, seed: 0)
  }

  @Test func aTargetThatFailsItsChecksIsOutAlsoTheOnlyOne() {
    var state = checked([1, 1])
    state.checked(0, isHealthy: false, now: at(0))
    for _ in 0..<4 { #expect(choose(&state, at: at(0)) == .target(1)) }
    state.checked(1, isHealthy: false, now: at(1))
    #expect(choose(&state, at: at(1_000)) == .noneAvailable(.allUnhealthy))
    state.checked(0, isHealthy: true, now: at(1_000))
    for _ in 0..<4 { #expect(choose(&state, at: at(1_000)) == .target(0)) }
    var only = checked([1])
    only.checked(0, isHealthy: false, now: at(0))
    #expect(choose(&only, at: at(0)) == .noneAvailable(.allUnhealthy))
  }

  @Test func checksThatGoOnPassingDoNotBringAnEjectedTargetBack() {
    var state = checked([1, 1])
    fail(&state, 0, at: at(0))
    state.checked(0, isHealthy: true, now: at(1))
    for _ in 0..<4 { #expect(choose(&state, at: at(1)) == .target(1)) }
    #expect(state.healthState(of: 0) == .ejected(until: at(5)))
  }

  @Test func aTargetWhoseChecksPassAgainBeginsAnew() {
    var state = checked([1, 1])
    fail(&state, 0, at: at(0))
    state.checked(0, isHealthy: false, now: at(1))
    // The end of the pause does not let anybody through.
    for _ in 0..<4 { #expect(choose(&state, at: at(6)) == .target(1)) }
    state.checked(0, isHealthy: true, now: at(6))
    #expect(state.healthState(of: 0) == .healthy(failuresInARow: 0))
    #expect(choose(&state, at: at(6)) == .target(0))
  }

  @Test func aTrialOfATargetThatIsFoundUnhealthyDoesNotBringItBack() {
    var state = checked([1, 1])
    fail(&state, 0, at: at(0))
    #expect(choose(&state, at: at(5)) == .target(0))
    let trial = state.started(0, now: at(5))
    state.checked(0, isHealthy: false, now: at(6))
    #expect(state.finished(trial, .succeeded, now: at(7)) == .recovered)
    for _ in 0..<4 { #expect(choose(&state, at: at(7)) == .target(1)) }
    #expect(state.availableCount == 1)
  }

  /// What began before counts for nothing.
  @Test func aLateFailureDoesNotEjectATargetThatBeginsAnew() {
    var state = checked([1, 1])
    let late = state.started(0, now: at(0))
    state.checked(0, isHealthy: false, now: at(1))
    state.checked(0, isHealthy: true, now: at(2))
    #expect(state.finished(late, .failed, now: at(3)) == .unchanged)
    #expect(state.availableCount == 2)
  }

  @Test func onlyAServiceWithChecksInheritsWhatTheyFound() {
    var former = checked([1, 1])
    former.checked(1, isHealthy: false, now: at(0))
    var next = checked([1, 1, 1])
    next.inheritHealth(from: former, now: at(1))
    #expect(next.availableCount == 2)
    var without = state([1, 1])
    without.inheritHealth(from: former, now: at(1))
    #expect(without.availableCount == 2)
    // Mail that is late.
    without.checked(0, isHealthy: false, now: at(1))
    #expect(without.availableCount == 2)
  }

  @Test func theOnlyTargetIsNeverEjected() {
    // Others of weight 0 don't count: they would not answer either.
    for weights in [[1], [0, 1, 0]] {
      var state = state(weights)
      let target = weights.count / 2
      for second in 0..<9 {
        #expect(choose(&state, at: at(Double(second))) == .target(target))
        let attempt = state.started(target, now: at(Double(second)))
        #expect(state.finished(attempt, .failed, now: at(Double(second))) == .unchanged)
      }
    }
  }

  @Test func theTargetThatIsLeftAloneByAReloadIsBackAtOnce() {
    var former = state([1, 1])
    fail(&former, 0, at: at(0))
    var next = state([1])
    next.inheritHealth(from: former, now: at(1))
    #expect(choose(&next, at: at(1)) == .target(0))
  }

  @Test func aTrialThatIsAbandonedOrBecomesASessionFreesItsTarget() {
    var state = state([1, 1])
    fail(&state, 0, at: at(0))
    fail(&state, 1, at: at(4))
    let abandoned = state.started(choose(&state, at: at(5)) == .target(0) ? 0 : 1, now: at(5))
    #expect(state.finished(abandoned, .abandoned, now: at(6)) == .unchanged)
    #expect(choose(&state, at: at(6)) == .target(0))
    var session = state.started(0, now: at(6))
    #expect(state.report(.succeeded, of: &session, now: at(6)) == .recovered)
    #expect(choose(&state, at: at(6)) == .target(0))
    #expect(state.inFlight == 1)
    #expect(state.finished(session, .succeeded, now: at(9_000)) == .unchanged)
    #expect(state.inFlight == 0)
  }

  @Test func anAttemptCountsAsOneFailureAtMost() {
    var state = state([1, 1], failures: 2)
    var attempt = state.started(0, now: at(0))
    #expect(state.report(.failed, of: &attempt, now: at(0)) == .unchanged)
    #expect(state.report(.failed, of: &attempt, now: at(0)) == .unchanged)
    #expect(state.finished(attempt, .failed, now: at(0)) == .unchanged)
    #expect(state.healthState(of: 0) == .healthy(failuresInARow: 1))
    // A body cut short after a good head is a failure, and a good end does not undo a failure.
    var cut = state.started(0, now: at(0))
    _ = state.report(.succeeded, of: &cut, now: at(0))
    _ = state.finished(cut, .failed, now: at(0))
    #expect(state.healthState(of: 0) == .healthy(failuresInARow: 1))
    var late = state.started(0, now: at(0))
    #expect(
      state.report(.failed, of: &late, now: at(0)) == .becameEjected(until: at(5), ejections: 1))
    #expect(state.finished(late, .succeeded, now: at(5)) == .unchanged)
    #expect(state.healthState(of: 0) == .ejected(until: at(5)))
  }

  @Test func triedTargetsAndThoseWithoutWeightAreNotChosen() {
    var state = state([1, 0, 1])
    var tried = TargetSet()
    tried.insert(0)
    #expect(choose(&state, at: at(0), tried: tried) == .target(2))
    tried.insert(2)
    #expect(choose(&state, at: at(0), tried: tried) == .noneAvailable(.allTried))
    fail(&state, 0, at: at(0))
    fail(&state, 2, at: at(1))
    #expect(choose(&state, at: at(1), tried: tried) == .noneAvailable(.allEjected(trialAt: at(5))))
    var none = self.state([0])
    #expect(choose(&none, at: at(0)) == .noneAvailable(.noTargets))
    var empty = self.state([])
    #expect(choose(&empty, at: at(0)) == .noneAvailable(.noTargets))
  }

  @Test func inheritsHealthByIdentity() {
    var former = state([1, 1, 1])
    fail(&former, 1, at: at(0))
    var service = Configuration.Service()
    service.targets = ["http://new", "http://t1", "http://t0"].map { .init(url: $0) }
    service.health.failures = 1
    let identities = service.targets.map { StableHash.hash($0.url) }
    var next = ServiceState(service, identities: identities, seed: 0)
    next.inheritHealth(from: former, now: at(1))
    #expect(next.availableCount == 2)
    #expect(next.healthState(of: 1) == .ejected(until: at(5)))
    for _ in 0..<4 { #expect(choose(&next, at: at(4)) != .target(1)) }
    let choices = (0..<3).map { _ in choose(&next, at: at(5)) }
    #expect(choices.contains(.target(1)))
  }

  // MARK: - Backups

  private func withBackups(
    _ balance: Configuration.Balance = .roundRobin, primaries: Int, backups: Int
  ) -> ServiceState {
    var service = Configuration.Service()
    service.targets = (0..<primaries + backups).map {
      .init(url: "http://t\($0)", backup: $0 >= primaries)
    }
    service.balance = balance
    service.hash = balance == .consistentHash ? .path : nil
    service.health.failures = 1
    let identities = service.targets.map { StableHash.hash($0.url) }
    return ServiceState(service, identities: identities, seed: 3)
  }

  @Test(arguments: Configuration.Balance.allCases)
  func aBackupIsChosenOnlyWhereNoOtherTargetIs(balance: Configuration.Balance) {
    var state = withBackups(balance, primaries: 2, backups: 2)
    func targets(_ time: Double) -> Set<Int> {
      var chosen: Set<Int> = []
      for hash in 0..<200 as Range<UInt64> {
        let choice = state.choose(
          hash: StableHash.mix(hash), now: at(time), tried: TargetSet())
        if case .target(let target) = choice { chosen.insert(target) }
      }
      return chosen
    }
    #expect(targets(0) == [0, 1])
    fail(&state, 0, at: at(0))
    #expect(targets(0) == [1])
    fail(&state, 1, at: at(0))
    #expect(targets(1) == [2, 3])
    fail(&state, 2, at: at(1))
    #expect(targets(1) == [3])
    fail(&state, 3, at: at(1))
    #expect(choose(&state, at: at(1)) == .noneAvailable(.allEjected(trialAt: at(5))))
    // The first of the others comes back with its pause, and gets all but the trial's time.
    #expect(targets(5).isSubset(of: [0, 1]))
    let trial = state.started(0, now: at(5))
    #expect(trial.isTrial)
    _ = state.finished(trial, .succeeded, now: at(5))
    #expect(!targets(5).contains(2) && !targets(5).contains(3))
  }

  /// nginx's order, too: what has been tried is not tried again, and then the backups are.
  @Test func aRetryComesToABackupLast() {
    var state = withBackups(primaries: 2, backups: 1)
    var tried = TargetSet()
    for _ in 0..<2 {
      guard case .target(let target) = choose(&state, at: at(0), tried: tried) else {
        Issue.record("nobody")
        return
      }
      #expect(target < 2)
      tried.insert(target)
    }
    #expect(choose(&state, at: at(0), tried: tried) == .target(2))
    tried.insert(2)
    #expect(choose(&state, at: at(0), tried: tried) == .noneAvailable(.allTried))
  }

  /// The only target that is no backup can be left alone: somebody else answers.
  @Test func oneTargetAndABackup() {
    var state = withBackups(primaries: 1, backups: 1)
    #expect(choose(&state, at: at(0)) == .target(0))
    fail(&state, 0, at: at(0))
    for _ in 0..<3 { #expect(choose(&state, at: at(4)) == .target(1)) }
    #expect(choose(&state, at: at(5)) == .target(0))
  }

  /// Random exchanges: the counts always add up, and nothing is chosen that should not be.
  @Test(arguments: Configuration.Balance.allCases, UInt64(1)...6)
  func countsStayTrue(balance: Configuration.Balance, seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let count = Int.random(in: 1...70, using: &random)
    let weights = (0..<count).map { _ in Int.random(in: 0...3, using: &random) }
    var state = state(weights, balance, failures: 2)
    var attempts: [TargetAttempt] = []
    var now = at(0)
    var trials = 0
    for step in 0..<2_000 {
      now = now.advanced(byNanoseconds: Int64.random(in: 0...50_000_000, using: &random))
      if Bool.random(using: &random) {
        let choice = state.choose(hash: random.next(), now: now, tried: TargetSet())
        guard case .target(let target) = choice else {
          // Nothing was withheld.
          #expect(
            weights.indices.allSatisfy { target in
              if weights[target] == 0 { return true }
              switch state.healthState(of: target) {
              case .healthy: return false
              case .ejected(let until): return until > now
              case .inTrial: return true
              }
            })
          continue
        }
        #expect(weights[target] > 0)
        switch state.healthState(of: target) {
        case .healthy: break
        case .ejected(let until): #expect(until <= now)
        case .inTrial: Issue.record("a second trial")
        }
        let attempt = state.started(target, now: now)
        trials += attempt.isTrial ? 1 : 0
        attempts.append(attempt)
      } else if !attempts.isEmpty {
        let index = Int.random(in: 0..<attempts.count, using: &random)
        let outcomes: [TargetOutcome] = [.succeeded, .failed, .failed, .abandoned]
        let outcome = outcomes.randomElement(using: &random)!
        if Bool.random(using: &random) {
          _ = state.report(outcome, of: &attempts[index], now: now)
        }
        _ = state.finished(attempts.remove(at: index), outcome, now: now)
      }
      #expect(state.inFlight == attempts.count)
      for target in 0..<count where step % 20 == 0 {
        #expect(Int(state.statuses[target].inFlight) == attempts.count { $0.target == target })
      }
      #expect(state.availableCount == state.statuses.count { $0.isAvailable })
    }
    let used = weights.count { $0 > 0 }
    if used > 1 && count < 20 { #expect(trials > 0) }
    if used == 1 { #expect(trials == 0) }
  }
}
