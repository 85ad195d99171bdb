import Foundation

/// What the commands ask for and print.
extension AdminClient {
  /// Sessions on a page of the API; a longer list takes several.
  private static let pageSize = 500

  /// Up to `limit` sessions.
  public func sessions(
    matching filter: [(String, String)], sort: String?, limit: Int
  ) throws(Failure) -> [SessionContent] {
    var sessions: [SessionContent] = []
    var cursor: String?
    repeat {
      var query = filter
      query.append(("limit", String(min(Self.pageSize, limit - sessions.count))))
      if let sort { query.append(("sort", sort)) }
      if let cursor { query.append(("cursor", cursor)) }
      let page = try get("/connections", query, as: SessionListContent.self)
      sessions += page.connections
      cursor = page.next
    } while cursor != nil && sessions.count < limit
    return sessions
  }

  public func sessionCount(matching filter: [(String, String)]) throws(Failure) -> Int {
    try get("/connections", filter + [("count", "only")], as: SessionCountContent.self).count
  }

  public func session(_ id: String) throws(Failure) -> SessionContent {
    try get("/connections/\(Self.encoded(id))", as: SessionContent.self)
  }

  /// The session and, if its route has a flight recorder, its latest frames. Of one that has ended
  /// only the latter, while they are kept.
  public func shownSession(_ id: String) throws(Failure) -> ShownSession {
    let path = "/connections/\(Self.encoded(id))/frames"
    do throws(Failure) {
      let session = try session(id)
      return ShownSession(session: session, recording: try? get(path, as: RecordingContent.self))
    } catch {
      // Whoever asks for what is gone wants to know why it ended.
      guard case .refused(let refusal) = error, refusal.status == 404,
        let recording = try? get(path, as: RecordingContent.self)
      else { throw error }
      return ShownSession(session: nil, recording: recording)
    }
  }

  /// Hands out a session's frames as lines, for people or as JSON, until it ends. False when the
  /// gateway went away before.
  public func tap(
    _ id: String, payloads: Bool, isJSON: Bool, _ print: (String) -> Void
  ) throws(Failure) -> Bool {
    var hasEnded = false
    try events(
      "/connections/\(Self.encoded(id))/tap", payloads ? [("payloads", "true")] : []
    ) { event in
      print(isJSON ? TapView.json(event) : TapView.line(event))
      hasEnded = event.name == "closed"
      return !hasEnded
    }
    return hasEnded
  }

  public func closeSession(
    _ id: String, _ ending: [(String, String)]
  ) throws(Failure) -> SessionContent {
    try send("DELETE", "/connections/\(Self.encoded(id))", ending, as: SessionContent.self)
  }

  /// Begins to close all that match; returns the job's id.
  public func closeSessions(
    matching filter: [(String, String)], _ settings: [(String, String)]
  ) throws(Failure) -> String {
    try send("POST", "/connections/close", filter + settings, as: CloseJob.Content.self).id
  }

  /// How far a job is, for people, and whether it goes on.
  public func job(_ id: String) throws(Failure) -> (text: String, isRunning: Bool) {
    let job = try get("/jobs/\(Self.encoded(id))", as: CloseJob.Content.self)
    let text =
      "\(job.closed) of \(job.matched) sessions closed"
      + (job.gone > 0 ? ", \(job.gone) had ended by themselves" : "")
    return (text, job.state == .running)
  }

  public func plan(_ text: String) throws(Failure) -> PlanContent {
    try send(
      "POST", "/plan", body: Array(text.utf8), contentType: "application/yaml",
      as: PlanContent.self)
  }

  /// Everything that `top` shows of one moment.
  func sample(sort: String, limit: Int) throws(Failure) -> TopScreen.Sample {
    TopScreen.Sample(
      seconds: Double(Timestamp.now().milliseconds) / 1_000,
      routes: try get("/routes", as: [RouteContent].self),
      sessions: try sessions(matching: [], sort: sort, limit: limit),
      sessionCount: try sessionCount(matching: []),
      state: try get("/drain", as: DrainContent.self).state)
  }
}

/// What `sluice connections show` prints.
public struct ShownSession: Sendable {
  /// Nil when it has ended.
  var session: SessionContent?
  /// Nil without a flight recorder.
  var recording: RecordingContent?
}

extension ShownSession: Encodable {
  private enum Key: String, CodingKey { case frames }

  /// The session with its `frames`, or what is left of it.
  public func encode(to encoder: any Encoder) throws {
    guard let session else { return try recording.encode(to: encoder) }
    try session.encode(to: encoder)
    if let recording {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(recording.frames, forKey: .frames)
    }
  }
}

/// What the commands print.
public enum CommandOutput {
  public static func json(_ value: some Encodable) -> String {
    AdminJSON(encoding: value).text() + "\n"
  }

  public static func table(_ sessions: [SessionContent]) -> String {
    SessionView.table(sessions).text()
  }

  public static func details(_ shown: ShownSession) -> String {
    (shown.session.map { SessionView.details($0) } ?? "")
      + (shown.recording.map { TapView.text($0) } ?? "")
  }

  public static func plan(_ plan: PlanContent) -> String { PlanView.text(plan) }
}
