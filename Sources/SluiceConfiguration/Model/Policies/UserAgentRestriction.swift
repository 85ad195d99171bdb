extension Configuration {
  /// Lets callers in, or keeps them out, by what they call themselves.
  public struct UserAgentRestriction: PolicySettings {
    public var allow: [String] = []
    public var deny: [String] = []
    public init() {}
  }
}

extension Configuration.UserAgentRestriction {
  public static let policyName = "user-agent-restriction"
  public static let stage = PolicyStage.entry

  public static let schema = Schema(
    "UserAgentRestriction", of: Self(),
    "Keeps programs out by what they call themselves in `User-Agent`; they get 403. Callers that send no such field pass, and one with several of them gets 400. Beyond 512 bytes a pattern that does not begin with `^` keeps out in `deny` and does not let in from `allow`. It keeps out who does not pretend, and proves nothing.",
    [
      Field(
        "allow", .list(of: .text(.regex)),
        "Who matches one of these passes, whatever `deny` says. Regular expressions (PCRE2) that may match anywhere in the field."
      ),
      Field(
        "deny", .list(of: .text(.regex), atLeast: 1),
        "Who matches one of these does not.", isRequired: true),
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
          user-agent-restriction:
            allow: [^ourbot/]
            deny: ["(?i)(bot|crawler|spider)/"]
    """
}
