import SluiceReactor

/// A session's latest frames as the admin API shows them: a copy, made on the worker's thread.
public struct SessionRecording: Sendable {
  public struct Frame: Sendable {
    /// Unix time in microseconds.
    public var time: Int64
    public var record: FrameRecord
  }

  /// Why it ended; a session that lives has none.
  public struct End: Sendable {
    public var cause: SessionCause
    /// What was said or, without a close frame, 1006.
    public var code: UInt16
    public var reason: String
    /// `client` or `upstream`, where it was one side's doing.
    public var side: String?
    public var policy: String?
    /// Unix time in milliseconds.
    public var endedAt: Int64
  }

  /// A log line and an event have the latest frames only.
  static let maxToldFrames = 16

  public var id: SessionID
  public var end: End?
  /// From the oldest to the newest.
  public var frames: [Frame]
}

/// What is known of a session's frames.
public enum SessionRecordingOutcome: Sendable {
  case found(SessionRecording)
  /// The session lives, and its route has no flight recorder.
  case off
  /// No session has this id, or its recording is not kept any more.
  case unknown
}

extension SessionRecording.Frame {
  init(_ record: FrameRecord, _ clock: WallClock) {
    self.init(time: clock.microseconds(record.time), record: record)
  }
}

extension Worker {
  /// Nil when nothing is known of it here.
  func recording(_ id: SessionID) -> SessionRecordingOutcome? {
    let clock = wallClock(now: loop.now)
    if let session = sessions[id] {
      guard let ring = session.watch?.ring else { return .off }
      return .found(
        SessionRecording(id: id, frames: ring.inOrder.map { .init($0, clock) }))
    }
    guard let entry = watches.ended.find(id, now: loop.now) else { return nil }
    let ending = entry.ending
    return .found(
      SessionRecording(
        id: id,
        end: .init(
          cause: ending.cause, code: ending.code,
          reason: String(decoding: ending.reason, as: UTF8.self),
          side: ending.side.map { $0 == .client ? "client" : "upstream" },
          policy: ending.policy, endedAt: clock.milliseconds(entry.ended)),
        frames: entry.frames.map { .init($0, clock) }))
  }
}
