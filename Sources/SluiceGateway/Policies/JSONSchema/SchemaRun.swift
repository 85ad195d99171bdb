import SluiceWire

/// Applies a schema to one JSON text. What it costs is bounded by `maxSteps`, how deep it goes by the depth
/// of the text and of the schema.
struct SchemaRun {
  /// What is wrong, and where.
  struct Failure: Equatable {
    /// RFC 6901.
    var pointer: [UInt8]
    var keyword: StaticString

    static func == (left: Failure, right: Failure) -> Bool {
      left.pointer == right.pointer && "\(left.keyword)" == "\(right.keyword)"
    }
  }

  /// A schema applied to a value, or a pattern to a text; some 100 ms at worst.
  static let maxSteps = 500_000
  /// Bytes of a pointer that is told to callers, at most.
  private static let maxPointer = 512

  private enum Part {
    /// By the member's node.
    case member(Int)
    case element(Int)
  }

  private let schema: CompiledSchema
  private let tape: JSONTape
  private var steps = 0
  private var path: [Part] = []
  private var found: (path: [Part], keyword: StaticString)?
  /// The members and elements that schemas of this value have looked at, by node; only where
  /// `unevaluatedItems` or `unevaluatedProperties` want to know. What failed leaves none.
  private var evaluated: [Int] = []

  init(_ schema: CompiledSchema, _ tape: JSONTape) {
    self.schema = schema
    self.tape = tape
  }

  /// Nil when the text is right. `text` is that of the tape.
  mutating func failure(_ text: Span<UInt8>) -> Failure? {
    if apply(0, to: 0, text) { return nil }
    if steps > Self.maxSteps { return Failure(pointer: [], keyword: "cost") }
    guard let found else { return Failure(pointer: [], keyword: "false") }
    return Failure(pointer: pointer(found.path, text), keyword: found.keyword)
  }

  private func pointer(_ path: [Part], _ text: Span<UInt8>) -> [UInt8] {
    var pointer = ByteBuffer()
    for part in path {
      pointer.append(0x2F)
      switch part {
      case .element(let index): pointer.append(decimal: UInt64(index))
      case .member(let node):
        var key = ByteBuffer()
        tape.appendKey(of: node, text, to: &key)
        for index in key.span.indices {
          switch key.span[index] {
          case 0x7E: pointer.append("~0")
          case 0x2F: pointer.append("~1")
          case let byte: pointer.append(byte)
          }
        }
      }
      if pointer.count > Self.maxPointer { break }
    }
    return Array(pointer.copiedBytes().prefix(Self.maxPointer))
  }

  /// The first failure counts: what comes behind it may follow from it.
  private mutating func fail(_ keyword: StaticString) -> Bool {
    if found == nil { found = (path, keyword) }
    return false
  }

  /// False, and the run ends, when it takes too long.
  private mutating func step() -> Bool {
    steps += 1
    return steps <= Self.maxSteps
  }

  private mutating func apply(_ number: Int, to node: Int, _ text: Span<UInt8>) -> Bool {
    let before = evaluated.count
    if judge(number, node, text) { return true }
    evaluated.removeLast(evaluated.count - before)
    return false
  }

  /// Applies a schema to a member or an element, of which those around learn no more than that.
  private mutating func apply(_ number: Int, toChild node: Int, _ text: Span<UInt8>) -> Bool {
    let before = evaluated.count
    guard apply(number, to: node, text) else { return false }
    evaluated.removeLast(evaluated.count - before)
    note(node)
    return true
  }

  private mutating func note(_ node: Int) { if schema.notesEvaluated { evaluated.append(node) } }

  private mutating func judge(_ number: Int, _ node: Int, _ text: Span<UInt8>) -> Bool {
    guard step() else { return false }
    let before = evaluated.count
    let rules = schema.schemas[number]
    if rules.isNever { return fail("false") }
    let value = tape.nodes[node]
    if let kinds = rules.kinds, !matches(kinds, node, text) { return fail("type") }
    if !rules.choices.isEmpty {
      let hash = tape.hash(of: node, text)
      steps += end(of: node) - node
      for choices in rules.choices where !choices.contains(hash) { return fail("enum") }
    }
    switch value.kind {
    case .number: if !applyNumber(rules, tape.number(node, text)) { return false }
    case .string: if !applyString(rules, node, text) { return false }
    case .array: if !applyArray(rules, node, text) { return false }
    case .object: if !applyObject(rules, node, text) { return false }
    case .bool, .null: break
    }
    guard applyInPlace(rules, node, text) else { return false }
    return applyToRest(rules, node, text, since: before)
  }

  private func end(of node: Int) -> Int { tape.end(of: node) }

  private func matches(
    _ kinds: CompiledSchema.Kinds, _ node: Int, _ text: Span<UInt8>
  ) -> Bool {
    switch tape.nodes[node].kind {
    case .null: return kinds.contains(.null)
    case .bool: return kinds.contains(.boolean)
    case .object: return kinds.contains(.object)
    case .array: return kinds.contains(.array)
    case .string: return kinds.contains(.string)
    case .number:
      if kinds.contains(.number) { return true }
      guard kinds.contains(.integer) else { return false }
      let number = tape.number(node, text)
      return number.isFinite && number.rounded() == number
    }
  }

  // MARK: By kind

  private mutating func applyNumber(_ rules: CompiledSchema.Rules, _ number: Double) -> Bool {
    if let least = rules.minimum, number < least { return fail("minimum") }
    if let most = rules.maximum, number > most { return fail("maximum") }
    if let least = rules.exclusiveMinimum, number <= least { return fail("exclusiveMinimum") }
    if let most = rules.exclusiveMaximum, number >= most { return fail("exclusiveMaximum") }
    if let factor = rules.multipleOf {
      // 0.3 is a multiple of 0.1, although neither is a double.
      let quotient = number / factor
      let distance = (quotient - quotient.rounded()).magnitude
      if !(distance <= 1e-9 * max(1, quotient.magnitude)) { return fail("multipleOf") }
    }
    return true
  }

  private mutating func applyString(
    _ rules: CompiledSchema.Rules, _ node: Int, _ text: Span<UInt8>
  ) -> Bool {
    if rules.minLength == nil && rules.maxLength == nil && rules.pattern == nil { return true }
    var meaning = ByteBuffer()
    tape.appendString(node, text, to: &meaning)
    return apply(rules, toText: meaning.span)
  }

  private mutating func apply(_ rules: CompiledSchema.Rules, toText text: Span<UInt8>) -> Bool {
    if rules.minLength != nil || rules.maxLength != nil {
      var count = 0
      for index in text.indices where text[index] & 0xC0 != 0x80 { count += 1 }
      if let least = rules.minLength, count < least { return fail("minLength") }
      if let most = rules.maxLength, count > most { return fail("maxLength") }
    }
    if let pattern = rules.pattern, !matches(pattern, text) { return fail("pattern") }
    return true
  }

  /// A pattern that gives up ends the run: whether the text matches is not known, and neither answer would
  /// be safe below `not`.
  private mutating func matches(_ pattern: Int, _ text: Span<UInt8>) -> Bool {
    let count = text.count
    // Without an anchor every byte may be the start of a try that looks at all that follow.
    steps += 16 + count / 8 + (schema.regexes.isAnchored(pattern) ? 0 : count * count / 1_024)
    guard steps <= Self.maxSteps else { return false }
    switch schema.regexes.test(pattern, text) {
    case .match: return true
    case .noMatch: return false
    case .limit:
      steps = Self.maxSteps + 1
      return false
    }
  }

  private mutating func applyArray(
    _ rules: CompiledSchema.Rules, _ node: Int, _ text: Span<UInt8>
  ) -> Bool {
    let count = Int(tape.nodes[node].count)
    if let least = rules.minItems, count < least { return fail("minItems") }
    if let most = rules.maxItems, count > most { return fail("maxItems") }
    var hashes: Set<Int> = []
    var contained = 0
    var index = 0
    var child = tape.first(in: node)
    while child < end(of: node) {
      path.append(.element(index))
      let schema = index < rules.prefixItems.count ? rules.prefixItems[index] : rules.items
      if let schema, !apply(schema, toChild: child, text) { return false }
      if rules.areItemsUnique {
        steps += end(of: child) - child
        if !hashes.insert(tape.hash(of: child, text)).inserted { return fail("uniqueItems") }
      }
      if let wanted = rules.contains, accepts(wanted, child, text, notes: false) {
        contained += 1
        note(child)
      }
      if steps > Self.maxSteps { return false }
      path.removeLast()
      index += 1
      child = end(of: child)
    }
    if rules.contains != nil {
      if contained < rules.minContains ?? 1 {
        return fail(rules.minContains == nil ? "contains" : "minContains")
      }
      if let most = rules.maxContains, contained > most { return fail("maxContains") }
    }
    return true
  }

  private mutating func applyObject(
    _ rules: CompiledSchema.Rules, _ node: Int, _ text: Span<UInt8>
  ) -> Bool {
    let count = Int(tape.nodes[node].count)
    if let least = rules.minProperties, count < least { return fail("minProperties") }
    if let most = rules.maxProperties, count > most { return fail("maxProperties") }
    for name in rules.required where tape.member(name.span, of: node, text) == nil {
      return fail("required")
    }
    for (name, others) in rules.dependentRequired
    where tape.member(name.span, of: node, text) != nil {
      for other in others where tape.member(other.span, of: node, text) == nil {
        return fail("dependentRequired")
      }
    }
    // Each name was looked for among all members.
    steps += (rules.required.count + rules.dependentRequired.count) * (1 + count / 16)
    guard rules.looksAtMembers else { return true }
    var child = tape.first(in: node)
    while child < end(of: node) {
      path.append(.member(child))
      if !applyMember(rules, child, text) { return false }
      path.removeLast()
      child = end(of: child)
    }
    return true
  }

  private mutating func applyMember(
    _ rules: CompiledSchema.Rules, _ child: Int, _ text: Span<UInt8>
  ) -> Bool {
    var key = ByteBuffer()
    tape.appendKey(of: child, text, to: &key)
    if let names = rules.propertyNames, !apply(names, toName: key.span) { return false }
    var isKnown = false
    if let schema = rules.properties[key.copiedBytes()] {
      isKnown = true
      if !apply(schema, toChild: child, text) { return false }
    }
    for (pattern, schema) in rules.patternProperties where matches(pattern, key.span) {
      isKnown = true
      if !apply(schema, toChild: child, text) { return false }
    }
    if !isKnown, let others = rules.additionalProperties {
      if schema.schemas[others].isNever { return fail("additionalProperties") }
      return apply(others, toChild: child, text)
    }
    return steps <= Self.maxSteps
  }

  /// A name is a JSON text of its own for its schema.
  private mutating func apply(_ number: Int, toName name: Span<UInt8>) -> Bool {
    var quoted = ByteBuffer()
    quoted.append(jsonString: name)
    guard let tape = try? JSONTape(quoted.span) else { return fail("propertyNames") }
    var run = SchemaRun(schema, tape)
    run.steps = steps
    let isRight = run.apply(number, to: 0, quoted.span)
    steps = run.steps
    return isRight || fail("propertyNames")
  }

  // MARK: The same value again

  /// Whether a schema accepts a value; that it does not is no failure of the whole.
  private mutating func accepts(
    _ number: Int, _ node: Int, _ text: Span<UInt8>, notes: Bool = true
  ) -> Bool {
    let (before, depth, notesBefore) = (found, path.count, evaluated.count)
    let isRight = apply(number, to: node, text)
    found = before
    path.removeLast(path.count - depth)
    if !notes { evaluated.removeLast(evaluated.count - notesBefore) }
    return isRight
  }

  private mutating func applyInPlace(
    _ rules: CompiledSchema.Rules, _ node: Int, _ text: Span<UInt8>
  ) -> Bool {
    for number in rules.references where !apply(number, to: node, text) { return false }
    for number in rules.all where !apply(number, to: node, text) { return false }
    for numbers in rules.any {
      var isAny = false
      // What every one of them has looked at counts, not only the first.
      for number in numbers where !isAny || schema.notesEvaluated {
        if accepts(number, node, text) { isAny = true }
      }
      if !isAny { return fail("anyOf") }
    }
    if !rules.one.isEmpty {
      var count = 0
      for number in rules.one where accepts(number, node, text) { count += 1 }
      if count != 1 { return fail("oneOf") }
    }
    if let not = rules.not {
      if accepts(not, node, text, notes: false) { return fail("not") }
      // What ran out of steps was not refuted.
      if steps > Self.maxSteps { return false }
    }
    if let condition = rules.condition {
      let branch = accepts(condition, node, text) ? rules.then : rules.otherwise
      if let branch, !apply(branch, to: node, text) { return false }
    }
    for (name, number) in rules.dependentSchemas
    where tape.member(name.span, of: node, text) != nil {
      if !apply(number, to: node, text) { return false }
    }
    return steps <= Self.maxSteps
  }

  // MARK: What nothing has looked at

  /// `since`: where the notes of this schema begin; those of schemas around it do not count here.
  private mutating func applyToRest(
    _ rules: CompiledSchema.Rules, _ node: Int, _ text: Span<UInt8>, since before: Int
  ) -> Bool {
    let (rest, keyword): (Int?, StaticString) =
      switch tape.nodes[node].kind {
      case .array: (rules.unevaluatedItems, "unevaluatedItems")
      case .object: (rules.unevaluatedProperties, "unevaluatedProperties")
      default: (nil, "")
      }
    guard let rest else { return true }
    let known = Set(evaluated[before...])
    steps += evaluated.count - before + Int(tape.nodes[node].count)
    if steps > Self.maxSteps { return false }
    var index = 0
    var child = tape.first(in: node)
    while child < end(of: node) {
      if !known.contains(child) {
        path.append(tape.nodes[node].kind == .array ? .element(index) : .member(child))
        if schema.schemas[rest].isNever { return fail(keyword) }
        if !apply(rest, toChild: child, text) { return false }
        path.removeLast()
      }
      index += 1
      child = end(of: child)
    }
    return true
  }
}
