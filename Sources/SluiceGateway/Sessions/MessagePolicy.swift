import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// The order in which policies see a message.
enum MessageStage: UInt8, CaseIterable, Comparable {
  case limit, authorize, validate, route, transform

  static func < (left: MessageStage, right: MessageStage) -> Bool { left.rawValue < right.rawValue }
}

/// What a policy makes of a message.
enum MessageOutcome {
  case pass
  /// It passes, and then nothing is read from its sender until this moment.
  case passThenWait(until: MonotonicTime)
  case drop(MessageDrop)
  /// It goes on as what the inspection's `changed` holds, which no policy looks at any more.
  case change
  /// It was meant for the gateway, and goes no further.
  case taken
  /// It is dropped, and its sender, a caller, is told by a message.
  case refuse(MessageDrop, SessionMessage)
  case close(SessionEnding)
}

/// Why a message did not reach the other end of a session that went on.
public enum MessageDrop: UInt8, CaseIterable, Sendable {
  case rateLimit
  case slowConsumer
  /// A newer message of the same key took its place.
  case conflated
  /// Nothing was left of what requests and messages spend together.
  case budget
  /// The caller may not send it.
  case forbidden
  /// It is not what it has to be.
  case invalid

  public var label: StaticString {
    switch self {
    case .rateLimit: "rate-limit"
    case .slowConsumer: "slow-consumer"
    case .conflated: "conflated"
    case .budget: "budget"
    case .forbidden: "forbidden"
    case .invalid: "invalid"
    }
  }
}

/// What a setting about messages compiles to. It belongs to a route on one worker; what it has to
/// remember of a session is in the session's cells.
class MessagePolicy {
  let stage: MessageStage
  /// Cells of eight bytes that it needs in each session.
  let cellCount: Int
  fileprivate(set) var firstCell = 0

  init(stage: MessageStage, cellCount: Int) {
    self.stage = stage
    self.cellCount = cellCount
  }

  /// Meets a whole message; `payload` is unmasked, and UTF-8 if it is text.
  func meet(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, of session: Session,
    _ inspection: SessionInspection
  ) -> MessageOutcome { .pass }
}

/// What is said about a route's messages, both ways.
final class MessagePipeline {
  /// In the order of their stages.
  let fromClient: [MessagePolicy]
  let fromUpstream: [MessagePolicy]
  /// Of all policies together.
  let cellCount: Int
  let conflation: CompiledConflation?
  /// Messages wait for a slow caller as messages, not as bytes.
  let queues: Bool

  init(_ settings: Configuration.Route, _ uses: Configuration.MessageUses) {
    let messages = settings.messages ?? Configuration.MessageSettings()
    fromClient = Self.inOrder([
      messages.rateLimit.map { MessageRatePolicy($0, from: .client) },
      uses.hasGrantedLimits ? GrantedLimitsPolicy(messages.rateLimit?.action ?? .delay) : nil,
      uses.spends ? MessageSpendingPolicy() : nil,
      uses.countsBytes ? MessageBandwidthPolicy(.request) : nil,
      settings.connection?.refresh?.message.flatMap(SessionTokenMessages.init),
      settings.connection?.onDenial == .refuse ? DenialPolicy(from: .client) : nil,
      messages.authorize.flatMap(MessageAuthorizationPolicy.init),
      uses.readsCallers ? MessageSchemaPolicy(from: .client) : nil,
      uses.readsCallers ? MessageTransformPolicy(from: .client) : nil,
    ])
    fromUpstream = Self.inOrder([
      messages.rateLimitFromUpstream.map { MessageRatePolicy($0, from: .upstream) },
      uses.countsBytes ? MessageBandwidthPolicy(.response) : nil,
      settings.connection?.onDenial == .refuse ? DenialPolicy(from: .upstream) : nil,
      uses.readsTargets ? MessageSchemaPolicy(from: .upstream) : nil,
      uses.readsTargets ? MessageTransformPolicy(from: .upstream) : nil,
    ])
    var cells = 0
    for policy in fromClient + fromUpstream {
      policy.firstCell = cells
      cells += policy.cellCount
    }
    cellCount = cells
    conflation = messages.conflate.flatMap(CompiledConflation.init)
    queues = conflation != nil || settings.connection?.slowConsumer.drops == true
  }

  static func inOrder(_ policies: [MessagePolicy?]) -> [MessagePolicy] {
    // Sorting is not stable by itself: within a stage the order above holds.
    policies.compactMap { $0 }.enumerated()
      .sorted { ($0.element.stage, $0.offset) < ($1.element.stage, $1.offset) }
      .map(\.element)
  }
}

/// `messages.conflate`: tells which messages replace each other.
struct CompiledConflation {
  let maxKeys: Int
  private let path: JSONPath

  /// Longer values are no keys.
  static let maxKeyBytes = 256

  /// Nil for a path that the configuration's check would have refused.
  init?(_ settings: Configuration.Conflation) {
    guard let path = try? JSONPath(settings.key) else { return nil }
    self.path = path
    maxKeys = settings.maxKeys
  }

  /// A string, number or truth value at the path of a JSON text; nil when there is none, or two.
  func key(of payload: Span<UInt8>) -> [UInt8]? {
    guard case .found(let value) = path.value(in: payload) else { return nil }
    switch value.kind {
    case .object, .array, .null: return nil
    case .string, .number, .bool: break
    }
    if value.range.count > Self.maxKeyBytes { return nil }
    let text = payload.extracting(value.range)
    if !value.hasEscapes { return text.withUnsafeBufferPointer { Array($0) } }
    // Two ways to write a string are one key. The quote keeps it apart from a number.
    var key = ByteBuffer()
    key.append(0x22)
    guard key.append(meaningOfJSON: payload.extracting(value.content)) else { return nil }
    key.append(0x22)
    return key.copiedBytes()
  }
}
