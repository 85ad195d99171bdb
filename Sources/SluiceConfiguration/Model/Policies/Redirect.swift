extension Configuration {
  /// Sends the caller elsewhere.
  public struct Redirect: PolicySettings {
    public var location = ""
    public var status = 302
    public init() {}
  }

  /// Answers in the target's place.
  public struct Mock: PolicySettings {
    public var status = 200
    public var contentType = MockType.json
    /// In the place of `contentType`, for everything else.
    public var mediaType: String?
    public var body = ""
    public var headers: [String: String] = [:]
    /// Only requests with a field or a query parameter of this name are answered.
    public var trigger: String?
    public init() {}

    public enum MockType: String, Codable, CaseIterable, Sendable { case json, text, html }
  }

  /// Makes a share of the requests slow, or fail, to see what callers do.
  public struct Fault: PolicySettings {
    public var delay = Timespan.milliseconds(0)
    public var delayPercent = 100
    public var abort = 0
    public var abortPercent = 100
    public init() {}
  }
}

extension Configuration.Redirect {
  public static let policyName = "redirect"
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "Redirect", of: Self(), "Sends the caller elsewhere instead of asking a target.",
    [
      Field(
        "location", .text(.template),
        "Where to: a URL or a path, with `${…}` from the request as in request-transform.",
        isRequired: true),
      Field("status", .integer(300...308), "301, 302, 303, 307 or 308."),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    routes:
      old:
        match: {path: "/old/{name}"}
        service: time
        policies:
          redirect: {location: "/new/${request.path.name}", status: 308}
    """

  public func check(_ check: inout PolicyCheck) {
    if ![301, 302, 303, 307, 308].contains(status) {
      check.error("\(status) is no redirection with a Location", at: "status")
    }
    Template.check(location, in: &check, "location")
  }
}

extension Configuration.Mock {
  public static let policyName = "mock"
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "Mock", of: Self(),
    "Answers in the target's place, for callers that are ahead of their service.",
    [
      Field("status", .integer(200...599), "The answer's status."),
      Field("contentType", .choice(MockType.self), "What the body is."),
      Field(
        "mediaType", .text(.fieldValue),
        "In the place of `contentType`: the `Content-Type` as it is."),
      Field(
        "body", .text(.bodyTemplate),
        "The answer's body; may hold the variables of request-transform."),
      Field(
        "headers", .map(keys: .fieldName, of: .text(.template), atLeast: 0),
        "Further fields of the answer, with such variables, too."),
      Field(
        "trigger", .text(.fieldName),
        "Answers requests with a header field or a query parameter of this name only; all unless set."
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
          mock: {body: '{"timestamp": 1678886400}', headers: {X-Mock: "yes"}}
    """

  public func check(_ check: inout PolicyCheck) {
    if !body.isEmpty, [204, 205, 304].contains(status) {
      check.error("a response with status \(status) has no body", at: "body")
    }
    let own = ["content-length", "transfer-encoding", "connection", "content-type", "date"]
    Template.check(body, in: &check, "body")
    for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
      Template.check(value, in: &check, "headers", name)
    }
    for name in headers.keys.sorted() where own.contains(name.lowercased()) {
      check.error("\(name) is the gateway's own", at: "headers", name)
    }
  }
}

extension Configuration.Fault {
  public static let policyName = "fault"
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "Fault", of: Self(), "Makes a share of the requests slow, or fail, to see what callers do.",
    [
      Field("delay", .optionalDuration, "How long a request waits before it goes on."),
      Field("delayPercent", .integer(0...100), "How many of a hundred requests wait."),
      Field("abort", .integer(0...599), "The status of those that fail; 0 for none."),
      Field("abortPercent", .integer(0...100), "How many of a hundred requests fail."),
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
          fault: {delay: 200ms, delayPercent: 10, abort: 503, abortPercent: 1}
    """

  public func check(_ check: inout PolicyCheck) {
    if abort != 0 && abort < 400 {
      check.error("\(abort) is no status of a failure", at: "abort", hint: "400 to 599")
    }
    if abort == 0 && delay.nanoseconds == 0 {
      check.error("does nothing", hint: "set delay or abort")
    }
  }
}
