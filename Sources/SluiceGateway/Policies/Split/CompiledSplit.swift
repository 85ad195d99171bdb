public import SluiceConfiguration
import SluiceReactor
import SluiceWire

extension Configuration.Split: Policy {
  public func compile(_ context: PolicyContext) -> CompiledPolicy {
    CompiledSplit(self, context.services)
  }
}

/// Sends exchanges to one of several services: their route is one like it that leads there.
final class CompiledSplit: CompiledPolicy {
  private enum Source {
    case request, consumer, address
    case header([UInt8])
    case cookie([UInt8])
  }

  private let services: [UpstreamService]
  private let choice: WeightedChoice
  private let source: Source
  /// By route: the one that leads to each service. Made when the first request comes, because a policy
  /// is compiled before the routes that have it; until the next reload, because they hold each other.
  private var ways: [ObjectIdentifier: [CompiledRoute]] = [:]
  private var isRetired = false

  init(_ settings: Configuration.Split, _ services: [String: UpstreamService]) {
    let used = settings.services.filter { $0.value > 0 }.sorted { $0.key < $1.key }
    self.services = used.map { name, _ in
      guard let service = services[name] else {
        preconditionFailure("the configuration was not checked")
      }
      return service
    }
    choice = WeightedChoice(used.map { (StableHash.hash($0.key), $0.value) })
    source =
      switch settings.by {
      case .request: .request
      case .consumer: .consumer
      case .address: .address
      case .field(.header(let name)): .header(Array(name.utf8))
      case .field(.cookie(let name)): .cookie(Array(name.utf8))
      }
  }

  override func request(_ exchange: Exchange) -> PolicyOutcome {
    guard let route = exchange.route else { return .next }
    let place = choice.pick(key(of: exchange))
    if isRetired {
      exchange.take(CompiledRoute(route, to: services[place]))
    } else {
      exchange.take(ways(of: route)[place])
    }
    return .next
  }

  private func ways(of route: CompiledRoute) -> [CompiledRoute] {
    if let ways = ways[ObjectIdentifier(route)] { return ways }
    let ways = services.map { CompiledRoute(route, to: $0) }
    self.ways[ObjectIdentifier(route)] = ways
    return ways
  }

  /// Exchanges that began before have their routes from here on for themselves.
  override func retired() {
    isRetired = true
    ways = [:]
  }

  private func key(of exchange: Exchange) -> UInt64 {
    switch source {
    case .request: return exchange.worker.random.next()
    case .consumer:
      let identity = exchange.identity.flatMap { $0.isAnonymous ? nil : $0 }
      if let name = identity?.consumer, !name.isEmpty { return StableHash.hash(name.span) }
    case .header(let name):
      if let hash = CompiledHashKey.hash(ofField: name, exchange.request) { return hash }
    case .cookie(let name):
      if let hash = CompiledHashKey.hash(ofCookie: name, exchange.request) { return hash }
    case .address: break
    }
    // Of an IPv6 address what its owner does not choose.
    guard let address = HTTPListener.caller(exchange.clientAddress) else { return 0 }
    return StableHash.mix(address.high ^ StableHash.mix(address.low))
  }
}
