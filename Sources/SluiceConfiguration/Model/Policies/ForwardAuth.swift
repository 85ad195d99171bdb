extension Configuration {
  /// Another service decides who calls and whether they may.
  public struct ForwardAuth: PolicySettings {
    public var service = ""
    public var path = "/"
    /// Fields of the request that it gets; all when empty.
    public var requestHeaders: [String] = []
    /// Fields of its answer that targets get.
    public var responseHeaders: [String] = []
    /// Fields of its answer that name the consumer and the groups.
    public var consumerHeader = ""
    public var groupsHeader = ""
    public var timeout = Timespan.seconds(5)
    public init() {}
  }
}

extension Configuration.ForwardAuth {
  public static let policyName = "forward-auth"
  public static let stage = PolicyStage.identify
  public var grantsGroups: Bool { !groupsHeader.isEmpty }

  public static let schema = Schema(
    "ForwardAuth", of: Self(),
    "Asks another service about every request: with 2xx it passes, any other answer below 500 is the caller's. No answer, or 5xx, is 503: nobody passes unasked.",
    [
      Field(
        "service", .text(.entityReference), "The service that is asked.", isRequired: true),
      Field(
        "path", .text(.plainPath),
        "What it is asked for, by GET. The request's own method and target are in `X-Forwarded-Method` and `X-Forwarded-Uri`."
      ),
      Field(
        "requestHeaders", .list(of: .text(.fieldName)),
        "Fields of the request that it gets; all when empty. The forwarding fields come on top."),
      Field(
        "responseHeaders", .list(of: .text(.fieldName)),
        "Fields of its answer that targets get; what callers send under these names is dropped."),
      Field(
        "consumerHeader", .text(.optionalReference),
        "The field of its answer with the consumer's name; none when empty."),
      Field(
        "groupsHeader", .text(.optionalReference),
        "The field of its answer with the caller's groups, with commas between them; none when empty. They come on top of those of the consumer."
      ),
      Field("timeout", .duration, "For its answer."),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
      login: {targets: ["http://127.0.0.1:9001"]}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          forward-auth:
            service: login
            path: /verify
            requestHeaders: [Authorization, Cookie]
            responseHeaders: [X-User-Email]
            consumerHeader: X-User
    """

  public func check(_ check: inout PolicyCheck) {
    check.requireService(service, at: "service")
  }
}
