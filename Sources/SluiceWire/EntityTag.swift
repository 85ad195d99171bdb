/// Entity tags and the lists of them in If-None-Match (RFC 9110 8.8.3, 13.1.2).
public enum EntityTag {
  /// Whether a field's value is exactly one tag: `"…"` or `W/"…"`.
  public static func isTag(_ value: Span<UInt8>) -> Bool {
    var at = 0
    return next(value, &at) != nil && at == value.count
  }

  public static func isWeak(_ tag: Span<UInt8>) -> Bool { tag.count > 1 && tag[0] == 0x57 }

  /// Whether the list names `tag`, by the weak comparison (RFC 9110 8.8.3.2). `*` names every one; what
  /// is malformed names none from there on.
  public static func list(_ list: Span<UInt8>, contains tag: Span<UInt8>) -> Bool {
    if list.equals("*") { return true }
    let wanted = opaque(tag)
    var at = 0
    while at < list.count {
      if list[at] == 0x2C || FieldSyntax.isWhitespace(list[at]) {
        at &+= 1
        continue
      }
      guard let range = next(list, &at) else { return false }
      if opaque(list.extracting(range)).equals(wanted) { return true }
    }
    return false
  }

  /// The tag that begins at `at`, which is moved behind it.
  private static func next(_ value: Span<UInt8>, _ at: inout Int) -> Range<Int>? {
    let start = at
    var end = at
    if end &+ 1 < value.count, value[end] == 0x57, value[end &+ 1] == 0x2F { end &+= 2 }
    guard end < value.count, value[end] == 0x22 else { return nil }
    end &+= 1
    while end < value.count, value[end] != 0x22 {
      guard value[end] > 0x20, value[end] != 0x7F else { return nil }
      end &+= 1
    }
    guard end < value.count else { return nil }
    at = end &+ 1
    return start..<at
  }

  /// Without the mark of a weak one.
  @_lifetime(copy tag)
  private static func opaque(_ tag: Span<UInt8>) -> Span<UInt8> {
    isWeak(tag) ? tag.extracting(2...) : tag
  }
}
