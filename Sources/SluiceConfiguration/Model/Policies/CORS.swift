extension Configuration {
  /// Tells browsers which pages of other origins may read responses (the Fetch standard's CORS).
  public struct CORS: PolicySettings {
    public var origins: [String] = []
    public var originsRegex: [String] = []
    public var methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    /// Request fields; nil for whatever the page asks for.
    public var headers: [String]?
    public var exposedHeaders: [String] = []
    public var credentials = false
    public var maxAge = Timespan.seconds(600)
    public var privateNetwork = false
    /// Lets preflights through to the target.
    public var preflightContinue = false
    public init() {}
  }
}

extension Configuration.CORS {
  public static let policyName = "cors"
  public static let stage = PolicyStage.entry

  public static let schema = Schema(
    "CORS", of: Self(),
    "Tells browsers which pages of other origins may read responses; answers their preflights before anybody is asked for credentials.",
    [
      Field(
        "origins", .list(of: .text(.originPattern), atLeast: 1),
        "Whose pages may; `https://*.example.com` means every name below, `*` all, `null` pages without an origin."
      ),
      Field(
        "originsRegex", .list(of: .text(.regex), atLeast: 1),
        "Whose pages may besides: regular expressions (PCRE2) for a whole origin, as the browser writes it. A dot that is not escaped stands for any character, also in the name of a stranger's site."
      ),
      Field("methods", .list(of: .text(.method), atLeast: 1), "What they may send."),
      Field(
        "headers", .list(of: .text(.fieldName)),
        "The request fields they may set; whatever a preflight asks for when absent."),
      Field(
        "exposedHeaders", .list(of: .text(.fieldName)),
        "Response fields they may read, besides the usual ones."),
      Field("credentials", .boolean, "Whether cookies and the like may come along."),
      Field("maxAge", .optionalDuration, "How long a browser may remember a preflight's answer."),
      Field(
        "privateNetwork", .boolean,
        "Whether pages of the public network may reach this private one."),
      Field("preflightContinue", .boolean, "Lets the target answer preflights."),
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
          cors: {origins: ["https://app.example.com"], credentials: true}
    """

  public func check(_ check: inout PolicyCheck) {
    if origins.isEmpty && originsRegex.isEmpty {
      check.error(
        "needs 'origins' or 'originsRegex'", hint: "write origins: [\"https://app.example.com\"]")
    }
    if credentials && origins.contains("*") {
      check.error(
        "credentials are never for the pages of all origins", at: "origins",
        hint: "name the origins, or leave credentials out")
    }
  }
}
