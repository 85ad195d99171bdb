extension Configuration {
  /// The whole configuration as JSON, defaults included, for whoever may read it: values that came
  /// from references and credentials are `***`.
  ///
  /// `referencedPaths`: see `ReadResult`.
  public func shownJSON(referencedPaths: Set<String>) -> String {
    // The model's types encode without fail.
    guard let value = try? JSONValue(encoding: self) else { return "{}\n" }
    let redaction = Redaction(referencedPaths)
    return redaction.shown(value, as: .object(Self.schema), at: "").text(isPretty: true) + "\n"
  }
}

/// Walks a configuration beside its tables and hides what must not be shown.
struct Redaction {
  static let hidden = JSONValue.string("***")

  private let paths: Set<String>
  /// Every path that leads to a referenced value. A short form (a target that is its URL alone)
  /// hides whatever part of it was referenced.
  private var ancestors: Set<String> = []

  init(_ paths: Set<String>) {
    self.paths = paths
    for path in paths {
      for index in path.indices where path[index] == "." || path[index] == "[" {
        ancestors.insert(String(path[..<index]))
      }
    }
  }

  func shown(_ value: JSONValue, as kind: Field.Kind?, at path: String) -> JSONValue {
    if paths.contains(path) { return Self.hidden }
    // The settings of a policy from outside may be anything.
    if case .policies = kind, case .object(let members) = value {
      return .object(
        members.map { member in
          let path = "\(path).\(member.key)"
          guard let policy = PolicyRegistry.standard.policy(named: member.key) else {
            return (member.key, hideAll(member.value))
          }
          return (member.key, shown(member.value, as: .object(policy.schema), at: path))
        })
    }
    if kind?.isSecret == true { return hideAll(value) }
    switch value {
    case .object(let members):
      return .object(
        members.map { member in
          let path = path.isEmpty ? member.key : "\(path).\(member.key)"
          return (member.key, shown(member.value, as: kind?.member(member.key), at: path))
        })
    case .array(let elements):
      return .array(
        elements.enumerated().map { index, element in
          shown(element, as: kind?.element, at: "\(path)[\(index)]")
        })
    case .null, .boolean: return value
    case .string, .integer:
      return ancestors.contains(path) ? Self.hidden : value
    }
  }

  /// The keys alone.
  private func hideAll(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members): .object(members.map { ($0.key, hideAll($0.value)) })
    case .array(let elements): .array(elements.map(hideAll))
    case .null, .boolean: value
    case .string, .integer: Self.hidden
    }
  }
}

extension Field.Kind {
  /// Of what kind the value behind a key is.
  func member(_ key: String) -> Field.Kind? {
    switch self {
    case .object(let schema), .textOrObject(_, let schema): schema.field(key)?.kind
    case .map(_, let value, _): value
    case .boolean, .integer, .text, .timespan, .byteCount, .choice, .list, .policies: nil
    }
  }

  var element: Field.Kind? {
    if case .list(let element, _) = self { element } else { nil }
  }

  /// Whether a value in its place may be a secret.
  var isSecret: Bool {
    switch self {
    case .text(let form): form.isSecret
    case .object(let schema): schema.hidesValues
    case .textOrObject(let form, let schema): form.isSecret || schema.hidesValues
    case .boolean, .integer, .timespan, .byteCount, .choice, .list, .map, .policies: false
    }
  }
}
