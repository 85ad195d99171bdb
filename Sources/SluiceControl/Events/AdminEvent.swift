import SluiceGateway

/// What happens in the gateway, for whoever listens at `/events`.
struct AdminEvent: Sendable {
  /// The closed set of names; also what `types` takes.
  enum Kind: String, CaseIterable, Sendable {
    case sessionOpened = "session-opened"
    case sessionReconnected = "session-reconnected"
    case sessionClosed = "session-closed"
    case reload
    case drain
    case targetEjected = "target-ejected"
    case targetRecovered = "target-recovered"
    case targetUnhealthy = "target-unhealthy"
    case targetHealthy = "target-healthy"

    /// One sentence for the reference page.
    var summary: String {
      switch self {
      case .sessionOpened: "A session began; the data is the session."
      case .sessionReconnected:
        "A session that lost its target goes on, after `gapSeconds` and maybe with another target."
      case .sessionClosed:
        "A session ended: `cause`, `code`, and the session as it was at the end; with a flight "
          + "recorder, after an abnormal end, its latest `frames`."
      case .reload: "A reload: `result` is `success` or `refused`, with what differs or why."
      case .drain: "A drain: `state` is `draining`, `drained` or `serving` again."
      case .targetEjected: "A worker leaves a target alone after failures in a row."
      case .targetRecovered: "The target is used again."
      case .targetUnhealthy:
        "A target failed its checks and gets no requests; `reason` is what the last one found."
      case .targetHealthy: "The target passes its checks again."
      }
    }
  }

  let kind: Kind
  let data: AdminJSON

  init(_ kind: Kind, _ data: some Encodable) {
    self.kind = kind
    self.data = AdminJSON(encoding: data)
  }
}

extension AdminEvent {
  init(_ news: SessionNews) {
    switch news.kind {
    case .opened:
      self.init(.sessionOpened, SessionEventContent(session: SessionContent(news.session)))
    case .reconnected(let gap):
      var content = SessionEventContent(session: SessionContent(news.session))
      content.gapSeconds = Double(gap) / 1e9
      self.init(.sessionReconnected, content)
    case .closed(let cause, let code, let reason, let side, let policy):
      var content = SessionEventContent(session: SessionContent(news.session))
      content.cause = "\(cause.label)"
      content.code = Int(code)
      content.reason = reason.isEmpty ? nil : reason
      content.side = side
      content.policy = policy
      content.frames = news.frames.isEmpty ? nil : news.frames.map { FrameContent($0) }
      self.init(.sessionClosed, content)
    }
  }
}

/// The data of `session-opened`, `session-reconnected` and `session-closed`.
struct SessionEventContent: Codable {
  var session: SessionContent
  /// How long there was no target.
  var gapSeconds: Double?
  var cause: String?
  /// What was said or, without a close frame, 1006.
  var code: Int?
  var reason: String?
  /// Whose doing it was, where it was one side's: `client` or `upstream`.
  var side: String?
  var policy: String?
  /// After an abnormal end, the latest that the flight recorder has.
  var frames: [FrameContent]?

  init(session: SessionContent) { self.session = session }
}

/// Server-sent events (WHATWG HTML 9.2).
enum ServerSentEvent {
  static func bytes(_ name: String, id: UInt64? = nil, data: AdminJSON) -> [UInt8] {
    // JSON on one line has no line break to escape.
    let head = id.map { "id: \($0)\n" } ?? ""
    return Array("\(head)event: \(name)\ndata: \(data.text(isPretty: false))\n\n".utf8)
  }

  /// A comment, which readers pass over.
  static let keepAlive = Array(":\n\n".utf8)

  /// What a slow reader gets in the place of what it missed.
  static func lost(_ count: UInt64) -> [UInt8] {
    bytes("lost", data: ["events": .integer(Int(clamping: count))])
  }
}
