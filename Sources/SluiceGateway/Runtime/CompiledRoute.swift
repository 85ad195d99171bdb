import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// What a route's settings compile to; one per worker.
final class CompiledRoute {
  let name: String
  let nameBytes: [UInt8]
  let kind: Configuration.RouteKind
  let service: UpstreamService
  /// The service's base path is in front of what this makes of the path.
  let rewrite: Rewrite
  let maxBodySize: UInt64?
  let connectTimeout: Int64
  let responseTimeout: Int64
  let idleTimeout: Int64
  let totalTimeout: Int64?
  let requestID: CompiledRequestID?
  /// Of a `websocket` route; nil for the others.
  let session: CompiledSession?
  let counters: RouteCounters

  enum Rewrite {
    case none
    case strip
    case replace([UInt8])
  }

  init(
    name: String, settings: Configuration.Route, globalPolicies: Configuration.Policies,
    service: UpstreamService, counters: RouteCounters
  ) {
    self.name = name
    nameBytes = Array(name.utf8)
    kind = settings.kind
    self.service = service
    self.counters = counters
    rewrite = Rewrite(settings.path)
    session = kind == .websocket ? CompiledSession(settings) : nil
    maxBodySize = settings.maxBodySize.map { UInt64($0.bytes) }
    let timeouts = service.settings.timeouts
    if kind == .websocket {
      let connection = settings.connection ?? Configuration.ConnectionSettings()
      connectTimeout = connection.connectTimeout.nanoseconds
      responseTimeout = connection.connectTimeout.nanoseconds
      idleTimeout = connection.idleTimeout.nanoseconds
    } else {
      connectTimeout = timeouts.connect.nanoseconds
      responseTimeout = (settings.timeouts?.response ?? timeouts.response).nanoseconds
      idleTimeout = (settings.timeouts?.idle ?? timeouts.idle).nanoseconds
    }
    totalTimeout = (settings.timeouts?.total ?? timeouts.total)?.nanoseconds
    requestID = (settings.policies.requestID ?? globalPolicies.requestID).map(
      CompiledRequestID.init)
  }
}

/// The request-id policy (stage identify, before everything else).
struct CompiledRequestID {
  let header: [UInt8]
  let echoes: Bool
  /// The field itself, if its name is a known one: what the caller says there is not passed on.
  let dropped: UInt128

  init(_ settings: Configuration.RequestID) {
    let header = Array(settings.header.utf8)
    let known = FieldName(header.span)
    self.header = header
    echoes = settings.echo
    dropped = known == .other ? 0 : known.bit
  }
}
