public import SluiceConfiguration

/// Gathers what a converter finds, in the order of files and places.
public struct ConversionDiagnostics: Sendable {
  private var found: [Diagnostic] = []
  /// More than anybody reads; keeps a hostile file from filling the memory.
  public static let limit = 1_000

  public init() {}

  /// What keeps the file from running: it changes what is answered, or would open what was closed.
  public mutating func error(_ message: String, at origin: Origin, hint: String? = nil) {
    add(.error, message, origin, hint)
  }

  /// What is different and harmless to whoever reads about it.
  public mutating func warning(_ message: String, at origin: Origin, hint: String? = nil) {
    add(.warning, message, origin, hint)
  }

  public mutating func add(_ diagnostics: [Diagnostic]) {
    found += diagnostics.prefix(max(0, Self.limit - found.count))
  }

  public var hasErrors: Bool { found.contains { $0.severity == .error } }

  /// Each once; those of one file by place, files in the order in which they were first reported.
  public func sorted() -> [Diagnostic] {
    var files: [String: Int] = [:]
    for diagnostic in found where files[diagnostic.file] == nil {
      files[diagnostic.file] = files.count
    }
    let inOrder = found.enumerated().sorted { left, right in
      (files[left.element.file]!, left.element.line, left.element.column, left.offset)
        < (files[right.element.file]!, right.element.line, right.element.column, right.offset)
    }
    var result: [Diagnostic] = []
    for (_, diagnostic) in inOrder {
      let atSamePlace = result.reversed().prefix {
        $0.line == diagnostic.line && $0.file == diagnostic.file
      }
      if !atSamePlace.contains(diagnostic) { result.append(diagnostic) }
    }
    return result
  }

  private mutating func add(
    _ severity: Diagnostic.Severity, _ message: String, _ origin: Origin, _ hint: String?
  ) {
    // An error is never lost to a thousand warnings.
    if found.count >= Self.limit {
      guard severity == .error, !hasErrors else { return }
      found.removeLast()
    }
    found.append(
      Diagnostic(
        severity: severity, file: origin.file, line: origin.line, column: origin.column,
        message: message, hint: hint))
  }
}
