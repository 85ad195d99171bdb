import SluiceConfiguration

/// A declarative configuration of Kong as a Sluice file.
public enum KongConverter {
  /// What only a declarative configuration of Kong has at its top.
  static let metadataKeys: Set<String> = ["_format_version", "_transform", "_comment", "_ignore"]

  /// The lists of entities at the top of the file.
  static let entityLists: Set<String> = ["services", "routes", "plugins", "consumers", "upstreams"]

  public static func convert(_ text: String, file: String) -> Conversion {
    let (_, diagnostics) = SourceNode.parse(text, file: file)
    return Conversion(document: nil, diagnostics: diagnostics)
  }
}
