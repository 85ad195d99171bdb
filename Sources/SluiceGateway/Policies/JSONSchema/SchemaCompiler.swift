import SluiceWire

/// Reads a schema. What it does not know is an error: a schema that is applied in part would promise more
/// than it holds.
struct SchemaCompiler {
  typealias Problem = CompiledSchema.Problem
  typealias Rules = CompiledSchema.Rules

  private let text: [UInt8]
  private let tape: JSONTape
  private let regexes = RegexSet()
  private var schemas: [Rules] = []
  /// The numbers of schemas by their node.
  private var numbers: [Int: Int] = [:]
  /// The numbers of schemas by `$anchor` and `$dynamicAnchor`.
  private var anchors: [String: Int] = [:]
  /// References by name, which may be to what comes later.
  private var named: [(rules: Rules, anchor: String, place: String)] = []

  /// Say nothing about which values are right.
  private static let annotations: Set<String> = [
    "$schema", "$id", "$comment", "$defs", "title", "description", "default", "examples",
    "deprecated", "readOnly", "writeOnly", "format", "contentEncoding", "contentMediaType",
    "contentSchema",
  ]
  private static let draft = "https://json-schema.org/draft/2020-12/schema"
  private static let kinds: [String: CompiledSchema.Kinds] = [
    "null": .null, "boolean": .boolean, "object": .object, "array": .array, "string": .string,
    "number": .number, "integer": .integer,
  ]

  init(_ text: [UInt8]) throws(Problem) {
    self.text = text
    do throws(JSONTape.Failure) {
      tape = try JSONTape(text.span)
    } catch {
      switch error {
      case .invalid(let error): throw Problem(text: "it is no JSON: \(error.text)")
      case .duplicateKey: throw Problem(text: "a name occurs twice in one object")
      }
    }
  }

  mutating func compile() throws(Problem) -> CompiledSchema {
    _ = try schema(0, "#")
    for (rules, anchor, place) in named {
      guard let number = anchors[anchor] else {
        throw Problem(text: "\(place): there is nothing at #\(anchor)")
      }
      rules.references.append(number)
    }
    try checkLoops()
    return CompiledSchema(schemas, regexes)
  }

  // MARK: One schema

  /// The number of the schema at this node; `place` names it in messages.
  private mutating func schema(_ node: Int, _ place: String) throws(Problem) -> Int {
    if let number = numbers[node] { return number }
    let number = schemas.count
    // Before what is within, which may lead back here.
    numbers[node] = number
    let rules = Rules()
    schemas.append(rules)
    switch tape.nodes[node].kind {
    case .bool: rules.isNever = text[Int(tape.nodes[node].start)] == 0x66
    case .object:
      var child = tape.first(in: node)
      while child < tape.end(of: node) {
        let key = name(child)
        try read(key, child, "\(place)/\(key)", node, rules)
        child = tape.end(of: child)
      }
    default: throw Problem(text: "\(place): a schema is an object, true or false")
    }
    return number
  }

  private mutating func read(
    _ key: String, _ node: Int, _ place: String, _ parent: Int, _ rules: Rules
  ) throws(Problem) {
    if try readValues(key, node, place, rules) { return }
    switch key {
    case "prefixItems": rules.prefixItems = try list(node, place)
    case "items": rules.items = try schema(node, place)
    case "contains": rules.contains = try schema(node, place)
    case "properties":
      for (name, schema) in try map(node, place) { rules.properties[name] = schema }
    case "patternProperties":
      for (name, schema) in try map(node, place) {
        rules.patternProperties.append((try pattern(name, place), schema))
      }
    case "additionalProperties": rules.additionalProperties = try schema(node, place)
    case "propertyNames": rules.propertyNames = try schema(node, place)
    case "dependentSchemas":
      for (name, schema) in try map(node, place) { rules.dependentSchemas.append((name, schema)) }
    case "unevaluatedItems": rules.unevaluatedItems = try schema(node, place)
    case "unevaluatedProperties": rules.unevaluatedProperties = try schema(node, place)
    // Where there is one resource there is one dynamic scope, and both lead to the same (8.2.3.2).
    case "$ref", "$dynamicRef": try reference(node, place, rules)
    case "$anchor", "$dynamicAnchor": try anchor(node, place, numbers[parent])
    case "allOf": rules.all = try list(node, place)
    case "anyOf": rules.any.append(try list(node, place))
    case "oneOf": rules.one = try list(node, place)
    case "not": rules.not = try schema(node, place)
    case "if": rules.condition = try schema(node, place)
    case "then": rules.then = try schema(node, place)
    case "else": rules.otherwise = try schema(node, place)
    case "$schema":
      let draft = try string(node, place)
      if draft != Self.draft && draft != Self.draft + "#" {
        throw Problem(text: "\(place): only \(Self.draft) is known")
      }
    case "$id" where parent != 0: throw Problem(text: "\(place): only the root may have one")
    // The second is what `$defs` was called before.
    case "$defs", "definitions": _ = try map(node, place)
    case _ where Self.annotations.contains(key): break
    default: throw Problem(text: "\(place): this keyword is not supported")
    }
  }

  /// Keywords that hold no schemas; false for any other.
  private func readValues(
    _ key: String, _ node: Int, _ place: String, _ rules: Rules
  ) throws(Problem) -> Bool {
    switch key {
    case "type": rules.kinds = try types(node, place)
    case "const": rules.choices.append([tape.hash(of: node, text.span)])
    case "enum":
      var choices: Set<Int> = []
      for child in try elements(node, place) { choices.insert(tape.hash(of: child, text.span)) }
      rules.choices.append(choices)
    case "minimum": rules.minimum = try number(node, place)
    case "maximum": rules.maximum = try number(node, place)
    case "exclusiveMinimum": rules.exclusiveMinimum = try number(node, place)
    case "exclusiveMaximum": rules.exclusiveMaximum = try number(node, place)
    case "multipleOf":
      let factor = try number(node, place)
      if factor <= 0 { throw Problem(text: "\(place): it must be above 0") }
      rules.multipleOf = factor
    case "minLength": rules.minLength = try count(node, place)
    case "maxLength": rules.maxLength = try count(node, place)
    case "pattern": rules.pattern = try pattern(Array(try string(node, place).utf8), place)
    case "minItems": rules.minItems = try count(node, place)
    case "maxItems": rules.maxItems = try count(node, place)
    case "uniqueItems": rules.areItemsUnique = try boolean(node, place)
    case "minContains": rules.minContains = try count(node, place)
    case "maxContains": rules.maxContains = try count(node, place)
    case "required": rules.required = try names(node, place)
    case "dependentRequired":
      for child in try members(node, place) {
        rules.dependentRequired.append((keyBytes(child), try names(child, place)))
      }
    case "minProperties": rules.minProperties = try count(node, place)
    case "maxProperties": rules.maxProperties = try count(node, place)
    default: return false
    }
    return true
  }

  // MARK: References

  private mutating func reference(
    _ node: Int, _ place: String, _ rules: Rules
  ) throws(Problem) {
    let target = try string(node, place)
    var own = target[...]
    if let id = step("$id", from: 0), case let id = try string(id, "#/$id"), own.hasPrefix(id) {
      own = own.dropFirst(id.count)
      if own.isEmpty { own = "#" }
    }
    guard own.hasPrefix("#"), let fragment = Self.unescaped(own.dropFirst()) else {
      throw Problem(
        text: "\(place): only #, #/POINTER and #ANCHOR of this schema can be referred to")
    }
    if !fragment.isEmpty && !fragment.hasPrefix("/") {
      return named.append((rules, fragment, place))
    }
    var at = 0
    for part in fragment.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
      let name = part.replacing("~1", with: "/").replacing("~0", with: "~")
      guard let next = step(String(name), from: at) else {
        throw Problem(text: "\(place): there is nothing at \(target)")
      }
      at = next
    }
    rules.references.append(try schema(at, target))
  }

  /// A fragment without its percent-encoding (RFC 6901 6); nil when that is broken.
  private static func unescaped(_ fragment: Substring) -> String? {
    var output = ByteBuffer()
    guard PercentEncoding.decode(Array(fragment.utf8).span, into: &output) else { return nil }
    return String(validating: output.copiedBytes(), as: UTF8.self)
  }

  private mutating func anchor(
    _ node: Int, _ place: String, _ number: Int?
  ) throws(Problem) {
    let name = try string(node, place)
    guard let first = name.utf8.first, first != 0x2F else {
      throw Problem(text: "\(place): it is no name")
    }
    if let former = anchors.updateValue(number ?? 0, forKey: name), former != number {
      throw Problem(text: "\(place): '\(name)' is the name of another schema, too")
    }
  }

  private func step(_ name: String, from node: Int) -> Int? {
    switch tape.nodes[node].kind {
    case .object:
      let bytes = Array(name.utf8)
      return tape.member(bytes.span, of: node, text.span)
    case .array:
      guard let index = Int(name), index >= 0, index < Int(tape.nodes[node].count) else {
        return nil
      }
      var child = tape.first(in: node)
      for _ in 0..<index { child = tape.end(of: child) }
      return child
    default: return nil
    }
  }

  /// A schema that comes back to itself without going into the value would never end.
  private func checkLoops() throws(Problem) {
    enum Mark { case new, open, done }
    var marks = [Mark](repeating: .new, count: schemas.count)
    func visit(_ number: Int) -> Bool {
      switch marks[number] {
      case .open: return false
      case .done: return true
      case .new: break
      }
      marks[number] = .open
      for next in schemas[number].inPlace where !visit(next) { return false }
      marks[number] = .done
      return true
    }
    for number in schemas.indices where !visit(number) {
      throw Problem(text: "a $ref leads back to itself without going into the value")
    }
  }

  // MARK: Values

  private func name(_ node: Int) -> String { String(decoding: keyBytes(node), as: UTF8.self) }

  private func keyBytes(_ node: Int) -> [UInt8] {
    var key = ByteBuffer()
    tape.appendKey(of: node, text.span, to: &key)
    return key.copiedBytes()
  }

  private func elements(_ node: Int, _ place: String) throws(Problem) -> [Int] {
    guard tape.nodes[node].kind == .array else {
      throw Problem(text: "\(place): it must be a list")
    }
    return children(node)
  }

  private func members(_ node: Int, _ place: String) throws(Problem) -> [Int] {
    guard tape.nodes[node].kind == .object else {
      throw Problem(text: "\(place): it must be an object")
    }
    return children(node)
  }

  private func children(_ node: Int) -> [Int] {
    var children: [Int] = []
    var child = tape.first(in: node)
    while child < tape.end(of: node) {
      children.append(child)
      child = tape.end(of: child)
    }
    return children
  }

  private mutating func list(_ node: Int, _ place: String) throws(Problem) -> [Int] {
    var numbers: [Int] = []
    for (index, child) in try elements(node, place).enumerated() {
      numbers.append(try schema(child, "\(place)/\(index)"))
    }
    if numbers.isEmpty { throw Problem(text: "\(place): the list is empty") }
    return numbers
  }

  private mutating func map(
    _ node: Int, _ place: String
  ) throws(Problem) -> [(name: [UInt8], schema: Int)] {
    var schemas: [(name: [UInt8], schema: Int)] = []
    for child in try members(node, place) {
      schemas.append((keyBytes(child), try schema(child, "\(place)/\(name(child))")))
    }
    return schemas
  }

  private func string(_ node: Int, _ place: String) throws(Problem) -> String {
    guard tape.nodes[node].kind == .string else {
      throw Problem(text: "\(place): it must be a text")
    }
    var value = ByteBuffer()
    tape.appendString(node, text.span, to: &value)
    return String(decoding: value.copiedBytes(), as: UTF8.self)
  }

  private func names(_ node: Int, _ place: String) throws(Problem) -> [[UInt8]] {
    var names: [[UInt8]] = []
    for child in try elements(node, place) { names.append(Array(try string(child, place).utf8)) }
    return names
  }

  private func types(_ node: Int, _ place: String) throws(Problem) -> CompiledSchema.Kinds {
    let nodes = tape.nodes[node].kind == .array ? try elements(node, place) : [node]
    var kinds: CompiledSchema.Kinds = []
    for node in nodes {
      let name = try string(node, place)
      guard let kind = Self.kinds[name] else {
        throw Problem(text: "\(place): '\(name)' is no type")
      }
      kinds.insert(kind)
    }
    return kinds
  }

  private func boolean(_ node: Int, _ place: String) throws(Problem) -> Bool {
    guard tape.nodes[node].kind == .bool else {
      throw Problem(text: "\(place): it must be true or false")
    }
    return text[Int(tape.nodes[node].start)] == 0x74
  }

  private func number(_ node: Int, _ place: String) throws(Problem) -> Double {
    guard tape.nodes[node].kind == .number else {
      throw Problem(text: "\(place): it must be a number")
    }
    let number = tape.number(node, text.span)
    guard number.isFinite else { throw Problem(text: "\(place): it is too large") }
    return number
  }

  private func count(_ node: Int, _ place: String) throws(Problem) -> Int {
    let number = try number(node, place)
    guard number >= 0, number <= 1e15, number.rounded() == number else {
      throw Problem(text: "\(place): it must be a count")
    }
    return Int(number)
  }

  /// ECMA-262 patterns match anywhere (draft 2020-12, 6.4).
  private func pattern(_ pattern: [UInt8], _ place: String) throws(Problem) -> Int {
    do throws(RegexSet.PatternError) {
      return try regexes.add(String(decoding: pattern, as: UTF8.self), isAnchored: false)
    } catch {
      throw Problem(text: "\(place): \(error.message) at character \(error.offset + 1)")
    }
  }
}
