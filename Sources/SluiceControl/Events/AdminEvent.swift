/// What happens in the gateway, for whoever listens at `/events`.
struct AdminEvent: Sendable {
  /// The closed set of names; also what `types` takes.
  enum Kind: String, CaseIterable, Sendable {
    case sessionOpened = "session-opened"
    case sessionClosed = "session-closed"
    case reload
    case drain
    case targetEjected = "target-ejected"
    case targetRecovered = "target-recovered"

    /// One sentence for the reference page.
    var summary: String {
      switch self {
      case .sessionOpened: "A session began; the data is the session."
      case .sessionClosed: "A session ended: `cause`, `code`, and the session as it was at the end."
      case .reload: "A reload: `result` is `success` or `refused`, with what differs or why."
      case .drain: "A drain: `state` is `draining`, `drained` or `serving` again."
      case .targetEjected: "A worker leaves a target alone after failures in a row."
      case .targetRecovered: "The target is used again."
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
