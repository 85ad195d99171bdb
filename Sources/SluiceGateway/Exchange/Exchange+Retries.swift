import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// Other targets after the status of a response.
extension Exchange {
  /// Whether there is time for another attempt.
  func mayTryAgain(_ retries: Configuration.Retries) -> Bool {
    guard let within = retries.within else { return true }
    return loop.now.nanoseconds(since: record.started) < within.nanoseconds
  }

  /// Whether the response is dropped for that of another target. The exchange is then on its way there:
  /// that target is chosen before this one's response is given up, so the last one is passed on.
  func triesElsewhere(after head: borrowing ResponseHead) -> Bool {
    guard let service = route?.service, service.retriesStatus(head.status), !wantsUpgrade,
      let attempt, !hasPassedBody || keepsBody
    else { return false }
    let retries = service.settings.retries
    guard isIdempotent || retries.nonIdempotent, attempts.status < retries.statusAttempts,
      mayTryAgain(retries)
    else { return false }
    let now = loop.now
    let tried = tried.with(attempt.target)
    // A choice moves the rotation on, so that it comes last.
    guard service.state.retryBudget.takeRetry(now: now) else { return false }
    guard
      case .target(let next) = service.state.choose(
        hash: service.hash(of: self), now: now, tried: tried),
      !tried.contains(next)
    else {
      service.state.retryBudget.giveBack()
      return false
    }
    self.tried = tried
    attempts.status += 1
    route?.counters.retries &+= 1
    let stream = upstream
    upstream = nil
    // An answer about the request is none about the target.
    endAttempt(head.status >= 500 || head.status == 429 ? .failed : .succeeded)
    stream?.abandon()
    downstream?.pauseRequestBody()
    state = .waiting
    self.attempt = service.state.started(next, now: now)
    lastTargetIndex = next
    service.targets[next].lease(for: self)
    return true
  }
}

extension TargetSet {
  fileprivate func with(_ target: Int) -> TargetSet {
    var set = self
    set.insert(target)
    return set
  }
}

extension UpstreamService {
  /// Whether what a target has got of a request may have to be sent to another.
  var mayRepeatBodies: Bool { !settings.retries.statuses.isEmpty }

  func retriesStatus(_ status: Int) -> Bool {
    let statuses = settings.retries.statuses
    return !statuses.isEmpty && statuses.contains(status)
  }
}
