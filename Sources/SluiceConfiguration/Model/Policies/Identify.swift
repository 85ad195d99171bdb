extension Configuration {
  /// How the policies that find out who calls work together.
  public struct Identify: PolicySettings {
    public enum Requirement: String, Codable, CaseIterable, Sendable { case any, all }
    public var require = Requirement.any
    /// Callers from here are not asked who they are.
    public var exempt: [String] = []
    public init() {}
  }

  /// Lets callers without credentials pass.
  public struct Anonymous: PolicySettings {
    /// The consumer that they are taken for; nobody when empty.
    public var consumer = ""
    /// Callers with wrong credentials, too, unless another policy finds good ones.
    public var wrongCredentials = false
    public init() {}
  }
}

extension Configuration.Identify {
  public static let policyName = "identify"
  public static let stage = PolicyStage.identify

  public static let schema = Schema(
    "Identify", of: Self(), "How several policies that find out who calls work together.",
    [
      Field(
        "require", .choice(Requirement.self),
        "`any`: the first policy, in the order of the list of policies, that finds its credential decides. `all`: every one must find its own, and none may name another consumer."
      ),
      Field(
        "exempt", .list(of: .text(.addressRange)),
        "Callers from these addresses are not asked, and are nobody: what they send as credentials is not looked at, and passes on. Behind trusted proxies the address is the one they report."
      ),
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
          - key-auth: "${env:ALICE_KEY}"
          - basic-auth: {username: alice, password: "${env:ALICE_PASSWORD}"}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          key-auth: {}
          basic-auth: {}
          identify: {require: all}
    """
}

extension Configuration.Anonymous {
  public static let policyName = "anonymous"
  public static let stage = PolicyStage.identify

  public static let schema = Schema(
    "Anonymous", of: Self(),
    "Lets callers without any credential pass. One that is there and wrong is still refused, unless `wrongCredentials` says otherwise.",
    [
      Field(
        "consumer", .text(.optionalReference),
        "The consumer that they are taken for, with its groups and policies; nobody when empty."),
      Field(
        "wrongCredentials", .boolean,
        "Takes callers with wrong credentials for anonymous, too, unless another policy finds good ones; not with `identify: {require: all}`. A mistyped key shows nowhere then, and the wrong credential may go to targets."
      ),
    ])

  public static let example = """
    version: 1
    listeners:
      web: {address: "127.0.0.1:8080"}
    services:
      time: {targets: ["http://127.0.0.1:9000"]}
    consumers:
      alice: {credentials: [{key-auth: "${env:ALICE_KEY}"}]}
      guest: {groups: [public]}
    routes:
      time:
        match: {path: /time}
        service: time
        policies:
          key-auth: {}
          anonymous: {consumer: guest}
    """

  public func check(_ check: inout PolicyCheck) {
    let known = check.configuration.consumers.keys.sorted()
    if !consumer.isEmpty && !known.contains(consumer) {
      check.error(
        "no consumer is named '\(consumer)'", at: "consumer",
        hint: check.suggestion(for: consumer, among: known))
    }
  }
}
