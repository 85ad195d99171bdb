/// Tables of fields to JSON Schema.
struct JSONSchemaWriter {
  var registry = PolicyRegistry.standard

  func document(_ root: Schema) -> JSONValue {
    let tables = ConfigurationSchema.tables(
      from: [root] + registry.policies.map { $0.schema })
    var members: [(String, JSONValue)] = [
      ("$schema", "https://json-schema.org/draft/2020-12/schema"),
      ("title", "Sluice configuration"),
    ]
    members += object(root)
    let definitions = tables.dropFirst().map {
      ($0.schema.name, JSONValue.object(object($0.schema)))
    }
    members.append(
      (
        "$defs",
        .object(Self.scalarDefinitions + PolicyPlace.allCases.map { policies($0) } + definitions)
      ))
    return .object(members)
  }

  private static let scalarDefinitions: [(String, JSONValue)] = [
    (
      "reference",
      [
        "description": "A value from the environment or from a file.",
        "type": "string", "pattern": #"\$\{(env:[^}]+|file:/[^}]*)\}"#,
      ]
    ),
    (
      "timespan",
      [
        "description": "A length of time such as 250ms, 7s, 1m30s or 24h.",
        "type": "string", "pattern": "^([0-9]+(h|m|s|ms|us))+$",
      ]
    ),
    (
      "byteCount",
      [
        "description": "A number of bytes such as 512, 64KiB or 10MB.",
        "type": ["integer", "string"], "pattern": "^[0-9]+([KMG]i?B|B)?$",
      ]
    ),
  ]

  /// Every policy that the place may hold, by name.
  private func policies(_ place: PolicyPlace) -> (String, JSONValue) {
    let properties = registry.policies.filter { place.allows($0.stage) }.map { policy in
      let settings: JSONValue = [
        "anyOf": [["$ref": .string("#/$defs/\(policy.schema.name)")], ["enum": [false]]]
      ]
      return (policy.policyName, settings)
    }
    return (
      place.definition,
      [
        "description": .string(place.summary), "type": ["object", "null"],
        "additionalProperties": false, "properties": .object(properties),
      ]
    )
  }

  private func object(_ schema: Schema) -> [(String, JSONValue)] {
    var members: [(String, JSONValue)] = [
      ("description", .string(schema.summary)),
      ("type", schema.hasRequiredFields ? "object" : ["object", "null"]),
      ("additionalProperties", false),
    ]
    let required = schema.fields.filter(\.isRequired).map { JSONValue.string($0.key) }
    if !required.isEmpty { members.append(("required", .array(required))) }
    members.append(("properties", .object(schema.fields.map { ($0.key, property($0, schema)) })))
    return members
  }

  private func property(_ field: Field, _ schema: Schema) -> JSONValue {
    var members = value(field.kind)
    // The sentence of the field says more than the one of its type.
    members.removeAll { $0.0 == "description" }
    members.insert(("description", .string(field.summary)), at: 0)
    if !field.isRequired, let value = schema.defaultValue(of: field.key) {
      members.append(("default", value))
    }
    return .object(members)
  }

  private func value(_ kind: Field.Kind) -> [(String, JSONValue)] {
    switch kind {
    case .boolean: orReference([("type", "boolean")])
    case .integer(let bounds):
      orReference([
        ("type", "integer"), ("minimum", .integer(bounds.lowerBound)),
        ("maximum", .integer(bounds.upperBound)),
      ])
    case .text(let form): text(form)
    case .timespan: orReference([("$ref", "#/$defs/timespan")])
    case .byteCount: orReference([("$ref", "#/$defs/byteCount")])
    case .choice(let choices): orReference([("enum", .array(choices.map { .string($0) }))])
    case .list(let element, let minimum):
      [("type", minimum > 0 ? "array" : ["array", "null"])] + atLeast(minimum, "minItems")
        + [("items", .object(value(element)))]
    case .map(let keys, let element, let minimum):
      [("type", minimum > 0 ? "object" : ["object", "null"])] + atLeast(minimum, "minProperties")
        + (keys.pattern.map { [("propertyNames", ["pattern": .string($0)])] } ?? [])
        + [("additionalProperties", .object(value(element)))]
    case .object(let schema): [("$ref", .string("#/$defs/\(schema.name)"))]
    case .policies(let place): [("$ref", .string("#/$defs/\(place.definition)"))]
    case .textOrObject(let form, let schema):
      [
        (
          "anyOf",
          [.object(text(form)), ["$ref": .string("#/$defs/\(schema.name)")]]
        )
      ]
    }
  }

  /// Texts that look like numbers or booleans need no quotes.
  private func text(_ form: TextForm) -> [(String, JSONValue)] {
    let examples = form.examples.map { JSONValue.string($0) }
    let extra: [(String, JSONValue)] = examples.isEmpty ? [] : [("examples", .array(examples))]
    guard let pattern = form.pattern else {
      return [("type", ["string", "number", "boolean"])] + extra
    }
    return orReference([
      ("type", ["string", "number", "boolean"]), ("pattern", .string(pattern)),
    ]) + extra
  }

  private func orReference(_ members: [(String, JSONValue)]) -> [(String, JSONValue)] {
    [("anyOf", [.object(members), ["$ref": "#/$defs/reference"]])]
  }

  private func atLeast(_ minimum: Int, _ key: String) -> [(String, JSONValue)] {
    minimum > 0 ? [(key, .integer(minimum))] : []
  }
}

extension Schema {
  var hasRequiredFields: Bool { fields.contains(where: \.isRequired) }
}

extension PolicyPlace {
  fileprivate var definition: String { self == .anywhere ? "Policies" : "CallerPolicies" }

  fileprivate var summary: String {
    self == .anywhere
      ? "At most one policy of a kind; `{}` means its defaults, `false` none."
      : "Policies that run when the caller is known; `{}` means the defaults, `false` none."
  }
}
