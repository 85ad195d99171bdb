import Foundation
import SluiceConfiguration
import SluiceGateway
import SluiceReactor
import Testing

/// Every scenario is a suite in here: they run one after the other, because each starts threads of
/// its own and some use up what the process has.
@Suite(.serialized) enum Scenarios {}

/// One worker, one listener "web", one service "service" and one route "all" for everything.
func configuration(
  targets: [String], _ edit: (inout Configuration) -> Void = { _ in }
) -> Configuration {
  var configuration = Configuration()
  configuration.workers = .count(1)
  configuration.accessLog.format = .off
  configuration.shutdown.timeout = .milliseconds(50)
  var listener = Configuration.Listener()
  listener.address = "127.0.0.1:0"
  configuration.listeners["web"] = listener
  var service = Configuration.Service()
  service.targets = targets.map { Configuration.Target(url: $0) }
  configuration.services["service"] = service
  var route = Configuration.Route()
  route.kind = .http
  route.service = "service"
  configuration.routes["all"] = route
  edit(&configuration)
  return configuration
}

extension Configuration {
  /// The listener "web".
  var web: Listener {
    get { listeners["web"] ?? Listener() }
    set { listeners["web"] = newValue }
  }

  /// The service "service".
  var service: Service {
    get { services["service"] ?? Service() }
    set { services["service"] = newValue }
  }

  /// The route "all".
  var all: Route {
    get { routes["all"] ?? Route() }
    set { routes["all"] = newValue }
  }
}

/// A gateway that is shut down with its owner's scope.
final class Fixture {
  let gateway: Gateway
  let port: UInt16
  private var isRunning = true
  /// Lives as long as the gateway in front of it.
  var upstream: ScriptedUpstream?

  init(_ configuration: Configuration, options: Gateway.Options = .init()) throws {
    gateway = try Gateway(configuration, options: options)
    port = try #require(gateway.address(ofListener: "web")?.port)
  }

  /// Forwards everything to this upstream.
  convenience init(
    to upstream: ScriptedUpstream, _ edit: (inout Configuration) -> Void = { _ in }
  ) throws {
    try self.init(configuration(targets: [upstream.url], edit))
    self.upstream = upstream
  }

  deinit { shutDown() }

  func shutDown() {
    if isRunning { gateway.shutDown() }
    isRunning = false
  }

  /// Connections of callers on every listener and worker.
  func openConnections() async -> Int {
    await gateway.reports().flatMap(\.listeners).reduce(0) { $0 + $1.openConnections }
  }

  func port(ofListener name: String) -> UInt16? { gateway.address(ofListener: name)?.port }

  /// The test has shut the gateway down itself.
  func wasShutDown() { isRunning = false }

  func client(receiveBuffer: Int32? = nil, _ tls: TestTLSSettings? = nil) throws -> TestClient {
    try TestClient(port: port, receiveBuffer: receiveBuffer, tls)
  }

  /// One request on a connection of its own.
  func get(_ target: String, _ fields: String...) throws -> Message {
    try client().exchange(
      "GET \(target) HTTP/1.1\r\nHost: gateway.test\r\n"
        + fields.map { $0 + "\r\n" }.joined() + "\r\n")
  }
}

extension Message {
  /// The stable code of a problem answer.
  var code: String? {
    guard self["Content-Type"] == "application/problem+json",
      let start = text.range(of: "\"code\":\"")
    else { return nil }
    return String(text[start.upperBound...].prefix { $0 != "\"" })
  }
}

extension Configuration {
  /// The service's target is found as `localhost`, and shows a certificate of this authority.
  mutating func trust(_ authority: TestAuthority) {
    hosts["localhost"] = ["127.0.0.1"]
    service.tls = ServiceTLS()
    service.tls?.ca = authority.path
  }
}

extension Fixture {
  /// In front of a target that speaks HTTP/2.
  static func http2(
    to upstream: ScriptedUpstream, _ edit: (inout Configuration) -> Void = { _ in }
  ) throws -> Fixture {
    try Fixture(to: upstream) {
      $0.service.protocol = .http2
      edit(&$0)
    }
  }
}
