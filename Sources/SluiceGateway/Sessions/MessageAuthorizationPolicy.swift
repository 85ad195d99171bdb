import SluiceConfiguration
import SluiceWire

/// `messages.authorize`: which messages a caller may send.
final class MessageAuthorizationPolicy: MessagePolicy {
  /// Whom a list of groups means.
  private enum Senders {
    case everybody
    case groups(Set<[UInt8]>)

    init(_ names: [String]) {
      self = names.contains("*") ? .everybody : .groups(Set(names.map { Array($0.utf8) }))
    }

    func contain(_ identity: Identity?) -> Bool {
      switch self {
      case .everybody: true
      case .groups(let names): identity?.groups.contains { names.contains($0) } ?? false
      }
    }
  }

  private let path: JSONPath
  private let allowed: [[UInt8]: Senders]
  private let otherwise: Senders
  private let action: Configuration.RefusalAction

  /// A longer text is none of those in the file or of a grant.
  private let maxTextBytes: Int

  /// Nil for a path that the configuration's check would have refused.
  init?(_ settings: Configuration.MessageAuthorization) {
    guard let path = try? JSONPath(settings.key) else { return nil }
    self.path = path
    allowed = Dictionary(
      uniqueKeysWithValues: settings.allow.map { (Array($0.key.utf8), Senders($0.value)) })
    otherwise = Senders(settings.otherwise)
    action = settings.action
    maxTextBytes = max(
      SessionGrants.maxActionBytes, settings.allow.keys.map(\.utf8.count).max() ?? 0)
    super.init(stage: .authorize, cellCount: 0)
  }

  override func meet(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, of session: Session,
    _ inspection: SessionInspection
  ) -> MessageOutcome {
    // What passes unread by a policy that reads must not be read as something else by the target.
    if !message.isCompressed, mayPass(payload, session) { return .pass }
    if action == .refuse { return .refuse(.forbidden, .forbidden) }
    return .close(
      SessionEnding(
        .policy, side: .client, code: WebSocketCloseCode.policyViolation.rawValue,
        reason: Array("message-forbidden".utf8), policy: "authorize"))
  }

  private func mayPass(_ payload: Span<UInt8>, _ session: Session) -> Bool {
    let granted = session.trust?.grants?.actions
    switch path.value(in: payload) {
    case .missing: return granted == nil && otherwise.contain(session.identity)
    case .duplicateKey, .invalid: return false
    case .found(let value):
      let asked = value.kind == .string ? text(value, payload) : nil
      if let granted { return asked.map { granted.contains($0) } ?? false }
      guard let asked, let senders = allowed[asked] else {
        return otherwise.contain(session.identity)
      }
      return senders.contain(session.identity)
    }
  }

  /// What the string means, however it is written; nil when it is longer than any in the file.
  private func text(_ value: JSONValue, _ payload: Span<UInt8>) -> [UInt8]? {
    let content = payload.extracting(value.content)
    if !value.hasEscapes {
      return content.count > maxTextBytes
        ? nil : content.withUnsafeBufferPointer { Array($0) }
    }
    // At most six bytes for one, see JSON's \\u.
    if content.count > maxTextBytes * 6 { return nil }
    var text = ByteBuffer()
    guard text.append(meaningOfJSON: content) else { return nil }
    return text.copiedBytes()
  }
}

extension SessionMessage {
  /// What a caller hears of a message that it may not send.
  static let forbidden = SessionMessage(
    isText: true,
    bytes: Array(
      #"{"type":"error","code":"message-forbidden","title":"This caller may not send this message."}"#
        .utf8))
}

/// `connection.onDenial: refuse`: a session that would not be let in any more stays open and mute.
final class DenialPolicy: MessagePolicy {
  private let side: SessionSide

  init(from side: SessionSide) {
    self.side = side
    super.init(stage: .authorize, cellCount: 0)
  }

  override func meet(
    _ message: WebSocketMessage, _ payload: Span<UInt8>, of session: Session,
    _ inspection: SessionInspection
  ) -> MessageOutcome {
    if !inspection.isBarred { return .pass }
    return side == .client ? .refuse(.forbidden, .forbidden) : .drop(.forbidden)
  }
}
