/// Gathers what the steps of reading find.
struct DiagnosticCollector {
  let file: String
  private var diagnostics: [Diagnostic] = []
  private(set) var errorCount = 0
  /// Where the values start that hold an error, themselves or further in. Later rules leave them
  /// alone, so that one mistake makes one diagnostic.
  private var unsound: Set<Position> = []

  /// More than anybody reads; keeps a hostile file from filling the memory.
  static let limit = 1_000

  /// Whether further findings are only counted.
  var isFull: Bool { diagnostics.count >= Self.limit }

  init(file: String) {
    self.file = file
  }

  mutating func error(_ message: String, at position: Position, hint: String? = nil) {
    errorCount += 1
    add(.error, message, position, hint)
  }

  mutating func warning(_ message: String, at position: Position, hint: String? = nil) {
    add(.warning, message, position, hint)
  }

  mutating func markUnsound(_ node: SourceNode) {
    unsound.insert(node.position)
  }

  /// Whether no error was found in the value; a value that is not there is sound.
  func isSound(_ node: SourceNode?) -> Bool {
    node.map { !unsound.contains($0.position) } ?? true
  }

  /// In the order of the file, each once: what stands behind an alias is checked at every use.
  func sorted() -> [Diagnostic] {
    var result: [Diagnostic] = []
    let inOrder = diagnostics.enumerated().sorted {
      ($0.element.line, $0.element.column, $0.offset)
        < ($1.element.line, $1.element.column, $1.offset)
    }
    for (_, diagnostic) in inOrder {
      let atSamePlace = result.reversed().prefix { $0.line == diagnostic.line }
      if !atSamePlace.contains(diagnostic) { result.append(diagnostic) }
    }
    return result
  }

  private mutating func add(
    _ severity: Diagnostic.Severity, _ message: String, _ position: Position, _ hint: String?
  ) {
    guard diagnostics.count < Self.limit else { return }
    diagnostics.append(
      Diagnostic(
        severity: severity, file: file, line: position.line, column: position.column,
        message: message, hint: hint))
  }
}
