/// One table of fields: what an object of the file may say. The validation, the JSON Schema and the
/// reference are all made from it.
public final class Schema: Sendable {
  /// Unique; names the definition in the JSON Schema.
  let name: String
  /// One or two sentences.
  let summary: String
  let fields: [Field]
  /// What an instance that nothing was set in encodes to: the defaults have no second source.
  private let defaults: [String: JSONValue]
  private let indices: [String: Int]
  /// Whether values in it, at any depth, are never shown: not even where they are no secrets, because a
  /// slip may put the secret in another's place.
  let hidesValues: Bool

  /// - Parameter instance: one that nothing was set in; it holds the defaults.
  public init<Object: Encodable>(
    _ name: String, of instance: Object, _ summary: String, _ fields: [Field],
    hidesValues: Bool = false
  ) {
    self.hidesValues = hidesValues
    self.name = name
    self.summary = summary
    self.fields = fields
    indices = Dictionary(uniqueKeysWithValues: fields.enumerated().map { ($1.key, $0) })
    var defaults: [String: JSONValue] = [:]
    // The model's types encode without fail; one that does not shows in every test.
    if case .object(let members) = try? JSONValue(encoding: instance) {
      defaults = Dictionary(uniqueKeysWithValues: members.map { ($0.key, $0.value) })
    }
    for field in fields {
      if let value = field.defaultValue { defaults[field.key] = value }
    }
    self.defaults = defaults
  }

  func field(_ key: String) -> Field? {
    indices[key].map { fields[$0] }
  }

  /// Nil for a field that is absent unless it is set.
  func defaultValue(of key: String) -> JSONValue? {
    defaults[key]
  }
}

/// One key of an object.
public struct Field: Sendable {
  let key: String
  let kind: Kind
  /// One sentence for the reference.
  let summary: String
  var isRequired: Bool
  /// Only where the encoded default instance doesn't show it.
  var defaultValue: JSONValue?

  public init(_ key: String, _ kind: Kind, _ summary: String, isRequired: Bool = false) {
    self.init(key, kind, summary, isRequired: isRequired, defaultValue: nil)
  }

  init(
    _ key: String, _ kind: Kind, _ summary: String, isRequired: Bool = false,
    defaultValue: JSONValue?
  ) {
    self.key = key
    self.kind = kind
    self.summary = summary
    self.isRequired = isRequired
    self.defaultValue = defaultValue
  }

  public indirect enum Kind: Sendable {
    case boolean
    case integer(ClosedRange<Int>)
    case text(TextForm)
    case timespan(ClosedRange<Timespan>)
    case byteCount(ClosedRange<ByteCount>)
    case choice([String])
    case list(of: Kind, atLeast: Int)
    case map(keys: TextForm, of: Kind, atLeast: Int)
    case object(Schema)
    /// The text alone, or an object with the text under `key`.
    case textOrObject(TextForm, Schema)
    /// A map of policies by name, or `false` for none of this kind.
    case policies(PolicyPlace)
  }
}

/// Which policies a map of them may hold.
public enum PolicyPlace: Sendable, CaseIterable {
  case anywhere
  /// For some callers only: those that run when the caller is known.
  case caller

  func allows(_ stage: PolicyStage) -> Bool { self == .anywhere || stage > .identify }
}

extension Field.Kind {
  public static func choice<Choice: RawRepresentable & CaseIterable>(_ type: Choice.Type)
    -> Field.Kind
  where Choice.RawValue == String {
    .choice(type.allCases.map(\.rawValue))
  }

  public static func list(of kind: Field.Kind) -> Field.Kind { .list(of: kind, atLeast: 0) }

  public static func entities(_ schema: Schema, atLeast: Int = 0) -> Field.Kind {
    .map(keys: .entityName, of: .object(schema), atLeast: atLeast)
  }

  /// Any time that is not zero, up to a year.
  public static let duration = timespan(.milliseconds(1)...(.seconds(366 * 86_400)))

  /// Zero is never.
  public static let optionalDuration = timespan(.milliseconds(0)...(.seconds(366 * 86_400)))
}
