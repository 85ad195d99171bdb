import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// A service on one worker: its balancing and health machine and the shells of its targets.
final class UpstreamService {
  let name: String
  let nameBytes: [UInt8]
  let settings: Configuration.Service
  /// For `https` targets; nil when there are none.
  let tls: TLSClientContext?
  let host: Host
  let targets: [UpstreamTarget]
  /// Calls of gRPC can reach its targets.
  let mayCarryGRPC: Bool
  var state: ServiceState
  /// Of those of its targets that this worker checks for all.
  private(set) var checks: [TargetCheck] = []
  /// The name of the field or cookie to balance by.
  private let hashName: [UInt8]

  /// What targets get as Host.
  enum Host {
    case preserve, target
    case literal([UInt8])
  }

  /// `former` is the service of this name in the snapshot before: targets that stayed keep their
  /// connections and what is known of their health.
  init(
    name: String, settings: Configuration.Service, tls: TLSClientContext?, worker: Worker,
    former: UpstreamService?
  ) {
    self.name = name
    nameBytes = Array(name.utf8)
    self.settings = settings
    self.tls = tls
    mayCarryGRPC = settings.protocol != .http1
    host =
      switch settings.host {
      case .preserve: .preserve
      case .target: .target
      case .literal(let name): .literal(Array(name.utf8))
      }
    hashName =
      switch settings.hash {
      case .field(let key): Array(key.name.utf8)
      case .address, .path, nil: []
      }
    let limits = PoolLimits(
      settings.connections, worker: worker.index, of: worker.workerCount)
    let terms = TargetTerms(settings, tls)
    targets = settings.targets.map { target in
      // Connections that were made under other terms are not for this service.
      if let kept = former?.targets.first(where: {
        $0.configuredURL == target.url && $0.terms == terms
      }) {
        kept.keep(limits: limits)
        return kept
      }
      return UpstreamTarget(
        configuredURL: target.url, terms: terms, limits: limits, worker: worker)
    }
    state = ServiceState(
      settings, identities: settings.targets.map { StableHash.hash($0.url) },
      seed: worker.random.next())
    if let former { state.inheritHealth(from: former.state, now: worker.loop.now) }
    checks = TargetCheck.all(of: self, worker: worker, former: former?.checks ?? [])
  }

  /// What a worker that checks a target has found.
  func checked(url: String, isHealthy: Bool, now: MonotonicTime) {
    guard let target = settings.targets.firstIndex(where: { $0.url == url }) else { return }
    state.checked(target, isHealthy: isHealthy, now: now)
    if !isHealthy { targets[target].dismissQueue() }
  }

  /// Lets go of the targets that `successor` did not take over.
  func retire(successor: UpstreamService?) {
    for check in checks {
      if let successor, successor.checks.contains(where: { $0 === check }) { continue }
      check.stop()
    }
    for target in targets {
      if let successor, successor.targets.contains(where: { $0 === target }) { continue }
      target.retire()
    }
  }

  /// The number that `consistent-hash` balances by; 0 where there is nothing to hash.
  func hash(of exchange: Exchange) -> UInt64 {
    guard settings.balance == .consistentHash, let key = settings.hash else { return 0 }
    switch key {
    case .address:
      guard let ip = exchange.clientAddress.ip else { return 0 }
      return StableHash.mix(ip.high ^ StableHash.mix(ip.low))
    case .path: return exchange.withPath { StableHash.hash($0) }
    case .field(.header): return Self.hash(ofField: hashName, exchange.request) ?? 0
    case .field(.cookie): return Self.hash(ofCookie: hashName, exchange.request) ?? 0
    }
  }

  /// The same for a caller of whom nothing but its address is known.
  func hash(ofCaller caller: SocketAddress) -> UInt64 {
    guard settings.balance == .consistentHash, case .address? = settings.hash, let ip = caller.ip
    else { return 0 }
    return StableHash.mix(ip.high ^ StableHash.mix(ip.low))
  }

  /// Nil without this field.
  static func hash(ofField name: [UInt8], _ head: borrowing RequestHead) -> UInt64? {
    guard let index = head.firstIndex(named: name.span) else { return nil }
    return StableHash.hash(head.span(head.fields[index].value))
  }

  static func hash(ofCookie name: [UInt8], _ head: borrowing RequestHead) -> UInt64? {
    for field in head.fields where field.known == .cookie {
      let value = head.span(field.value)
      if let range = Cookies.value(of: name, in: value) {
        return StableHash.hash(value.extracting(range))
      }
    }
    return nil
  }
}
