extension Configuration {
  /// Sends a line for every exchange to a server.
  public struct HTTPLog: PolicySettings {
    public var url = ""
    public var method = Method.post
    public var contentType = "application/json"
    /// Further fields of its requests; secrets.
    public var headers: [String: Secret] = [:]
    public var format = LogFormat.json
    public var timeout = Timespan.seconds(10)
    public var batchSize = 1
    public var batchDelay = Timespan.seconds(1)
    public var maxLines = 10_000
    public var maxBytes = ByteCount.mebibytes(8)
    /// How long a batch is tried again after its first failure; zero is never.
    public var retryFor = Timespan.seconds(60)
    public var firstPause = Timespan.milliseconds(10)
    public var maxPause = Timespan.seconds(60)
    public init() {}

    public enum Method: String, Codable, CaseIterable, Sendable {
      case post = "POST"
      case put = "PUT"
      case patch = "PATCH"
    }
  }
}

extension Configuration.HTTPLog {
  public static let policyName = "http-log"
  public static let stage = PolicyStage.log
  public var urls: [String] { CallURL(url).map { [$0.server] } ?? [] }

  public static let schema = Schema(
    "HTTPLog", of: Self(),
    "Sends what `file-log` writes to a server instead, one line or a batch of them a request. Each worker has a queue for each place that sets the policy, and sends one batch of it at a time; nobody waits for the server. An answer with a status below 400 takes a batch off the queue. When the queue is full, the oldest lines that wait are lost, and so is a batch that could not be sent for `retryFor`; both are counted in `sluice_log_lines_total`. A drain sends what waits, once. A certificate of the server is verified by the system's authorities.",
    [
      Field(
        "url", .text(.callURL),
        "Where lines go; never shown, because path or query may be what lets them in.",
        isRequired: true),
      Field("method", .choice(Method.self), "How it is asked."),
      Field("contentType", .text(.fieldValue), "The type that requests name."),
      Field(
        "headers", .map(keys: .fieldName, of: .text(.secretFieldValue), atLeast: 0),
        "Further fields of requests, such as `Authorization`; never shown."),
      Field("format", .choice(Configuration.LogFormat.self), Configuration.LogFormat.summary),
      Field("timeout", .duration, "For one request, answer included."),
      Field(
        "batchSize", .integer(1...100_000),
        "So many lines at most go into one request; with more than one, its body is an array."),
      Field("batchDelay", .optionalDuration, "How long the first line waits for a batch to fill."),
      Field("maxLines", .integer(1...1_000_000), "Lines that may wait, in each queue."),
      Field(
        "maxBytes", .byteCount(ByteCount.kibibytes(4)...(.mebibytes(1_024))),
        "Bytes of lines that may wait, in each queue."),
      Field(
        "retryFor", .optionalDuration,
        "How long a batch is tried again after it could not be sent; 0s is not at all."),
      Field(
        "firstPause", .duration, "Before a batch is tried again; doubles with each time after that."
      ),
      Field("maxPause", .duration, "The longest such pause."),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    policies:
      http-log:
        url: "http://127.0.0.1:9100/in"
        headers: {Authorization: "Bearer ${env:LOG_TOKEN}"}
        batchSize: 100
    routes:
      time:
        match: {path: /time}
        service: time
    """

  /// What the gateway frames requests by.
  private static let own: Set<String> = [
    "host", "content-length", "content-type", "transfer-encoding", "connection", "expect",
    "upgrade", "te", "trailer", "keep-alive",
  ]

  public func check(_ check: inout PolicyCheck) {
    for name in headers.keys.sorted() where Self.own.contains(name.lowercased()) {
      check.error("the gateway itself writes this field", at: "headers", name)
    }
    if firstPause > maxPause {
      check.error("is longer than maxPause", at: "firstPause")
    }
  }
}
