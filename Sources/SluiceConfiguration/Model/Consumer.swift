extension Configuration {
  /// A known caller.
  public struct Consumer: Codable, Equatable, Sendable {
    public var groups: [String] = []
    public var credentials: [Credential] = []
    /// Policies for this consumer, whatever the route.
    public var policies = Policies()
    public init() {}
  }

  /// What is said about everybody in a group; a group that only has a name needs no entry.
  public struct Group: Codable, Equatable, Sendable {
    public var policies = Policies()
    public init() {}
  }

  /// What proves who a consumer is; exactly one of these.
  public struct Credential: Codable, Equatable, Sendable {
    public var keyAuth: KeyCredential?
    public var basicAuth: PasswordCredential?
    public var jwt: TokenCredential?
    public var hmacAuth: SigningCredential?
    public var mtlsAuth: CertificateCredential?
    public init() {}

    private enum CodingKeys: String, CodingKey {
      case keyAuth = "key-auth"
      case basicAuth = "basic-auth"
      case jwt
      case hmacAuth = "hmac-auth"
      case mtlsAuth = "mtls-auth"
    }
  }

  /// In the file the key alone or `{key, id, expires}`.
  public struct KeyCredential: Equatable, Sendable {
    public var key = Secret("")
    /// What targets and logs see of it; made of the consumer's name unless given.
    public var id: String?
    /// A `Moment`, from which on the key is nobody's; nil for never.
    public var expires: String?
    public init() {}
    public init(key: String, id: String? = nil, expires: String? = nil) {
      self.key = Secret(key)
      self.id = id
      self.expires = expires
    }
  }
}

extension Configuration {
  /// A name with a password or a digest of it.
  public struct PasswordCredential: Codable, Equatable, Sendable {
    public var username = ""
    public var password: Secret?
    public var digest: Secret?
    public init() {}
    public init(username: String, password: String? = nil, digest: String? = nil) {
      self.username = username
      self.password = password.map { Secret($0) }
      self.digest = digest.map { Secret($0) }
    }
  }
}

extension Configuration {
  /// A secret that one consumer signs its requests with.
  public struct SigningCredential: Codable, Equatable, Sendable {
    public var username = ""
    public var secret = Secret("")
    public init() {}
    public init(username: String, secret: String) {
      self.username = username
      self.secret = Secret(secret)
    }
  }

  /// A key that one consumer signs its tokens with.
  public struct TokenCredential: Codable, Equatable, Sendable {
    /// What the policy's `keyClaim` has in these tokens.
    public var key = ""
    public var algorithm = JWTAlgorithm.hs256
    public var secret: Secret?
    public var encoding = SecretEncoding.text
    public var publicKey: String?
    public init() {}

    /// The key by itself.
    public var signing: JWTKey {
      var key = JWTKey()
      key.algorithm = algorithm
      key.secret = secret
      key.encoding = encoding
      key.publicKey = publicKey
      return key
    }
  }
}

extension Configuration.KeyCredential: Codable {
  private enum CodingKeys: CodingKey { case key, id, expires }

  public init(from decoder: any Decoder) throws {
    if let key = try? decoder.singleValueContainer().decode(Secret.self) {
      self.key = key
    } else {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      key = try container.decode(Secret.self, forKey: .key)
      id = try container.decodeIfPresent(String.self, forKey: .id)
      expires = try container.decodeIfPresent(String.self, forKey: .expires)
    }
  }
}

// MARK: Tables

extension Configuration.Consumer {
  static let schema = Schema(
    "Consumer", of: Self(), "A known caller: what proves who it is, and the groups it is in.",
    [
      Field("groups", .list(of: .text(.entityName)), "The groups that it is in."),
      Field(
        "credentials", .list(of: .object(Configuration.Credential.schema)),
        "What proves who it is; each holds one kind."),
      Field(
        "policies", .policies(.caller), "Policies for this consumer, whatever the route."),
    ])
}

extension Configuration.Group {
  static let schema = Schema(
    "Group", of: Self(),
    "What is said about everybody in a group. One that only has a name needs no entry.",
    [Field("policies", .policies(.caller), "Policies for those in it, whatever the route.")])
}

extension Configuration.Credential {
  static let schema = Schema(
    "Credential", of: Self(), "What proves who a consumer is; exactly one kind.",
    [
      Field(
        "key-auth", .textOrObject(.secret, Configuration.KeyCredential.schema),
        "An API key, for the policy `key-auth`."),
      Field(
        "basic-auth", .object(Configuration.PasswordCredential.schema),
        "A name and a password, for the policy `basic-auth`."),
      Field(
        "jwt", .object(Configuration.TokenCredential.schema),
        "A key that this consumer signs its tokens with, for the policy `jwt`."),
      Field(
        "hmac-auth", .object(Configuration.SigningCredential.schema),
        "A secret that this consumer signs its requests with, for the policy `hmac-auth`."),
      Field(
        "mtls-auth", .object(Configuration.CertificateCredential.schema),
        "What this consumer's certificate says, for the policy `mtls-auth`."),
    ], hidesValues: true)
}

extension Configuration.KeyCredential {
  static let schema = Schema(
    "KeyCredential", of: Self(), "An API key. The key alone means the made-up id.",
    [
      Field("key", .text(.secret), "The key that callers send.", isRequired: true),
      Field(
        "id", .text(.entityName),
        "What targets and logs see in its place; `<consumer>.key-auth.<n>` unless given."),
      Field(
        "expires", .text(.moment),
        "When it is over; from then on it is nobody's, and sessions that it has opened end. Never unless given."
      ),
    ], hidesValues: true)
}

extension Configuration.PasswordCredential {
  static let schema = Schema(
    "PasswordCredential", of: Self(), "A name, and a password or a digest of it.",
    [
      Field(
        "username", .text(.username), "The name that callers send; targets and logs see it.",
        isRequired: true),
      Field("password", .text(.secret), "The password itself, best as a reference."),
      Field(
        "digest", .text(.passwordDigest),
        "What `sluice hash-password` makes of the password (scrypt), or another has made: PBKDF2, `$2y$…` of `htpasswd -B` (bcrypt, which looks at the first 72 bytes of a password), `$5$…` and `$6$…` of crypt(3). Weak, for what exists already: `$apr1$…` of `htpasswd` (a thousand rounds of MD5), `$1$…`, `{SSHA}…` and `{SHA}…` (one SHA-1, `{SHA}` the same for all who have the password) are quick to guess for who has the file; `sluice hash-password` makes better ones."
      ),
    ], hidesValues: true)
}

extension Configuration.TokenCredential {
  static let schema = Schema(
    "TokenCredential", of: Self(), "A key that one consumer signs its tokens with.",
    [
      Field(
        "key", .text(.entityReference),
        "What the policy's `keyClaim` (usually `iss`) has in these tokens; targets and logs see it.",
        isRequired: true),
      Field("algorithm", .choice(Configuration.JWTAlgorithm.self), "What it signs with."),
      Field("secret", .text(.secret), "For HS256, HS384 and HS512: at least 32 bytes."),
      Field(
        "encoding", .choice(Configuration.SecretEncoding.self), "How `secret` is written."),
      Field("publicKey", .text(.any), "For the others: a public key or certificate in PEM."),
    ], hidesValues: true)
}

extension Configuration.SigningCredential {
  static let schema = Schema(
    "SigningCredential", of: Self(), "A secret that one consumer signs its requests with.",
    [
      Field(
        "username", .text(.username), "The name that callers send; targets and logs see it.",
        isRequired: true),
      Field("secret", .text(.secret), "The secret, best as a reference.", isRequired: true),
    ], hidesValues: true)
}
