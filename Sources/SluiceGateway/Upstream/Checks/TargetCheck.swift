import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// Checks one target again and again: the shell around `ActiveHealthStateMachine`.
///
/// One worker checks a target for the whole process, and tells the others its verdict by their mailboxes. The checks use connections of their own, over a service of the same terms whose only
/// target this is, so a full pool or a busy queue never looks like a target that is down. They are calls
/// of the gateway's own: neither in the access log nor in the routes' counters, and no drain waits for them.
final class TargetCheck: EventHandler {
  private let service: String
  private let settings: Configuration.HealthCheck
  /// For the checks alone.
  private let probed: UpstreamService
  private let client: ServiceClient
  private let worker: Worker
  private var machine: ActiveHealthStateMachine
  private var lastFailure: String?
  private var isStopped = false

  /// Bytes of a response that are read; a target that is well says little.
  private static let responseLimit = 64 * 1_024

  /// Of the targets that get requests, those that this worker checks. Checks of `former` that would do the
  /// same go on; for the others their verdict is taken over.
  static func all(
    of service: UpstreamService, worker: Worker, former: [TargetCheck]
  ) -> [TargetCheck] {
    guard let settings = service.settings.health.check else { return [] }
    return service.settings.targets.filter { target in
      target.weight > 0 && owner(of: target.url, workers: worker.workerCount) == worker.index
    }.map { target in
      let terms = service.settings.checking(target.url, settings)
      let old = former.first { $0.target.configuredURL == target.url }
      if let old, old.settings == settings, old.probed.settings == terms,
        old.probed.tls === service.tls
      {
        return old
      }
      return TargetCheck(
        service.name, settings, terms, tls: service.tls, worker: worker,
        verdict: old?.machine.verdict ?? .unknown)
    }
  }

  /// The same worker after every reload.
  private static func owner(of url: String, workers: Int) -> Int {
    Int(StableHash.hash(url) % UInt64(workers))
  }

  private init(
    _ service: String, _ settings: Configuration.HealthCheck, _ terms: Configuration.Service,
    tls: TLSClientContext?, worker: Worker, verdict: ActiveHealthStateMachine.Verdict
  ) {
    self.service = service
    self.settings = settings
    self.worker = worker
    probed = UpstreamService(
      name: service, settings: terms, tls: tls, worker: worker, former: nil)
    probed.targets[0].handshakeLogNanoseconds = 600_000_000_000
    client = ServiceClient(probed, timeout: settings.timeout, worker: worker)
    machine = ActiveHealthStateMachine(
      settings, verdict: verdict, now: worker.loop.now, draw: worker.random.next())
    super.init(loop: worker.loop)
    loop.register(self)
    setDeadline(machine.nextCheck)
  }

  var target: UpstreamTarget { probed.targets[0] }

  var report: WorkerReport.Check {
    let isHealthy: Bool? =
      switch machine.verdict {
      case .unknown: nil
      case .healthy: true
      case .unhealthy: false
      }
    return WorkerReport.Check(
      isHealthy: isHealthy, passed: machine.passed, failed: machine.failed,
      lastFailure: lastFailure)
  }

  /// The target has left the configuration, or is checked in another way from now on. A check that is
  /// under way ends without a word.
  func stop() {
    if isStopped { return }
    isStopped = true
    loop.unregister(self)
    probed.retire(successor: nil)
  }

  // MARK: One check

  override func deadlineReached() {
    machine.checkBegan(now: loop.now)
    switch settings.type {
    case .http: get()
    case .grpc: call()
    case .tcp:
      TargetProbe(target, timeout: settings.timeout.nanoseconds) { [weak self] in self?.ended($0) }
        .begin()
    }
  }

  private func get() {
    var request = ClientRequest(target: Array(settings.path.utf8))
    request.lines.append("User-Agent: sluice-health-check\r\n")
    request.takesPart = true
    client.send(request, limit: Self.responseLimit) { [weak self] result in
      guard let self else { return }
      switch result {
      case .failed(let error): ended(.failed(error))
      case .response(let response):
        let isWell = settings.statuses.contains { $0.contains(response.status) }
        ended(isWell ? .passed : .status(response.status))
      }
    }
  }

  private func call() {
    var path = ByteBuffer()
    path.append(GRPCHealth.path)
    var request = ClientRequest(method: "POST", target: path.copiedBytes())
    request.lines.append(
      "Content-Type: application/grpc\r\nUser-Agent: sluice-health-check\r\n")
    request.body = GRPCHealth.request(service: Array(settings.service.utf8).span)
    client.send(request, limit: Self.responseLimit) { [weak self] result in
      switch result {
      case .failed(let error): self?.ended(.failed(error))
      case .response(let response): self?.ended(CheckResult(ofCall: response))
      }
    }
  }

  private func ended(_ result: CheckResult) {
    if isStopped { return }
    if !result.hasPassed { lastFailure = result.reason }
    if case .failed(.overloaded) = result {
      // We have no descriptor or no port left, which is not the target's fault.
      machine.checkWasVoid(now: loop.now, draw: worker.random.next())
      return setDeadline(machine.nextCheck)
    }
    let wasUnknown = machine.verdict == .unknown
    let change = machine.checkEnded(
      hasPassed: result.hasPassed, now: loop.now, draw: worker.random.next())
    setDeadline(machine.nextCheck)
    if change == .becameUnhealthy {
      worker.control.log(
        .targetUnhealthy(service: service, target: target.displayName, reason: result.reason))
    } else if change == .becameHealthy, !wasUnknown {
      worker.control.log(.targetHealthy(service: service, target: target.displayName))
    }
    // Also what is no news: a worker that had yet to hear of the service missed what it was told before.
    worker.checkEnded(
      service: service, url: target.configuredURL, isHealthy: machine.verdict == .healthy)
  }
}

extension Configuration.Service {
  /// A service for the checks of one target: on the same terms, with nothing kept and nothing tried twice.
  fileprivate func checking(
    _ url: String, _ check: Configuration.HealthCheck
  ) -> Configuration.Service {
    var service = Configuration.Service()
    service.targets = [Configuration.Target(url: url)]
    service.protocol = check.type == .grpc ? .http2 : `protocol`
    service.host = host == .preserve ? .target : host
    service.tls = tls
    service.proxyProtocol = proxyProtocol
    service.timeouts.connect = check.timeout
    service.timeouts.response = check.timeout
    service.timeouts.idle = check.timeout
    service.connections.maxIdle = 0
    service.retries.connect = 0
    service.health.failures = 0
    return service
  }
}
