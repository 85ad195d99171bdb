extension Configuration {
  /// Finds out who calls by a signed token (RFC 7519).
  public struct JWT: PolicySettings {
    /// Holds `Bearer <token>`; none when empty.
    public var header = "Authorization"
    /// Further fields that hold it, as `Bearer <token>`.
    public var headers: [String] = []
    public var query: [String] = []
    public var cookies: [String] = []
    public var firstMessage: FirstMessage?
    public var keys: [JWTKey] = []
    public var jwks: JWKS?
    /// For keys of `jwks` that don't name theirs.
    public var algorithms: [JWTAlgorithm] = [
      .rs256, .rs384, .rs512, .ps256, .ps384, .ps512, .es256, .es384, .es512, .edDSA,
    ]
    public var issuers: [String] = []
    public var audiences: [String] = []
    public var require = ["exp"]
    public var leeway = Timespan.seconds(30)
    /// The claim by which a consumer's own key is found.
    public var keyClaim = "iss"
    /// Whether a claim that is missing is looked for in the token's header, too.
    public var keyInHeader = false
    /// How far ahead `exp` may be; any time unless set.
    public var maxLifetime: Timespan?
    /// Whether requests with OPTIONS need a token, too.
    public var preflight = true
    public var claims = ClaimUse()
    public var hide = false
    public var realm = ""
    public var cacheFor = Timespan.seconds(300)
    public var cacheSize = 10_000
    public init() {}
  }

  public enum JWTAlgorithm: String, Codable, CaseIterable, Sendable {
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case edDSA = "EdDSA"

    public var isSymmetric: Bool {
      switch self {
      case .hs256, .hs384, .hs512: true
      default: false
      }
    }
  }

  /// A key and the one algorithm that it is for.
  public struct JWTKey: Codable, Equatable, Sendable {
    /// The token's `kid`; a key without one is tried for every token of its algorithm.
    public var id: String?
    public var algorithm = JWTAlgorithm.rs256
    public var secret: Secret?
    public var encoding = SecretEncoding.text
    public var publicKey: String?
    public init() {}
  }

  public enum SecretEncoding: String, Codable, CaseIterable, Sendable {
    case text, base64, base64url
  }

  /// Keys that another server publishes (RFC 7517 5).
  public struct JWKS: Codable, Equatable, Sendable {
    public var url = ""
    /// How often they are fetched, ahead of need.
    public var refresh = Timespan.seconds(600)
    /// The least time between two fetches because of a key that is not known.
    public var pause = Timespan.seconds(30)
    public var timeout = Timespan.seconds(5)
    public init() {}
  }
}

extension Configuration.JWT {
  public static let policyName = "jwt"
  public static let stage = PolicyStage.identify
  public var grantsGroups: Bool { !claims.groups.isEmpty }
  public var urls: [String] { jwks.map { [$0.url] } ?? [] }

  public static let schema = Schema(
    "JWT", of: Self(),
    "Finds out who calls by a signed token (RFC 7519). A token is good for the one algorithm of its key; `none` never.",
    [
      Field(
        "header", .text(.optionalReference),
        "The field that holds `Bearer <token>`; none when empty."),
      Field(
        "headers", .list(of: .text(.fieldName)),
        "Further fields that may hold it, as `Bearer <token>`; looked at after `header`."),
      Field("query", .list(of: .text(.parameterName)), "Query parameters that may hold the token."),
      Field("cookies", .list(of: .text(.fieldName)), "Cookies that may hold the token."),
      Configuration.FirstMessage.field,
      Field(
        "keys", .list(of: .object(Configuration.JWTKey.schema)),
        "Keys that tokens may be signed with, besides those of consumers."),
      Field("jwks", .object(Configuration.JWKS.schema), "Keys that another server publishes."),
      Field(
        "algorithms", .list(of: .choice(Configuration.JWTAlgorithm.self), atLeast: 1),
        "What keys of `jwks` that name no algorithm are good for; never HS256 and the like."),
      Field("issuers", .list(of: .text(.entityReference)), "The `iss` must be one of these."),
      Field("audiences", .list(of: .text(.entityReference)), "The `aud` must hold one of these."),
      Field("require", .list(of: .text(.entityReference)), "Claims that must be there."),
      Field(
        "leeway", .timespan(Timespan(nanoseconds: 0)...(.seconds(300))),
        "How far the clocks may be apart, for `exp` and `nbf`."),
      Field(
        "keyClaim", .text(.entityReference),
        "The claim whose value finds a consumer's own key, by the credential's `key`."),
      Field(
        "keyInHeader", .boolean,
        "Looks for `keyClaim` in the token's header where its claims don't have it."),
      Field(
        "maxLifetime", .timespan(.seconds(1)...(.seconds(366 * 86_400))),
        "How far ahead `exp` may be, which must be there then; as far as it likes unless set."),
      Field(
        "preflight", .boolean,
        "Whether requests with `OPTIONS` need a token; without, they pass unknown, and what they send as a token is not looked at."
      ),
      Field(
        "claims", .object(Configuration.ClaimUse.schema), "What becomes of the token's claims."),
      Field("hide", .boolean, "Takes the token out of what targets get."),
      Field("realm", .text(.fieldText), "The realm that a 401 names; none when empty."),
      Field(
        "cacheFor", .duration,
        "How long a token that was good is remembered, at most until its `exp`; a key that is taken back is good for so long."
      ),
      Field("cacheSize", .integer(0...1_000_000), "So many are remembered per worker; 0 is none."),
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
            keys:
              - {id: k1, algorithm: HS256, secret: "${env:TOKEN_SECRET}"}
            issuers: [https://login.example.com/]
            audiences: [time]
            claims: {consumer: sub, groups: roles, headers: {X-Email: email}}
    """

  public func check(_ check: inout PolicyCheck) {
    let hasCredentials = check.configuration.consumers.values.contains {
      $0.credentials.contains { $0.jwt != nil }
    }
    if keys.isEmpty && jwks == nil && !hasCredentials {
      check.error(
        "has no key to check tokens with",
        hint: "set keys or jwks, or give a consumer a jwt credential"
      )
    }
    if header.isEmpty && headers.isEmpty && query.isEmpty && cookies.isEmpty && firstMessage == nil
    {
      check.error(
        "looks nowhere for the token", hint: "set header, query, cookies or firstMessage")
    }
    if let symmetric = algorithms.firstIndex(where: \.isSymmetric) {
      check.error(
        "published keys are never secrets", at: "algorithms", "\(symmetric)",
        hint: "a secret is written in 'keys'")
    }
    for (index, key) in keys.enumerated() {
      if let problem = key.problem { check.error(problem, at: "keys", "\(index)") }
    }
  }
}

extension Configuration.JWTKey {
  static let schema = Schema(
    "JWTKey", of: Self(), "A key, and the one algorithm that it is for.",
    [
      Field(
        "id", .text(.entityReference),
        "The `kid` of its tokens; without one it is tried for every token of its algorithm."),
      Field(
        "algorithm", .choice(Configuration.JWTAlgorithm.self), "What it signs with.",
        isRequired: true),
      Field("secret", .text(.secret), "For HS256, HS384 and HS512: at least 32 bytes."),
      Field(
        "encoding", .choice(Configuration.SecretEncoding.self), "How `secret` is written."),
      Field(
        "publicKey", .text(.any), "For the others: a public key or certificate in PEM."),
    ], hidesValues: true)

  /// Whether the right one of `secret` and `publicKey` is there.
  var problem: String? {
    if algorithm.isSymmetric {
      return secret == nil || publicKey != nil
        ? "\(algorithm.rawValue) needs 'secret', and no 'publicKey'" : nil
    }
    return publicKey == nil || secret != nil
      ? "\(algorithm.rawValue) needs 'publicKey', and no 'secret'" : nil
  }
}

extension Configuration.JWKS {
  static let schema = Schema(
    "JWKS", of: Self(), "Keys that another server publishes (RFC 7517 5), fetched by each worker.",
    [
      Field("url", .text(.targetURL), "Where they are.", isRequired: true),
      Field("refresh", .duration, "How often they are fetched, ahead of need."),
      Field(
        "pause", .duration,
        "The least time between two fetches because of a token whose key is not known."),
      Field("timeout", .duration, "For one fetch."),
    ])
}
