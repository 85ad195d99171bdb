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

  /// The first that has an equals sign, by a name in lower case that stands there in any (as `$arg_name` of nginx).
  static func value(ofLowercased name: [UInt8], in query: Span<UInt8>) -> Range<Int>? {
    var start = 0
    while start < query.count {
      let end = partEnd(query, start)
      let equals = start + name.count
      if equals < end, query[equals] == UInt8(ascii: "="),
        query.extracting(start..<equals).equalsIgnoringCase(name.span)
      {
        return equals + 1..<end
      }
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

  /// Appends the parameters whose names, as they are written, are to be kept; false when all are, and
  /// then nothing is appended.
  static func append(
    _ query: Span<UInt8>, to output: inout ByteBuffer, keeping: (Span<UInt8>) -> Bool
  ) -> Bool {
    var start = 0
    var isFirst = true
    var dropsAny = false
    while start < query.count {
      let end = partEnd(query, start)
      var nameEnd = start
      while nameEnd < end && query[nameEnd] != 0x3D { nameEnd += 1 }
      if keeping(query.extracting(start..<nameEnd)) {
        if !isFirst { output.append(0x26) }
        output.append(query.extracting(start..<end))
        isFirst = false
      } else {
        dropsAny = true
      }
      start = end + 1
    }
    if !dropsAny { output.clear() }
    return dropsAny
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

  /// Appends `text` with all but unreserved characters encoded, so that it stays what it is wherever it
  /// stands in a URL.
  static func encode(_ text: Span<UInt8>, to output: inout ByteBuffer) {
    for index in text.indices {
      let byte = text[index]
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: output.append(byte)
      default:
        output.append(0x25)
        output.append(hexDigit(byte >> 4))
        output.append(hexDigit(byte & 15))
      }
    }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x37 + value }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }
}
