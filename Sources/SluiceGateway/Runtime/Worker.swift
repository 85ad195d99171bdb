import Glibc
import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// One event-loop thread and all it owns: listeners, connections, pools, counters and its own
/// compiled configuration. Workers share nothing mutable.
final class Worker {
  let index: Int
  let workerCount: Int
  let loop: EventLoop
  let control: any WorkerControl
  /// What policies of all workers share.
  let stores: PolicyStores
  /// Shared by all workers.
  let cache: CacheStore
  let unixClock: UnixClock
  /// For ids and balancing; seeded from the system once.
  var random: SplitMix64
  /// For what must not be guessed.
  var secureRandom = SecureRandom()
  var counters = WorkerCounters()
  private(set) var snapshot: Snapshot {
    didSet {
      mainSection = .passUnretained(snapshot.main)
      configurationNumber &+= 1
    }
  }
  /// The snapshot's routes for callers; not counted, because it is replaced between calls of handlers.
  private(set) var mainSection: Unmanaged<RouteSection>
  /// How many configurations there were before this one.
  private(set) var configurationNumber = 0
  /// By socket, see `ListenerSpecification`.
  private(set) var listeners: [Int: HTTPListener] = [:]
  /// What is known of targets' names; from the control thread.
  private(set) var addresses: [String: NameAddresses] = [:]
  /// The static table of the configuration in force; decides what a target looks up.
  private(set) var hosts: [String: [String]] = [:]
  let noListener: CompiledListener
  /// Of the gateway's own calls, which say nothing about forwarding but what they are made of.
  let ownCalls: CompiledListener
  /// Response heads are parsed into this one; it is used within one call.
  var response = ResponseHead()
  /// What upstream heads may be at most.
  let headLimits = HeadLimits()
  let accessLog: AccessLog
  /// The beginning of the log lines of this turn.
  var logTime = LogTime()
  /// Of policies, until the configuration has no use for them and they are empty.
  var policyLogs: [AccessLog] = []
  var logSenders: [LogSender] = []
  let sessions: SessionRegistry
  let watches = SessionWatches()
  private(set) lazy var accepts = WebSocketAccept()
  let clockWatch: ClockWatch
  let revocations: WorkerRevocations
  /// While this is false, nothing else is looked at.
  var hasRevocations = false
  /// All workers of the gateway, this one among them.
  let peers: WorkerPeers
  /// Of requests about sessions of other workers; see `SessionTokenLookUp`.
  var lookUps = 0
  /// Shared by all workers.
  let admission: SessionAdmission
  /// A response's fields on their way to HPACK, within one call.
  var http2Fields = HTTP2FieldList()
  let http2Windows = HTTP2WindowBudget()
  /// A request in HTTP/1.1's words on its way there.
  var http2Text = ByteBuffer()
  /// A control frame's payload, within one call.
  var scratch = ByteBuffer(capacity: 128)
  /// A part of a stored body that somebody wants to see; empty unless that has happened.
  var storedPart = ByteBuffer()
  /// All of them are registered, so the loop keeps them.
  private var spareExchanges: [Unmanaged<Exchange>] = []
  private var dateCache = HTTPDate()
  private var lastClock: WallClock?
  private var drain: WorkerDrain?

  private static let maxSpareExchanges = 1_024
  /// Logged when the caller left before any response, as nginx does.
  private static let statusOfNone = 499

  init(
    index: Int, of count: Int, loop: EventLoop, control: any WorkerControl, logWriter: LogWriter?,
    stores: PolicyStores = PolicyStores(), cache: CacheStore = CacheStore(),
    admission: SessionAdmission = SessionAdmission(), peers: WorkerPeers = WorkerPeers(),
    clock: UnixClock = .system
  ) {
    self.index = index
    workerCount = count
    self.loop = loop
    self.control = control
    self.stores = stores
    self.cache = cache
    unixClock = clock
    accessLog = AccessLog(loop: loop, writer: logWriter)
    sessions = SessionRegistry(loop: loop)
    revocations = WorkerRevocations(loop: loop)
    clockWatch = ClockWatch(loop: loop, clock: clock)
    self.admission = admission
    self.peers = peers
    var generator = SystemRandomNumberGenerator()
    random = SplitMix64(seed: generator.next())
    noListener = CompiledListener(
      name: "", index: -1, settings: Configuration.Listener(), port: 0, destination: .routes)
    var settings = Configuration.Listener()
    settings.forwarded.xForwarded = false
    settings.forwarded.forwarded = false
    settings.forwarded.via = ""
    ownCalls = CompiledListener(
      name: "", index: -1, settings: settings, port: 0, destination: .nobody)
    let empty = Snapshot()
    mainSection = .passUnretained(empty.main)
    snapshot = empty
    loop.owner = self
  }

  /// The worker that runs `loop`, for calls through the mailbox.
  static func of(_ loop: EventLoop) -> Worker {
    guard let worker = loop.owner as? Worker else {
      preconditionFailure("this loop belongs to no worker")
    }
    return worker
  }

  /// The time for Date fields; formatted once a second.
  var date: [UInt8] { dateCache.text(now: loop.now) }

  /// Unix time of moments on the monotonic clock.
  func wallClock(now: MonotonicTime) -> WallClock {
    let clock = WallClock(now: now, unixClock, former: lastClock)
    lastClock = clock
    return clock
  }

  // MARK: Exchanges

  func takeExchange() -> Exchange { spareExchange().takeUnretainedValue() }

  /// The same without counting the reference; the loop keeps it until the end of the turn in which it is
  /// unregistered, as it does with all handlers.
  func spareExchange() -> Unmanaged<Exchange> {
    // A new one is registered, so it outlives this call.
    spareExchanges.popLast() ?? .passUnretained(Exchange(worker: self))
  }

  /// Takes back an exchange that is over or was never begun.
  func giveBack(_ exchange: Exchange) {
    if spareExchanges.count < Self.maxSpareExchanges {
      spareExchanges.append(.passUnretained(exchange))
    } else {
      loop.unregister(exchange)
    }
  }

  func exchange(_ token: HandlerToken) -> Exchange? { loop.handler(token) as? Exchange }

  func exchangeFinished(_ exchange: Exchange) {
    counters.exchangesInProgress &-= 1
    // Whoever reads the metrics should not see themselves there.
    if exchange.withListener({ $0.servesRoutes }) && !exchange.record.isBackground {
      let status = exchange.record.status == 0 ? Self.statusOfNone : exchange.record.status
      exchange.count(status: status)
      if accessLog.isOn { accessLog.write(exchange, status: status) }
      tellLogs(of: exchange, status)
    }
    exchange.reset()
    giveBack(exchange)
    if drain != nil { drainProgressed() }
  }

  /// The policies of the stage `log`.
  private func tellLogs(of exchange: Exchange, _ status: Int) {
    let redirect = exchange.internalRedirect
    if redirect == nil, exchange.isRouted {
      exchange.withPolicies { $0.tellLogs(of: exchange, status) }
      return
    }
    let chain = exchange.isRouted ? exchange.policies : snapshot.unrouted
    chain?.tellLogs(of: exchange, status)
    for policy in redirect?.logs(except: chain) ?? [] { policy.logged(exchange, status: status) }
  }

  func sessionChanged(_ event: SessionEvent) {
    if accessLog.isOn { accessLog.write(event) }
    let route = event.session.route
    let chain =
      event.session.identity.flatMap { route.callerPolicies?.chain(for: $0) } ?? route.policies
    if let chain { for policy in chain.log { policy.logged(event) } }
    control.sessionChanged(event, now: loop.now)
  }

  /// Goes on with an exchange that a policy let wait, if it is still there.
  func resume(_ ticket: PolicyTicket, _ decide: (Exchange) -> PolicyOutcome) {
    exchange(ticket.token)?.resume(use: ticket.use, decide)
  }

  // MARK: Health and names

  func healthChanged(_ change: HealthChange, _ service: UpstreamService, _ target: Int) {
    switch change {
    case .unchanged: return
    case .becameEjected:
      counters.ejections &+= 1
      control.log(
        .targetEjected(service: service.name, target: service.targets[target].displayName))
      service.targets[target].dismissQueue()
    case .recovered:
      control.log(
        .targetRecovered(service: service.name, target: service.targets[target].displayName))
    }
  }

  func connectFailed(name: String) { control.connectFailed(name: name) }

  func addressesChanged(_ name: String, _ resolution: NameAddresses) {
    if case .failed = resolution, case .found = addresses[name] { return }
    addresses[name] = resolution
    for service in snapshot.services.values {
      for target in service.targets where target.lookupName == name {
        target.addressesChanged(resolution)
      }
      for check in service.checks where check.target.lookupName == name {
        check.target.addressesChanged(resolution)
      }
    }
  }

  /// What is known now of a target that this worker checks: all workers have to know.
  func checkEnded(service: String, url: String, isHealthy: Bool) {
    targetChecked(service: service, url: url, isHealthy: isHealthy)
    for other in 0..<workerCount where other != index {
      peers[other]?.post { loop in
        Worker.of(loop).targetChecked(service: service, url: url, isHealthy: isHealthy)
      }
    }
  }

  private func targetChecked(service: String, url: String, isHealthy: Bool) {
    // It may have left the configuration meanwhile.
    snapshot.services[service]?.checked(url: url, isHealthy: isHealthy, now: loop.now)
  }

  // MARK: Configuration

  /// Puts a checked configuration in force, whole.
  func apply(
    _ configuration: Configuration, tls: TLSMaterial = TLSMaterial(),
    listeners specifications: [ListenerSpecification],
    sessions reconciliation: SessionReconciliation? = nil
  ) {
    let former = snapshot
    hosts = configuration.hosts
    do throws(RouterError) {
      snapshot = try Snapshot(configuration, tls: tls, worker: self, former: former)
    } catch {
      preconditionFailure("the configuration was not checked: \(error)")
    }
    for (name, service) in former.services {
      service.retire(successor: snapshot.services[name])
    }
    former.policies?.retire()
    // They refer to the listeners that they were used on.
    for exchange in spareExchanges { loop.unregister(exchange.takeUnretainedValue()) }
    spareExchanges.removeAll()
    applyListeners(specifications)
    if let reconciliation {
      reconcile(reconciliation, closeRate: configuration.shutdown.closeRate)
    }
  }

  private func applyListeners(_ specifications: [ListenerSpecification]) {
    let sockets = Set(specifications.map(\.socket))
    for (socket, listener) in listeners where !sockets.contains(socket) {
      listener.drain()
      retiredListeners.append(listener)
      listeners[socket] = nil
    }
    for specification in specifications {
      let compiled = specification.compile()
      if let descriptor = specification.descriptor(worker: index) {
        listeners[specification.socket] = HTTPListener(
          worker: self, compiled: compiled, descriptor: descriptor,
          isShared: specification.isShared)
      } else {
        listeners[specification.socket]?.compiled = compiled
      }
    }
    retiredListeners.removeAll { $0.connectionCount == 0 }
    // What still arrives there is routed by the new snapshot, so it must not pass for another's.
    for listener in retiredListeners {
      let name = listener.compiled.name
      listener.compiled.index = specifications.first { $0.name == name }?.index ?? -1
    }
  }

  /// Listeners that accept no more and still have connections.
  private var retiredListeners: [HTTPListener] = []

  // MARK: Shutdown

  /// Connections that a drain waits for; those of the admin listener may stay until the end, so
  /// that it can tell of the drain.
  var connectionCount: Int {
    routeListeners.reduce(0) { $0 + $1.connectionCount }
  }

  private var routeListeners: [HTTPListener] {
    (Array(listeners.values) + retiredListeners).filter { $0.compiled.servesRoutes }
  }

  /// Accepts no more, lets exchanges finish, cuts off the rest at the deadline, then calls `done`
  /// once.
  func drain(_ settings: Configuration.Shutdown, _ done: @escaping @Sendable () -> Void) {
    for listener in routeListeners { listener.drain() }
    let drain = WorkerDrain(worker: self, settings: settings, done: done)
    self.drain = drain
    drain.begin()
  }

  func drainProgressed() { drain?.progressed() }

  func drainEnded() { drain = nil }

  /// Sends what waits for servers of logs; true when nothing does.
  func hurryLogs() -> Bool {
    logSenders.reduce(true) { $1.hurry() && $0 }
  }

  /// `done` is not called any more. Listeners that were closed have to be opened anew.
  func abortDrain() {
    drain?.end()
    drain = nil
    for sender in logSenders { sender.takeTime() }
  }

  /// Cuts off what the deadline finds.
  func closeRouteConnections() {
    for listener in routeListeners { listener.closeConnections() }
  }

  /// Ends what is left and the loop.
  func stop() {
    for listener in Array(listeners.values) + retiredListeners {
      listener.drain()
      listener.closeConnections()
    }
    for session in sessions.all() { session.cutOff() }
    accessLog.flush()
    for log in policyLogs { log.flush() }
    // The owner stays until the loop lets go of it: mail that is on its way may ask for it.
    loop.stop()
  }
}

/// What a worker may ask of the control thread; callable from any thread, never blocks.
protocol WorkerControl: Sendable {
  func connectFailed(name: String)
  func log(_ event: LifecycleEvent)
  /// Called on the session's worker only.
  func sessionChanged(_ event: SessionEvent, now: MonotonicTime)
}
