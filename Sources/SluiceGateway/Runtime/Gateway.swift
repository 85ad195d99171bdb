import CLinux
import Glibc
public import SluiceConfiguration
public import SluiceReactor

/// A running gateway: its workers, listeners, control loop and log.
///
/// Thread-safe; everything here is for set-up, reload and reading, never on the request path.
public final class Gateway: Sendable {
  /// Beyond what the configuration says.
  public struct Options: Sendable {
    /// Answers for whole listeners that the configuration does not have: name, address, responder.
    public var responders: [(name: String, address: String, responder: any LocalResponder)] = []
    public var onEvent: @Sendable (LifecycleEvent) -> Void = { _ in }
    public init() {}
  }

  struct WorkerHandle: Sendable {
    let thread: LoopThread
  }

  private struct State: ~Copyable {
    var configuration: Configuration
    var bound: [String: BoundListener] = [:]
    var isDraining = false
  }

  struct BoundListener: Sendable {
    let address: String
    let local: SocketAddress
  }

  let workers: [WorkerHandle]
  private let control: ControlLoop
  private let options: Options
  private let logWriter: LogWriter?
  private let state: Locked<State>

  /// Starts the workers and binds every listener; throws when one can't be bound, and then nothing
  /// runs. The configuration must come from the reader without errors.
  public init(_ configuration: Configuration, options: Options = Options()) throws(StartError) {
    self.options = options
    try Self.check(configuration)
    do throws(LogWriter.OpenError) {
      logWriter =
        configuration.accessLog.format == .off
        ? nil : try LogWriter(LogWriter.Output(configuration.accessLog.output))
    } catch {
      throw .log(error.description)
    }
    let count: Int
    switch configuration.workers {
    case .automatic: count = Int(clinux_usable_cpu_count())
    case .count(let number): count = number
    }
    state = Locked(State(configuration: configuration))
    do throws(SystemError) {
      control = try ControlLoop(onEvent: options.onEvent)
      let (control, logWriter) = (control, logWriter)
      var workers: [WorkerHandle] = []
      for index in 0..<count {
        let thread = try LoopThread(name: "worker-\(index)") { loop in
          _ = Worker(
            index: index, of: count, loop: loop, control: control, logWriter: logWriter)
        }
        workers.append(WorkerHandle(thread: thread))
      }
      self.workers = workers
    } catch {
      throw .system(error)
    }
    try apply(configuration)
  }

  public enum StartError: Error, Sendable, CustomStringConvertible {
    case listen(name: String, address: String, error: SystemError)
    case address(name: String, text: String)
    case routes(String)
    case target(service: String, url: String)
    case log(String)
    case system(SystemError)
    case restartNeeded(String)

    public var description: String {
      switch self {
      case .listen(let name, let address, let error):
        "listener \(name) can't listen on \(address): \(error.description)"
      case .address(let name, let text): "listener \(name): \(text) is not an address"
      case .routes(let text): text
      case .target(let service, let url): "service \(service): \(url) is not a target"
      case .log(let text): "access log: \(text)"
      case .system(let error): error.description
      case .restartNeeded(let setting): "\(setting) can't change while the gateway runs"
      }
    }
  }

  /// Everything that compiling could refuse, before any worker does it.
  public static func check(_ configuration: Configuration) throws(StartError) {
    do throws(RouterError) {
      _ = try Router(
        routes: configuration.routes, listeners: configuration.listeners.keys.sorted())
    } catch {
      throw .routes("\(error)")
    }
    for (name, service) in configuration.services {
      for target in service.targets where TargetURL(target.url) == nil {
        throw .target(service: name, url: target.url)
      }
    }
  }

  // MARK: Reload

  /// The configuration in force.
  public var configuration: Configuration { state.withLock { $0.configuration } }

  /// Puts another configuration in force, whole or not at all. Returns when every worker has it.
  public func reload(_ configuration: Configuration) throws(StartError) {
    let current = self.configuration
    if configuration.workers != current.workers { throw .restartNeeded("workers") }
    if configuration.accessLog != current.accessLog { throw .restartNeeded("accessLog") }
    try Self.check(configuration)
    try apply(configuration)
    logWriter?.reopen()
  }

  private func apply(_ configuration: Configuration) throws(StartError) {
    var bound = state.withLock { $0.bound }
    let specifications = try bind(configuration, &bound)
    control.watchNames(of: configuration, workers: workers)
    let pending = Countdown(workers.count)
    for worker in workers {
      worker.thread.mailbox.post { loop in
        Worker.of(loop).apply(configuration, listeners: specifications)
        pending.arrive()
      }
    }
    pending.wait()
    let now = bound
    state.withLock {
      $0.configuration = configuration
      $0.bound = now
    }
  }

  /// Opens what is new; on failure closes it again.
  private func bind(
    _ configuration: Configuration, _ bound: inout [String: BoundListener]
  ) throws(StartError) -> [ListenerSpecification] {
    var wanted: [(String, Int, Configuration.Listener, ListenerSpecification.Destination)] = []
    for (index, name) in configuration.listeners.keys.sorted().enumerated() {
      guard let settings = configuration.listeners[name] else { continue }
      wanted.append((name, index, settings, .routes))
    }
    for extra in options.responders {
      var settings = Configuration.Listener()
      settings.address = extra.address
      wanted.append((extra.name, -1, settings, .responder(extra.responder)))
    }
    var specifications: [ListenerSpecification] = []
    var opened: [Int32] = []
    do throws(StartError) {
      for (name, index, settings, destination) in wanted {
        var descriptors: [Int32]?
        if bound[name]?.address != settings.address {
          let fresh = try Self.open(name, settings.address, count: workers.count)
          opened += fresh
          descriptors = fresh
          guard let local = Sockets.localAddress(of: fresh[0]) else {
            throw .address(name: name, text: settings.address)
          }
          bound[name] = BoundListener(address: settings.address, local: local)
        }
        specifications.append(
          ListenerSpecification(
            name: name, index: index, settings: settings, port: bound[name]?.local.port ?? 0,
            isShared: bound[name]?.local.isUnix ?? false, destination: destination,
            descriptors: descriptors))
      }
    } catch {
      for descriptor in opened { close(descriptor) }
      throw error
    }
    let names = Set(wanted.map(\.0))
    for name in bound.keys where !names.contains(name) { bound[name] = nil }
    return specifications
  }

  private static func open(
    _ name: String, _ address: String, count: Int
  ) throws(StartError) -> [Int32] {
    guard let parsed = SocketAddress(address) else { throw .address(name: name, text: address) }
    do throws(SystemError) {
      return try Sockets.listen(on: parsed, count: count)
    } catch {
      throw .listen(name: name, address: address, error: error)
    }
  }

  /// Where a listener is bound; the port is the kernel's choice when the configuration says 0.
  public func address(ofListener name: String) -> SocketAddress? {
    state.withLock { $0.bound[name]?.local }
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

  /// Batches of log lines lost because the log's output was too slow.
  public var lostLogBatches: UInt64 { logWriter?.lostBatches ?? 0 }

  /// False from the beginning of the shutdown.
  public var isReady: Bool { state.withLock { !$0.isDraining } }

  // MARK: Shutdown

  /// Accepts no more, lets exchanges finish until the configuration's deadline, and ends all
  /// threads. Blocks; call once.
  public func shutDown() {
    let timeout = state.withLock { state in
      state.isDraining = true
      return state.configuration.shutdown.timeout
    }
    let pending = Countdown(workers.count)
    for worker in workers {
      worker.thread.mailbox.post { loop in Worker.of(loop).drain { pending.arrive() } }
    }
    pending.wait(nanoseconds: timeout.nanoseconds)
    for worker in workers { worker.thread.mailbox.post { loop in Worker.of(loop).stop() } }
    for worker in workers { worker.thread.join() }
    control.stop()
    logWriter?.close()
  }
}
