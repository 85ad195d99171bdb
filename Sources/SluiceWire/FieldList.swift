/// Walks the elements of a comma-separated list (RFC 9110 5.6.1) without the spaces and tabs around them,
/// skipping empty ones. Where elements are tokens, `TokenList` also says whether all of them are.
///
/// Allocates nothing and reads each byte once or twice; a view into the bytes that it was made of.
public struct FieldList: ~Escapable {
  private let bytes: Span<UInt8>
  private var at = 0
  private let hasQuotes: Bool

  /// - Parameter hasQuotes: whether the field's elements may hold quoted strings (RFC 9110 5.6.4), in which a
  ///   comma is a character like any other. A string that does not end goes on to the end of the list.
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>, hasQuotes: Bool = false) {
    self.bytes = bytes
    self.hasQuotes = hasQuotes
  }

  /// The next element's range, never empty; nil at the end.
  public mutating func next() -> Range<Int>? {
    while at < bytes.count {
      var start = at
      var end = elementEnd()
      at = end &+ 1
      while start < end, FieldSyntax.isWhitespace(bytes[start]) { start &+= 1 }
      while end > start, FieldSyntax.isWhitespace(bytes[end &- 1]) { end &-= 1 }
      if start < end { return start..<end }
    }
    return nil
  }

  /// Of the next comma that ends an element, or of the list's end.
  private func elementEnd() -> Int {
    var end = at
    var isQuoted = false
    while end < bytes.count {
      switch bytes[end] {
      case 0x2C where !isQuoted: return end
      case 0x22 where hasQuotes: isQuoted.toggle()
      // What follows a backslash is no mark.
      case 0x5C where isQuoted: end &+= 1
      default: break
      }
      end &+= 1
    }
    return bytes.count
  }
}
