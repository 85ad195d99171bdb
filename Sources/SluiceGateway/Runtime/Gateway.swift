public import SluiceConfiguration
public import SluiceReactor

/// A running gateway: its workers, listeners, control loop and log.
///
/// Thread-safe; everything here is for set-up, reload and reading, never on the request path.
public final class Gateway: Sendable {
  /// Beyond what the configuration says.
  public struct Options: Sendable {
    /// Answers for whole listeners that the configuration does not have.
    public var responders: [Responder] = []
    public var onEvent: @Sendable (LifecycleEvent) -> Void = { _ in }
    public var sessionObserver: SessionObserver?
    /// By which tokens, certificates and grants end, and keys of TLS tickets are replaced.
    public var clock = UnixClock.system
    public init() {}

    /// Tells of lines that an output of logs has lost.
    var onLogLoss: @Sendable (LogWriter.Output, UInt64) -> Void {
      { [onEvent] output, batches in
        onEvent(.logLost(output: output.text, batches: batches))
      }
    }
  }

  /// Who answers at an address of its own, such as the admin API. The name must not be a listener's.
  public typealias Responder = (name: String, address: String, responder: any LocalResponder)

  struct WorkerHandle: Sendable {
    let thread: LoopThread
  }

  private struct State: ~Copyable {
    var configuration: Configuration
    var responders: [Responder] = []
    var bound = BoundListeners()
    var tls = TLSMaterial()
    var drain: DrainTicket?
    var isStopped = false
  }

  let workers: [WorkerHandle]
  private let control: ControlLoop
  let revocations: RevocationList
  private let admission = SessionAdmission()
  private let logWriter: LogWriter?
  private let stores: PolicyStores
  private let cache: CacheStore
  private let state: Locked<State>
  private let ticketKeys: TLSTicketKeys
  /// Free while nobody reloads or begins or ends a drain: whoever waits for it may do so.
  let changes = Semaphore()

  /// Starts the workers and binds every listener; throws when one can't be bound, and then nothing
  /// runs. The configuration must come from the reader without errors.
  public init(_ configuration: Configuration, options: Options = Options()) throws(StartError) {
    try Self.check(configuration)
    try Self.checkLogs(configuration, except: [])
    ticketKeys = TLSTicketKeys { [clock = options.clock] in Int(clock.seconds) }
    do throws(RevocationFile.Problem) {
      revocations = try RevocationList(file: configuration.admin?.revocationFile)
    } catch {
      throw .revocations(error.text)
    }
    stores = PolicyStores(logs: LogOutputs(onLoss: options.onLogLoss))
    logWriter = try Self.openLog(configuration.accessLog, options)
    if let logWriter { stores.logs.keep(logWriter) }
    state = Locked(State(configuration: configuration))
    cache = CacheStore(configuration.cacheStore)
    do throws(SystemError) {
      control = try ControlLoop(observer: options.sessionObserver, onEvent: options.onEvent)
    } catch {
      stores.logs.close()
      throw .system(error)
    }
    workers = try Self.startWorkers(
      Self.count(of: configuration.workers),
      WorkerParts(
        control: control, logWriter: logWriter, stores: stores, cache: cache, admission: admission,
        clock: options.clock))
    restoreRevocations()
    do throws(StartError) {
      try apply(configuration, options.responders)
    } catch {
      Self.stop(workers, control, stores.logs)
      throw error
    }
    changes.post()
  }

  /// Nil where there is none.
  private static func openLog(
    _ settings: Configuration.AccessLog, _ options: Options
  ) throws(StartError) -> LogWriter? {
    if settings.format == .off { return nil }
    let output = LogWriter.Output(settings.output)
    do throws(LogWriter.OpenError) {
      return try LogWriter(output, onLoss: { options.onLogLoss(output, $0) })
    } catch {
      throw .log(error.description)
    }
  }

  private static func count(of workers: Configuration.WorkerCount) -> Int {
    switch workers {
    case .automatic: UsableProcessors.count
    case .count(let number): number
    }
  }

  /// What all workers share.
  private struct WorkerParts: Sendable {
    let control: ControlLoop
    let logWriter: LogWriter?
    let stores: PolicyStores
    let cache: CacheStore
    let admission: SessionAdmission
    let clock: UnixClock
  }

  /// All of them, or none and nothing else runs either.
  private static func startWorkers(
    _ count: Int, _ parts: WorkerParts
  ) throws(StartError) -> [WorkerHandle] {
    var workers: [WorkerHandle] = []
    do throws(SystemError) {
      let peers = WorkerPeers()
      for index in 0..<count {
        let thread = try LoopThread(name: "worker-\(index)") { loop in
          _ = Worker(
            index: index, of: count, loop: loop, control: parts.control,
            logWriter: parts.logWriter, stores: parts.stores, cache: parts.cache,
            admission: parts.admission, peers: peers, clock: parts.clock)
        }
        workers.append(WorkerHandle(thread: thread))
      }
      peers.set(workers.map(\.thread.mailbox))
    } catch {
      stop(workers, parts.control, parts.stores.logs)
      throw .system(error)
    }
    return workers
  }

  public enum StartError: Error, Sendable, CustomStringConvertible {
    case listen(name: String, address: String, error: SystemError)
    case address(name: String, text: String)
    case routes(String)
    case target(service: String, url: String)
    case policy(String)
    case tls(owner: String, error: TLSError)
    case log(String)
    case revocations(String)
    case system(SystemError)
    case restartNeeded(String)
    case shuttingDown

    public var description: String {
      switch self {
      case .listen(let name, let address, let error):
        "listener \(name) can't listen on \(address): \(error.description)"
      case .address(let name, let text): "listener \(name): \(text) is not an address"
      case .routes(let text): text
      case .target(let service, let url): "service \(service): \(url) is not a target"
      case .policy(let text): text
      case .tls(let owner, let error): "\(owner): tls.\(error.setting): \(error.reason)"
      case .log(let text): "access log: \(text)"
      case .revocations(let text): "admin.revocationFile: \(text)"
      case .system(let error): error.description
      case .restartNeeded(let setting): "\(setting) can't change while the gateway runs"
      case .shuttingDown: "the gateway is being drained"
      }
    }
  }

  /// Everything that compiling could refuse, before any worker does it.
  public static func check(_ configuration: Configuration) throws(StartError) {
    do throws(RouterError) {
      for (section, routes) in configuration.routesBySection {
        _ = try Router(
          routes: section.isEmpty ? routes.merging(configuration.tokenRoutes) { $1 } : routes,
          listeners: configuration.listeners.keys.sorted())
      }
    } catch {
      throw .routes("\(error)")
    }
    for (name, service) in configuration.allServices {
      for target in service.targets where TargetURL(target.url) == nil {
        throw .target(service: name, url: target.url)
      }
    }
    if let problem = PolicyCompiler.problem(in: configuration) { throw .policy(problem) }
  }

  /// Files that can't be written to, as far as that shows on this machine. Those that are written to already
  /// are none of a reload's business: a log's full or closed directory must not keep a certificate from its
  /// renewal.
  private static func checkLogs(
    _ configuration: Configuration, except former: Set<String>
  ) throws(StartError) {
    for effective in configuration.everyPolicy {
      guard let log = effective.settings as? Configuration.FileLog, !former.contains(log.path),
        let problem = LogWriter.problem(path: log.path)
      else { continue }
      throw .policy("\(effective.name) of \(effective.origin.text): \(problem)")
    }
  }

  // MARK: Reload

  /// The configuration in force.
  public var configuration: Configuration { state.withLock { $0.configuration } }

  /// Puts another configuration in force, whole or not at all. Returns when every worker has it.
  ///
  /// `responders` replace the former ones; without, those stay as they are. Calls take turns.
  public func reload(
    _ configuration: Configuration, responders: [Responder]? = nil
  ) throws(StartError) {
    changes.wait()
    defer { changes.post() }
    let (current, drain) = state.withLock { ($0.configuration, $0.drain) }
    if drain != nil { throw .shuttingDown }
    if configuration.workers != current.workers { throw .restartNeeded("workers") }
    if configuration.accessLog != current.accessLog { throw .restartNeeded("accessLog") }
    if configuration.admin?.revocationFile != current.admin?.revocationFile {
      throw .restartNeeded("admin.revocationFile")
    }
    try Self.check(configuration)
    try Self.checkLogs(configuration, except: current.logOutputs)
    try apply(configuration, responders ?? state.withLock { $0.responders })
    stores.logs.sweep(configuration)
    stores.logs.reopen()
  }

  /// Refused before anything has changed, or done: reading the files of TLS and binding are the only
  /// steps that can fail.
  private func apply(
    _ configuration: Configuration, _ responders: [Responder]
  ) throws(StartError) {
    var (bound, former, formerTLS) = state.withLock { ($0.bound, $0.configuration, $0.tls) }
    let tls = try TLSMaterial(configuration, keys: ticketKeys, former: formerTLS)
    let specifications = try bound.change(
      to: Self.listeners(of: configuration, responders, tls), workers: workers.count)
    stores.sweep(for: configuration)
    cache.apply(configuration.cacheStore)
    control.watchNames(of: configuration, workers: workers)
    distribute(
      configuration, tls, specifications,
      sessions: SessionReconciliation(from: former, to: configuration))
    let now = bound
    state.withLock {
      $0.configuration = configuration
      $0.responders = responders
      $0.bound = now
      $0.tls = tls
    }
  }

  /// Returns when every worker has it.
  private func distribute(
    _ configuration: Configuration, _ tls: TLSMaterial, _ specifications: [ListenerSpecification],
    sessions reconciliation: SessionReconciliation? = nil,
    first prepare: @escaping @Sendable (Worker) -> Void = { _ in }
  ) {
    let pending = Countdown(workers.count)
    for worker in workers {
      worker.thread.mailbox.post { loop in
        let worker = Worker.of(loop)
        prepare(worker)
        worker.apply(
          configuration, tls: tls, listeners: specifications, sessions: reconciliation)
        pending.arrive()
      }
    }
    pending.wait()
  }

  /// Binds the listeners that a drain has closed, at the addresses that they had.
  func reopenListeners() throws(StartError) {
    let (configuration, responders, tls) = state.withLock {
      ($0.configuration, $0.responders, $0.tls)
    }
    // The workers close the sockets when they come to the drain's mail; what is posted behind it finds
    // the ports free.
    let closed = Countdown(workers.count)
    for worker in workers { worker.thread.mailbox.post { _ in closed.arrive() } }
    closed.wait()
    var bound = state.withLock { $0.bound }
    bound.release(Set(configuration.listeners.keys))
    let specifications = try bound.change(
      to: Self.listeners(of: configuration, responders, tls), workers: workers.count)
    distribute(configuration, tls, specifications) { $0.abortDrain() }
    let now = bound
    state.withLock { $0.bound = now }
  }

  private static func listeners(
    of configuration: Configuration, _ responders: [Responder], _ tls: TLSMaterial
  ) -> [BoundListeners.Wanted] {
    let configured = configuration.listeners.sorted { $0.key < $1.key }.enumerated()
    return configured.map { index, listener in
      BoundListeners.Wanted(
        name: listener.key, index: index, settings: listener.value, destination: .routes,
        tls: tls.listeners[listener.key])
    }
      + responders.map { extra in
        var settings = Configuration.Listener()
        settings.address = extra.address
        return BoundListeners.Wanted(
          name: extra.name, index: -1, settings: settings,
          destination: .responder(extra.responder), tls: nil)
      }
  }

  /// Where a listener is bound; the port is the kernel's choice when the configuration says 0.
  public func address(ofListener name: String) -> SocketAddress? {
    state.withLock { $0.bound.address(of: name) }
  }

  // MARK: Reading

  /// What every worker counted, read on the workers' threads.
  public func reports() async -> [WorkerReport] {
    var reports: [WorkerReport] = []
    for worker in workers {
      let report: WorkerReport? = await withCheckedContinuation { continuation in
        let isRunning = worker.thread.mailbox.post { loop in
          continuation.resume(returning: Worker.of(loop).report())
        }
        if !isRunning { continuation.resume(returning: nil) }
      }
      if let report { reports.append(report) }
    }
    return reports
  }

  /// Forgets stored responses; returns how many. Blocks for as long as it takes to look through them.
  @discardableResult
  public func purgeCache(_ purge: CachePurge) -> Int { cache.purge(purge) }

  /// How full the cache is.
  public var cacheUsage: CacheUsage { cache.usage }

  /// Batches of log lines lost because the log's output was too slow.
  public var lostLogBatches: UInt64 { logWriter?.lostBatches ?? 0 }

  /// Lines of `file-log` and `http-log`.
  public var logCounts: LogCounts { stores.logs.totals.counts }

  /// False while the gateway drains, and from the beginning of the shutdown.
  public var isReady: Bool { drainTicket == nil }

  // MARK: Shutdown

  /// The drain under way or over; none while the gateway serves.
  var drainTicket: DrainTicket? {
    state.withLock { $0.drain }
  }

  func setDrainTicket(_ ticket: DrainTicket?) { state.withLock { $0.drain = ticket } }

  func report(_ event: LifecycleEvent) { control.log(event) }

  /// Ends all threads, once.
  func stop() {
    let isStopped = state.withLock { state in
      defer { state.isStopped = true }
      return state.isStopped
    }
    if !isStopped { Self.stop(workers, control, stores.logs) }
  }

  private static func stop(
    _ workers: [WorkerHandle], _ control: ControlLoop, _ logs: LogOutputs
  ) {
    for worker in workers { worker.thread.mailbox.post { loop in Worker.of(loop).stop() } }
    for worker in workers { worker.thread.join() }
    control.stop()
    logs.close()
  }
}
