import SluiceConfiguration

/// An nginx configuration as a Sluice file.
public enum NginxConverter {
  /// - Parameter readInclude: the files that `include` names.
  public static func convert(
    _ text: String, file: String, readInclude: IncludeReader
  ) -> Conversion {
    var diagnostics = ConversionDiagnostics()
    diagnostics.error(
      "nginx files are not converted yet", at: Origin(file: file, line: 1, column: 1))
    return Conversion(document: nil, diagnostics: diagnostics.sorted())
  }
}
