import Yams

/// What reading a configuration gave.
public struct ReadResult: Sendable {
  /// Nil when there is any error.
  public var configuration: Configuration?
  /// In the order of their places in the file.
  public var diagnostics: [Diagnostic]
}

/// Text to configuration: parse, expand references, validate, decode.
///
/// Pure: files and the environment are parameters.
public struct ConfigurationReader {
  public static func read(
    contentsOf text: String, file: String, environment: [String: String] = [:],
    readFile: (String) -> String? = { _ in nil },
    regexCheck: (String) -> String? = { _ in nil }
  ) -> ReadResult {
    do {
      let configuration = try YAMLDecoder().decode(Configuration.self, from: text)
      return ReadResult(configuration: configuration, diagnostics: [])
    } catch {
      let diagnostic = Diagnostic(
        severity: .error, file: file, line: 1, column: 1, message: "\(error)")
      return ReadResult(configuration: nil, diagnostics: [diagnostic])
    }
  }
}
