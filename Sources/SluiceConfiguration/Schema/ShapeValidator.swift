/// Checks the tree against the tables, value by value, and builds the JSON that the model decodes
/// from: the file over the defaults. Wrong values are reported and left out, so that the rules that
/// follow still see the rest.
struct ShapeValidator {
  let references: References
  let registry: PolicyRegistry
  var diagnostics: DiagnosticCollector
  /// Where values stand that came from elsewhere.
  var referencedPaths: Set<String> = []
  /// Within something that holds secrets: no value is shown.
  private var isHiding = false

  init(references: References, registry: PolicyRegistry, diagnostics: DiagnosticCollector) {
    self.references = references
    self.registry = registry
    self.diagnostics = diagnostics
  }

  /// Nil when nothing usable is there. `keyPosition` is where the value's key stands: the place for
  /// what is missing in it.
  mutating func check(
    _ node: SourceNode, as kind: Field.Kind, at path: String, keyPosition: Position? = nil
  ) -> JSONValue? {
    let errorsBefore = diagnostics.errorCount
    defer { if diagnostics.errorCount > errorsBefore { diagnostics.markUnsound(node) } }
    let owner = keyPosition ?? node.position
    switch kind {
    case .object(let schema): return object(node, schema, at: path, owner)
    case .textOrObject(let form, let schema):
      if case .mapping = node.content { return object(node, schema, at: path, owner) }
      return scalar(node, as: .text(form), at: path)
    case .map(let keys, let valueKind, let minimum):
      return map(node, keys: keys, of: valueKind, atLeast: minimum, at: path, owner)
    case .list(let elementKind, let minimum):
      return list(node, of: elementKind, atLeast: minimum, at: path, owner)
    case .policies(let place): return policies(node, place, at: path)
    case .boolean, .integer, .text, .timespan, .byteCount, .choice:
      return scalar(node, as: kind, at: path)
    }
  }

  /// The value as a message may show it.
  func shown(_ node: SourceNode) -> String { isHiding ? "the value" : node.shown }

  /// What a message calls a value of the wrong type.
  func kindName(_ node: SourceNode) -> String {
    if case .scalar = node.content, isHiding, !node.isNull { "a text" } else { node.kindName }
  }

  private mutating func policies(
    _ node: SourceNode, _ place: PolicyPlace, at path: String
  ) -> JSONValue? {
    guard isMapping(node, at: path) else { return nil }
    var members: [(String, JSONValue)] = []
    for entry in node.entries {
      let path = join(path, entry.key)
      guard let policy = registry.policy(named: entry.key) else {
        let known = registry.policies.filter { place.allows($0.stage) }.map { $0.policyName }
        diagnostics.error(
          "\(path): no policy is named \(quoted(entry.key))", at: entry.keyPosition,
          hint: Suggestion.hint(for: entry.key, among: known)
            ?? "known policies: \(known.joined(separator: ", "))")
        continue
      }
      guard place.allows(policy.stage) else {
        diagnostics.error(
          "\(path): who calls is known only after this policy, so it can't depend on the caller",
          at: entry.keyPosition, hint: "set it for a route, a service or everything")
        continue
      }
      if case .scalar(let scalar) = entry.value.content, scalar.isPlain, scalar.text == "false" {
        members.append((entry.key, false))
        continue
      }
      let value = check(
        entry.value, as: .object(policy.schema), at: path, keyPosition: entry.keyPosition)
      if let value { members.append((entry.key, value)) }
    }
    return .object(members)
  }

  private mutating func object(
    _ node: SourceNode, _ schema: Schema, at path: String, _ owner: Position
  ) -> JSONValue? {
    let wasHiding = isHiding
    isHiding = wasHiding || schema.hidesValues
    defer { isHiding = wasHiding }
    guard isMapping(node, at: path) else { return nil }
    var members: [String: JSONValue] = [:]
    for entry in node.entries {
      guard let field = schema.field(entry.key) else {
        unknownKey(entry, schema, at: path)
        continue
      }
      members[entry.key] = check(
        entry.value, as: field.kind, at: join(path, entry.key), keyPosition: entry.keyPosition)
    }
    for field in schema.fields where field.isRequired && node.entry(field.key) == nil {
      let name = path.isEmpty ? "the file" : path
      diagnostics.error("\(name) needs '\(field.key)'", at: owner, hint: field.summary)
    }
    for field in schema.fields where members[field.key] == nil {
      members[field.key] = schema.defaultValue(of: field.key)
      // Without it the object could not be decoded.
      if field.isRequired, members[field.key] == nil { return nil }
    }
    return .object(schema.fields.compactMap { field in members[field.key].map { (field.key, $0) } })
  }

  private mutating func map(
    _ node: SourceNode, keys: TextForm, of kind: Field.Kind, atLeast minimum: Int, at path: String,
    _ owner: Position
  ) -> JSONValue? {
    guard isMapping(node, at: path) else { return nil }
    if node.entries.count < minimum {
      diagnostics.error("\(path) needs at least one entry", at: owner)
    }
    var members: [(String, JSONValue)] = []
    for entry in node.entries {
      if let problem = keys.check(entry.key) {
        report(problem, about: quoted(entry.key), in: path, keys, at: entry.keyPosition)
      }
      let value = check(
        entry.value, as: kind, at: join(path, entry.key), keyPosition: entry.keyPosition)
      if let value { members.append((entry.key, value)) }
    }
    return .object(members)
  }

  private mutating func list(
    _ node: SourceNode, of kind: Field.Kind, atLeast minimum: Int, at path: String,
    _ owner: Position
  ) -> JSONValue? {
    guard case .sequence(let elements) = node.content else {
      if node.isNull, minimum == 0 { return .array([]) }
      var name = kindName(node)
      if case .scalar = node.content, !node.isNull, kind.isSecret { name = "a text" }
      var hint: String?
      if case .scalar(let scalar) = node.content, !node.isNull, !scalar.hasReference,
        !isHiding, !kind.isSecret
      {
        hint = "write [\(scalar.text.prefix(60))]"
      }
      diagnostics.error(
        "\(path) must be a list, not \(name)", at: node.position, hint: hint)
      return nil
    }
    if elements.count < minimum {
      diagnostics.error("\(path) needs at least one entry", at: owner)
    }
    var values: [JSONValue] = []
    for (index, element) in elements.enumerated() {
      if let value = check(element, as: kind, at: "\(path)[\(index)]") { values.append(value) }
    }
    return .array(values)
  }

  private mutating func isMapping(_ node: SourceNode, at path: String) -> Bool {
    if case .mapping = node.content { return true }
    if node.isNull { return true }
    let owner = path.isEmpty ? "the file" : path
    diagnostics.error("\(owner) must be a map, not \(kindName(node))", at: node.position)
    return false
  }

  private mutating func unknownKey(
    _ entry: SourceNode.Entry, _ schema: Schema, at path: String
  ) {
    let known = schema.fields.map(\.key)
    let place = path.isEmpty ? "" : " in \(path)"
    diagnostics.error(
      "unknown key\(isHiding ? "" : " " + quoted(entry.key))\(place)", at: entry.keyPosition,
      hint: (isHiding ? nil : hint(forUnknown: entry.key, schema))
        ?? "known keys: \(known.joined(separator: ", "))")
  }

  /// A typing mistake, or a key that stands one level too high: `methods` of a route's `match`, a
  /// policy outside of `policies`.
  private func hint(forUnknown key: String, _ schema: Schema) -> String? {
    let owner = schema.fields.first { field in
      switch field.kind {
      case .object(let inner), .textOrObject(_, let inner): inner.field(key) != nil
      case .policies(let place): registry.policy(named: key).map { place.allows($0.stage) } ?? false
      default: false
      }
    }
    if let owner { return "it belongs into '\(owner.key)'" }
    return Suggestion.hint(for: key, among: schema.fields.map(\.key))
  }

  private func join(_ path: String, _ key: String) -> String {
    path.isEmpty ? key : "\(path).\(key)"
  }

  mutating func report(
    _ problem: TextProblem, about shown: String, in path: String, _ form: TextForm,
    at position: Position
  ) {
    let reason = problem.reason.isEmpty ? "" : ": \(problem.reason)"
    var hint = problem.hint
    if hint == nil, problem.reason.isEmpty, let example = form.examples.first {
      hint = "write it like \(example)"
    }
    diagnostics.error("\(path): \(shown) is not \(form.name)\(reason)", at: position, hint: hint)
  }
}
