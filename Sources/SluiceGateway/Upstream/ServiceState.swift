import SluiceConfiguration
import SluiceReactor

/// One exchange's use of one target, from `started` to `finished`; the exchange keeps it.
///
/// A silent second try on another connection of the same target is the same attempt.
struct TargetAttempt: Sendable {
  let target: Int
  fileprivate let ticket: PassiveHealthStateMachine.Ticket
  /// What has gone into the target's health already.
  fileprivate var reported: TargetOutcome?

  /// The one exchange that an ejected target gets, to see whether it is well again.
  var isTrial: Bool { ticket.isTrial }
}

/// What an attempt told of its target.
enum TargetOutcome: Equatable, Sendable {
  /// It answered.
  case succeeded
  /// It could not be reached, did not answer in time, or answered what was not HTTP.
  case failed
  /// Nothing: the caller left, or the exchange never got a connection from the pool.
  case abandoned
}

enum TargetChoice: Equatable, Sendable {
  case target(Int)
  case noneAvailable(NoTargetReason)
}

enum NoTargetReason: Equatable, Sendable {
  /// No target has passed its last checks; the next ones tell.
  case allUnhealthy
  /// Every target, but for those that fail their checks, is ejected; the first trial may go out at
  /// `trialAt`, which is past when a trial is under way.
  case allEjected(trialAt: MonotonicTime)
  /// Targets are available, but this exchange has tried them all.
  case allTried
  /// The service has no target of any weight.
  case noTargets
}

/// Balancing, health and retry budget of one service on one worker.
///
///     choose ──▶ started ──▶ [report] ──▶ finished
///                   ▲                        │
///                   └── choose(tried:) ◀─────┘ failed, and a retry is allowed
///
/// A service whose targets are all ejected has none available until the first pause ends; then that
/// target gets a trial. The only target of a service is never ejected (as in nginx): nobody else
/// could answer in its place. A backup is another one, and is chosen where no other target is. Nothing
/// here allocates after `init`.
///
/// Active checks, if there are any, come before all that: a target that fails them is out, also the only
/// one. When they pass again, the target begins anew; while they pass, what exchanges tell counts.
struct ServiceState: Sendable {
  private var balancer: Balancer
  /// Among the backups, for when `balancer` finds nobody; nil without any.
  private var reserve: Balancer?
  private var health: [PassiveHealthStateMachine]
  private(set) var statuses: [TargetStatus]
  private let identities: [UInt64]
  /// Whether each target has a weight; the others get no exchange.
  private let isUsed: [Bool]
  /// Whether each target fails its active checks.
  private var isUnhealthy: [Bool]
  /// There are active checks.
  private let hasChecks: Bool
  /// The earliest end of a pause that is not over; distantFuture when nobody is ejected. Keeps the
  /// health machines out of the common path.
  private var nextPauseEnd = MonotonicTime.distantFuture
  /// Targets that may get an exchange.
  private(set) var availableCount: Int
  /// Exchanges begun and not finished.
  private(set) var inFlight = 0
  var retryBudget: RetryBudget

  /// `identities` are stable hashes of the targets' URLs, in the order of the service's targets.
  /// For `seed` see `Balancer.init`.
  init(_ service: Configuration.Service, identities: [UInt64], seed: UInt64) {
    precondition(identities.count == service.targets.count)
    let targets = zip(service.targets, identities).map { (weight: $0.weight, identity: $1) }
    let isBackup = service.targets.map(\.backup)
    func among(backups: Bool) -> Balancer {
      let some = zip(targets, isBackup).map { target, isBackup in
        (weight: isBackup == backups ? target.weight : 0, identity: target.identity)
      }
      return Balancer(balance: service.balance, targets: some, seed: seed)
    }
    balancer = among(backups: false)
    reserve = isBackup.contains(true) ? among(backups: true) : nil
    isUsed = targets.map { $0.weight > 0 }
    isUnhealthy = targets.map { _ in false }
    hasChecks = service.health.check != nil
    var settings = service.health
    if isUsed.count(where: { $0 }) < 2 { settings.failures = 0 }
    health = targets.map { [settings] _ in PassiveHealthStateMachine(settings) }
    statuses = isUsed.map { TargetStatus(isAvailable: $0) }
    availableCount = isUsed.count { $0 }
    self.identities = identities
    retryBudget = RetryBudget(percent: service.retries.budgetPercent)
  }

  var targetCount: Int { statuses.count }

  func healthState(of target: Int) -> PassiveHealthStateMachine.State { health[target].state }

  /// The target for an exchange's next attempt. `tried` holds those it has failed on.
  ///
  /// Unless `started` follows, a choice has no effect but on the rotation.
  mutating func choose(
    hash: UInt64, now: MonotonicTime, tried: borrowing TargetSet
  ) -> TargetChoice {
    if now >= nextPauseEnd { refreshAvailability(now: now) }
    guard availableCount > 0 else {
      if let trialAt = firstPauseEnd() { return .noneAvailable(.allEjected(trialAt: trialAt)) }
      return .noneAvailable(isUsed.contains(true) ? .allUnhealthy : .noTargets)
    }
    if let target = balancer.pick(hash: hash, statuses: statuses, tried: tried) {
      return .target(target)
    }
    if let target = reserve?.pick(hash: hash, statuses: statuses, tried: tried) {
      return .target(target)
    }
    return .noneAvailable(.allTried)
  }

  /// An attempt on a target that `choose` returned at the same `now`.
  mutating func started(_ target: Int, now: MonotonicTime) -> TargetAttempt {
    assert(statuses[target].isAvailable, "an attempt began on a target that is not available")
    statuses[target].inFlight += 1
    inFlight += 1
    let ticket = health[target].begin(now: now)
    if ticket.isTrial { setAvailable(target, false) }
    return TargetAttempt(target: target, ticket: ticket)
  }

  /// Tells what the target's answer said, before the attempt ends. Called with the response head of
  /// what may stream for long: a trial that becomes a session must not keep its target out.
  ///
  /// A later failure, such as a body cut short, may be reported in addition; after a failure nothing
  /// else counts.
  mutating func report(
    _ outcome: TargetOutcome, of attempt: inout TargetAttempt, now: MonotonicTime
  ) -> HealthChange {
    guard attempt.reported == nil || (attempt.reported == .succeeded && outcome == .failed)
    else { return .unchanged }
    attempt.reported = outcome
    let target = attempt.target
    let change: HealthChange
    switch outcome {
    case .succeeded:
      change = health[target].succeeded(attempt.ticket)
    case .failed:
      change = health[target].failed(attempt.ticket, now: now)
    case .abandoned:
      health[target].abandoned(attempt.ticket)
      change = .unchanged
    }
    if change != .unchanged || attempt.isTrial { healthChanged(target, now: now) }
    return change
  }

  /// The attempt is over; every one that was started ends here exactly once. The outcome is reported
  /// as by `report`.
  mutating func finished(
    _ attempt: consuming TargetAttempt, _ outcome: TargetOutcome, now: MonotonicTime
  ) -> HealthChange {
    assert(statuses[attempt.target].inFlight > 0, "an attempt finished twice")
    statuses[attempt.target].inFlight -= 1
    inFlight -= 1
    return report(outcome, of: &attempt, now: now)
  }

  /// Takes over what a former snapshot's state knew of targets that are still there, so that a
  /// reload does not send traffic to an ejected target. In-flight counts stay with the former one.
  mutating func inheritHealth(from former: borrowing ServiceState, now: MonotonicTime) {
    for target in identities.indices {
      guard let old = former.identities.firstIndex(of: identities[target]) else { continue }
      health[target].inherit(from: former.health[old])
      if hasChecks { isUnhealthy[target] = former.isUnhealthy[old] }
    }
    refreshAvailability(now: now)
  }

  /// What active checks made of a target; means nothing where there are none.
  mutating func checked(_ target: Int, isHealthy: Bool, now: MonotonicTime) {
    guard hasChecks, isUnhealthy[target] == isHealthy else { return }
    isUnhealthy[target] = !isHealthy
    if isHealthy { health[target].reset() }
    refreshAvailability(now: now)
  }

  // MARK: - Availability

  private mutating func refreshAvailability(now: MonotonicTime) {
    nextPauseEnd = .distantFuture
    for target in health.indices { healthChanged(target, now: now) }
  }

  private mutating func healthChanged(_ target: Int, now: MonotonicTime) {
    setAvailable(
      target, isUsed[target] && !isUnhealthy[target] && health[target].admits(now: now))
    if case .ejected(let until) = health[target].state, until > now {
      nextPauseEnd = min(nextPauseEnd, until)
    }
  }

  private mutating func setAvailable(_ target: Int, _ isAvailable: Bool) {
    guard statuses[target].isAvailable != isAvailable else { return }
    statuses[target].isAvailable = isAvailable
    availableCount += isAvailable ? 1 : -1
  }

  /// Nil when no used target is ejected that passes its checks.
  private func firstPauseEnd() -> MonotonicTime? {
    var first: MonotonicTime?
    for target in health.indices where isUsed[target] && !isUnhealthy[target] {
      switch health[target].state {
      case .healthy: continue
      case .ejected(let end), .inTrial(let end): first = min(first ?? end, end)
      }
    }
    return first
  }
}
