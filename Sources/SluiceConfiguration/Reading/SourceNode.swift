/// A place in the file; line and column count from 1, columns in Unicode scalars.
public struct Position: Hashable, Comparable, Sendable {
  public var line: Int
  public var column: Int

  public static let start = Position(line: 1, column: 1)

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  public static func < (left: Position, right: Position) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// What the file says at one place: YAML or JSON with aliases and merge keys already followed.
///
/// Public for the converters of other gateways' files that are YAML, too.
public struct SourceNode: Sendable {
  public var position: Position
  public var content: Content

  public init(position: Position, content: Content) {
    self.position = position
    self.content = content
  }

  public enum Content: Sendable {
    case scalar(Scalar)
    case sequence([SourceNode])
    case mapping(Mapping)
  }

  public struct Scalar: Sendable {
    /// As written, references unexpanded.
    public var text: String
    /// Neither quoted nor a block, so that `4`, `true` and nothing mean themselves.
    public var isPlain: Bool

    public init(text: String, isPlain: Bool) {
      self.text = text
      self.isPlain = isPlain
    }
  }

  /// Keys are unique within a mapping.
  public struct Entry: Sendable {
    public var key: String
    public var keyPosition: Position
    public var value: SourceNode

    public init(key: String, keyPosition: Position, value: SourceNode) {
      self.key = key
      self.keyPosition = keyPosition
      self.value = value
    }
  }

  /// Entries in the order of the file.
  public struct Mapping: Sendable {
    public let entries: [Entry]
    /// By key, of what is too long to be looked through for each of a hundred thousand consumers.
    private let places: [String: Int]

    private static let indexedFrom = 16

    public init(_ entries: [Entry]) {
      self.entries = entries
      places =
        entries.count < Self.indexedFrom
        ? [:] : Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.key, $0) })
    }

    public func entry(_ key: String) -> Entry? {
      if entries.count < Self.indexedFrom { return entries.first { $0.key == key } }
      return places[key].map { entries[$0] }
    }
  }
}

extension SourceNode {
  /// Reads a YAML or JSON text within the bounds of a configuration file; no tree when it is neither.
  public static func parse(
    _ text: String, file: String
  ) -> (root: SourceNode?, diagnostics: [Diagnostic]) {
    var diagnostics = DiagnosticCollector(file: file)
    let root = SourceTree.parse(text, diagnostics: &diagnostics)
    return (root, diagnostics.sorted())
  }

  public var entries: [Entry] {
    if case .mapping(let mapping) = content { mapping.entries } else { [] }
  }

  public var elements: [SourceNode] {
    if case .sequence(let elements) = content { elements } else { [] }
  }

  public func entry(_ key: String) -> Entry? {
    if case .mapping(let mapping) = content { mapping.entry(key) } else { nil }
  }

  public subscript(key: String) -> SourceNode? {
    entry(key)?.value
  }

  /// `key:` with nothing behind it, `~` or `null`.
  public var isNull: Bool {
    guard case .scalar(let scalar) = content, scalar.isPlain else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.text)
  }

  /// The value as a message may show it: quoted, shortened, and never what a reference stands for.
  var shown: String {
    guard case .scalar(let scalar) = content else { return kindName }
    if scalar.isPEM { return "the PEM text" }
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
      if scalar.isPEM { return "the PEM text" }
      return scalar.isPlain ? quoted(scalar.text) : "the text \(quoted(scalar.text))"
    }
  }
}

extension SourceNode.Scalar {
  /// Whether any part of the value may come from elsewhere; then messages don't show it.
  var hasReference: Bool { text.contains("${") }

  /// A key may be among it, whatever stands before it.
  var isPEM: Bool { text.contains("-----BEGIN") }
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
