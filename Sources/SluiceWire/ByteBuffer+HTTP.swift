/// Writing HTTP/1.1 messages.
///
/// Names and values are written as they are: they must come from a parsed head or have passed
/// `FieldSyntax`. A debug build traps on a value that could split a message.
extension ByteBuffer {
  /// `HTTP/1.1 status reason CRLF` with the standard phrase; `status` has three digits.
  public mutating func appendStatusLine(_ status: Int) {
    appendStatus(status)
    append(StatusReason.text(status))
    appendLineEnd()
  }

  /// The same with the reason that a peer sent.
  public mutating func appendStatusLine(_ status: Int, reason: Span<UInt8>) {
    appendStatus(status)
    assert(FieldSyntax.isSafe(reason))
    append(reason)
    appendLineEnd()
  }

  private mutating func appendStatus(_ status: Int) {
    precondition(status >= 100 && status <= 999)
    append("HTTP/1.1 ")
    append(UInt8(truncatingIfNeeded: 0x30 &+ status / 100))
    append(UInt8(truncatingIfNeeded: 0x30 &+ status / 10 % 10))
    append(UInt8(truncatingIfNeeded: 0x30 &+ status % 10))
    append(.space)
  }

  /// `method target HTTP/1.1 CRLF`.
  public mutating func appendRequestLine(method: Span<UInt8>, target: Span<UInt8>) {
    append(method)
    append(.space)
    append(target)
    append(" HTTP/1.1\r\n")
  }

  /// The same with a target put together from a normalised path and a query.
  public mutating func appendRequestLine(
    method: Span<UInt8>, path: Span<UInt8>, query: Span<UInt8>?
  ) {
    append(method)
    append(.space)
    append(path)
    if let query {
      append(0x3F)
      append(query)
    }
    append(" HTTP/1.1\r\n")
  }

  public mutating func appendField(_ name: StaticString, _ value: Span<UInt8>) {
    assert(FieldSyntax.isSafe(value))
    append(name)
    append(": ")
    append(value)
    appendLineEnd()
  }

  public mutating func appendField(_ name: StaticString, _ value: StaticString) {
    append(name)
    append(": ")
    append(value)
    appendLineEnd()
  }

  public mutating func appendField(_ name: StaticString, decimal value: UInt64) {
    append(name)
    append(": ")
    append(decimal: value)
    appendLineEnd()
  }

  public mutating func appendField(name: Span<UInt8>, value: Span<UInt8>) {
    assert(FieldSyntax.isToken(name) && FieldSyntax.isSafe(value))
    append(name)
    append(": ")
    append(value)
    appendLineEnd()
  }

  public mutating func appendLineEnd() { append("\r\n") }

  /// The line in front of a chunk of `size` bytes, which must not be 0.
  public mutating func appendChunkHeader(size: Int) {
    precondition(size > 0)
    append(hex: UInt64(size))
    appendLineEnd()
  }

  /// What follows a chunk's bytes.
  public mutating func appendChunkEnd() { appendLineEnd() }

  /// The end of a chunked body, with its trailers.
  public mutating func appendLastChunk(trailers: TrailerSection = TrailerSection()) {
    append("0\r\n")
    for field in trailers.fields {
      appendField(name: trailers.span(field.name), value: trailers.span(field.value))
    }
    appendLineEnd()
  }
}

extension FieldSyntax {
  /// Whether `bytes` stay within one line.
  static func isSafe(_ bytes: Span<UInt8>) -> Bool {
    var at = 0
    while at < bytes.count {
      if at &+ 8 <= bytes.count, Word.controls(bytes.word(at: at)) == 0 {
        at &+= 8
        continue
      }
      let byte = bytes[at]
      if byte < 0x20 && byte != .tab || byte == 0x7F { return false }
      at &+= 1
    }
    return true
  }
}
