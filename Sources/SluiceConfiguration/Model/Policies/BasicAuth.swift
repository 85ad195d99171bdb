extension Configuration {
  /// Finds the consumer by a name and a password (RFC 7617).
  public struct BasicAuth: PolicySettings {
    /// Takes the field out of what targets get.
    public var hide = true
    public var realm = "sluice"
    /// Only consumers in one of these are found; all when empty.
    public var groups: [String] = []
    /// How long a password that was right is remembered, as a digest; checking one that is kept as
    /// scrypt or bcrypt takes a tenth of a second.
    public var cacheFor = Timespan.seconds(60)
    /// So many are remembered per worker.
    public var cacheSize = 10_000
    public init() {}
  }
}

extension Configuration.BasicAuth {
  public static let policyName = "basic-auth"
  public static let stage = PolicyStage.identify

  public static let schema = Schema(
    "BasicAuth", of: Self(),
    "Finds the consumer by a name and a password (RFC 7617); who has none or a wrong one gets 401.",
    [
      Field("hide", .boolean, "Takes `Authorization` out of what targets get."),
      Field("realm", .text(.fieldText), "The realm that a 401 names."),
      Field(
        "groups", .list(of: .text(.entityName)),
        "Only consumers in one of these groups are found: others get 401, as with a wrong password, where `acl` would say 403. All when empty."
      ),
      Field(
        "cacheFor", .duration,
        "How long a password that was right is remembered, as a digest: checking it anew may take a tenth of a second of another thread."
      ),
      Field(
        "cacheSize", .integer(0...1_000_000), "So many are remembered per worker; 0 is none."),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    consumers:
      alice:
        credentials:
          - basic-auth: {username: alice, password: "${env:ALICE_PASSWORD}"}
      bob:
        credentials:
          # Made by `sluice hash-password`.
          - basic-auth:
              username: bob
              digest: "$scrypt$ln=14,r=8,p=1$qT8m6hq7nfhdTOkOEYGZ6Q$eQEHXGT4mbXmFyPVz6PSfg7wq3YSNnTZ0b7Nm8d6nYM"
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          basic-auth: {realm: time}
    """
}
