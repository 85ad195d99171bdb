extension Configuration {
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
