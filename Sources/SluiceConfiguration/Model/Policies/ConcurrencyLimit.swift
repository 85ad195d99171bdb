extension Configuration {
  /// How many requests of a caller may be under way at a time.
  public struct ConcurrencyLimit: PolicySettings {
    public var limit = 100
    public var by = LimitKey.consumer
    /// Limits by other keys that hold as well.
    public var also: [Other] = []
    public var maxKeys = 100_000
    public init() {}

    /// A limit beside the first, with a key of its own.
    public struct Other: Codable, Equatable, Sendable {
      public var limit: Int
      public var by: LimitKey

      public init(limit: Int, by: LimitKey) {
        self.limit = limit
        self.by = by
      }
    }

    /// Every limit with its key, the policy's own first.
    public var parts: [Other] { [Other(limit: limit, by: by)] + also }
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
      Field(
        "also", .list(of: .object(Other.schema)),
        "Limits by other keys that hold as well, at most 7: a request begins when none is reached."),
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

  public func check(_ check: inout PolicyCheck) {
    if also.count > Configuration.RateLimit.mostOthers {
      check.error("has more than \(Configuration.RateLimit.mostOthers) further limits", at: "also")
    }
    if Set(parts.map(\.by.text)).count < parts.count {
      check.error("has two limits by one key", at: "also")
    }
  }
}

extension Configuration.ConcurrencyLimit.Other {
  static let schema = Schema(
    "ConcurrencyLimitOther", of: Self(limit: 1, by: .address),
    "A limit beside the policy's own.",
    [
      Field(
        "limit", .integer(1...1_000_000), "Requests under way at a time.", isRequired: true),
      Field("by", .text(.limitKey), "What is counted separately.", isRequired: true),
    ])
}
