import SluiceConfiguration

/// Whose configuration a file is.
public enum ConfigurationFormat: String, CaseIterable, Sendable {
  case sluice, kong, nginx

  /// Decides by what the text says; the file's name counts only where the text says too little. What
  /// nothing speaks for is a Sluice file, whose reader says what is wrong with it.
  ///
  /// Reads the text as YAML once, within the bounds of the reader.
  public static func detect(text: String, file: String) -> ConfigurationFormat {
    switch firstStatement(of: text) {
    case .directive: return .nginx
    case .nothing: return file.lowercased().hasSuffix(".conf") ? .nginx : .sluice
    case .other: break
    }
    guard let entries = SourceNode.parse(text, file: file).root?.entries else { return .sluice }
    if entries.contains(where: { KongConverter.metadataKeys.contains($0.key) }) { return .kong }
    if entries.contains(where: { ["version", "listeners"].contains($0.key) }) { return .sluice }
    // `routes` and the like are maps in a Sluice file and lists in one of Kong's.
    let isKong = entries.contains { entry in
      guard case .sequence = entry.value.content else { return false }
      return KongConverter.entityLists.contains(entry.key)
    }
    return isKong ? .kong : .sluice
  }

  private enum FirstStatement { case directive, other, nothing }

  /// A directive of nginx is a bare word with a space, a block or a semicolon behind it, where YAML
  /// would have a colon, and the text has a semicolon or a block further on.
  private static func firstStatement(of text: String) -> FirstStatement {
    var rest = Substring(text).utf8
    while let first = rest.first {
      if first == UInt8(ascii: "#") {
        rest = rest.drop { $0 != UInt8(ascii: "\n") }
      } else if [0x20, 0x09, 0x0a, 0x0d].contains(first) {
        rest = rest.dropFirst()
      } else {
        break
      }
    }
    guard !rest.isEmpty else { return .nothing }
    let word = rest.prefix { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
    let behind = rest.dropFirst(word.count)
    guard !word.isEmpty, let next = behind.first,
      [0x20, 0x09, 0x0a, 0x0d, UInt8(ascii: "{"), UInt8(ascii: ";")].contains(next)
    else { return .other }
    let isStatement = behind.contains { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: ";") }
    return isStatement ? .directive : .other
  }
}
