import CLinux
import Glibc
public import Logging
public import SluiceConfiguration
public import SluiceGateway
import SluiceReactor

/// A gateway with its admin listener, and the life of the process around it: start, reload, drain.
public final class GatewayProcess: Sendable {
  public let gateway: Gateway
  private let logger: Logger
  private let counters: ControlCounters

  /// Starts the gateway; throws when a listener can't be bound, and then nothing runs.
  public init(_ configuration: Configuration, logger: Logger) throws(Gateway.StartError) {
    self.logger = logger
    let counters = ControlCounters()
    self.counters = counters
    let admin = AdminResponder(counters: counters)
    var options = Gateway.Options()
    if let settings = configuration.admin {
      options.responders = [("admin", settings.address, admin)]
    }
    options.onEvent = { event in
      // An address that is written as a target needs no look-up.
      if case .nameResolved(let name, let addresses) = event, addresses == [name] { return }
      counters.count(event)
      Self.log(event, to: logger)
    }
    let limit = DescriptorLimit.raise()
    gateway = try Gateway(configuration, options: options)
    admin.attach(gateway)
    announce(configuration, descriptors: limit)
  }

  private func announce(_ configuration: Configuration, descriptors limit: UInt64) {
    let workers = Self.workers(of: configuration)
    let needed = DescriptorLimit.needed(by: configuration, workers: workers)
    if needed > limit {
      logger.warning(
        "descriptor limit is below the connection limits",
        metadata: ["limit": "\(limit)", "needed": "\(needed)"])
    }
    for name in configuration.listeners.keys.sorted()
      + (configuration.admin == nil ? [] : ["admin"])
    {
      guard let address = gateway.address(ofListener: name) else { continue }
      logger.info("listening", metadata: ["listener": "\(name)", "address": "\(address)"])
    }
    logger.info(
      "started",
      metadata: [
        "version": "\(SluiceVersion.current)", "workers": "\(workers)",
        "routes": "\(configuration.routes.count)", "services": "\(configuration.services.count)",
      ])
  }

  private static func workers(of configuration: Configuration) -> Int {
    switch configuration.workers {
    case .automatic: Int(clinux_usable_cpu_count())
    case .count(let count): count
    }
  }

  private static func log(_ event: LifecycleEvent, to logger: Logger) {
    var metadata: Logger.Metadata = [:]
    for (key, value) in event.metadata { metadata["\(key)"] = "\(value)" }
    logger.log(level: event.isProblem ? .warning : .info, "\(event.message)", metadata: metadata)
  }

  // MARK: Signals

  /// Serves until SIGTERM or SIGINT, drains, and returns; a second one ends the process at once.
  /// SIGHUP calls `reread` and puts its result in force if it is valid.
  public func run(_ signals: Signals, reread: () -> ReadResult?) {
    while true {
      switch signals.next() {
      case SIGHUP: if let result = reread() { reload(result) }
      default: return drain(signals)
      }
    }
  }

  /// The signals that `run` understands.
  public static func holdSignals() -> Signals { Signals.hold([SIGTERM, SIGINT, SIGHUP]) }

  func reload(_ result: ReadResult) {
    guard let configuration = result.configuration else {
      let errors = result.diagnostics.count { $0.severity == .error }
      counters.reloadRefused()
      return logger.error(
        "reload refused, the former configuration stays in force", metadata: ["errors": "\(errors)"]
      )
    }
    do throws(Gateway.StartError) {
      if configuration.admin != gateway.configuration.admin { throw .restartNeeded("admin") }
      try gateway.reload(configuration)
      counters.reloaded()
      logger.info(
        "reloaded",
        metadata: [
          "routes": "\(configuration.routes.count)", "services": "\(configuration.services.count)",
        ])
    } catch {
      counters.reloadRefused()
      logger.error(
        "reload refused, the former configuration stays in force",
        metadata: ["reason": "\(error.text)"])
    }
  }

  private func drain(_ signals: Signals) {
    let timeout = gateway.configuration.shutdown.timeout
    logger.info("draining", metadata: ["timeout": "\(timeout.text)"])
    var impatience = pthread_t()
    // SAFETY: the thread's main function takes the retained object, once. A thread, because the
    // main one blocks in shutDown.
    let context = Unmanaged.passRetained(Impatience(signals, logger))
    pthread_create(&impatience, nil, { Impatience.main($0) }, context.toOpaque())
    gateway.shutDown()
    logger.info("stopped")
  }

  /// Waits for the second signal.
  private final class Impatience {
    let signals: Signals
    let logger: Logger

    init(_ signals: Signals, _ logger: Logger) {
      self.signals = signals
      self.logger = logger
    }

    static func main(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
      guard let argument else { return nil }
      // SAFETY: the argument is the retained Impatience that drain passed, consumed exactly once.
      let context = Unmanaged<Impatience>.fromOpaque(argument).takeRetainedValue()
      while context.signals.next() == SIGHUP {}
      context.logger.warning("stopped before the drain was over")
      _exit(1)
    }
  }
}

extension LifecycleEvent {
  fileprivate var isProblem: Bool {
    switch self {
    case .targetRecovered, .nameResolved: false
    case .targetEjected, .targetHandshakeFailed, .nameLookupFailed, .accessLogLost: true
    }
  }
}

extension Gateway.StartError {
  /// One line for a person.
  public var text: String {
    switch self {
    case .listen(let name, let address, let error) where error.code == EADDRINUSE:
      "listener \(name) can't listen on \(address): the address is in use by another process"
    case .listen(let name, let address, let error) where error.code == EACCES:
      "listener \(name) can't listen on \(address): permission denied"
        + " (ports below 1024 need CAP_NET_BIND_SERVICE)"
    case .listen(let name, let address, let error) where error.code == EADDRNOTAVAIL:
      "listener \(name) can't listen on \(address): this machine has no such address"
    default: description
    }
  }
}
