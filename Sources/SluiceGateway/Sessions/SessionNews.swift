import SluiceReactor

/// What happened to a session, as a value that may leave its worker's thread.
public struct SessionNews: Sendable {
  public enum Kind: Sendable {
    case opened
    /// Without a target for so many nanoseconds.
    case reconnected(after: Int64)
    /// `code` is what was said or, without a close frame, 1006.
    case closed(cause: SessionCause, code: UInt16, reason: String, side: String?, policy: String?)
  }

  public var kind: Kind
  /// As it is now; after its end, as it was then.
  public var session: SessionInfo
  /// After an abnormal end, the latest that the flight recorder has.
  public var frames: [SessionRecording.Frame] = []
  /// News that were lost before this one because too many came at once.
  public var lostBefore: UInt64 = 0
}

/// Who wants to hear of sessions; for the admin API's events.
public struct SessionObserver: Sendable {
  /// Asked on the workers' threads for every session, so it must be cheap.
  public var isListening: @Sendable () -> Bool
  /// Called on the control thread.
  public var onNews: @Sendable (SessionNews) -> Void

  public init(
    isListening: @escaping @Sendable () -> Bool, onNews: @escaping @Sendable (SessionNews) -> Void
  ) {
    self.isListening = isListening
    self.onNews = onNews
  }
}

extension SessionNews {
  init(_ event: SessionEvent, now: MonotonicTime) {
    switch event {
    case .opened(let session):
      self.init(kind: .opened, session: session.info(now: now))
    case .reconnected(let session, let gap):
      self.init(kind: .reconnected(after: gap), session: session.info(now: now))
    case .closed(let session, let ending):
      self.init(
        kind: .closed(
          cause: ending.cause, code: ending.code,
          reason: String(decoding: ending.reason, as: UTF8.self),
          side: ending.side.map { $0 == .client ? "client" : "upstream" },
          policy: ending.policy.map { "\($0)" }),
        session: session.info(now: now))
      if ending.isAbnormal, let ring = session.watch?.ring {
        let clock = session.worker.wallClock(now: now)
        frames = ring.latest(SessionRecording.maxToldFrames).map { .init($0, clock) }
      }
    }
  }
}
