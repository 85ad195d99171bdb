/// Builds the tree of a YAML or JSON text, within bounds.
///
/// Text that is no YAML ends it; duplicate keys, unknown tags and the like are reported and passed
/// over.
struct SourceTree {
  /// Some 300,000 consumers.
  static let maximumBytes = ConfigurationReader.maximumBytes
  static let maximumDepth = 64
  /// Aliases count as what they stand for.
  static let maximumNodes = 4_000_000

  private struct Anchored {
    var node: SourceNode
    var nodes: Int
    var height: Int
  }

  private var anchors: [String: Anchored] = [:]
  private var nodes = 0

  /// Nil when the text is no YAML, or says nothing; that is reported.
  static func parse(
    _ text: String, diagnostics: inout DiagnosticCollector
  ) -> SourceNode? {
    guard text.utf8.count <= maximumBytes else {
      diagnostics.error("the file is larger than 32 MiB", at: .start)
      return nil
    }
    do throws(YAMLFailure) {
      // Typed throws and an inout capture don't mix in one closure; the collector goes in and out.
      var collector = diagnostics
      defer { diagnostics = collector }
      return try YAMLEvents.read(text) { (events) throws(YAMLFailure) -> SourceNode? in
        var tree = SourceTree()
        return try tree.document(events, &collector)
      }
    } catch {
      diagnostics.error(error.message, at: error.position, hint: error.hint)
      return nil
    }
  }

  private mutating func document(
    _ events: YAMLEvents, _ diagnostics: inout DiagnosticCollector
  ) throws(YAMLFailure) -> SourceNode? {
    guard case .documentStart = try events.next().kind else {
      diagnostics.error("the file is empty", at: .start)
      return nil
    }
    let (root, _) = try compose(try events.next(), events, depth: 1, &diagnostics)
    _ = try events.next()
    let next = try events.next()
    if case .documentStart = next.kind {
      throw YAMLFailure(message: "a second document in one file", position: next.position)
    }
    return root
  }

  private mutating func compose(
    _ event: YAMLEvent, _ events: YAMLEvents, depth: Int,
    _ diagnostics: inout DiagnosticCollector
  ) throws(YAMLFailure) -> (node: SourceNode, height: Int) {
    let nodesBefore = nodes
    nodes += 1
    try checkBounds(depth: depth, at: event.position)
    var height = 1
    let content: SourceNode.Content
    let name: String?
    switch event.kind {
    case .alias(let name):
      guard let anchored = anchors[name] else {
        throw YAMLFailure(
          message: "no anchor '&\(name)' stands before this alias", position: event.position)
      }
      nodes += anchored.nodes
      try checkBounds(depth: depth + anchored.height - 1, at: event.position)
      return (anchored.node, anchored.height)
    case .scalar(var scalar, let anchor, let tag):
      checkTag(tag, at: event.position, &diagnostics)
      if tag == "tag:yaml.org,2002:str" || tag == "!" { scalar.isPlain = false }
      content = .scalar(scalar)
      name = anchor
    case .sequenceStart(let anchor, let tag):
      checkTag(tag, at: event.position, &diagnostics)
      var elements: [SourceNode] = []
      while true {
        let next = try events.next()
        if case .end = next.kind { break }
        let (element, elementHeight) = try compose(next, events, depth: depth + 1, &diagnostics)
        elements.append(element)
        height = max(height, elementHeight + 1)
      }
      content = .sequence(elements)
      name = anchor
    case .mappingStart(let anchor, let tag):
      checkTag(tag, at: event.position, &diagnostics)
      var mapping = MappingBuilder()
      while true {
        let next = try events.next()
        if case .end = next.kind { break }
        let (key, keyHeight) = try compose(next, events, depth: depth + 1, &diagnostics)
        let (value, valueHeight) = try compose(
          try events.next(), events, depth: depth + 1, &diagnostics)
        mapping.add(key, value, at: next.position, &diagnostics)
        height = max(height, keyHeight + 1, valueHeight + 1)
      }
      content = .mapping(SourceNode.Mapping(mapping.finish()))
      name = anchor
    case .documentStart, .streamEnd, .end:
      throw YAMLFailure(message: "not valid YAML: a value is missing", position: event.position)
    }
    let node = SourceNode(position: event.position, content: content)
    if let name { anchors[name] = Anchored(node: node, nodes: nodes - nodesBefore, height: height) }
    return (node, height)
  }

  private func checkBounds(depth: Int, at position: Position) throws(YAMLFailure) {
    if depth > Self.maximumDepth {
      throw YAMLFailure(
        message: "nested deeper than \(Self.maximumDepth) levels", position: position)
    }
    if nodes > Self.maximumNodes {
      throw YAMLFailure(
        message: "more than \(Self.maximumNodes) values, counting what aliases stand for",
        position: position)
    }
  }

  private func checkTag(
    _ tag: String?, at position: Position, _ diagnostics: inout DiagnosticCollector
  ) {
    guard let tag, tag != "!", !tag.hasPrefix("tag:yaml.org,2002:") else { return }
    diagnostics.error("unknown tag \(quoted(tag))", at: position)
  }
}

/// Gathers the entries of one mapping: refuses duplicates, applies `<<`.
private struct MappingBuilder {
  private var entries: [SourceNode.Entry] = []
  private var places: [String: Position] = [:]
  private var merged: [SourceNode.Entry] = []

  mutating func add(
    _ key: SourceNode, _ value: SourceNode, at position: Position,
    _ diagnostics: inout DiagnosticCollector
  ) {
    guard case .scalar(let scalar) = key.content else {
      diagnostics.error("a key must be text, not \(key.kindName)", at: position)
      return
    }
    if let first = places[scalar.text] {
      diagnostics.error(
        "duplicate key \(quoted(scalar.text)); it is already on line \(first.line)", at: position)
      return
    }
    places[scalar.text] = position
    if scalar.text == "<<", scalar.isPlain {
      merge(value, &diagnostics)
    } else {
      entries.append(SourceNode.Entry(key: scalar.text, keyPosition: position, value: value))
    }
  }

  /// Keys of the mapping itself win over merged ones, earlier merged ones over later.
  mutating func finish() -> [SourceNode.Entry] {
    for entry in merged where places[entry.key] == nil {
      places[entry.key] = entry.keyPosition
      entries.append(entry)
    }
    return entries
  }

  private mutating func merge(_ value: SourceNode, _ diagnostics: inout DiagnosticCollector) {
    switch value.content {
    case .mapping(let mapping): merged += mapping.entries
    case .sequence(let elements):
      for element in elements {
        if case .mapping(let mapping) = element.content {
          merged += mapping.entries
        } else {
          refuseMerge(element, &diagnostics)
        }
      }
    case .scalar: refuseMerge(value, &diagnostics)
    }
  }

  private func refuseMerge(_ node: SourceNode, _ diagnostics: inout DiagnosticCollector) {
    diagnostics.error("'<<' merges maps, not \(node.kindName)", at: node.position)
  }
}
