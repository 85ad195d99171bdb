import Glibc
public import SluiceConfiguration
import SluiceGateway
public import SluiceImport
public import SluiceReactor

/// A configuration file of any format, with this process's environment and files behind its
/// references and includes.
public struct ConfigurationFile: Sendable {
  /// `-` is standard input.
  public let path: String
  public let overrides: ConfigurationOverrides

  public init(_ path: String, overrides: ConfigurationOverrides = ConfigurationOverrides()) {
    self.path = path
    self.overrides = overrides
  }

  /// What diagnostics begin with.
  public var name: String { path == "-" ? "<standard input>" : path }

  /// Reads it, now; throws only when the file itself can't be read.
  public func read() throws(SystemError) -> ReadResult {
    Self.read(try source(), overrides: overrides)
  }

  /// The file as text of a Sluice file, converted if it is another's.
  public func source() throws(SystemError) -> ConfigurationSource {
    let text = try TextFile.read(path)
    return ConfigurationSource(text: text, file: name, readInclude: IncludeFiles.reader(of: path))
  }

  /// Reads a text as if it were in `file`; what it includes is not read.
  public static func read(
    text: String, file: String, overrides: ConfigurationOverrides = ConfigurationOverrides()
  ) -> ReadResult {
    read(ConfigurationSource(text: text, file: file), overrides: overrides)
  }

  fileprivate static func read(
    _ source: ConfigurationSource, overrides: ConfigurationOverrides
  ) -> ReadResult {
    guard !source.hasErrors else {
      return ReadResult(configuration: nil, diagnostics: source.diagnostics)
    }
    var result = ConfigurationReader.read(
      contentsOf: source.text, file: source.file, environment: environment(),
      readFile: TextFile.value, regexCheck: RegexSyntax.problem(in:),
      tlsCheck: TLSFiles.findings(about:))
    result.diagnostics = source.diagnostics + result.diagnostics.map(source.placed)
    return overrides.applied(to: result)
  }

  private static func environment() -> [String: String] {
    var result: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
      let line = String(cString: text)
      if let equals = line.firstIndex(of: "=") {
        result[String(line[..<equals])] = String(line[line.index(after: equals)...])
      }
      entry += 1
    }
    return result
  }
}

/// A file's text as a Sluice file.
public struct ConfigurationSource: Sendable {
  public let format: ConfigurationFormat
  public let file: String
  /// Sluice YAML; not to be read when there are errors.
  public let text: String
  /// What converting found.
  public let diagnostics: [Diagnostic]
  private let converted: ConvertedText?

  init(
    text: String, file: String,
    readInclude: IncludeReader = { _ in .failure(IncludeProblem("files are not read from here")) }
  ) {
    self.file = file
    format = ConfigurationFormat.detect(text: text, file: file)
    let conversion = Conversion.convert(
      text, file: file, format: format, hasVariable: { getenv($0) != nil },
      readInclude: readInclude)
    let converted = conversion?.yaml()
    self.converted = converted
    self.text = converted?.text ?? text
    diagnostics = conversion?.diagnostics ?? []
  }

  /// Reads the text with this process's environment and files.
  public func read() -> ReadResult {
    ConfigurationFile.read(self, overrides: ConfigurationOverrides())
  }

  /// Whether `text` is another gateway's file in Sluice's words.
  public var isConverted: Bool { format != .sluice }

  public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

  /// What was found in `text`, at its place in the file.
  public func placed(_ diagnostic: Diagnostic) -> Diagnostic {
    var diagnostic = diagnostic
    diagnostic.file = file
    return converted?.placed(diagnostic) ?? diagnostic
  }
}
