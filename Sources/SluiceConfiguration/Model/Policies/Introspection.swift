extension Configuration {
  /// Asks an authorization server about a token (RFC 7662).
  public struct Introspection: PolicySettings {
    public var url = ""
    public var clientID = ""
    public var clientSecret = Secret("")
    public var header = "Authorization"
    public var query: [String] = []
    public var cookies: [String] = []
    public var firstMessage: FirstMessage?
    /// Scopes that the token must have, all of them.
    public var scopes: [String] = []
    public var claims = ClaimUse()
    public var hide = false
    public var realm = ""
    public var timeout = Timespan.seconds(5)
    public var cacheFor = Timespan.seconds(60)
    public var cacheSize = 10_000
    public init() {}
  }
}

extension Configuration.Introspection {
  public static let policyName = "oauth2-introspection"
  public static let stage = PolicyStage.identify
  public var grantsGroups: Bool { !claims.groups.isEmpty }
  public var urls: [String] { [url] }

  public static let schema = Schema(
    "Introspection", of: Self(),
    "Asks an authorization server whether a token is good (RFC 7662), and remembers the answer. Without an answer the caller gets 503.",
    [
      Field("url", .text(.targetURL), "The server's introspection endpoint.", isRequired: true),
      Field(
        "clientID", .text(.username), "What the gateway is called there.", isRequired: true),
      Field(
        "clientSecret", .text(.secret), "The gateway's secret there, best as a reference.",
        isRequired: true),
      Field(
        "header", .text(.optionalReference),
        "The field that holds `Bearer <token>`; none when empty."),
      Field("query", .list(of: .text(.parameterName)), "Query parameters that may hold the token."),
      Field("cookies", .list(of: .text(.fieldName)), "Cookies that may hold the token."),
      Configuration.FirstMessage.field,
      Field(
        "scopes", .list(of: .text(.entityReference)),
        "Scopes that the token must have, all of them; otherwise the caller gets 403."),
      Field(
        "claims", .object(Configuration.ClaimUse.schema),
        "What becomes of the members of the server's answer."),
      Field("hide", .boolean, "Takes the token out of what targets get."),
      Field("realm", .text(.fieldText), "The realm that a 401 names; none when empty."),
      Field("timeout", .duration, "For the server's answer."),
      Field(
        "cacheFor", .duration,
        "How long an answer is remembered, at most until the token's `exp`; a token that is taken back is good for so long."
      ),
      Field("cacheSize", .integer(0...1_000_000), "So many are remembered per worker; 0 is none."),
    ], hidesValues: true)

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
          oauth2-introspection:
            url: http://login.internal/oauth2/introspect
            clientID: gateway
            clientSecret: "${env:CLIENT_SECRET}"
            scopes: [time.read]
            claims: {consumer: username}
    """

  public func check(_ check: inout PolicyCheck) {
    if header.isEmpty && query.isEmpty && cookies.isEmpty && firstMessage == nil {
      check.error(
        "looks nowhere for the token", hint: "set header, query, cookies or firstMessage")
    }
  }
}
