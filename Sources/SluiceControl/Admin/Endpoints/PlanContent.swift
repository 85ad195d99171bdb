import SluiceConfiguration
import SluiceGateway

/// What a reload would change and whom it would touch: the answer to `POST /plan`.
public struct PlanContent: Codable, Sendable {
  /// The entities of one kind.
  public struct Entities: Codable, Sendable {
    public var added: [String]
    public var removed: [String]
    public var changed: [Change]
  }

  public struct Change: Codable, Sendable {
    public var name: String
    public var settings: [String]
  }

  /// Live sessions, by what the reload would do to them.
  public struct Sessions: Codable, Sendable, Equatable {
    public var kept = 0
    public var rechecked = 0
    public var closed = 0
  }

  /// By the key in the file: listeners, services, routes…
  public var entities: [String: Entities]
  /// Paths outside the entities.
  public var settings: [String]
  /// Why the reload would be refused; empty when it would not.
  public var refusals: [String]
  public var sessions: Sessions
  /// Routes whose sessions would be touched.
  public var sessionsByRoute: [String: Sessions]
  var warnings: [DiagnosticContent]
}

extension PlanContent {
  init(
    from gateway: Gateway, to configuration: Configuration, warnings: [DiagnosticContent]
  ) async {
    let current = gateway.configuration
    let difference = ConfigurationDifference(from: current, to: configuration)
    entities = difference.entities.mapValues { entities in
      Entities(
        added: entities.added, removed: entities.removed,
        changed: entities.changed.map { Change(name: $0.name, settings: $0.settings) })
    }
    settings = difference.settings
    refusals = Self.refusals(from: current, to: configuration)
    self.warnings = warnings
    sessions = Sessions()
    sessionsByRoute = [:]
    await count(gateway, current, configuration)
  }

  /// What `GatewayProcess.reload` would refuse, of what can be known before.
  static func refusals(from current: Configuration, to next: Configuration) -> [String] {
    var refusals: [String] = []
    for (name, differs) in [
      ("workers", current.workers != next.workers),
      ("accessLog", current.accessLog != next.accessLog), ("admin", current.admin != next.admin),
    ] where differs {
      refusals.append(Gateway.StartError.restartNeeded(name).text)
    }
    do throws(Gateway.StartError) {
      try Gateway.check(next)
    } catch {
      refusals.append(error.text)
    }
    return refusals
  }

  private mutating func count(
    _ gateway: Gateway, _ current: Configuration, _ next: Configuration
  ) async {
    for (route, verdict) in SessionReconciliation(from: current, to: next).verdicts {
      var filter = SessionFilter()
      filter.route = route
      let count = await gateway.count(filter)
      if count == 0 { continue }
      switch verdict {
      case .kept: sessions.kept += count
      case .rechecked:
        sessions.rechecked += count
        sessionsByRoute[route] = Sessions(rechecked: count)
      case .closed:
        sessions.closed += count
        sessionsByRoute[route] = Sessions(closed: count)
      }
    }
  }

  static let exampleDifference: ConfigurationDifference = {
    var before = Configuration()
    before.services["stocks-service"] = Configuration.Service()
    before.routes["old"] = Configuration.Route()
    var after = before
    after.routes["old"] = nil
    after.routes["new"] = Configuration.Route()
    after.services["stocks-service"]?.timeouts.connect = .seconds(1)
    return ConfigurationDifference(from: before, to: after)
  }()

  static let example = PlanContent(
    entities: [
      "routes": Entities(added: ["new"], removed: ["old"], changed: []),
      "services": Entities(
        added: [], removed: [],
        changed: [Change(name: "stocks-service", settings: ["timeouts.connect"])]),
    ],
    settings: ["policies.request-id.header"], refusals: [],
    sessions: Sessions(kept: 120, rechecked: 0, closed: 3),
    sessionsByRoute: ["old": Sessions(kept: 0, rechecked: 0, closed: 3)], warnings: [])
}
