import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// What a service that was asked about a handshake says of the session; see `ForwardAuth.grants`.
final class SessionGrants: Sendable {
  let labels: [SessionLabel]
  /// Nanoseconds of trust from now on.
  let lifetime: Int64?
  let idleTimeout: Int64?
  /// Messages from the caller.
  let rate: MessageRate?
  /// Payload bytes of them.
  let byteRate: MessageRate?
  /// The largest of them, in bytes.
  let messageSize: Int?
  /// All that the caller may ask for by its messages.
  let actions: Set<[UInt8]>?

  private static let prefix = Array("sluice-grant-".utf8)
  static let maxActions = 64
  static let maxActionBytes = 128
  private static let times = Timespan.seconds(1)...Timespan.seconds(366 * 86_400)
  private static let windows = Timespan.milliseconds(1)...Timespan.seconds(86_400)
  private static let amounts = 1...1_000_000
  private static let sizes = 1...1 << 30

  /// Nil when a field that counts means nothing, or any is unknown or there twice: whoever grants by it
  /// thinks that it holds.
  init?(
    _ fields: [(name: [UInt8], value: [UInt8])], _ listened: [Configuration.ForwardAuth.Grant]
  ) {
    var labels: [SessionLabel] = []
    var texts: [Configuration.ForwardAuth.Grant: String] = [:]
    for (name, value) in fields where name.span.hasPrefixIgnoringCase(Self.prefix) {
      let lowered = String(decoding: name, as: UTF8.self).lowercased().dropFirst(Self.prefix.count)
      if lowered.hasPrefix("label-") {
        guard listened.contains(.labels) else { continue }
        let label = SessionLabel(name: Array(lowered.dropFirst(6).utf8), value: value)
        guard !label.name.isEmpty, label.name.count <= SessionFacts.maxLabelBytes,
          !value.isEmpty, value.count <= SessionFacts.maxLabelBytes,
          labels.count < SessionFacts.maxLabels,
          !labels.contains(where: { $0.name == label.name })
        else { return nil }
        labels.append(label)
        continue
      }
      guard let grant = Configuration.ForwardAuth.Grant(rawValue: String(lowered)),
        grant != .labels, let text = String(validating: value, as: UTF8.self),
        texts.updateValue(text, forKey: grant) == nil
      else { return nil }
    }
    self.labels = labels
    do throws(Malformed) {
      lifetime = try Self.value(texts, .expiry, listened) { Self.time($0) }
      idleTimeout = try Self.value(texts, .idleTimeout, listened) { Self.time($0) }
      rate = try Self.value(texts, .messageRate, listened) { Self.rate($0, Self.amount) }
      byteRate = try Self.value(texts, .byteRate, listened) { Self.rate($0, Self.size) }
      messageSize = try Self.value(texts, .messageSize, listened) { Self.size($0[...]) }
      actions = try Self.value(texts, .actions, listened) { Self.actions($0) }
    } catch {
      return nil
    }
  }

  private struct Malformed: Error {}

  private static func value<Value>(
    _ texts: [Configuration.ForwardAuth.Grant: String], _ grant: Configuration.ForwardAuth.Grant,
    _ listened: [Configuration.ForwardAuth.Grant], _ read: (String) -> Value?
  ) throws(Malformed) -> Value? {
    guard listened.contains(grant), let text = texts[grant] else { return nil }
    guard let value = read(text) else { throw Malformed() }
    return value
  }

  private static func time(_ text: String) -> Int64? {
    Timespan(text: text).flatMap { times.contains($0) ? $0.nanoseconds : nil }
  }

  private static func amount(_ text: Substring) -> Int? {
    Int(text).flatMap { amounts.contains($0) ? $0 : nil }
  }

  private static func size(_ text: Substring) -> Int? {
    ByteCount(text: String(text)).flatMap { sizes.contains($0.bytes) ? $0.bytes : nil }
  }

  /// `50/1s`.
  private static func rate(_ text: String, _ amount: (Substring) -> Int?) -> MessageRate? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let amount = amount(parts[0]),
      let window = Timespan(text: String(parts[1])), windows.contains(window)
    else { return nil }
    return MessageRate(amount, per: window.nanoseconds, burst: amount)
  }

  /// None at all is a grant, too.
  private static func actions(_ text: String) -> Set<[UInt8]>? {
    if text.isEmpty { return [] }
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      Array(part.utf8.drop { $0 == 0x20 }.reversed().drop { $0 == 0x20 }.reversed())
    }
    guard parts.count <= maxActions,
      parts.allSatisfy({ !$0.isEmpty && $0.count <= maxActionBytes })
    else { return nil }
    return Set(parts)
  }
}

/// Limits messages of callers whose grant says so.
final class GrantedLimitsPolicy: MessagePolicy {
  private let action: Configuration.MessageRateAction

  init(_ action: Configuration.MessageRateAction) {
    self.action = action
    // One cell for messages, one for bytes.
    super.init(stage: .limit, cellCount: 2)
  }

  override func meet(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, of session: Session,
    _ inspection: SessionInspection
  ) -> MessageOutcome {
    guard let grants = session.trust?.grants else { return .pass }
    if let most = grants.messageSize, payload.count > most { return .close(Self.tooLarge) }
    guard grants.rate != nil || grants.byteRate != nil else { return .pass }
    let now = session.loop.now
    var used = (messages: inspection.cells[firstCell], bytes: inspection.cells[firstCell &+ 1])
    if action != .delay {
      let isAllowed =
        grants.rate?.allows(1, used.messages, now: now) ?? true
        && grants.byteRate?.allows(payload.count, used.bytes, now: now) ?? true
      if !isAllowed {
        return action == .drop ? .drop(.rateLimit) : .close(MessageRatePolicy.ending(of: .client))
      }
    }
    grants.rate?.take(1, &used.messages, now: now)
    grants.byteRate?.take(payload.count, &used.bytes, now: now)
    inspection.cells[firstCell] = used.messages
    inspection.cells[firstCell &+ 1] = used.bytes
    if action != .delay { return .pass }
    let next = max(
      grants.rate?.nextTime(used.messages) ?? now, grants.byteRate?.nextTime(used.bytes) ?? now)
    return next > now ? .passThenWait(until: next) : .pass
  }

  private static var tooLarge: SessionEnding {
    SessionEnding(
      .messageTooBig, side: .client, code: WebSocketCloseCode.messageTooBig.rawValue,
      reason: Array("The message is larger than this session may send.".utf8))
  }
}
