/// What distinguishes two configurations: which entities came, went and changed, and in which
/// settings. Names and paths only, so nothing in it is secret.
public struct ConfigurationDifference: Sendable, Equatable, Encodable {
  /// The entities of one kind: listeners, services, routes…
  public struct Entities: Sendable, Equatable, Encodable {
    public var added: [String] = []
    public var removed: [String] = []
    public var changed: [Change] = []

    public var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty }
    public init() {}
  }

  public struct Change: Sendable, Equatable, Encodable {
    public var name: String
    /// Paths within the entity, as `timeouts.connect` or `targets[1]`.
    public var settings: [String]

    public init(name: String, settings: [String]) {
      self.name = name
      self.settings = settings
    }
  }

  /// By the key in the file; kinds without a difference are missing.
  public private(set) var entities: [String: Entities] = [:]
  /// Paths outside the entities, as `policies.request-id.header`.
  public private(set) var settings: [String] = []

  public var isEmpty: Bool { entities.isEmpty && settings.isEmpty }

  public init(from old: Configuration, to new: Configuration) {
    // The model's types encode without fail.
    guard let old = try? JSONValue(encoding: old), let new = try? JSONValue(encoding: new) else {
      return
    }
    for field in Configuration.schema.fields {
      let (before, after) = (old[field.key], new[field.key])
      if case .map(_, .object, _) = field.kind {
        let difference = Self.entities(before, after)
        if !difference.isEmpty { entities[field.key] = difference }
      } else {
        Self.compare(before, after, at: field.key, into: &settings)
      }
    }
  }

  private static func entities(_ old: JSONValue?, _ new: JSONValue?) -> Entities {
    var result = Entities()
    let (old, new) = (members(old), members(new))
    for name in Set(old.keys).union(new.keys).sorted() {
      guard let before = old[name] else {
        result.added.append(name)
        continue
      }
      guard let after = new[name] else {
        result.removed.append(name)
        continue
      }
      var settings: [String] = []
      compare(before, after, at: "", into: &settings)
      if !settings.isEmpty { result.changed.append(Change(name: name, settings: settings)) }
    }
    return result
  }

  /// Adds the innermost paths at which the two differ.
  private static func compare(
    _ old: JSONValue?, _ new: JSONValue?, at path: String, into paths: inout [String]
  ) {
    switch (old, new) {
    case (.object?, .object?):
      let (old, new) = (members(old), members(new))
      for key in Set(old.keys).union(new.keys).sorted() {
        compare(old[key], new[key], at: path.isEmpty ? key : "\(path).\(key)", into: &paths)
      }
    case (.array(let before)?, .array(let after)?):
      for index in 0..<max(before.count, after.count) {
        compare(
          before.indices.contains(index) ? before[index] : nil,
          after.indices.contains(index) ? after[index] : nil, at: "\(path)[\(index)]", into: &paths)
      }
    default: if old != new { paths.append(path) }
    }
  }

  private static func members(_ value: JSONValue?) -> [String: JSONValue] {
    guard case .object(let members)? = value else { return [:] }
    return Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
  }
}
