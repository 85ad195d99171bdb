/// What a file says about one policy: the settings, where it stands in the order, its documentation.
///
/// The settings live here so that they are read and checked like everything else in the file; the
/// gateway's half, what they compile to, is a conformance to `Policy` in SluiceGateway. Adding a policy
/// is this type, that conformance and one line in `PolicyRegistry.standard`.
public protocol PolicySettings: Codable, Equatable, Sendable {
  /// The key below `policies:`.
  static var policyName: String { get }
  static var stage: PolicyStage { get }
  /// The stage with these settings, if they choose one: that of the kind, or an earlier one but `identify`.
  ///
  /// In `entry` a policy is for all callers of a route: there neither a consumer nor a group may say
  /// anything of the kind, and `countsBy` has nothing that depends on who calls. Else the
  /// configuration is refused.
  var stage: PolicyStage { get }
  /// The setting that chooses `stage`, which messages point at; nil where none does.
  static var stageKey: String? { get }
  /// What these settings count requests by, if they count.
  var countsBy: [Configuration.LimitKey] { get }
  /// The settings with their bounds and one sentence each; the page of documentation is made of it.
  static var schema: Schema { get }
  /// A whole small configuration that uses the policy, for its page; a test reads and checks it.
  static var example: String { get }
  /// Whether the policy may give callers groups that no consumer in the file has.
  var grantsGroups: Bool { get }

  /// URLs of servers that the gateway itself calls for this policy.
  var urls: [String] { get }

  /// All defaults.
  init()

  /// Reports what the schema can't know: settings that exclude each other, names that are nobody's.
  func check(_ check: inout PolicyCheck)
}

extension PolicySettings {
  public var stage: PolicyStage { Self.stage }
  public static var stageKey: String? { nil }
  public var countsBy: [Configuration.LimitKey] { [] }
  public var grantsGroups: Bool { false }
  public var urls: [String] { [] }
  public func check(_ check: inout PolicyCheck) {}

  func isEqual(to other: any PolicySettings) -> Bool { (other as? Self) == self }
}

/// The order in which policies see a request; responses pass them the other way round.
public enum PolicyStage: Int, CaseIterable, Comparable, Sendable {
  /// Before anybody is asked who they are: ids, preflights.
  case entry
  /// Who calls.
  case identify
  /// Whether they may.
  case authorize
  /// How much.
  case limit
  /// What it looks like.
  case transform
  /// What is remembered.
  case cache
  /// What is told of it when it is over, whatever became of it.
  case log

  public static func < (left: PolicyStage, right: PolicyStage) -> Bool {
    left.rawValue < right.rawValue
  }

  public var name: String { "\(self)" }
}

/// The policies that a file may name.
///
/// Within a stage policies run in the order of this list. A program that builds its own gateway adds
/// its own policies before it reads the configuration: `PolicyRegistry.standard.adding(Greeting.self)`.
public struct PolicyRegistry: Sendable {
  public private(set) var policies: [any PolicySettings.Type]
  private var indices: [String: Int]

  public init(_ policies: [any PolicySettings.Type]) {
    self.policies = policies
    indices = [:]
    for (index, policy) in policies.enumerated() {
      precondition(
        indices.updateValue(index, forKey: policy.policyName) == nil,
        "two policies are named \(policy.policyName)")
    }
  }

  /// This list with a further policy, which runs as the last of its stage.
  public func adding(_ policy: any PolicySettings.Type) -> PolicyRegistry {
    PolicyRegistry(policies + [policy])
  }

  public func policy(named name: String) -> (any PolicySettings.Type)? {
    indices[name].map { policies[$0] }
  }

  /// Stage first, then the place in the list.
  func precedes(_ left: EffectivePolicy, _ right: EffectivePolicy) -> Bool {
    if left.stage != right.stage { return left.stage < right.stage }
    let places = (indices[left.name] ?? .max, indices[right.name] ?? .max)
    return places.0 == places.1 ? left.name < right.name : places.0 < places.1
  }
}

extension PolicyRegistry: Equatable {
  public static func == (left: PolicyRegistry, right: PolicyRegistry) -> Bool {
    left.policies.map(ObjectIdentifier.init) == right.policies.map(ObjectIdentifier.init)
  }
}

/// What a policy's settings are checked against, and where its findings go.
public struct PolicyCheck {
  public let configuration: Configuration
  /// `routes.time.policies.acl`, for messages.
  public let path: String
  public let origin: PolicyOrigin
  /// Of the whole configuration; whoever looks at all policies for each makes large files slow.
  let survey: PolicySurvey
  let entry: SourceNode.Entry
  var diagnostics: DiagnosticCollector

  /// `keys` lead from the policy's settings to the value that the message is about; numbers are
  /// places in a list.
  public mutating func error(_ message: String, at keys: String..., hint: String? = nil) {
    error(message, at: keys, hint: hint)
  }

  private mutating func error(_ message: String, at keys: [String], hint: String?) {
    diagnostics.error(text(message, keys), at: position(keys), hint: hint)
  }

  public mutating func warning(_ message: String, at keys: String..., hint: String? = nil) {
    diagnostics.warning(text(message, keys), at: position(keys), hint: hint)
  }

  /// Reports what keeps the policy from standing where its settings say.
  mutating func requireStage(_ settings: some PolicySettings, by rule: PolicyStageRule) {
    let key = type(of: settings).stageKey.flatMap { entry.value.entry($0)?.key }
    for problem in rule.problems(of: settings, at: origin) {
      error(problem.message, at: key.map { [$0] } ?? [], hint: problem.hint)
    }
  }

  /// Reports a service that the file does not have.
  public mutating func requireService(_ name: String, at key: String) {
    if configuration.services[name] != nil { return }
    error(
      "no service is named '\(name)'", at: key,
      hint: suggestion(for: name, among: survey.services))
  }

  /// Reports a name that no internal route has.
  mutating func requireInternal(_ name: String, at keys: String...) {
    if survey.hasInternalRoutes(name) { return }
    let message = text("no route is internal to '\(name)'", keys)
    diagnostics.error(
      message, at: position(keys),
      hint: suggestion(for: name, among: survey.internalNames)
        ?? "give routes 'match: {internal: \(name)}'")
  }

  /// "did you mean …", for a name that is not among those known.
  public func suggestion(for name: String, among known: some Sequence<String>) -> String? {
    // Of more mistakes than are shown no one is worth a search.
    diagnostics.isFull ? nil : Suggestion.hint(for: name, among: known)
  }

  private func text(_ message: String, _ keys: [String]) -> String {
    let full = keys.reduce(path) { Int($1) == nil ? "\($0).\($1)" : "\($0)[\($1)]" }
    return "\(full): \(message)"
  }

  private func position(_ keys: [String]) -> Position {
    var position = entry.keyPosition
    var node = entry.value
    for key in keys {
      if let index = Int(key), node.elements.indices.contains(index) {
        node = node.elements[index]
        position = node.position
      } else if let next = node.entry(key) {
        node = next.value
        position = next.keyPosition
      } else {
        break
      }
    }
    return position
  }
}
