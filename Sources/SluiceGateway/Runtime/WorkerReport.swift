public import SluiceReactor

/// What one worker counted, as a value that may leave its thread.
public struct WorkerReport: Sendable {
  public struct Route: Sendable {
    public let name: String
    public let service: String
    /// By status class, then bucket; empty when the route was never used.
    public let buckets: [UInt64]
    public let durationNanoseconds: [UInt64]
    public let errors: [UInt64]
    public let bytesReceived: UInt64
    public let bytesSent: UInt64
    /// Nil where no handshake has succeeded.
    public let sessions: SessionReport?
    public let retries: UInt64
  }

  public struct Target: Sendable {
    public let service: String
    /// Without the base path, see `TargetURL.displayName`.
    public let url: String
    public let isHealthy: Bool
    public let open: Int
    public let idle: Int
    public let connecting: Int
    public let waiting: Int
    public let inFlight: Int
    /// Nil where there are no active checks, or where another worker does them.
    public let check: Check?
  }

  /// What active checks tell of a target.
  public struct Check: Sendable {
    /// Nil before the first result.
    public let isHealthy: Bool?
    public let passed: UInt64
    public let failed: UInt64
    /// What the last one found that failed; nil when none has.
    public let lastFailure: String?
  }

  public struct Listener: Sendable {
    public let name: String
    public let openConnections: Int
    public let descriptorExhaustions: UInt64
  }

  /// The names of what an HTTP/2 connection may be ended for.
  public static var http2Limits: [String] { HTTP2Flood.allCases.map { "\($0.name)" } }

  /// The labels of how a connection ends that is passed on undecrypted.
  public static var passthroughCauses: [String] { PassthroughEnd.allCases.map { "\($0.label)" } }

  /// The bounds of `Route.buckets` in nanoseconds; each status class has one more bucket than these.
  public static var latencyBounds: [Int64] { RouteCounters.bounds }

  public let worker: Int
  public let routes: [Route]
  public let targets: [Target]
  public let listeners: [Listener]
  /// Connections of callers that a drain would wait for.
  public let callerConnections: Int
  public let acceptedConnections: UInt64
  public let refusedConnections: UInt64
  public let handshakes: UInt64
  public let resumedHandshakes: UInt64
  public let failedHandshakes: UInt64
  public let requests: UInt64
  public let malformedRequests: UInt64
  /// Of these and of the connections, those by HTTP/2.
  public let http2Requests: UInt64
  public let http2Connections: UInt64
  /// HTTP/2 connections that were ended for what they cost, in the order of `http2Limits`.
  public let http2Floods: [UInt64]
  /// Connections passed on undecrypted that are over, in the order of `passthroughCauses`.
  public let passthroughEnds: [UInt64]
  public let exchangesInProgress: Int
  public let upstreamConnections: UInt64
  public let ejections: UInt64
  public let splicedBytes: UInt64
  public let mirrored: MirrorCounts
  public let regexLimitExceeded: UInt64
  public let lag: LoopLag
}

extension Worker {
  func report() -> WorkerReport {
    var targets: [WorkerReport.Target] = []
    for service in snapshot.services.values.sorted(by: { $0.name < $1.name }) {
      for (index, target) in service.targets.enumerated() {
        targets.append(
          WorkerReport.Target(
            service: service.name, url: target.displayName,
            isHealthy: service.state.statuses[index].isAvailable,
            open: target.pool.open, idle: target.pool.idle, connecting: target.pool.connecting,
            waiting: target.pool.waiting, inFlight: Int(service.state.statuses[index].inFlight),
            check: service.checks.first { $0.target.configuredURL == target.configuredURL }?
              .report))
      }
    }
    var routes = snapshot.routes.map { route in
      Self.report(route.name, service: route.service.name, route.counters)
    }
    routes.append(Self.report("", service: "", counters.unrouted))
    return WorkerReport(
      worker: index, routes: routes, targets: targets,
      listeners: listeners.values.sorted(by: { $0.compiled.name < $1.compiled.name }).map {
        WorkerReport.Listener(
          name: $0.compiled.name, openConnections: $0.connectionCount,
          descriptorExhaustions: $0.exhaustions)
      },
      callerConnections: connectionCount,
      acceptedConnections: counters.acceptedConnections,
      refusedConnections: counters.refusedConnections, handshakes: counters.handshakes,
      resumedHandshakes: counters.resumedHandshakes, failedHandshakes: counters.failedHandshakes,
      requests: counters.requests,
      malformedRequests: counters.malformedRequests,
      http2Requests: counters.http2Requests, http2Connections: counters.http2Connections,
      http2Floods: counters.http2Floods, passthroughEnds: counters.passthroughEnds,
      exchangesInProgress: counters.exchangesInProgress,
      upstreamConnections: counters.upstreamConnections, ejections: counters.ejections,
      splicedBytes: counters.splicedBytes, mirrored: counters.mirrored,
      regexLimitExceeded: snapshot.regexLimitExceeded, lag: loop.lag)
  }

  private static func report(
    _ name: String, service: String, _ counters: RouteCounters
  ) -> WorkerReport.Route {
    WorkerReport.Route(
      name: name, service: service, buckets: counters.buckets,
      durationNanoseconds: counters.durationNanoseconds, errors: counters.errors,
      bytesReceived: counters.bytesReceived, bytesSent: counters.bytesSent,
      sessions: counters.hasSessions ? SessionReport(counters.sessions) : nil,
      retries: counters.retries)
  }
}
