/// What one configuration file says: the model that every part of the gateway reads.
///
/// Property defaults are the documented defaults; `fields` in the extensions beside each type hold the
/// documentation and the bounds. Entities are maps by name. Values here are valid on their own;
/// references between entities are checked by `ConfigurationValidator`.
public struct Configuration: Codable, Equatable, Sendable {
  public var version = 1
  public var workers = WorkerCount.automatic
  /// Static addresses for host names; looked up before DNS.
  public var hosts: [String: [String]] = [:]
  public var resolver = Resolver()
  public var listeners: [String: Listener] = [:]
  public var services: [String: Service] = [:]
  public var routes: [String: Route] = [:]
  /// Policies for every route.
  public var policies = Policies()
  public var accessLog = AccessLog()
  public var admin: Admin?
  public var shutdown = Shutdown()

  public init() {}
}

extension Configuration {
  /// `auto` (the CPUs the process may use) or a number of event-loop threads.
  public enum WorkerCount: Equatable, Sendable {
    case automatic
    case count(Int)
  }

  public struct Resolver: Codable, Equatable, Sendable {
    /// How often target names are looked up again.
    public var interval = Timespan.seconds(30)
    /// How long one look-up may take.
    public var timeout = Timespan.seconds(5)
    public init() {}
  }

  public struct AccessLog: Codable, Equatable, Sendable {
    public enum Format: String, Codable, CaseIterable, Sendable { case json, off }
    public var format = Format.json
    /// `stdout`, `stderr` or a file's path.
    public var output = "stdout"
    public init() {}
  }

  public struct Admin: Codable, Equatable, Sendable {
    /// Loopback only, until the admin API has a token.
    public var address = "127.0.0.1:9901"
    public init() {}
  }

  public struct Shutdown: Codable, Equatable, Sendable {
    /// How long exchanges may finish after SIGTERM.
    public var timeout = Timespan.seconds(30)
    public init() {}
  }
}
