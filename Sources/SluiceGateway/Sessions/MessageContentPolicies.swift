import SluiceConfiguration
import SluiceReactor
import SluiceWire

/// `bandwidth-limit` with `messages`: payloads count for the rate of bodies.
struct MessageBandwidth {
  let limit: CompiledBandwidthLimit
  /// Nil where each session has the whole rate.
  let key: LimitKey?

  init(_ limit: CompiledBandwidthLimit, key: LimitKey?) {
    self.limit = limit
    self.key = key
  }
}

/// Makes one end of a session wait whose messages were too large for the rate.
final class MessageBandwidthPolicy: MessagePolicy {
  private let side: BandwidthSide

  init(_ side: BandwidthSide) {
    self.side = side
    // What the session has used up, where nobody shares its rate.
    super.init(stage: .limit, cellCount: 1)
  }

  override func meet(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, of session: Session,
    _ inspection: SessionInspection
  ) -> MessageOutcome {
    guard let bandwidth = inspection.policies.bandwidth, !payload.isEmpty else { return .pass }
    let now = session.loop.now
    var own = UInt64(max(0, inspection.cells[firstCell].nanoseconds))
    let wait = bandwidth.limit.take(
      payload.count, side, for: bandwidth.key, own: &own, now: UInt64(max(0, now.nanoseconds)))
    inspection.cells[firstCell] = MonotonicTime(nanoseconds: Int64(clamping: own))
    return wait == 0
      ? .pass : .passThenWait(until: now.advanced(byNanoseconds: Int64(clamping: wait)))
  }
}

/// `json-schema` with `messages` or `messagesFromUpstream`: lets messages pass that are what a schema asks
/// for.
final class MessageSchemaPolicy: MessagePolicy {
  private let side: SessionSide

  init(from side: SessionSide) {
    self.side = side
    super.init(stage: .validate, cellCount: 0)
  }

  override func meet(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, of session: Session,
    _ inspection: SessionInspection
  ) -> MessageOutcome {
    guard let schema = inspection.policies.schema,
      let rule = side == .client ? schema.fromClient : schema.fromUpstream
    else { return .pass }
    switch schema.verdict(payload, isCompressed: message.isCompressed, rule) {
    case .right: return .pass
    case .wrong(let failure): return outcome(rule.action, failure)
    case .unreadable, .ambiguous: return outcome(rule.action, nil)
    }
  }

  private func outcome(
    _ action: Configuration.RefusalAction, _ failure: SchemaRun.Failure?
  ) -> MessageOutcome {
    if action == .refuse {
      // A target may not understand messages that no caller sends.
      return side == .client ? .refuse(.invalid, .invalid(failure)) : .drop(.invalid)
    }
    var reason = Array("message-invalid".utf8)
    if let failure {
      let place =
        Array(": \(failure.keyword) at ".utf8)
        + (failure.pointer.isEmpty ? [0x2F] : failure.pointer)
      // RFC 6455 5.5: 123 bytes are left beside the code.
      if reason.count + place.count <= 123 { reason += place }
    }
    return .close(
      SessionEnding(
        .policy, side: side, code: WebSocketCloseCode.policyViolation.rawValue, reason: reason,
        policy: Configuration.JSONSchema.policyName))
  }
}

/// `request-transform` or `response-transform` with `messages`, compiled.
struct MessageTransform {
  let body: BodyTransform
  let unusable: Configuration.UnusableMessageAction
  let policy: String

  /// Nil when messages are not changed.
  init?(_ body: BodyTransform?, _ settings: Configuration.MessageTransformation?, _ policy: String)
  {
    guard let body, let settings else { return nil }
    self.body = body
    unusable = settings.unusable
    self.policy = policy
  }
}

/// Changes fields of JSON messages, as those of bodies are changed.
final class MessageTransformPolicy: MessagePolicy {
  private let side: SessionSide

  init(from side: SessionSide) {
    self.side = side
    super.init(stage: .transform, cellCount: 0)
  }

  override func meet(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, of session: Session,
    _ inspection: SessionInspection
  ) -> MessageOutcome {
    let policies = inspection.policies
    guard let transform = side == .client ? policies.fromClient : policies.fromUpstream else {
      return .pass
    }
    if message.isCompressed { return outcome(transform, mayPass: false) }
    if payload.count > transform.body.limit { return outcome(transform, mayPass: true) }
    var text = ByteBuffer()
    text.append(payload)
    do throws(JSONEdit.Failure) {
      if try !transform.body.apply(to: &text, .session(session)) { return .pass }
    } catch {
      return outcome(transform, mayPass: error != .duplicateKey)
    }
    swap(&text, &inspection.changed)
    return .change
  }

  private func outcome(_ transform: MessageTransform, mayPass: Bool) -> MessageOutcome {
    switch transform.unusable {
    case .pass where mayPass: .pass
    case .close:
      .close(
        SessionEnding(
          .policy, side: side, code: WebSocketCloseCode.policyViolation.rawValue,
          reason: Array("message-invalid".utf8), policy: transform.policy))
    case .pass, .refuse: side == .client ? .refuse(.invalid, .invalid(nil)) : .drop(.invalid)
    }
  }
}

extension SessionMessage {
  /// What a caller hears of a message that is not what it has to be; nil when it is no JSON that all read
  /// alike.
  static func invalid(_ failure: SchemaRun.Failure?) -> SessionMessage {
    var text = ByteBuffer()
    text.append(#"{"type":"error","code":"message-invalid","title":""#)
    if let failure {
      text.append(#"The message is not what is asked for.","pointer":""#)
      text.append(jsonContent: failure.pointer.span)
      text.append(#"","keyword":""#)
      text.append(failure.keyword)
    } else {
      text.append("Messages have to be JSON that names nothing twice, and not too large.")
    }
    text.append("\"}")
    return SessionMessage(isText: true, bytes: text.copiedBytes())
  }
}
