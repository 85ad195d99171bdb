import SluiceReactor
import SluiceWire

/// Somebody who watches one session's frames as server-sent events (WHATWG HTML 9.2).
///
/// The stream is bounded and loses what its reader does not take in time, so a tap holds up nobody.
public struct SessionTap: Sendable {
  let stream: LocalStream
  /// Of each frame; 0 for none.
  let payloadBytes: Int

  public init(_ stream: LocalStream, payloadBytes: Int) {
    self.stream = stream
    self.payloadBytes = payloadBytes
  }

  /// False when nobody listens any more. `payload` may be empty or a part.
  func send(_ frame: FrameRecord, _ payload: Span<UInt8>, hasPayload: Bool, _ clock: WallClock)
    -> Bool
  {
    var output = ByteBuffer(capacity: 192)
    output.append("event: frame\ndata: ")
    FrameLine.begin(frame, clock, to: &output)
    if hasPayload && payloadBytes > 0 {
      FrameLine.append(payload: payload, of: frame, limit: payloadBytes, to: &output)
    }
    output.append("}\n\n")
    return stream.send(output.copiedBytes())
  }

  /// The session is over.
  func finish(_ ending: SessionEnding) {
    var output = ByteBuffer(capacity: 192)
    output.append("event: closed\ndata: ")
    AccessLogLine.appendTime(to: &output)
    SessionLogLine.appendEnding(ending, to: &output)
    output.append("}\n\n")
    stream.finish(output.copiedBytes())
  }

  /// What a slow reader gets in the place of what it missed; for the stream's settings.
  public static func dropped(_ frames: UInt64) -> [UInt8] {
    Array("event: dropped\ndata: {\"frames\":\(frames)}\n\n".utf8)
  }
}
