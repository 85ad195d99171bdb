/// A field's name, looked up once to be found in many heads.
public struct FieldSearch: Sendable {
  /// As it was given; it is compared without its case.
  public let name: [UInt8]
  let known: FieldName

  public init(_ name: [UInt8]) {
    self.name = name
    known = FieldName(name.span)
  }

  public init(_ name: String) { self.init(Array(name.utf8)) }

  /// The first of `fields` from `start` on that has this name; `head` is what they were parsed from.
  @inline(__always)
  func firstIndex(
    in fields: [HeaderField], of head: Span<UInt8>, from start: Int
  ) -> Int? {
    var index = start
    let end = fields.count
    while index < end {
      let isFound =
        known != .other
        ? fields[index].known == known
        : fields[index].known == .other && Int(fields[index].name.count) == name.count
          && head.extracting(fields[index].name.range).equalsIgnoringCase(name.span)
      if isFound { return index }
      index &+= 1
    }
    return nil
  }
}

extension RequestHead {
  /// The index in `fields` of the first field with this name at or behind `start`.
  public func firstIndex(of key: FieldSearch, from start: Int = 0) -> Int? {
    if key.known != .other && !has(key.known) { return nil }
    return key.firstIndex(in: fields, of: bytes.span, from: start)
  }
}

extension ResponseHead {
  /// The index in `fields` of the first field with this name at or behind `start`.
  public func firstIndex(of key: FieldSearch, from start: Int = 0) -> Int? {
    if key.known != .other && !has(key.known) { return nil }
    return key.firstIndex(in: fields, of: bytes.span, from: start)
  }
}
