import SluiceConfiguration
import SluiceGateway

extension AdminEndpoint {
  static let frames = [
    AdminEndpoint(
      method: .get, path: "/connections/{id}/frames",
      summary: "What the flight recorder has of a session: its latest frames, without payloads. "
        + "Of a session that ended abnormally it is kept for ten minutes, unless many others ended "
        + "since.",
      parameters: [.session],
      answers: [
        .json(200, "The frames, the oldest first.", example: RecordingContent.example),
        .problem(.noSuchSession), .problem(.recorderOff),
      ],
      handler: recording),
    AdminEndpoint(
      method: .get, path: "/connections/{id}/tap",
      summary: "A session's frames as server-sent events, from now until it ends. A caller that "
        + "reads too slowly loses some and is told how many; the session waits for nobody.",
      parameters: [
        .session,
        AdminParameter(
          "payloads", .choice(["true"]),
          "Show what frames carry, as far as `admin.tapPayloads` allows it."),
      ],
      answers: [
        .events("The events `frame`, `dropped` and, as the last one, `closed`."),
        .problem(.noSuchSession), .problem(.payloadsNotAllowed), .problem(.tooManyStreams),
      ],
      handler: tap),
  ]

  /// The events of a tap, for the reference page.
  static let tapEvents: [(name: String, summary: String)] = [
    (
      "frame",
      "A frame, as `/connections/{id}/frames` has it; with payloads also `text`, or `base64` for "
        + "what is no text, and `truncated` when it is longer than shown."
    ),
    ("dropped", "The caller was too slow: so many `frames` are missing here."),
    ("closed", "The session ended: `time`, `cause`, `code`, `reason`, `side` and `policy`."),
  ]

  private static let recording: Handler = { (request, context) async throws(AdminProblem) in
    switch await (try context.sessions).recording(try request.sessionID()) {
    case .found(let recording): return .json(RecordingContent(recording))
    case .off: throw AdminProblem(.recorderOff)
    case .unknown: throw AdminProblem(.noSuchSession)
    }
  }

  private static let tap: Handler = { (request, context) async throws(AdminProblem) in
    let sessions = try context.sessions
    let id = try request.sessionID()
    var payloadBytes = 0
    if request.text("payloads") != nil {
      guard let allowed = (try context.process).gateway.configuration.admin?.tapPayloads else {
        throw AdminProblem(.payloadsNotAllowed)
      }
      payloadBytes = allowed.bytes
    }
    guard let stream = context.taps.begin() else { throw AdminProblem(.tooManyStreams) }
    guard await sessions.tap(id, SessionTap(stream, payloadBytes: payloadBytes)) else {
      throw AdminProblem(.noSuchSession)
    }
    return .events(stream)
  }
}
