extension Configuration {
  /// Gives every exchange an id that logs, targets and the caller see.
  public struct RequestID: PolicySettings {
    public var header = "X-Request-Id"
    /// Also puts the id on the response.
    public var echo = true
    public init() {}
  }
}

extension Configuration.RequestID {
  public static let policyName = "request-id"
  public static let stage = PolicyStage.entry

  public static let schema = Schema(
    "RequestID", of: Self(), "Gives every exchange an id that logs, targets and the caller see.",
    [
      Field("header", .text(.fieldName), "The field that carries it."),
      Field("echo", .boolean, "Also puts it on the response."),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    routes:
      time: {match: {path: /time}, service: time}
    policies:
      request-id: {header: X-Correlation-Id}
    """
}
