extension Configuration {
  /// Says what targets get in the place of what a caller sent, the gateway's own fields included.
  public struct TargetHeaders: PolicySettings {
    /// Field name to a template; an empty value leaves the field out.
    public var set: [String: String] = [:]
    public var forwarded = ForwardedBy.gateway
    public init() {}

    /// Who writes X-Forwarded-*, X-Real-IP, Forwarded and Via.
    public enum ForwardedBy: String, Codable, CaseIterable, Sendable { case gateway, caller }
  }
}

extension Configuration.TargetHeaders {
  public static let policyName = "target-headers"
  public static let stage = PolicyStage.transform

  public static let schema = Schema(
    "TargetHeaders", of: Self(),
    "Sets fields of the request that targets get, whatever the caller sent under these names: also `Host` and the fields that say who calls, which request-transform leaves to the gateway. For configurations that decide about each of them. Values may hold the variables of request-transform.",
    [
      Field(
        "set", .map(keys: .fieldName, of: .text(.template), atLeast: 0),
        "The field's name and value; what comes out empty is left out, but for `Host`."),
      Field(
        "forwarded", .choice(ForwardedBy.self),
        "Who writes `X-Forwarded-*`, `X-Real-IP`, `Forwarded` and `Via`: the gateway, or whoever calls. With `caller` a target must not believe them unless `set` writes them."
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
          target-headers:
            forwarded: caller
            set:
              Host: "${request.hostname}"
              X-Real-IP: "${client.address}"
              X-Forwarded-For: "${client.forwardedFor}"
              X-Internal: ""
    """

  public func check(_ check: inout PolicyCheck) {
    let open: Set<String> = [
      "host", "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port",
      "x-forwarded-proto", "x-forwarded-prefix", "x-real-ip", "sec-websocket-protocol",
    ]
    for (name, value) in set.sorted(by: { $0.key < $1.key }) {
      if TransformCheck.own.subtracting(open).contains(name.lowercased()) {
        check.error("\(name) is the gateway's own", at: "set", name)
      }
      Template.check(value, in: &check, "set", name)
    }
  }
}
