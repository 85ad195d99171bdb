extension Configuration {
  /// Sends a copy of requests to another service as well.
  public struct Mirror: PolicySettings {
    public var service = ""
    public var percent = 100
    /// Requests with larger bodies are not copied; 0 copies only those without a body.
    public var maxBodySize = ByteCount.kibibytes(64)
    public var maxInFlight = 100
    public var timeout = Timespan.seconds(5)
    public init() {}
  }
}

extension Configuration.Mirror {
  public static let policyName = "mirror"
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "Mirror", of: Self(),
    "Sends a copy of requests to another service, too, and throws its answers away. Copies are what targets would get, also of requests that the cache answers; the caller neither waits for them nor sees what becomes of them. WebSocket handshakes are not copied. `sluice_mirrored_requests_total` counts.",
    [
      Field(
        "service", .text(.entityReference), "The service that gets the copies.", isRequired: true),
      Field("percent", .integer(0...100), "How many of a hundred requests are copied."),
      Field(
        "maxBodySize", .byteCount(ByteCount(0)...(.mebibytes(16))),
        "Requests with larger bodies are not copied; a copy is held in memory until it was sent."),
      Field(
        "maxInFlight", .integer(1...100_000),
        "Copies under way at a time, in the whole process; with as many, further requests are not copied. This and `maxBodySize` bound the memory."
      ),
      Field(
        "timeout", .duration,
        "For a whole copy, answer included, and before that for the body to come from the caller; it is given up then."
      ),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
      time-next: {targets: ["http://127.0.0.1:9001"]}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          mirror: {service: time-next, percent: 10}
    """

  public func check(_ check: inout PolicyCheck) {
    check.requireService(service, at: "service")
  }
}
