import Foundation

/// Frames as `sluice connections tap` and `show` print them.
enum TapView {
  private struct Payload: Decodable {
    var text: String?
    var base64: String?
    var truncated: Bool?
  }

  private struct Dropped: Decodable { var frames: UInt64 }

  private struct Closed: Decodable {
    var cause: String
    var code: Int
    var side: String?
    var policy: String?
    var reason: String?
  }

  /// An event of a tap on a line; what is not understood is printed as it is.
  static func line(_ event: ServerSentEvent.Received) -> String {
    switch event.name {
    case "frame":
      guard let frame = decode(FrameContent.self, event.data) else { break }
      return line(frame, decode(Payload.self, event.data))
    case "dropped":
      guard let dropped = decode(Dropped.self, event.data) else { break }
      return "… \(dropped.frames) frames are missing here\n"
    case "closed":
      guard let closed = decode(Closed.self, event.data) else { break }
      return
        ending(closed.cause, closed.code, closed.side, closed.policy, closed.reason) + "\n"
    default: break
    }
    return Readable.safe("\(event.name) \(event.data)") + "\n"
  }

  /// The same for programs, an object.
  static func json(_ event: ServerSentEvent.Received) -> String {
    "{\"event\":\"\(event.name)\",\(event.data.dropFirst())\n"
  }

  /// A flight recorder's frames.
  static func text(_ recording: RecordingContent) -> String {
    var text = ""
    if let cause = recording.cause, let code = recording.code {
      text =
        "\(recording.id) ended at \(recording.endedAt ?? "-")\n"
        + ending(cause, code, recording.side, recording.policy, recording.reason) + "\n"
    }
    return text + "latest frames: \(recording.frames.count)\n"
      + recording.frames.map { line($0, nil) }.joined()
  }

  private static func line(_ frame: FrameContent, _ payload: Payload?) -> String {
    let time = Timestamp(milliseconds: Int64((frame.time * 1_000).rounded(.down))).text
    var text =
      "\(time)  \(padded(frame.direction, 13)) \(padded(frame.opcode, 12)) "
      + "\(padded(String(frame.size), 7)) \(frame.decision)"
    if frame.final == false { text += " unfinished" }
    if frame.compressed == true { text += " compressed" }
    if let shown = payload?.text { text += "  " + Readable.safe(shown) }
    if let shown = payload?.base64, !shown.isEmpty { text += "  base64 " + Readable.safe(shown) }
    if payload?.truncated == true { text += "…" }
    return text + "\n"
  }

  private static func ending(
    _ cause: String, _ code: Int, _ side: String?, _ policy: String?, _ reason: String?
  ) -> String {
    var text = "closed: \(cause), code \(code)"
    if let side { text += ", by \(side)" }
    if let policy { text += ", policy \(policy)" }
    if let reason { text += ", \"\(reason)\"" }
    return Readable.safe(text)
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private static func decode<Value: Decodable>(_ type: Value.Type, _ data: String) -> Value? {
    try? JSONDecoder().decode(type, from: Data(data.utf8))
  }
}
