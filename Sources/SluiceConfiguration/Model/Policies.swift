extension Configuration {
  /// At most one policy of a kind; the order is that of the stages and not of the file.
  public struct Policies: Equatable, Sendable {
    enum Entry: Sendable {
      /// `false`: what a less specific place says does not hold here.
      case off
      case on(any PolicySettings)
    }

    private var entries: [String: Entry] = [:]

    public init() {}

    public var isEmpty: Bool { entries.isEmpty }
    public var names: [String] { entries.keys.sorted() }

    /// The settings of one kind; nil when they are not set here.
    public subscript<Settings: PolicySettings>(_ type: Settings.Type) -> Settings? {
      get {
        if case .on(let settings) = entries[type.policyName] { settings as? Settings } else { nil }
      }
      set { entries[type.policyName] = newValue.map { .on($0) } }
    }

    /// Adds a policy, or replaces the one of its kind.
    public mutating func set(_ settings: some PolicySettings) {
      entries[type(of: settings).policyName] = .on(settings)
    }

    /// Switches a policy off that a less specific place has.
    public mutating func turnOff(_ type: any PolicySettings.Type) {
      entries[type.policyName] = .off
    }

    subscript(name: String) -> Entry? { entries[name] }

    /// Those that are on.
    var all: [any PolicySettings] {
      entries.sorted { $0.key < $1.key }.compactMap {
        if case .on(let settings) = $0.value { settings } else { nil }
      }
    }

    public static func == (left: Policies, right: Policies) -> Bool {
      left.entries.count == right.entries.count
        && left.entries.allSatisfy { name, entry in
          switch (entry, right.entries[name]) {
          case (.off, .off): true
          case (.on(let settings), .on(let other)): settings.isEqual(to: other)
          default: false
          }
        }
    }
  }
}

extension CodingUserInfoKey {
  /// The `PolicyRegistry` that a configuration is decoded with.
  static let policyRegistry: CodingUserInfoKey = {
    guard let key = CodingUserInfoKey(rawValue: "policyRegistry") else {
      preconditionFailure("any text is a key")
    }
    return key
  }()
}

extension Configuration.Policies: Codable {
  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  public init(from decoder: any Decoder) throws {
    let registry = decoder.userInfo[.policyRegistry] as? PolicyRegistry ?? .standard
    let container = try decoder.container(keyedBy: Name.self)
    for name in container.allKeys {
      guard let type = registry.policy(named: name.stringValue) else {
        throw DecodingError.dataCorruptedError(
          forKey: name, in: container, debugDescription: "no policy is named so")
      }
      if (try? container.decode(Bool.self, forKey: name)) == false {
        entries[name.stringValue] = .off
      } else {
        entries[name.stringValue] = .on(try container.decode(type, forKey: name))
      }
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Name.self)
    for (name, entry) in entries {
      switch entry {
      case .off: try container.encode(false, forKey: Name(stringValue: name))
      case .on(let settings): try container.encode(settings, forKey: Name(stringValue: name))
      }
    }
  }
}
