extension Configuration {
  /// Lets callers in, or keeps them out, by their addresses.
  public struct IPRestriction: PolicySettings {
    public var allow: [String] = []
    public var deny: [String] = []
    public var refusal: RefusalAnswer?
    public init() {}
  }
}

extension Configuration.IPRestriction {
  public static let policyName = "ip-restriction"
  public static let stage = PolicyStage.authorize

  public static let schema = Schema(
    "IPRestriction", of: Self(),
    "Lets callers in, or keeps them out, by their addresses; others get 403. Behind trusted proxies the address is the one they report.",
    [
      Field(
        "allow", .list(of: .text(.addressRange)),
        "Only callers from here may pass; everybody, when it is empty."),
      Field("deny", .list(of: .text(.addressRange)), "Callers from here may not, even if allowed."),
      Configuration.RefusalAnswer.field,
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
          ip-restriction: {allow: [10.0.0.0/8, "fd00::/8"], deny: [10.0.0.13]}
    """

  public func check(_ check: inout PolicyCheck) {
    if allow.isEmpty && deny.isEmpty {
      check.error("needs 'allow' or 'deny'", hint: "ranges like 10.0.0.0/8, or single addresses")
    }
  }
}
