public import SluiceConfiguration

/// A foreign configuration as a Sluice file, and what is different or could not be carried over.
public struct Conversion: Sendable {
  /// Nil when the text is not of its format at all.
  public var document: DocumentNode?
  /// About the foreign file and those that it includes.
  public var diagnostics: [Diagnostic]

  public init(document: DocumentNode?, diagnostics: [Diagnostic]) {
    self.document = document
    self.diagnostics = diagnostics
  }

  public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

  /// Converts a file of any format but Sluice's own.
  ///
  /// Pure but for `readInclude`, which gives the contents of files that the text includes, and
  /// `hasVariable`, which tells whether the environment has a variable.
  public static func convert(
    _ text: String, file: String, format: ConfigurationFormat,
    hasVariable: (String) -> Bool = { _ in false },
    readInclude: IncludeReader = { _ in .failure(IncludeProblem("it is not read from here")) }
  ) -> Conversion? {
    switch format {
    case .sluice: nil
    case .kong: KongConverter.convert(text, file: file, hasVariable: hasVariable)
    case .nginx: NginxConverter.convert(text, file: file, readInclude: readInclude)
    }
  }

  /// The Sluice file.
  public func yaml() -> ConvertedText {
    guard let document else { return ConvertedText(text: "", origins: OriginMap()) }
    let (text, origins) = DocumentWriter.write(document)
    return ConvertedText(text: text, origins: origins)
  }
}

/// Gives the files that an `include` names; a pattern may name several or none, in their order.
public typealias IncludeReader = (_ pattern: String) -> Result<[IncludedFile], IncludeProblem>

public struct IncludedFile: Sendable {
  /// As diagnostics show it.
  public var name: String
  public var text: String

  public init(name: String, text: String) {
    self.name = name
    self.text = text
  }
}

/// Why an include could not be read.
public struct IncludeProblem: Error {
  public var reason: String

  public init(_ reason: String) { self.reason = reason }
}

/// Sluice YAML that a converter wrote.
public struct ConvertedText: Sendable {
  public let text: String
  private let origins: OriginMap

  init(text: String, origins: OriginMap) {
    self.text = text
    self.origins = origins
  }

  /// What the ordinary reader says of the text, at the place in the foreign file that it is about.
  public func placed(_ diagnostic: Diagnostic) -> Diagnostic {
    guard let origin = origins.origin(line: diagnostic.line, column: diagnostic.column) else {
      return diagnostic
    }
    var placed = diagnostic
    placed.file = origin.file
    placed.line = origin.line
    placed.column = origin.column
    return placed
  }
}
