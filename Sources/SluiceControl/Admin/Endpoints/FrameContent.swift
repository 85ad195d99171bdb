import SluiceGateway

/// A frame of a session, without its payload.
public struct FrameContent: Codable, Sendable {
  /// Seconds since 1970, with microseconds.
  public var time: Double
  /// `from-client`, `from-upstream`; `to-client`, `to-upstream` for the gateway's own.
  public var direction: String
  public var opcode: String
  /// Bytes of payload, as the header announces them.
  public var size: UInt64
  public var decision: String
  /// Said of fragments that are not the last of their message.
  public var final: Bool?
  public var compressed: Bool?
}

/// The answer to `GET /connections/{id}/frames`.
public struct RecordingContent: Codable, Sendable {
  public var id: String
  /// `open`, or `ended`: what an abnormal end left.
  public var state: String
  public var endedAt: String?
  public var cause: String?
  /// What was said or, without a close frame, 1006.
  public var code: Int?
  public var reason: String?
  /// Whose doing it was, where it was one side's: `client` or `upstream`.
  public var side: String?
  public var policy: String?
  /// From the oldest to the newest.
  public var frames: [FrameContent]
}

extension FrameContent {
  init(_ frame: SessionRecording.Frame) {
    let record = frame.record
    time = Double(frame.time) / 1e6
    direction = "\(record.direction.label)"
    opcode = "\(record.opcodeLabel)"
    size = record.size
    decision = "\(record.decision.label)"
    final = record.isFinal ? nil : false
    compressed = record.isCompressed ? true : nil
  }
}

extension RecordingContent {
  init(_ recording: SessionRecording) {
    id = recording.id.description
    state = recording.end == nil ? "open" : "ended"
    frames = recording.frames.map { FrameContent($0) }
    guard let end = recording.end else { return }
    endedAt = Timestamp(milliseconds: end.endedAt).text
    cause = "\(end.cause.label)"
    code = Int(end.code)
    reason = end.reason.isEmpty ? nil : end.reason
    side = end.side
    policy = end.policy
  }

  static let example: RecordingContent = {
    let frame = FrameContent(
      time: 1_769_860_812.25, direction: "from-client", opcode: "text", size: 70_000,
      decision: "closed")
    return RecordingContent(
      id: "AbCdEfGhIjKlMnOpQrStUv", state: "ended", endedAt: "2026-01-31T12:00:12.251Z",
      cause: "policy", code: 1_008, reason: "More messages came than the limit allows.",
      side: "client", policy: "rate-limit", frames: [frame])
  }()
}
