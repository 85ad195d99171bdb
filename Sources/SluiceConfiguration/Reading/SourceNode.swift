/// A place in the file; line and column count from 1, columns in Unicode scalars.
struct Position: Hashable, Comparable, Sendable {
  var line: Int
  var column: Int

  static let start = Position(line: 1, column: 1)

  static func < (left: Position, right: Position) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// What the file says at one place: YAML or JSON with aliases and merge keys already followed.
struct SourceNode: Sendable {
  var position: Position
  var content: Content

  enum Content: Sendable {
    case scalar(Scalar)
    case sequence([SourceNode])
    case mapping(Mapping)
  }

  struct Scalar: Sendable {
    /// As written, references unexpanded.
    var text: String
    /// Neither quoted nor a block, so that `4`, `true` and nothing mean themselves.
    var isPlain: Bool
  }

  /// Keys are unique within a mapping.
  struct Entry: Sendable {
    var key: String
    var keyPosition: Position
    var value: SourceNode
  }

  /// Entries in the order of the file.
  struct Mapping: Sendable {
    let entries: [Entry]
    /// By key, of what is too long to be looked through for each of a hundred thousand consumers.
    private let places: [String: Int]

    private static let indexedFrom = 16

    init(_ entries: [Entry]) {
      self.entries = entries
      places =
        entries.count < Self.indexedFrom
        ? [:] : Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.key, $0) })
    }

    func entry(_ key: String) -> Entry? {
      if entries.count < Self.indexedFrom { return entries.first { $0.key == key } }
      return places[key].map { entries[$0] }
    }
  }
}

extension SourceNode {
  var entries: [Entry] {
    if case .mapping(let mapping) = content { mapping.entries } else { [] }
  }

  var elements: [SourceNode] {
    if case .sequence(let elements) = content { elements } else { [] }
  }

  func entry(_ key: String) -> Entry? {
    if case .mapping(let mapping) = content { mapping.entry(key) } else { nil }
  }

  subscript(key: String) -> SourceNode? {
    entry(key)?.value
  }

  /// `key:` with nothing behind it, `~` or `null`.
  var isNull: Bool {
    guard case .scalar(let scalar) = content, scalar.isPlain else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.text)
  }

  /// The value as a message may show it: quoted, shortened, and never what a reference stands for.
  var shown: String {
    guard case .scalar(let scalar) = content else { return kindName }
    return scalar.hasReference ? "the referenced value" : quoted(scalar.text)
  }

  /// What a message calls a value of the wrong type.
  var kindName: String {
    switch content {
    case .sequence: return "a list"
    case .mapping: return "a map"
    case .scalar(let scalar):
      if isNull { return "nothing" }
      if scalar.hasReference { return "the referenced value" }
      return scalar.isPlain ? quoted(scalar.text) : "the text \(quoted(scalar.text))"
    }
  }
}

extension SourceNode.Scalar {
  /// Whether any part of the value may come from elsewhere; then messages don't show it.
  var hasReference: Bool { text.contains("${") }
}

/// The text in quotes, on one line, at most 60 characters of it.
func quoted(_ text: String) -> String {
  var shown = ""
  for scalar in text.unicodeScalars.prefix(60) {
    let isPrintable = scalar.properties.generalCategory != .control && scalar != "\u{2028}"
    shown += isPrintable ? String(scalar) : "\\u{\(String(scalar.value, radix: 16))}"
  }
  return text.unicodeScalars.count > 60 ? "'\(shown)…'" : "'\(shown)'"
}
