/// A place in the foreign file (or in one that it includes).
public struct Origin: Hashable, Sendable {
  public var file: String
  /// Counted from 1.
  public var line: Int
  /// Counted from 1, in Unicode scalars.
  public var column: Int

  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }
}

/// A value of the Sluice file that a converter writes, and where in the foreign file it comes from.
///
/// What has no origin of its own is taken to come from where the value around it does.
public struct DocumentNode: Equatable, Sendable {
  public indirect enum Content: Equatable, Sendable {
    /// A text that is read back as exactly this, whatever is in it.
    case text(String)
    /// A text in which `${…}` is meant: `${env:NAME}`, or a variable where the setting takes them.
    /// A `$` that stands for itself is the caller's to double where a reference could begin.
    case template(String)
    /// Written as it is: a number, `true`, a duration or a size.
    case literal(String)
    case sequence([DocumentNode])
    case mapping([Entry])
  }

  public struct Entry: Equatable, Sendable {
    public var key: String
    public var origin: Origin?
    public var value: DocumentNode
    /// Stands above the entry; every line of it becomes a line of comment.
    public var comment: String?

    public init(_ key: String, _ value: DocumentNode, origin: Origin? = nil, comment: String? = nil)
    {
      self.key = key
      self.value = value
      self.origin = origin
      self.comment = comment
    }
  }

  public var content: Content
  public var origin: Origin?
  /// Of an element of a list or of the whole document: stands above it.
  public var comment: String?

  public init(_ content: Content, origin: Origin? = nil, comment: String? = nil) {
    self.content = content
    self.origin = origin
    self.comment = comment
  }
}

extension DocumentNode {
  public static func text(_ text: String, origin: Origin? = nil) -> DocumentNode {
    DocumentNode(.text(text), origin: origin)
  }

  public static func template(_ text: String, origin: Origin? = nil) -> DocumentNode {
    DocumentNode(.template(text), origin: origin)
  }

  public static func literal(_ text: String, origin: Origin? = nil) -> DocumentNode {
    DocumentNode(.literal(text), origin: origin)
  }

  public static func integer(_ value: some BinaryInteger, origin: Origin? = nil) -> DocumentNode {
    DocumentNode(.literal("\(value)"), origin: origin)
  }

  public static func boolean(_ value: Bool, origin: Origin? = nil) -> DocumentNode {
    DocumentNode(.literal(value ? "true" : "false"), origin: origin)
  }

  public static func list(_ elements: [DocumentNode], origin: Origin? = nil) -> DocumentNode {
    DocumentNode(.sequence(elements), origin: origin)
  }

  public static func texts(_ elements: [String], origin: Origin? = nil) -> DocumentNode {
    DocumentNode(.sequence(elements.map { .text($0) }), origin: origin)
  }

  public static func map(_ entries: [Entry] = [], origin: Origin? = nil) -> DocumentNode {
    DocumentNode(.mapping(entries), origin: origin)
  }

  /// The entries of a map; none of anything else.
  public var entries: [Entry] {
    if case .mapping(let entries) = content { entries } else { [] }
  }

  public var isEmpty: Bool {
    switch content {
    case .sequence(let elements): elements.isEmpty
    case .mapping(let entries): entries.isEmpty
    case .text, .template, .literal: false
    }
  }

  /// The value under a key of a map. Setting one that is there replaces it in its place, setting nil
  /// removes it, and setting something makes a map of whatever this was.
  public subscript(key: String) -> DocumentNode? {
    get { entries.first { $0.key == key }?.value }
    set {
      var entries = entries
      if let index = entries.firstIndex(where: { $0.key == key }) {
        if let newValue { entries[index].value = newValue } else { entries.remove(at: index) }
      } else if let newValue {
        entries.append(Entry(key, newValue))
      }
      content = .mapping(entries)
    }
  }

  /// Adds an entry behind the others; the key must not be there.
  public mutating func add(
    _ key: String, _ value: DocumentNode, origin: Origin? = nil, comment: String? = nil
  ) {
    content = .mapping(entries + [Entry(key, value, origin: origin, comment: comment)])
  }
}
