/// What happened to a session, on its worker's thread.
enum SessionEvent {
  case opened(Session)
  /// It had lost its target and went on so many nanoseconds later, maybe with another one.
  case reconnected(Session, after: Int64)
  case closed(Session, SessionEnding)
}

/// Why and how a session ended. A class, because a session that lives should not pay for it.
final class SessionEnding {
  let cause: SessionCause
  /// Whose doing or failure it was, where it was one side's.
  let side: SessionSide?
  /// What was said or, without a close frame, 1006 (RFC 6455 7.1.5); never sent as such.
  let code: UInt16
  /// UTF-8, 123 bytes at most.
  let reason: [UInt8]
  /// The policy that ended it, for the cause `policy`.
  let policy: String?

  init(
    _ cause: SessionCause, side: SessionSide? = nil, code: UInt16, reason: [UInt8] = [],
    policy: String? = nil
  ) {
    self.cause = cause
    self.side = side
    self.code = code
    self.reason = reason
    self.policy = policy
  }

  /// Whether something went wrong: not somebody's wish, a time that was up, or the gateway's own going.
  var isAbnormal: Bool {
    switch cause {
    case .protocolError, .messageTooBig, .policy, .slowConsumer, .network: true
    // 1000, 1001 and an empty close frame say that all was well; an application's codes are its own.
    case .client, .upstream: 1_002...1_015 ~= code && code != 1_005
    default: false
    }
  }

  /// What the close frame for an end says.
  func code(for end: SessionSide) -> UInt16 {
    switch cause {
    case .client, .upstream:
      // A close frame passes through; a connection that just ended has no code of its own.
      if code != 1006 { return code }
      return end == .client ? 1011 : 1001
    case .protocolError, .messageTooBig: return codeOfBlame(for: end)
    case .policy where side != nil: return codeOfBlame(for: end)
    default:
      if end == .client && code != 1006 { return code }
      return end == .client ? cause.row.downstreamCode : cause.row.upstreamCode
    }
  }

  /// The end that broke the rules hears which; the other that it is over (1001), or that the target
  /// failed (1011).
  private func codeOfBlame(for end: SessionSide) -> UInt16 {
    if side == end { return code }
    return end == .client ? 1011 : 1001
  }

  /// The reason goes to whom the code goes.
  func reason(for end: SessionSide) -> [UInt8] {
    switch cause {
    case .client, .upstream: code == 1006 ? [] : reason
    case .protocolError, .messageTooBig: side == end ? reason : []
    case .policy where side != nil: side == end ? reason : []
    default: end == .client ? reason : []
    }
  }
}

extension SessionEvent {
  /// Whose event it is.
  var session: Session {
    switch self {
    case .opened(let session), .reconnected(let session, _), .closed(let session, _): session
    }
  }
}
