import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// A request that never arrives, as an exchange on a worker that stands still: what computes variables and
/// rewritten paths for real requests computes them here, too. Nothing is sent, looked up or opened but a
/// loop's descriptor.
final class ExplainedExchange {
  private struct Silence: WorkerControl {
    func connectFailed(name: String) {}
    func log(_ event: LifecycleEvent) {}
    func sessionChanged(_ event: SessionEvent, now: MonotonicTime) {}
  }

  private let exchange: Exchange
  private let variables: [String: CompiledVariable]

  /// Nil for a head that can't be parsed, or without a descriptor. The path is normal afterwards.
  init?(_ request: RouteExplanation.Request, in configuration: Configuration) {
    guard let loop = try? EventLoop() else { return nil }
    let worker = Worker(index: 0, of: 1, loop: loop, control: Silence(), logWriter: nil)
    var bare = Configuration()
    bare.variables = configuration.variables
    worker.apply(bare, listeners: [])
    variables = worker.snapshot.variables
    exchange = Exchange(worker: worker)
    let settings = configuration.listeners[request.listener] ?? Configuration.Listener()
    let listener = CompiledListener(
      name: request.listener, index: 0, settings: settings, port: Self.port(settings.address),
      isEncrypted: settings.tls != nil, destination: .routes)
    let bytes = Array(request.text.utf8)
    guard Self.parse(bytes, into: &exchange.request, CompiledListener.headLimits(of: settings))
    else { return nil }
    let address = request.address.flatMap { IPAddress($0) }
    exchange.stand(
      on: listener, peer: address.map { SocketAddress(ip: $0, port: 0) } ?? Exchange.nobody)
    if exchange.normalisePath(exchange.request) != nil { return nil }
  }

  deinit { exchange.loop.unregister(exchange) }

  private static func parse(
    _ bytes: [UInt8], into head: inout RequestHead, _ limits: HeadLimits
  ) -> Bool {
    (try? head.parse(bytes.span, limits: limits)) != nil
  }

  private static func port(_ address: String) -> UInt16 {
    address.lastIndex(of: ":").flatMap { UInt16(address[$0...].dropFirst()) } ?? 0
  }

  func caller(serverName: String?, _ router: Router) -> RoutedCaller {
    RoutedCaller(
      serverName: serverName.map { Array($0.utf8) }, address: exchange.clientAddress.ip,
      exchange: exchange, variables: RoutedVariables(router.variableNames, variables))
  }

  /// What one of the file's variables is; nil where a regular expression gives up.
  func value(of name: String) -> String? {
    RoutedVariables([name], variables).value(0, of: exchange).map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  func change(by reroute: Configuration.Reroute) -> CompiledReroute.Change {
    CompiledReroute(reroute).change(exchange)
  }

  func withPath<R>(_ body: (Span<UInt8>) -> R) -> R { exchange.withPath(body) }
  func withQuery<R>(_ body: (Span<UInt8>) -> R) -> R { exchange.withOwnQuery(body) }
}

extension Exchange {
  /// For who only asks what the request would be.
  fileprivate func stand(on listener: CompiledListener, peer: SocketAddress) {
    arrive(on: listener)
    self.peer = peer
    judge(isTrusted: listener.believes(peer))
  }
}

extension Template.Variable {
  /// Whether a request on a command line tells it.
  fileprivate var isExplained: Bool {
    switch self {
    case .header, .headers, .parameter, .argument, .cookie, .named, .scheme, .httpVersion,
      .hostname, .target, .questionMark, .forwardedFor, .listenerPort, .peer, .method, .path,
      .query, .host, .client, .listener, .segment, .hostGroup:
      true
    case .claim, .clientPort, .tls, .certificate, .targetAddress, .id, .consumer, .groups,
      .credential, .connection:
      false
    }
  }
}

extension Configuration {
  /// What variables of the file, and those within them, are made of that a request on a command line does
  /// not tell.
  func unexplained(in names: [String]) -> [String] {
    var seen: Set<String> = []
    var found: Set<String> = []
    var waiting = names
    while let name = waiting.popLast() {
      guard seen.insert(name).inserted, let variable = variables[name] else { continue }
      for text in variable.texts {
        for case .variable(let part) in Template(text)?.segments ?? [] {
          if case .named(let other) = part { waiting.append(other) }
          if !part.isExplained { found.insert(part.text) }
        }
      }
    }
    return found.sorted()
  }
}
