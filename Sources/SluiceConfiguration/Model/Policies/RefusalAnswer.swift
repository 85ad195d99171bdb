extension Configuration {
  /// What a policy answers to what it refuses, in the place of the gateway's own answer.
  public struct RefusalAnswer: Codable, Equatable, Sendable {
    /// Nil keeps the status.
    public var status: Int?
    /// Nil keeps the body.
    public var body: String?
    public var mediaType = "application/json"
    public init() {}
  }
}

extension Configuration.RefusalAnswer {
  static let schema = Schema(
    "RefusalAnswer", of: Self(),
    "What callers get who are refused; calls of gRPC get the status that they know.",
    [
      Field("status", .integer(400...599), "The status; the policy's own unless set."),
      Field("body", .text(.any), "The body; unless set, what the gateway says of the failure."),
      Field("mediaType", .text(.fieldValue), "What `body` is."),
    ])

  static let field = Field(
    "refusal", .object(schema),
    "What callers get who are refused, in the place of the usual answer.")
}
