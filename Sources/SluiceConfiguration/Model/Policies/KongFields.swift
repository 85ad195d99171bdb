extension Configuration {
  /// Fields of responses that callers of Kong know.
  public struct KongFields: PolicySettings {
    public var latency = true
    public init() {}
  }
}

extension Configuration.KongFields {
  public static let policyName = "kong-fields"
  public static let stage = PolicyStage.entry

  public static let schema = Schema(
    "KongFields", of: Self(),
    "Adds fields to responses that callers of Kong know; for configurations that come from there. Limits are told in Kong's way by `rate-limit` with `fields: kong`.",
    [
      Field(
        "latency", .boolean,
        "`X-Kong-Upstream-Latency`, how long the target took to answer, and `X-Kong-Proxy-Latency`, what came before; of the gateway's own answers `X-Kong-Response-Latency`. In milliseconds."
      )
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
          rate-limit: {limit: 100, window: 1m, algorithm: fixed-window, fields: kong}
    policies:
      kong-fields: {}
    """

  public func check(_ check: inout PolicyCheck) {
    if !latency { check.error("does nothing", at: "latency", hint: "leave the policy out") }
  }
}
