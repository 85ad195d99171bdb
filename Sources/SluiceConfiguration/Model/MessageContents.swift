extension Configuration {
  /// What `json-schema` makes of the messages of callers on `websocket` routes.
  public struct MessageValidation: Codable, Equatable, Sendable {
    public var action = RefusalAction.refuse
    public init() {}
  }

  /// What `json-schema` makes of the messages of targets on `websocket` routes.
  public struct UpstreamMessageValidation: Codable, Equatable, Sendable {
    /// As JSON; nil for that of the policy.
    public var schema: String?
    public var action = RefusalAction.refuse
    public init() {}
  }

  /// That messages are changed, and what becomes of those that can't be.
  public struct MessageTransformation: Codable, Equatable, Sendable {
    public var unusable = UnusableMessageAction.refuse
    public init() {}
  }

  /// What happens to a message that was to be changed and is no JSON.
  public enum UnusableMessageAction: String, Codable, CaseIterable, Sendable {
    case pass, refuse, close
  }
}

// MARK: Tables

extension Configuration.MessageValidation {
  static let schema = Schema(
    "MessageValidation", of: Self(),
    "Messages from callers on `websocket` routes are checked, too, text and binary ones. They are looked at as a whole then, and not compressed.",
    [
      Field(
        "action", .choice(Configuration.RefusalAction.self),
        "What happens to a message that is not what the schema asks for: `refuse` drops it and tells the caller by a message `{\"type\":\"error\",\"code\":\"message-invalid\",…,\"pointer\":…,\"keyword\":…}`; `close` ends the session with 1008."
      )
    ])
}

extension Configuration.UpstreamMessageValidation {
  static let schema = Schema(
    "UpstreamMessageValidation", of: Self(),
    "Messages from targets on `websocket` routes are checked, too, text and binary ones. They are looked at as a whole then, and not compressed. So are messages that the admin API sends; a wrong one gets 422 there.",
    [
      Field(
        "schema", .text(.any),
        "The schema of these messages as JSON; that of the policy unless given."),
      Field(
        "action", .choice(Configuration.RefusalAction.self),
        "What happens to a message that is not what the schema asks for, or larger than `maxBodySize`: `refuse` drops it, and nobody is told but the metrics; `close` ends the session, the caller with 1011, the target with 1008."
      ),
    ])
}

extension Configuration.MessageTransformation {
  static let schema = Schema(
    "MessageTransformation", of: Self(),
    "The fields of `body` are changed in the messages of sessions, too, text and binary ones. They are looked at as a whole then, and not compressed.",
    [
      Field(
        "unusable", .choice(Configuration.UnusableMessageAction.self),
        "What happens to a message that is no JSON: `pass` lets it go as it is; `refuse` drops it, and a caller is told by a message `{\"type\":\"error\",\"code\":\"message-invalid\",…}`; `close` ends the session with 1008. JSON that names something twice in one object on the way never passes: readers disagree about what it says."
      )
    ])
}

// MARK: Rules

/// What policies that change messages can't know from their schema.
enum MessageTemplateCheck {
  /// A message has no request: what only the handshake knew is gone.
  static func check(
    _ values: [(String, [String: String])], isEmpty: Bool, _ check: inout PolicyCheck
  ) {
    if isEmpty {
      check.error(
        "changes nothing in messages", at: "messages",
        hint: "name fields under 'body', as in add: {body: {…}}")
    }
    for (key, values) in values {
      for (path, text) in values.sorted(by: { $0.key < $1.key }) {
        guard let template = Template(text) else { continue }
        for case .variable(let variable) in template.segments where !variable.isOfSession {
          check.error(
            "a message has no request, and this value is one of requests only", at: key, "body",
            path,
            hint: "use client.address, connection.id, consumer.…, credential.id or claims.NAME")
        }
      }
    }
  }
}

extension PolicyCheck {
  /// What is about bodies only, on a route that has none.
  mutating func warnOfSessions(withoutMessages isAlone: Bool) {
    guard isAlone, case .route(let name) = origin,
      configuration.routes[name]?.kind == .websocket
    else { return }
    warning("does nothing for messages of sessions", hint: "add messages: {}")
  }
}

extension Template.Variable {
  /// Whether it is known as long as a session lives.
  var isOfSession: Bool {
    switch self {
    case .claim, .client, .consumer, .groups, .credential, .connection, .listener: true
    case .header, .headers, .parameter, .argument, .segment, .hostGroup, .cookie, .named, .scheme,
      .httpVersion, .hostname, .target,
      .questionMark, .forwardedFor, .clientPort, .listenerPort, .peer, .tls, .certificate,
      .targetAddress, .method, .path, .query, .host, .id:
      false
    }
  }
}
