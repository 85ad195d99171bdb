extension Configuration {
  /// Says what targets get in the place of what a caller sent, the gateway's own fields included.
  public struct TargetHeaders: PolicySettings {
    /// Field name to a template; an empty value leaves the field out.
    public var set: [String: String] = [:]
    public var forwarded = ForwardedBy.gateway
    public init() {}

    /// Who writes X-Forwarded-*, X-Real-IP, Forwarded and Via.
    public enum ForwardedBy: String, Codable, CaseIterable, Sendable { case gateway, caller }
  }

  /// Adds fields to every response of a route, and hides some of its targets'.
  public struct CallerHeaders: PolicySettings {
    public var hide: [String] = []
    public var add: [AddedHeader] = []
    public var locations: [LocationChange] = []
    public init() {}
  }

  /// One field that is added; several may have the same name.
  public struct AddedHeader: Codable, Equatable, Sendable {
    public var name = ""
    /// A template.
    public var value = ""
    /// The statuses it is added to; empty is every one.
    public var statuses: [Int] = []
    public init() {}
  }

  /// Another beginning of `Location` and `Refresh`.
  public struct LocationChange: Codable, Equatable, Sendable {
    public var from = ""
    /// A template.
    public var to = ""
    public init() {}
  }

  /// Puts other answers in the place of failures.
  public struct ErrorAnswers: PolicySettings {
    public var answers: [ErrorAnswer] = []
    /// In the place of 503 where no target could be reached; before `answers` are looked at.
    public var unreachable: Int?
    /// Targets' responses, too, and not only what the gateway answers itself.
    public var intercept = false
    public init() {}
  }

  /// What callers get instead of an answer with one of `statuses`.
  public struct ErrorAnswer: Codable, Equatable, Sendable {
    public var statuses: [Int] = []
    /// Nil keeps the status.
    public var status: Int?
    /// Nil keeps the body of what the gateway says itself.
    public var body: String?
    public var mediaType = "text/plain"
    /// A template; nil for none.
    public var location: String?
    public init() {}
  }
}

extension Configuration.TargetHeaders {
  public static let policyName = "target-headers"
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "TargetHeaders", of: Self(),
    "Sets fields of the request that targets get, whatever the caller sent under these names: also `Host` and the fields that say who calls, which request-transform leaves to the gateway. For configurations that decide about each of them. Values may hold the variables of request-transform.",
    [
      Field(
        "set", .map(keys: .fieldName, of: .text(.template), atLeast: 0),
        "The field's name and value; what comes out empty is left out, but for `Host`."),
      Field(
        "forwarded", .choice(ForwardedBy.self),
        "Who writes `X-Forwarded-*`, `X-Real-IP`, `Forwarded` and `Via`: the gateway, or whoever calls. With `caller` a target must not believe them unless `set` writes them."
      ),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          target-headers:
            forwarded: caller
            set:
              Host: "${request.hostname}"
              X-Real-IP: "${client.address}"
              X-Forwarded-For: "${client.forwardedFor}"
              X-Internal: ""
    """

  public func check(_ check: inout PolicyCheck) {
    let open: Set<String> = [
      "host", "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port",
      "x-forwarded-proto", "x-forwarded-prefix", "x-real-ip", "sec-websocket-protocol",
    ]
    for (name, value) in set.sorted(by: { $0.key < $1.key }) {
      if TransformCheck.own.subtracting(open).contains(name.lowercased()) {
        check.error("\(name) is the gateway's own", at: "set", name)
      }
      Template.check(value, in: &check, "set", name)
    }
  }
}

extension Configuration.CallerHeaders {
  public static let policyName = "caller-headers"
  public static let stage = PolicyStage.entry

  public static let schema = Schema(
    "CallerHeaders", of: Self(),
    "Adds fields to responses, the gateway's own answers included, and hides fields of what targets send. Values may hold the variables of request-transform.",
    [
      Field("hide", .list(of: .text(.fieldName)), "Names of fields of targets."),
      Field("add", .list(of: .object(Configuration.AddedHeader.schema)), "What is added."),
      Field(
        "locations", .list(of: .object(Configuration.LocationChange.schema)),
        "How `Location` and the URL in `Refresh` of targets' responses change; the first that fits."
      ),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          caller-headers:
            hide: [X-Powered-By]
            add:
              - {name: X-Frame-Options, value: DENY}
              - {name: X-Host, value: "${request.host}", statuses: [200, 204]}
    """

  public func check(_ check: inout PolicyCheck) {
    for (index, name) in hide.enumerated() where Self.framing.contains(name.lowercased()) {
      check.error("\(name) is the gateway's own", at: "hide", "\(index)")
    }
    for (index, field) in add.enumerated() {
      if Self.framing.contains(field.name.lowercased()) {
        check.error("\(field.name) is the gateway's own", at: "add", "\(index)", "name")
      }
      Template.check(field.value, in: &check, "add", "\(index)", "value")
    }
    for (index, change) in locations.enumerated() {
      Template.check(change.to, in: &check, "locations", "\(index)", "to")
    }
  }

  private static let framing: Set<String> = [
    "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive",
    "sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-protocol", "date",
  ]
}

extension Configuration.AddedHeader {
  static let schema = Schema(
    "AddedHeader", of: Self(), "One field that is added.",
    [
      Field("name", .text(.fieldName), "Its name.", isRequired: true),
      Field("value", .text(.template), "Its value; an empty one is not set.", isRequired: true),
      Field(
        "statuses", .list(of: .integer(200...599)), "The statuses it is added to; all when empty."),
    ])
}

extension Configuration.LocationChange {
  static let schema = Schema(
    "LocationChange", of: Self(), "Another beginning of a URL.",
    [
      Field("from", .text(.fieldValue), "What it begins with.", isRequired: true),
      Field("to", .text(.template), "What stands there instead.", isRequired: true),
    ])
}

extension Configuration.ErrorAnswers {
  public static let policyName = "error-answers"
  public static let stage = PolicyStage.entry

  public static let schema = Schema(
    "ErrorAnswers", of: Self(),
    "Puts another answer in the place of failures by their status: what the gateway itself answers, and with `intercept` what targets do. The first that names the status is taken. WebSocket handshakes that a target refuses keep its answer.",
    [
      Field(
        "answers", .list(of: .object(Configuration.ErrorAnswer.schema), atLeast: 0), "The answers."),
      Field(
        "unreachable", .integer(500...599),
        "The status where no target could be reached, or none has an address; 503 unless set. `answers` see this one."
      ),
      Field("intercept", .boolean, "Whether responses of targets are replaced, too."),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          error-answers:
            answers:
              - {statuses: [502, 503, 504], body: "Back soon.", mediaType: text/plain}
              - {statuses: [401], status: 302, location: "/login?next=${request.target}"}
    """

  public func check(_ check: inout PolicyCheck) {
    if answers.isEmpty && unreachable == nil {
      check.error("does nothing", at: "answers", hint: "set answers or unreachable")
    }
    for (index, answer) in answers.enumerated() {
      if let location = answer.location {
        Template.check(location, in: &check, "answers", "\(index)", "location")
      }
    }
  }
}

extension Configuration.ErrorAnswer {
  static let schema = Schema(
    "ErrorAnswer", of: Self(), "What callers get in the place of some answers.",
    [
      Field(
        "statuses", .list(of: .integer(300...599), atLeast: 1), "The statuses that it replaces.",
        isRequired: true),
      Field("status", .integer(200...599), "Its own status; the same unless set."),
      Field("body", .text(.any), "Its body; unless set, what the gateway says of the failure."),
      Field("mediaType", .text(.fieldValue), "What `body` is."),
      Field("location", .text(.template), "Its `Location`; none unless set."),
    ])
}
