extension ShapeValidator {
  mutating func scalar(_ node: SourceNode, as kind: Field.Kind, at path: String) -> JSONValue? {
    guard case .scalar(var scalar) = node.content else {
      diagnostics.error("\(path) must be \(kind.noun), not \(kindName(node))", at: node.position)
      return nil
    }
    guard !node.isNull else {
      diagnostics.error("\(path) needs a value: \(kind.noun)", at: node.position)
      return nil
    }
    switch references.expand(scalar.text) {
    case .success(let text):
      // References often have to be quoted for YAML's sake; what they stand for is no less a
      // number.
      if scalar.hasReference { referencedPaths.insert(path) }
      scalar.isPlain = scalar.isPlain || scalar.hasReference
      scalar.text = text
    case .failure(let problem):
      diagnostics.error("\(path): \(problem.reason)", at: node.position, hint: problem.hint)
      return nil
    }
    switch kind {
    case .boolean: return boolean(scalar, node, at: path)
    case .integer(let bounds): return integer(scalar, node, bounds, at: path)
    case .timespan(let bounds):
      return bounded(
        Timespan(text: scalar.text), scalar, node, bounds, kind, at: path,
        hint: "units are ms, s, m and h, as in 250ms, 7s or 1m30s")
    case .byteCount(let bounds):
      return bounded(
        ByteCount(text: scalar.text), scalar, node, bounds, kind, at: path,
        hint: "units are B, KiB, MiB, GiB, KB, MB and GB, as in 64KiB")
    case .choice(let choices):
      if choices.contains(scalar.text) { return .string(scalar.text) }
      let hint = mayBeShown(node) ? Suggestion.hint(for: scalar.text, among: choices) : nil
      diagnostics.error(
        "\(path): \(shown(node)) is not one of \(choices.joined(separator: ", "))",
        at: node.position, hint: hint)
      return nil
    case .text(let form):
      if let problem = form.check(scalar.text) {
        let about = form.isSecret ? "the value" : shown(node)
        report(problem, about: about, in: path, form, at: node.position)
        return nil
      }
      return .string(scalar.text)
    case .list, .map, .object, .textOrObject, .policies:
      preconditionFailure("not a kind of scalar")
    }
  }

  private func mayBeShown(_ node: SourceNode) -> Bool {
    node.mayBeShown && shown(node) == node.shown
  }

  private mutating func boolean(
    _ scalar: SourceNode.Scalar, _ node: SourceNode, at path: String
  ) -> JSONValue? {
    if scalar.isPlain, scalar.text == "true" { return true }
    if scalar.isPlain, scalar.text == "false" { return false }
    diagnostics.error("\(path) must be true or false, not \(kindName(node))", at: node.position)
    return nil
  }

  private mutating func integer(
    _ scalar: SourceNode.Scalar, _ node: SourceNode, _ bounds: ClosedRange<Int>, at path: String
  ) -> JSONValue? {
    // Canonical only: YAML's versions disagree on what 010 and 1_000 are.
    guard scalar.isPlain, let value = Int(scalar.text), String(value) == scalar.text else {
      let isQuoted = !scalar.isPlain && Int(scalar.text) != nil
      diagnostics.error(
        "\(path) must be a whole number, not \(kindName(node))", at: node.position,
        hint: isQuoted ? "remove the quotes" : nil)
      return nil
    }
    guard bounds.contains(value) else {
      let range =
        bounds.count == 1
        ? "must be \(bounds.lowerBound)" : "must be \(bounds.lowerBound) to \(bounds.upperBound)"
      diagnostics.error("\(path) \(range), not \(shown(node))", at: node.position)
      return nil
    }
    return .integer(value)
  }

  private mutating func bounded<Value: TextValue & Comparable>(
    _ value: Value?, _ scalar: SourceNode.Scalar, _ node: SourceNode, _ bounds: ClosedRange<Value>,
    _ kind: Field.Kind, at path: String, hint: String
  ) -> JSONValue? {
    guard let value else {
      diagnostics.error(
        "\(path): \(shown(node)) is not \(kind.noun)", at: node.position, hint: hint)
      return nil
    }
    guard bounds.contains(value) else {
      diagnostics.error(
        "\(path) must be \(bounds.lowerBound.text) to \(bounds.upperBound.text), not \(shown(node))",
        at: node.position)
      return nil
    }
    return .string(scalar.text)
  }
}

extension SourceNode {
  var mayBeShown: Bool {
    if case .scalar(let scalar) = content { !scalar.hasReference && !scalar.isPEM } else { true }
  }
}

extension Field.Kind {
  /// With its article, for messages.
  var noun: String {
    switch self {
    case .boolean: "true or false"
    case .integer: "a whole number"
    case .text(let form): form.name
    case .timespan: "a length of time"
    case .byteCount: "a number of bytes"
    case .choice(let choices): "one of \(choices.joined(separator: ", "))"
    case .list: "a list"
    case .map, .object, .policies: "a map"
    case .textOrObject(let form, _): "\(form.name) or a map"
    }
  }
}
