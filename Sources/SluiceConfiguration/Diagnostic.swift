/// One finding about a configuration, with the place it is about.
///
/// Messages never contain a value that came from `${env:…}` or `${file:…}`.
public struct Diagnostic: Equatable, Sendable {
  public enum Severity: String, Sendable { case error, warning }

  public var severity: Severity
  public var file: String
  /// Counted from 1.
  public var line: Int
  /// Counted from 1, in Unicode scalars.
  public var column: Int
  public var message: String
  /// What to do about it, where that is known.
  public var hint: String?

  public init(
    severity: Severity, file: String, line: Int, column: Int, message: String, hint: String? = nil
  ) {
    self.severity = severity
    self.file = file
    self.line = line
    self.column = column
    self.message = message
    self.hint = hint
  }
}

extension Diagnostic: CustomStringConvertible {
  /// `file:line:column: error: message`, and the hint on a line of its own.
  public var description: String {
    let first = "\(file):\(line):\(column): \(severity.rawValue): \(message)"
    return hint.map { "\(first)\n  hint: \($0)" } ?? first
  }
}
