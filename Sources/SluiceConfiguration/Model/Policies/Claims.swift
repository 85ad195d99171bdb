extension Configuration {
  /// Lets callers pass by what is known of them and what they ask for.
  public struct Claims: PolicySettings {
    /// All of them must hold.
    public var require: [String] = []
    public init() {}
  }
}

extension Configuration.Claims {
  public static let policyName = "claims"
  public static let stage = PolicyStage.authorize

  public static let schema = Schema(
    "Claims", of: Self(),
    "Lets callers pass by what is known of them and what they ask for. Nobody known gets 401, others 403.",
    [
      Field(
        "require", .list(of: .text(.callerExpression), atLeast: 1),
        "Conditions that must all hold. Subjects are `consumer`, `credential`, `groups`, `method`, `path` and `claims.name` (or `claims['name']`); tests are `==`, `!=`, `in ['a', 'b']`, `contains` (an element of a list, a word of a text), `startsWith`, `endsWith` and `exists`; put together with `and`, `or`, `not` and parentheses.",
        isRequired: true)
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
          jwt:
            keys: [{algorithm: HS256, secret: "${env:TOKEN_SECRET}"}]
          claims:
            require:
              - claims.scope contains 'time.read'
              - method in ['GET', 'HEAD'] or claims.role == 'admin'
    """
}
