import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// What the settings of a `websocket` route compile to. Times are in nanoseconds, zero pings are none.
final class CompiledSession {
  let idleTimeout: Int64
  let ping: Int64
  let upstreamPing: Int64
  let pongTimeout: Int64
  let closeTimeout: Int64
  private let lifetime: Int64?
  private let lifetimeJitter: UInt64
  let maxSize: UInt64
  let maxSizeFromUpstream: UInt64
  /// Of inspected messages.
  let limits: WebSocketMessageLimits
  let limitsFromUpstream: WebSocketMessageLimits
  let maxControlFrames: Int
  let controlRate: MessageRate
  let maxBacklog: Int
  let slowConsumer: Configuration.SlowConsumerAction
  let slowConsumerTimeout: Int64
  /// Nil where a session ends with its target.
  let reconnect: CompiledReconnect?
  /// Whether sessions that open now look at whole messages.
  let isInspected: Bool
  let pipeline: MessagePipeline
  /// Frames that the flight recorder keeps of each session; 0 when there is none.
  let recordedFrames: Int
  let onDenial: Configuration.RefusalAction
  /// Of every session that opens.
  let labels: [SessionLabel]
  let maxOpen: Int?
  let maxPerAddress: Int?
  let maxPerConsumer: Int?
  /// By the label's name: sessions with the same value.
  let maxPerLabel: [[UInt8]: Int]
  private let maxOpensPerSecond: Int?
  private let maxOpensPerSecondPerAddress: Int?
  private let maxOpensPerSecondPerConsumer: Int?
  private let maxOpensPerSecondPerLabel: [[UInt8]: Int]
  /// Of all routes together.
  private let process: Configuration.Sessions
  let origins: CompiledOrigins

  init(
    _ settings: Configuration.Route, _ uses: Configuration.MessageUses,
    _ process: Configuration.Sessions
  ) {
    let connection = settings.connection ?? Configuration.ConnectionSettings()
    let messages = settings.messages ?? Configuration.MessageSettings()
    idleTimeout = connection.idleTimeout.nanoseconds
    ping = connection.ping.nanoseconds
    upstreamPing = connection.upstreamPing.nanoseconds
    pongTimeout = connection.pongTimeout.nanoseconds
    closeTimeout = connection.closeTimeout.nanoseconds
    lifetime = connection.lifetime?.nanoseconds
    lifetimeJitter = UInt64(connection.lifetimeJitter)
    maxSize = UInt64(messages.maxSize.bytes)
    maxSizeFromUpstream = UInt64(messages.maxSizeFromUpstream.bytes)
    limits = WebSocketMessageLimits(
      maxSize: messages.maxSize.bytes, maxFragments: messages.maxFragments)
    limitsFromUpstream = WebSocketMessageLimits(
      maxSize: messages.maxSizeFromUpstream.bytes, maxFragments: messages.maxFragments)
    maxControlFrames = messages.maxControlFrames
    controlRate = MessageRate(
      messages.maxControlFrames, per: 1_000_000_000, burst: messages.maxControlFrames)
    maxBacklog = connection.maxBacklog.bytes
    slowConsumer = connection.slowConsumer
    slowConsumerTimeout = connection.slowConsumerTimeout.nanoseconds
    reconnect = CompiledReconnect(connection)
    isInspected = uses.isInspected
    pipeline = MessagePipeline(settings, uses)
    recordedFrames = connection.flightRecorder?.frames ?? 0
    onDenial = connection.onDenial
    labels = connection.labels.sorted { $0.key < $1.key }.map {
      SessionLabel(name: Array($0.key.utf8), value: Array($0.value.utf8))
    }
    maxOpen = connection.maxOpen
    maxPerAddress = connection.maxPerAddress
    maxPerConsumer = connection.maxPerConsumer
    maxPerLabel = Self.byName(connection.maxPerLabel)
    maxOpensPerSecond = connection.maxOpensPerSecond
    maxOpensPerSecondPerAddress = connection.maxOpensPerSecondPerAddress
    maxOpensPerSecondPerConsumer = connection.maxOpensPerSecondPerConsumer
    maxOpensPerSecondPerLabel = Self.byName(connection.maxOpensPerSecondPerLabel)
    self.process = process
    origins = CompiledOrigins(settings.origins)
  }

  private static func byName(_ limits: [String: Int]) -> [[UInt8]: Int] {
    Dictionary(uniqueKeysWithValues: limits.map { (Array($0.key.utf8), $0.value) })
  }

  /// Sessions that opened together do not end together.
  func lifetimeEnd(from opened: MonotonicTime, random: UInt64) -> MonotonicTime {
    guard let lifetime else { return .distantFuture }
    // Up to lifetimeJitter percent, in millionths.
    let share = Int64(random % (lifetimeJitter * 10_000 + 1))
    let shorter = Int64(Int128(lifetime) * Int128(share) / 1_000_000)
    return opened.advanced(byNanoseconds: lifetime - shorter)
  }

  /// The limits that a new session of this route needs places under.
  func limits(
    route: String, client: IPAddress?, consumer: [UInt8]?, labels: [SessionLabel]
  ) -> [SessionAdmission.Limit] {
    var limits: [SessionAdmission.Limit] = []
    if let most = process.maxOpen { limits.append(.init(key: .process, most: most)) }
    if let maxOpen { limits.append(.init(key: .route(route), most: maxOpen)) }
    if let maxPerAddress, let client {
      limits.append(.init(key: .address(route: route, client), most: maxPerAddress))
    }
    if let maxPerConsumer, let consumer, !consumer.isEmpty {
      limits.append(.init(key: .consumer(route: route, consumer), most: maxPerConsumer))
    }
    return limits + self.limits(route: route, labels: labels)
  }

  /// Those by label.
  func limits(route: String, labels: [SessionLabel]) -> [SessionAdmission.Limit] {
    if maxPerLabel.isEmpty { return [] }
    return labels.compactMap { label in
      maxPerLabel[label.name].map { .init(key: .label(route: route, label), most: $0) }
    }
  }

  /// How fast sessions like a new one may open on this route.
  func paces(
    route: String, client: IPAddress?, consumer: [UInt8]?, labels: [SessionLabel]
  ) -> [SessionAdmission.Pace] {
    var paces: [SessionAdmission.Pace] = []
    if let maxOpensPerSecond {
      paces.append(.init(key: .route(route), perSecond: maxOpensPerSecond))
    }
    if let most = process.maxOpensPerSecond {
      paces.append(.init(key: .process, perSecond: most))
    }
    if let most = maxOpensPerSecondPerAddress, let client {
      paces.append(.init(key: .address(route: route, client), perSecond: most))
    }
    if let most = maxOpensPerSecondPerConsumer, let consumer, !consumer.isEmpty {
      paces.append(.init(key: .consumer(route: route, consumer), perSecond: most))
    }
    return paces + self.paces(route: route, labels: labels)
  }

  /// Those by label.
  func paces(route: String, labels: [SessionLabel]) -> [SessionAdmission.Pace] {
    if maxOpensPerSecondPerLabel.isEmpty { return [] }
    return labels.compactMap { label in
      maxOpensPerSecondPerLabel[label.name].map {
        .init(key: .label(route: route, label), perSecond: $0)
      }
    }
  }

  /// Whether a label that the target gives may refuse the handshake.
  var limitsLabels: Bool { !maxPerLabel.isEmpty || !maxOpensPerSecondPerLabel.isEmpty }
}

/// What `onUpstreamLoss: reconnect` compiles to.
struct CompiledReconnect {
  let times: ReconnectStateMachine.Settings
  /// Bytes of the caller that wait for a target.
  let maxHeld: Int

  init?(_ connection: Configuration.ConnectionSettings) {
    guard connection.onUpstreamLoss == .reconnect else { return nil }
    let settings = connection.reconnect
    times = ReconnectStateMachine.Settings(
      deadline: settings.deadline.nanoseconds, backoff: settings.backoff.nanoseconds,
      maxBackoff: settings.maxBackoff.nanoseconds)
    maxHeld = settings.maxHeld.bytes
  }
}

/// Whose pages may open sessions (RFC 6455 10.2): browsers say where a page is from, and only they
/// send cookies that the page's author does not know.
struct CompiledOrigins {
  private let allowsAll: Bool
  private let allowsNull: Bool
  /// Nil: the same host only.
  private let patterns: [Pattern]?

  private struct Pattern {
    let scheme: [UInt8]
    let host: [UInt8]
    let isWildcard: Bool
    let port: UInt16
  }

  init(_ origins: [String]?) {
    allowsAll = origins?.contains("*") ?? false
    allowsNull = origins?.contains("null") ?? false
    patterns = origins?.compactMap(OriginPattern.init).map {
      Pattern(
        scheme: Array($0.scheme.utf8), host: Array($0.host.utf8), isWildcard: $0.isWildcard,
        port: $0.port)
    }
  }

  /// `origin` is the field's value, `authority` the request's host and port.
  func allow(_ origin: Span<UInt8>, authority: Span<UInt8>) -> Bool {
    if allowsAll { return true }
    if origin.equalsIgnoringCase(Self.null) { return allowsNull }
    let text = origin.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    guard let parsed = OriginPattern(text), !parsed.isWildcard else { return false }
    guard let patterns else { return Self.isSameHost(text, authority) }
    return patterns.contains { pattern in
      guard parsed.scheme.utf8.elementsEqual(pattern.scheme), parsed.port == pattern.port else {
        return false
      }
      if !pattern.isWildcard { return parsed.host.utf8.elementsEqual(pattern.host) }
      let suffix = [0x2E] + pattern.host
      return parsed.host.utf8.count > suffix.count
        && parsed.host.utf8.suffix(suffix.count).elementsEqual(suffix)
    }
  }

  private static let null = Array("null".utf8)

  /// Host and port alike. Which scheme the page has is not compared: TLS may have ended in front of
  /// the gateway.
  private static func isSameHost(_ origin: String, _ authority: Span<UInt8>) -> Bool {
    guard let slashes = origin.firstRange(of: "://") else { return false }
    let host = origin[slashes.upperBound...]
    let own = authority.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    return withoutPort(host.lowercased(), default: origin)
      == withoutPort(own.lowercased(), default: origin)
  }

  /// With the scheme's own port taken off.
  private static func withoutPort(_ host: String, default origin: String) -> String {
    let port = origin.lowercased().hasPrefix("https:") ? ":443" : ":80"
    return host.hasSuffix(port) && !host.hasSuffix("]") ? String(host.dropLast(port.count)) : host
  }
}
