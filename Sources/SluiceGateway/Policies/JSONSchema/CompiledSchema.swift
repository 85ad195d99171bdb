import SluiceWire

/// A JSON Schema (draft 2020-12) ready to be applied; schemas refer to each other by number.
final class CompiledSchema {
  struct Kinds: OptionSet {
    let rawValue: UInt8
    static let null = Kinds(rawValue: 1)
    static let boolean = Kinds(rawValue: 2)
    static let object = Kinds(rawValue: 4)
    static let array = Kinds(rawValue: 8)
    static let string = Kinds(rawValue: 16)
    static let number = Kinds(rawValue: 32)
    static let integer = Kinds(rawValue: 64)
  }

  /// What one schema says; what is nil or empty says nothing. A class, so that applying one does not copy
  /// it.
  final class Rules {
    /// The schema `false`.
    var isNever = false
    var kinds: Kinds?
    /// Hashes of the values that `enum` and `const` allow; both may be there.
    var choices: [Set<Int>] = []
    // Numbers
    var minimum: Double?
    var maximum: Double?
    var exclusiveMinimum: Double?
    var exclusiveMaximum: Double?
    var multipleOf: Double?
    // Strings, in characters
    var minLength: Int?
    var maxLength: Int?
    /// In `regexes`.
    var pattern: Int?
    // Arrays
    var prefixItems: [Int] = []
    var items: Int?
    var minItems: Int?
    var maxItems: Int?
    var areItemsUnique = false
    var contains: Int?
    var minContains: Int?
    var maxContains: Int?
    // Objects
    var properties: [[UInt8]: Int] = [:]
    var patternProperties: [(pattern: Int, schema: Int)] = []
    var additionalProperties: Int?
    var propertyNames: Int?
    var required: [[UInt8]] = []
    var dependentRequired: [(name: [UInt8], others: [[UInt8]])] = []
    var dependentSchemas: [(name: [UInt8], schema: Int)] = []
    var minProperties: Int?
    var maxProperties: Int?
    // What nothing else of this schema has looked at
    var unevaluatedItems: Int?
    var unevaluatedProperties: Int?
    // The same value again
    var references: [Int] = []
    var all: [Int] = []
    var any: [[Int]] = []
    var one: [Int] = []
    var not: Int?
    var condition: Int?
    var then: Int?
    var otherwise: Int?

    /// Schemas that look at the same value as this one.
    var inPlace: [Int] {
      [not, condition, then, otherwise].compactMap { $0 } + references + all
        + any.flatMap { $0 } + one + dependentSchemas.map(\.schema)
    }

    var looksAtMembers: Bool {
      !properties.isEmpty || !patternProperties.isEmpty || additionalProperties != nil
        || propertyNames != nil
    }
  }

  /// The first is the root.
  let schemas: [Rules]
  let regexes: RegexSet
  /// Whether a run has to note which members and elements were looked at.
  let notesEvaluated: Bool

  init(_ schemas: [Rules], _ regexes: RegexSet) {
    self.schemas = schemas
    self.regexes = regexes
    notesEvaluated = schemas.contains {
      $0.unevaluatedItems != nil || $0.unevaluatedProperties != nil
    }
  }

  /// What is wrong with a schema that can't be applied.
  struct Problem: Error, Equatable {
    var text: String
  }

  static func compile(_ text: String) throws(Problem) -> CompiledSchema {
    var compiler = try SchemaCompiler(Array(text.utf8))
    return try compiler.compile()
  }
}
