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
    /// What internal routes of this name answer; nil for an answer of its own.
    public var to: String?
    /// The path and query that these routes see; nil for those of the request.
    public var path: String?
    public var query: String?
    /// The status is that of what the route says, and not that of the failure.
    public var ownStatus = false
    public init() {}
  }
}

extension Configuration.ErrorAnswers {
  public static let policyName = "error-answers"
  public static let stage = PolicyStage.entry

  public static let schema = Schema(
    "ErrorAnswers", of: Self(),
    "Puts another answer in the place of failures by their status: what the gateway itself answers, and with `intercept` what targets do. The first that names the status is taken. WebSocket handshakes that a target refuses keep its answer. With `to` an internal route answers, with all of its own policies, service and timeouts: a fallback. What fails there is not looked at again. Who calls stays known, and what the stage `identify` hid of the request stays hidden.",
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
              - {statuses: [404], to: pages, path: /not-found.html}
      not-found:
        match: {internal: pages, path: /not-found.html}
        service: time
    """

  public func check(_ check: inout PolicyCheck) {
    if answers.isEmpty && unreachable == nil {
      check.error("does nothing", at: "answers", hint: "set answers or unreachable")
    }
    for (index, answer) in answers.enumerated() {
      if let location = answer.location {
        Template.check(location, in: &check, "answers", "\(index)", "location")
      }
      checkWay(answer, "\(index)", &check)
    }
  }
}

extension Configuration.ErrorAnswers {
  private func checkWay(
    _ answer: Configuration.ErrorAnswer, _ index: String, _ check: inout PolicyCheck
  ) {
    let bodiless: Set<Int> = [204, 205, 304]
    guard let name = answer.to else {
      let statuses = answer.status.map { [$0] } ?? answer.statuses
      if let status = statuses.first(where: bodiless.contains), answer.body != "" {
        check.error(
          "a response with \(status) has no body", at: "answers", index,
          answer.status == nil ? "statuses" : "status", hint: "set 'body' to an empty text")
      }
      for (key, isThere) in [
        ("path", answer.path != nil), ("query", answer.query != nil),
        ("ownStatus", answer.ownStatus),
      ] where isThere {
        check.error(
          "'\(key)' is for another route", at: "answers", index, key, hint: "set 'to', or remove it"
        )
      }
      return
    }
    check.requireInternal(name, at: "answers", index, "to")
    if answer.body != nil || answer.location != nil {
      check.error(
        "has both 'to' and an answer of its own", at: "answers", index, "to",
        hint: "remove 'to', or 'body' and 'location'")
    }
    if answer.ownStatus, answer.status != nil {
      check.error("has both 'status' and 'ownStatus'", at: "answers", index, "ownStatus")
    }
    if answer.query != nil, answer.path == nil {
      check.error("a query needs a path", at: "answers", index, "query", hint: "set 'path', too")
    }
    if let status = answer.status ?? answer.statuses.first(where: bodiless.contains),
      bodiless.contains(status)
    {
      check.error(
        "what another route says has a body, and a response with \(status) has none", at: "answers",
        index, answer.status == nil ? "statuses" : "status")
    } else if answer.statuses.contains(304) {
      check.error(
        "a response with 304 is no failure that another route could answer", at: "answers", index,
        "statuses", hint: "remove 304")
    }
    for (key, text) in [("path", answer.path), ("query", answer.query)] {
      if let text { Template.check(text, in: &check, "answers", index, key) }
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
      Field(
        "to", .text(.entityReference),
        "The name of internal routes (`match.internal`), the best of which answers instead. Its own failures stand."
      ),
      Field(
        "path", .text(.pathTemplate),
        "For `to`: the path that these routes see. They are asked with GET then, HEAD stays, without a body, and without `Content-…`, conditions and `Range`. Unless set the request goes on as it was, but only where nothing of its body has been read; else the answer stays what it is."
      ),
      Field("query", .text(.queryTemplate), "For `path`: its query; none unless set."),
      Field(
        "ownStatus", .boolean,
        "For `to`: whether the status is that of the other route's response. Else it is `status`, or that of the failure."
      ),
    ])
}
