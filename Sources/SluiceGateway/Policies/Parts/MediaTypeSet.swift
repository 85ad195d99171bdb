import SluiceWire

/// Media types as settings name them: `type/subtype`, `type/*` or `*+suffix` (RFC 6838 4.2.8).
struct MediaTypeSet {
  private var whole: [[UInt8]] = []
  /// With the slash.
  private var groups: [[UInt8]] = []
  /// With the plus sign.
  private var suffixes: [[UInt8]] = []

  init(_ types: [String]) {
    for type in types {
      if type.hasPrefix("*+") {
        suffixes.append(Array(type.utf8.dropFirst()))
      } else if type.hasSuffix("/*") {
        groups.append(Array(type.utf8.dropLast()))
      } else {
        whole.append(Array(type.utf8))
      }
    }
  }

  static let json = MediaTypeSet(["application/json", "*+json"])

  /// Whether a Content-Type names one of these; its parameters don't count.
  func contains(_ value: Span<UInt8>) -> Bool { names(value) || matches(value) }

  /// Whether the type is named as a whole.
  func names(_ value: Span<UInt8>) -> Bool {
    let type = Self.essence(value)
    for name in whole where type.equalsIgnoringCase(name) { return true }
    return false
  }

  private func matches(_ value: Span<UInt8>) -> Bool {
    let type = Self.essence(value)
    for group in groups where type.hasPrefixIgnoringCase(group) { return true }
    for suffix in suffixes where type.count > suffix.count {
      if type.extracting((type.count - suffix.count)...).equalsIgnoringCase(suffix) { return true }
    }
    return false
  }

  /// The type without parameters.
  @_lifetime(copy value)
  private static func essence(_ value: Span<UInt8>) -> Span<UInt8> {
    var end = 0
    while end < value.count, value[end] != 0x3B, value[end] != 0x20, value[end] != 0x09 { end += 1 }
    return value.extracting(..<end)
  }
}
