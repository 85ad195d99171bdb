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
    public init() {}

    private enum CodingKeys: String, CodingKey {
      case keyAuth = "key-auth"
    }
  }

  /// In the file the key alone or `{key, id}`.
  public struct KeyCredential: Equatable, Sendable {
    public var key = Secret("")
    /// What targets and logs see of it; made of the consumer's name unless given.
    public var id: String?
    public init() {}
    public init(key: String, id: String? = nil) {
      self.key = Secret(key)
      self.id = id
    }
  }
}

/// A text that is never printed: not by a diagnostic, a description, a dump or an encoder.
public struct Secret: Equatable, Hashable, Sendable {
  private let text: String

  public init(_ text: String) { self.text = text }

  /// The only way to the text.
  public func reveal() -> String { text }
}

extension Secret: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    text = try container.decode(String.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "(secret)" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

extension Configuration.KeyCredential: Codable {
  private enum CodingKeys: CodingKey { case key, id }

  public init(from decoder: any Decoder) throws {
    if let key = try? decoder.singleValueContainer().decode(Secret.self) {
      self.key = key
    } else {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      key = try container.decode(Secret.self, forKey: .key)
      id = try container.decodeIfPresent(String.self, forKey: .id)
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
        "An API key, for the policy `key-auth`.")
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
    ], hidesValues: true)
}
