extension Configuration {
  /// How many requests of a caller may be under way at a time.
  public struct ConcurrencyLimit: PolicySettings {
    public var limit = 100
    public var by = LimitKey.consumer
    public var maxKeys = 100_000
    public init() {}
  }
}

extension Configuration.ConcurrencyLimit {
  public static let policyName = "concurrency-limit"
  public static let stage = PolicyStage.limit

  public static let schema = Schema(
    "ConcurrencyLimit", of: Self(),
    "Limits how many requests of a caller are under way at a time, in the whole process; one too many gets 429. Of a WebSocket session the handshake counts; `connection.maxPerConsumer` limits the sessions.",
    [
      Field("limit", .integer(1...1_000_000), "Requests under way at a time."),
      LimitField.by,
      LimitField.maxKeys,
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      reports: {targets: ["http://127.0.0.1:9000"]}
    routes:
      reports:
        match: {prefix: /reports}
        service: reports
        policies:
          concurrency-limit: {limit: 5, by: address}
    """
}
