import SluiceWire

/// Reading and changing a query, `name=value&…`, without decoding all of it.
enum QueryParameters {
  /// The range of the first value of a parameter; empty for `name` without `=`. Names are compared as
  /// they are written.
  static func value(of name: [UInt8], in query: Span<UInt8>) -> Range<Int>? {
    var start = 0
    while start < query.count {
      let end = partEnd(query, start)
      if isNamed(name, query, start, end) { return min(start + name.count + 1, end)..<end }
      start = end + 1
    }
    return nil
  }

  /// Appends the query without a parameter; false when it has none, and then nothing is appended.
  static func append(
    _ query: Span<UInt8>, without name: [UInt8], to output: inout ByteBuffer
  ) -> Bool {
    guard value(of: name, in: query) != nil else { return false }
    var start = 0
    var isFirst = true
    while start < query.count {
      let end = partEnd(query, start)
      if !isNamed(name, query, start, end) {
        if !isFirst { output.append(0x26) }
        output.append(query.extracting(start..<end))
        isFirst = false
      }
      start = end + 1
    }
    return true
  }

  private static func partEnd(_ query: Span<UInt8>, _ start: Int) -> Int {
    var end = start
    while end < query.count && query[end] != 0x26 { end += 1 }
    return end
  }

  private static func isNamed(
    _ name: [UInt8], _ query: Span<UInt8>, _ start: Int, _ end: Int
  ) -> Bool {
    guard end - start >= name.count else { return false }
    if end - start > name.count && query[start + name.count] != 0x3D { return false }
    for offset in name.indices where query[start + offset] != name[offset] { return false }
    return true
  }
}

/// RFC 3986 2.1.
enum PercentEncoding {
  /// Appends the bytes that `text` stands for; false when an escape is none.
  static func decode(_ text: Span<UInt8>, into output: inout ByteBuffer) -> Bool {
    var at = 0
    while at < text.count {
      if text[at] == 0x25 {
        guard at + 2 < text.count, let high = digit(text[at + 1]), let low = digit(text[at + 2])
        else { return false }
        output.append(high << 4 | low)
        at += 3
      } else {
        output.append(text[at])
        at += 1
      }
    }
    return true
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }
}
