/// What reading a configuration gave.
public struct ReadResult: Sendable {
  /// Nil when there is any error.
  public var configuration: Configuration?
  /// In the order of their places in the file.
  public var diagnostics: [Diagnostic]
  /// Where the file has a reference in a value, as `services.one.targets[0]`: what came from there is
  /// not shown to anybody, see `Configuration.shownJSON`.
  public var referencedPaths: Set<String> = []

  public init(configuration: Configuration?, diagnostics: [Diagnostic]) {
    self.configuration = configuration
    self.diagnostics = diagnostics
  }
}

/// Text to configuration: parse, expand references, validate, decode.
///
/// Pure: files and the environment are parameters. Never stops at the first mistake, unless the
/// text is no YAML at all.
public struct ConfigurationReader {
  /// A larger text is refused.
  public static let maximumBytes = 32 << 20

  /// For `readFile`, where there are no files.
  public static func noFiles(_ path: String) -> Result<String, TextProblem> {
    .failure(TextProblem("there are no files here"))
  }

  /// - Parameters:
  ///   - text: YAML or JSON.
  ///   - file: the name that diagnostics begin with.
  ///   - readFile: the content for `${file:/path}`, or why it can't be read.
  ///   - policies: those that the file may name.
  ///   - regexCheck: what is wrong with a regular expression; nil when it compiles.
  ///   - tlsCheck: what is wrong with the files that TLS settings name.
  public static func read(
    contentsOf text: String, file: String, policies: PolicyRegistry = .standard,
    environment: [String: String] = [:],
    readFile: (String) -> Result<String, TextProblem> = Self.noFiles,
    regexCheck: (String) -> String? = { _ in nil },
    tlsCheck: @escaping (TLSQuestion) -> [TLSFinding] = { _ in [] }
  ) -> ReadResult {
    withoutActuallyEscaping(readFile) { readFile in
      let references = References(environment: environment, readFile: readFile)
      return read(contentsOf: text, file: file, policies, references, regexCheck, tlsCheck)
    }
  }

  private static func read(
    contentsOf text: String, file: String, _ policies: PolicyRegistry,
    _ references: References,
    _ regexCheck: (String) -> String?, _ tlsCheck: @escaping (TLSQuestion) -> [TLSFinding]
  ) -> ReadResult {
    var diagnostics = DiagnosticCollector(file: file)
    guard let root = SourceTree.parse(text, diagnostics: &diagnostics) else {
      return ReadResult(configuration: nil, diagnostics: diagnostics.sorted())
    }
    var shape = ShapeValidator(
      references: references, registry: policies, diagnostics: diagnostics)
    let json = shape.check(root, as: .object(Configuration.schema), at: "")
    diagnostics = shape.diagnostics
    guard let json else {
      return ReadResult(configuration: nil, diagnostics: diagnostics.sorted())
    }
    do {
      var configuration = try json.decode(Configuration.self, policies: policies)
      configuration.knownPolicies = policies
      for (order, entry) in (root["routes"]?.entries ?? []).enumerated() {
        configuration.routes[entry.key]?.order = order
      }
      ConfigurationValidator.validate(
        configuration, root: root, regexCheck: regexCheck, tlsCheck: tlsCheck,
        diagnostics: &diagnostics)
      var result = ReadResult(
        configuration: diagnostics.errorCount == 0 ? configuration : nil,
        diagnostics: diagnostics.sorted())
      result.referencedPaths = shape.referencedPaths
      return result
    } catch {
      // The tables and the types disagree, which is a bug; the error is not shown, it may hold a
      // secret.
      diagnostics.error("internal error: the validated file could not be decoded", at: .start)
      return ReadResult(configuration: nil, diagnostics: diagnostics.sorted())
    }
  }
}
