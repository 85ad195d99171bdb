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
  /// The same, for those who need not count them.
  private let references: [Unmanaged<UpstreamTarget>]
  /// Calls of gRPC can reach its targets.
  let mayCarryGRPC: Bool
  var state: ServiceState
  /// Of those of its targets that this worker checks for all.
  private(set) var checks: [TargetCheck] = []
  /// What is hashed, and what is where the first finds nothing.
  private let hashKeys: [CompiledHashKey]
  /// Around the value of the cookie that callers get; nil for none.
  private let hashCookie: (index: Int, start: [UInt8], end: [UInt8])?

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
    let keys = [settings.hash, settings.hashFallback].compactMap { $0 }
    hashKeys = keys.map { CompiledHashKey($0) }
    hashCookie = settings.hashCookiePath.flatMap { path in
      keys.enumerated().lazy.compactMap { index, key in
        guard case .field(.cookie(let name)) = key else { return nil }
        return (index, Array("\(name)=".utf8), Array("; Path=\(path); HttpOnly".utf8))
      }.first
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
    references = targets.map { .passUnretained($0) }
    state = ServiceState(
      settings, identities: settings.targets.map { StableHash.hash($0.url) },
      seed: worker.random.next())
    if let former { state.inheritHealth(from: former.state, now: worker.loop.now) }
    checks = TargetCheck.all(of: self, worker: worker, former: former?.checks ?? [])
  }

  /// The target in this place, which is this service's for good.
  func reference(toTarget index: Int) -> Unmanaged<UpstreamTarget> { references[index] }

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

  /// The number that `consistent-hash` balances by; 0 where nothing is hashed. Without what is hashed
  /// it is another one each time.
  func hash(of exchange: Exchange) -> UInt64 {
    guard settings.balance == .consistentHash else { return 0 }
    for (index, key) in hashKeys.enumerated() {
      if let hash = key.hash(of: exchange) { return hash }
      if let hashCookie, hashCookie.index == index { return giveCookie(hashCookie, to: exchange) }
    }
    return exchange.worker.random.next()
  }

  /// The hash of a cookie that the caller gets with the response, whichever attempt that is of.
  private func giveCookie(
    _ cookie: (index: Int, start: [UInt8], end: [UInt8]), to exchange: Exchange
  ) -> UInt64 {
    if let hash = exchange.record.cookieHash { return hash }
    var value = ByteBuffer()
    value.append(hex: exchange.worker.secureRandom.next())
    value.append(hex: exchange.worker.secureRandom.next())
    let bytes = value.copiedBytes()
    exchange.responseEdits.add {
      $0.append("Set-Cookie: ")
      $0.append(cookie.start)
      $0.append(bytes)
      $0.append(cookie.end)
      $0.append("\r\n")
    }
    let hash = StableHash.hash(bytes.span)
    exchange.record.cookieHash = hash
    return hash
  }

  /// The same for a caller of whom nothing but its address is known.
  func hash(ofCaller caller: SocketAddress) -> UInt64 {
    guard settings.balance == .consistentHash, case .address? = settings.hash, let ip = caller.ip
    else { return 0 }
    return StableHash.mix(ip.high ^ StableHash.mix(ip.low))
  }
}

/// What a request is hashed by, made when the service is.
struct CompiledHashKey {
  private let key: Configuration.HashKey
  private let name: [UInt8]
  /// For a segment of the path.
  private let segment: CompiledTemplate?

  init(_ key: Configuration.HashKey) {
    self.key = key
    switch key {
    case .field(let field): name = Array(field.name.utf8)
    case .parameter(let parameter): name = Array(parameter.utf8)
    case .address, .path, .consumer, .capture: name = []
    }
    if case .capture(let segment) = key {
      self.segment = CompiledTemplate("${request.path.\(segment)}")
    } else {
      segment = nil
    }
  }

  /// Nil where the request does not have it.
  func hash(of exchange: Exchange) -> UInt64? {
    switch key {
    case .address:
      guard let ip = exchange.clientAddress.ip else { return nil }
      return StableHash.mix(ip.high ^ StableHash.mix(ip.low))
    case .path: return exchange.withPath { StableHash.hash($0) }
    case .consumer:
      guard let consumer = exchange.identity?.consumer, !consumer.isEmpty else { return nil }
      return StableHash.hash(consumer.span)
    case .field(.header): return Self.hash(ofField: name, exchange.request)
    case .field(.cookie): return Self.hash(ofCookie: name, exchange.request)
    case .parameter: return Self.hash(ofParameter: name, exchange.request)
    case .capture:
      var text = ByteBuffer()
      segment?.append(exchange, .field, to: &text)
      return text.isEmpty ? nil : StableHash.hash(text.span)
    }
  }

  /// Nil without this field.
  static func hash(ofField name: [UInt8], _ head: borrowing RequestHead) -> UInt64? {
    guard let index = head.firstIndex(named: name.span) else { return nil }
    return StableHash.hash(head.span(head.fields[index].value))
  }

  private static func hash(ofParameter name: [UInt8], _ head: borrowing RequestHead) -> UInt64? {
    guard let place = head.query else { return nil }
    let query = head.span(place)
    guard let range = QueryParameters.value(of: name, in: query) else { return nil }
    return StableHash.hash(query.extracting(range))
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
