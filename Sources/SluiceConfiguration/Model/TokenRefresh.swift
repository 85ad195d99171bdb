extension Configuration {
  /// How a caller shows new credentials while its session is open.
  public struct TokenRefresh: Codable, Equatable, Sendable {
    /// By `POST /.sluice/connections/{id}/token`.
    public var http = true
    /// Leads to the token in a JSON message of the caller's; nil for none.
    public var message: String?
    public init() {}
  }

  /// Names of `tokenRoutes` begin so; no name in the file does.
  public static let tokenRoutePrefix = ".token"
  /// Paths below are the gateway's own.
  public static let ownPaths = "/.sluice/"

  /// Where callers show new credentials for sessions, for the hosts of routes that take them there.
  /// They lead to no service: the one they name is that of such a route.
  public var tokenRoutes: [String: Route] {
    let taking = routes.sorted { $0.key < $1.key }.map(\.value).filter {
      $0.kind == .websocket && $0.connection?.refresh?.http == true
    }
    var result: [String: Route] = [:]
    func add(_ name: String, _ hosts: [String], _ routes: [Route]) {
      guard let service = routes.first?.service else { return }
      var route = Route()
      route.kind = .http
      route.service = service
      route.match.path = "\(Self.ownPaths)connections/{id}/token"
      route.match.methods = ["POST"]
      route.match.hosts = hosts
      route.order = .max
      result[name] = route
    }
    let named = taking.filter { !$0.match.hosts.isEmpty }
    add("\(Self.tokenRoutePrefix)-hosts", Set(named.flatMap(\.match.hosts)).sorted(), named)
    add(Self.tokenRoutePrefix, [], taking.filter(\.match.hosts.isEmpty))
    return result
  }
}

extension Configuration.TokenRefresh {
  static let schema = Schema(
    "TokenRefresh", of: Self(),
    "How a caller shows new credentials while its session is open. They are judged as those of a handshake, must be of the same consumer and subject, and take the place of the former ones, expiry included.",
    [
      Field(
        "http", .boolean,
        "Whether `POST /.sluice/connections/{id}/token`, on any listener and the route's hosts, takes them where a handshake of the route has them. 204, or 401, 403, 404, 409 with a code."
      ),
      Field(
        "message", .text(.jsonPath),
        "Leads to a bearer token in a JSON text message, as `$.token`. Such a message is not passed on; the caller gets `{\"type\":\"token-accepted\"}` or `{\"type\":\"error\",\"code\":\"token-refused\",\"status\":…}`. None unless set."
      ),
    ])
}
