import SluiceWire

/// The Vary field (RFC 9110 12.5.5).
enum CacheVary {
  /// More make so many variants that storing them is of no use.
  private static let mostNames = 16

  /// What the gateway itself writes for each caller, so that no two requests are alike.
  private static let perCaller: UInt128 =
    FieldName.xForwardedFor.bit | FieldName.xRealIP.bit | FieldName.forwarded.bit
    | FieldName.via.bit | FieldName.xRequestID.bit | FieldName.xForwardedPort.bit

  /// The names in lower case, sorted and each once; nil for `*`, for what is malformed, and for names of
  /// which the value is never the same.
  static func names(_ value: Span<UInt8>) -> [[UInt8]]? {
    var names: Set<[UInt8]> = []
    var list = TokenList(value)
    while let range = list.next() {
      let token = value.extracting(range)
      if token.equalsIgnoringCase("*") { return nil }
      let known = FieldName(token)
      if known == .host { continue }
      if known != .other && perCaller & known.bit != 0 { return nil }
      var name: [UInt8] = []
      for index in token.indices { name.append(token[index].asciiLowercased) }
      names.insert(name)
      if names.count > mostNames { return nil }
    }
    if list.isInvalid { return nil }
    return names.sorted { $0.lexicographicallyPrecedes($1) }
  }
}

/// Names that a target gives to what belongs together: `Surrogate-Key` and `Cache-Tag`.
enum CacheTags {
  private static let surrogateKey = Array("surrogate-key".utf8)
  private static let cacheTag = Array("cache-tag".utf8)
  private static let mostTags = 128

  static func read(_ head: borrowing ResponseHead) -> [[UInt8]] {
    var tags: [[UInt8]] = []
    for field in head.fields where field.known == .other {
      let name = head.span(field.name)
      guard name.equalsIgnoringCase(surrogateKey.span) || name.equalsIgnoringCase(cacheTag.span)
      else { continue }
      append(head.span(field.value), to: &tags)
    }
    return tags
  }

  private static func append(_ value: Span<UInt8>, to tags: inout [[UInt8]]) {
    var tag: [UInt8] = []
    for index in value.indices {
      let byte = value[index]
      if byte == 0x20 || byte == 0x09 || byte == 0x2C {
        if !tag.isEmpty { tags.append(tag) }
        tag = []
        if tags.count == mostTags { return }
      } else {
        tag.append(byte)
      }
    }
    if !tag.isEmpty { tags.append(tag) }
  }
}
