/// What one configuration file says: the model that every part of the gateway reads.
///
/// Property defaults are the documented defaults; the `schema` beside each type holds the
/// documentation and the bounds. Entities are maps by name. Values here are valid on their own;
/// references between entities are checked by `ConfigurationValidator`.
public struct Configuration: Codable, Equatable, Sendable {
  public var version = 1
  public var workers = WorkerCount.automatic
  /// Static addresses for host names, or `name:port`; looked up before DNS. Addresses may have a port
  /// of their own.
  public var hosts: [String: [String]] = [:]
  public var resolver = Resolver()
  public var listeners: [String: Listener] = [:]
  public var services: [String: Service] = [:]
  public var consumers: [String: Consumer] = [:]
  public var groups: [String: Group] = [:]
  public var routes: [String: Route] = [:]
  /// Texts that depend on the request, for templates.
  public var variables: [String: Variable] = [:]
  /// Policies for every route.
  public var policies = Policies()
  public var sessions = Sessions()
  public var cacheStore = CacheStore()
  public var accessLog = AccessLog()
  public var admin: Admin?
  public var shutdown = Shutdown()
  /// The policies that this file may name, and their order; not a setting.
  public var knownPolicies = PolicyRegistry.standard

  public init() {}

  private enum CodingKeys: CodingKey {
    case version, workers, hosts, resolver, listeners, services, consumers, groups, routes, policies
    case variables, sessions, cacheStore, accessLog, admin, shutdown
  }
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
    /// Loopback only, unless there is a token.
    public var address = "127.0.0.1:9901"
    /// What callers have to show, `Authorization: Bearer TOKEN`; a secret.
    public var token: String?
    /// Bytes of each frame's payload that `GET /connections/{id}/tap` may show; none unless set.
    public var tapPayloads: ByteCount?
    /// Keeps revocations over restarts; in memory only unless set.
    public var revocationFile: String?
    public init() {}
  }

  public struct Shutdown: Codable, Equatable, Sendable {
    /// How long exchanges may finish after SIGTERM.
    public var timeout = Timespan.seconds(30)
    /// Sessions closed per second.
    public var closeRate = 100
    public init() {}
  }
}

// MARK: Tables

extension Configuration {
  static let schema = Schema(
    "Configuration", of: Configuration(),
    "The whole file.",
    [
      Field("version", .integer(1...1), "The version of this format.", isRequired: true),
      Field(
        "workers", .text(.workers),
        "Event-loop threads; `auto` is one for each CPU that the process may use, by its affinity and by "
          + "the quota of its control group (the CPU limit of a container)."),
      Field(
        "hosts", .map(keys: .hostKey, of: .list(of: .text(.hostAddress), atLeast: 1), atLeast: 0),
        "Addresses of host names, looked up before DNS. `name:port` is for targets with this port "
          + "only, and wins; an address with a port is connected to on that port."),
      Field("resolver", .object(Resolver.schema), "How names of targets are looked up."),
      Field(
        "listeners", .entities(Listener.schema, atLeast: 1), "The addresses to accept on, by name.",
        isRequired: true),
      Field("services", .entities(Service.schema), "Groups of targets, by name."),
      Field("consumers", .entities(Consumer.schema), "Known callers, by name."),
      Field("groups", .entities(Group.schema), "What is said about groups of consumers, by name."),
      Field("policies", .policies(.anywhere), "Policies for every route."),
      Field("routes", .entities(Route.schema), "What goes where, by name."),
      Field(
        "variables", .entities(Variable.schema),
        "Texts that depend on the request, by name, for `${variables.NAME}` in templates."),
      Field(
        "sessions", .object(Sessions.schema),
        "Limits of the sessions of all `websocket` routes together."),
      Field(
        "cacheStore", .object(CacheStore.schema),
        "The memory in which every `cache` policy keeps its responses."),
      Field("accessLog", .object(AccessLog.schema), "The log of exchanges."),
      Field("admin", .object(Admin.schema), "The admin listener; none unless given."),
      Field("shutdown", .object(Shutdown.schema), "How the gateway stops."),
    ])
}

extension Configuration.Resolver {
  static let schema = Schema(
    "Resolver", of: Self(), "How names of targets are looked up.",
    [
      Field("interval", .duration, "How often names are looked up again."),
      Field("timeout", .duration, "How long one look-up may take."),
    ])
}

extension Configuration.AccessLog {
  static let schema = Schema(
    "AccessLog", of: Self(), "One line for every exchange.",
    [
      Field("format", .choice(Format.self), "`off` writes none."),
      Field("output", .text(.logOutput), "`stdout`, `stderr` or the path of a file."),
    ])
}

extension Configuration.Admin {
  static let schema = Schema(
    "Admin", of: Self(), "Health, metrics and the admin API.",
    [
      Field(
        "address", .text(.listenAddress),
        "Where it listens; only this machine may reach it, unless there is a `token`."),
      Field(
        "token", .text(.bearerToken),
        "What callers have to show, as `Authorization: Bearer TOKEN`; `/livez` and `/readyz` ask "
          + "for none. Without it whoever reaches the address is let in."),
      Field(
        "tapPayloads", .byteCount(ByteCount(1)...(.kibibytes(64))),
        "Bytes of each frame's payload that whoever taps a session may see; no payloads unless set. "
          + "Payloads may hold secrets of callers."),
      Field(
        "revocationFile", .text(.stateFile),
        "The path of a file that keeps revocations over restarts; without it they end with the process. "
          + "It is made if it is not there, and one process at a time has it. A restart is needed to change it."
      ),
    ])
}

extension Configuration.Shutdown {
  static let schema = Schema(
    "Shutdown", of: Self(), "How the gateway stops.",
    [
      Field(
        "timeout", .duration,
        "How long requests and sessions may take to end after SIGTERM or `POST /drain`; then they "
          + "are cut off."),
      Field(
        "closeRate", .integer(1...1_000_000),
        "Sessions that a drain closes per second, those first on which nothing has passed for "
          + "longest; more if `timeout` would be too short for that."),
    ])
}
