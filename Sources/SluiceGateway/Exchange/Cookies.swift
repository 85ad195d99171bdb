import SluiceWire

/// Reading and changing the Cookie field (RFC 6265 4.2.1).
enum Cookies {
  /// The range of the value of the first cookie named `name`.
  static func value(of name: [UInt8], in field: Span<UInt8>) -> Range<Int>? {
    var start = 0
    while start < field.count {
      while start < field.count && (field[start] == 0x20 || field[start] == 0x3B) { start += 1 }
      var end = start
      while end < field.count && field[end] != 0x3B { end += 1 }
      if end - start > name.count && field[start + name.count] == 0x3D {
        var matches = true
        for offset in name.indices where field[start + offset] != name[offset] { matches = false }
        if matches { return (start + name.count + 1)..<end }
      }
      start = end
    }
    return nil
  }

  /// Appends the cookies that have none of these names; false when none is left.
  static func append(
    _ field: Span<UInt8>, without names: [[UInt8]], to output: inout ByteBuffer
  ) -> Bool {
    var isFirst = true
    var start = 0
    while start < field.count {
      while start < field.count && (field[start] == 0x20 || field[start] == 0x3B) { start += 1 }
      var end = start
      while end < field.count && field[end] != 0x3B { end += 1 }
      let pair = field.extracting(start..<end)
      start = end
      if pair.isEmpty || names.contains(where: { value(of: $0, in: pair) != nil }) { continue }
      if !isFirst { output.append("; ") }
      output.append(pair)
      isFirst = false
    }
    return !isFirst
  }
}
