import Foundation
import Glibc
public import Logging
public import SluiceConfiguration
public import SluiceGateway
public import SluiceReactor

/// A gateway with its admin listener, and the life of the process around it: start, reload, drain.
public final class GatewayProcess: Sendable {
  public let gateway: Gateway
  private let logger: Logger
  private let admin: AdminContext
  private let reread: Reread?
  private let overrides: ConfigurationOverrides
  /// Of the configuration in force, from before its files were read, so that no change in between is missed.
  private let watch: Locked<TLSFileWatch>
  /// Where the configuration in force has references; see `ReadResult`.
  private let referencedPaths: Locked<Set<String>>
  /// Free while nobody reloads through this object.
  private let reloads = Semaphore()

  /// Reads the configuration's file again, on any thread; throws when the file itself can't be read.
  public typealias Reread = @Sendable () throws(SystemError) -> ReadResult

  /// Starts the gateway; throws when a listener can't be bound, and then nothing runs.
  ///
  /// - Parameters:
  ///   - result: with a configuration.
  ///   - reread: for SIGHUP and `POST /reload`; nil when there is no file that could be read again.
  ///   - overrides: what holds for configurations that come through the admin API, too.
  public init(
    _ result: ReadResult, logger: Logger,
    overrides: ConfigurationOverrides = ConfigurationOverrides(),
    reread: Reread? = nil
  ) throws(Gateway.StartError) {
    let configuration = result.configuration ?? Configuration()
    self.logger = logger
    self.reread = reread
    self.overrides = overrides
    watch = Locked(TLSFileWatch(configuration))
    let admin: AdminContext
    do throws(SystemError) {
      admin = try AdminContext()
    } catch {
      throw .system(error)
    }
    self.admin = admin
    referencedPaths = Locked(result.referencedPaths)
    var options = Gateway.Options()
    if let settings = configuration.admin {
      options.responders = [
        ("admin", settings.address, AdminResponder(admin, settings: settings))
      ]
    }
    options.onEvent = { event in
      // An address that is written as a target needs no look-up.
      if case .nameResolved(let name, let addresses) = event, addresses == [name] { return }
      admin.counters.count(event)
      event.publish(to: admin.events)
      Self.log(event, to: logger)
    }
    options.sessionObserver = SessionObserver(
      isListening: { admin.events.isHeard }, onNews: { admin.events.publish($0) })
    let limit = DescriptorLimit.raise()
    gateway = try Gateway(configuration, options: options)
    reloads.post()
    admin.attach(self)
    announce(configuration, descriptors: limit)
  }

  private func announce(_ configuration: Configuration, descriptors limit: UInt64) {
    let workers = Self.workers(of: configuration)
    let needed = DescriptorLimit.needed(by: configuration, workers: workers)
    if needed > limit {
      logger.warning(
        """
        descriptor limit is below the connection limits: raise it (ulimit -n, LimitNOFILE), or lower \
        limits.connections of the listeners
        """,
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
    case .automatic: UsableProcessors.count
    case .count(let count): count
    }
  }

  private static func log(_ event: LifecycleEvent, to logger: Logger) {
    var metadata: Logger.Metadata = [:]
    for (key, value) in event.metadata { metadata["\(key)"] = "\(value)" }
    logger.log(level: event.isProblem ? .warning : .info, "\(event.message)", metadata: metadata)
  }

  // MARK: Signals

  /// Serves until SIGTERM or SIGINT, drains, and returns; another one ends the process at once with 1, but
  /// not within a second, whichever of the two it is (`StopRequests`).
  /// SIGHUP reads the file again; files of certificates are read when they have changed. A drain that is
  /// aborted through the admin API goes back to serving.
  public func run(_ signals: Signals) {
    var stopping: Stopping?
    var requests = StopRequests()
    while true {
      guard let signal = signals.next(within: TLSFileWatch.interval) else {
        if stopping == nil { lookAtFiles() }
        continue
      }
      switch signal {
      // A refusal has been logged and counted.
      case SIGHUP: _ = try? rereadAndReload()
      case Self.stopped:
        guard let outcome = stopping?.outcome else { continue }
        stopping = nil
        if outcome == .stopped {
          logger.info("stopped")
          return
        }
      default:
        // Nothing drains any more when the drain was aborted, even if its thread has not said so yet.
        let isStopping = stopping != nil && !gateway.isReady
        switch requests.meaning(at: MonotonicTime.now(), isStopping: isStopping) {
        case .begin:
          stopping = Stopping(gateway)
          requests.hasBegun(at: MonotonicTime.now())
        case .repetition: continue
        case .endAtOnce:
          logger.warning("stopped before the drain was over")
          _exit(1)
        }
      }
    }
  }

  /// The signals that `run` understands.
  public static func holdSignals() -> Signals { Signals.hold([SIGTERM, SIGINT, SIGHUP, stopped]) }

  /// How `Stopping` wakes the main thread.
  fileprivate static var stopped: Int32 { SIGUSR1 }

  private func lookAtFiles() {
    reloads.wait()
    defer { reloads.post() }
    let configuration = gateway.configuration
    if !watch.withLock({ $0.shouldRead() }) { return }
    logger.info("files of TLS have changed")
    do throws(Gateway.StartError) {
      try gateway.reload(configuration)
      watch.withLock { $0.wasRead(succeeded: true) }
      succeeded(configuration, ConfigurationDifference(from: configuration, to: configuration))
    } catch {
      watch.withLock { $0.wasRead(succeeded: false) }
      failed(.refused(error))
    }
  }

  // MARK: Reload

  /// Why a configuration was not put in force; nothing has changed then.
  enum ReloadRefusal: Error {
    case invalid([Diagnostic])
    case refused(Gateway.StartError)
    case noFile
    case unreadable(SystemError)
  }

  /// Puts what was read in force, if it is valid; returns what differs from before.
  @discardableResult
  func reload(_ result: ReadResult) throws(ReloadRefusal) -> ConfigurationDifference {
    reloads.wait()
    defer { reloads.post() }
    return try putInForce(result)
  }

  /// Whoever calls holds `reloads`.
  private func putInForce(_ result: ReadResult) throws(ReloadRefusal) -> ConfigurationDifference {
    do throws(ReloadRefusal) {
      guard let configuration = result.configuration else { throw .invalid(result.diagnostics) }
      let former = gateway.configuration
      let files = TLSFileWatch(configuration)
      do throws(Gateway.StartError) {
        if configuration.admin != former.admin { throw .restartNeeded("admin") }
        try gateway.reload(configuration)
      } catch {
        throw .refused(error)
      }
      watch.withLock { $0 = files }
      referencedPaths.withLock { $0 = result.referencedPaths }
      let difference = ConfigurationDifference(from: former, to: configuration)
      succeeded(configuration, difference)
      return difference
    } catch {
      failed(error)
      throw error
    }
  }

  /// Reads a configuration that came through the admin API.
  func read(_ text: String) -> ReadResult {
    ConfigurationFile.read(text: text, file: "<request>", overrides: overrides)
  }

  /// Reads the file again and puts it in force. Nobody else reloads in between, so that what was read last
  /// is in force in the end.
  func rereadAndReload() throws(ReloadRefusal) -> ConfigurationDifference {
    reloads.wait()
    defer { reloads.post() }
    let result: ReadResult
    do throws(ReloadRefusal) {
      guard let reread else { throw .noFile }
      do throws(SystemError) { result = try reread() } catch { throw .unreadable(error) }
    } catch {
      failed(error)
      throw error
    }
    return try putInForce(result)
  }

  private func succeeded(_ configuration: Configuration, _ difference: ConfigurationDifference) {
    admin.counters.reloaded()
    admin.events.publish(AdminEvent(.reload, ReloadEventContent(difference)))
    logger.info(
      "reloaded",
      metadata: [
        "routes": "\(configuration.routes.count)", "services": "\(configuration.services.count)",
      ])
  }

  private func failed(_ refusal: ReloadRefusal) {
    admin.counters.reloadRefused()
    admin.events.publish(AdminEvent(.reload, ReloadEventContent(refusal)))
    let metadata: Logger.Metadata =
      switch refusal {
      case .invalid(let diagnostics):
        ["errors": "\(diagnostics.count { $0.severity == .error })"]
      case .refused(let error): ["reason": "\(error.text)"]
      case .noFile: ["reason": "the configuration did not come from a file"]
      case .unreadable(let error): ["reason": "the file can't be read: \(error.reason)"]
      }
    logger.error("reload refused, the former configuration stays in force", metadata: metadata)
  }

  /// The configuration in force as JSON, without what came from references and without credentials.
  var shownConfiguration: String {
    reloads.wait()
    defer { reloads.post() }
    return gateway.configuration.shownJSON(
      referencedPaths: referencedPaths.withLock { $0 })
  }
}

/// Shuts the gateway down on a thread of its own, because the main one waits for signals.
private final class Stopping: Sendable {
  enum Outcome: Sendable { case stopped, aborted }

  private let result = Locked<Outcome?>(nil)

  /// Nil while it goes on.
  var outcome: Outcome? { result.withLock { $0 } }

  init(_ gateway: Gateway) {
    let result = result
    // Begun here, so that whoever asks finds it begun.
    let drain = gateway.beginDrain()
    let thread = Thread {
      let isStopped = gateway.shutDown(after: drain)
      result.withLock { $0 = isStopped ? .stopped : .aborted }
      kill(getpid(), GatewayProcess.stopped)
    }
    thread.start()
  }
}

extension LifecycleEvent {
  fileprivate var isProblem: Bool {
    switch self {
    case .targetRecovered, .targetHealthy, .nameResolved, .draining, .drained, .drainAborted: false
    case .targetEjected, .targetUnhealthy, .targetHandshakeFailed, .nameLookupFailed,
      .logLost:
      true
    }
  }

  /// What of it listeners at `/events` hear.
  fileprivate func publish(to events: EventHub) {
    switch self {
    case .targetEjected(let service, let target):
      events.publish(AdminEvent(.targetEjected, ["service": service, "target": target]))
    case .targetRecovered(let service, let target):
      events.publish(AdminEvent(.targetRecovered, ["service": service, "target": target]))
    case .targetUnhealthy(let service, let target, let reason):
      events.publish(
        AdminEvent(
          .targetUnhealthy, ["service": service, "target": target, "reason": reason]))
    case .targetHealthy(let service, let target):
      events.publish(AdminEvent(.targetHealthy, ["service": service, "target": target]))
    case .draining:
      events.publish(AdminEvent(.drain, ["state": Gateway.DrainPhase.draining.rawValue]))
    case .drained:
      events.publish(AdminEvent(.drain, ["state": Gateway.DrainPhase.drained.rawValue]))
    case .drainAborted:
      events.publish(AdminEvent(.drain, ["state": Gateway.DrainPhase.serving.rawValue]))
    case .targetHandshakeFailed, .nameResolved, .nameLookupFailed, .logLost: break
    }
  }
}

extension Gateway.StartError {
  /// One line for a person.
  public var text: String {
    switch self {
    case .listen(let name, let address, let error)
    where error.code == EADDRINUSE && address.hasPrefix("unix:"):
      "listener \(name) can't listen on \(address): another process does, or a file of this name is no socket"
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
