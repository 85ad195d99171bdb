import SluiceWire

/// Composes the heads that an entry keeps.
enum CacheHead {
  private static let limits = HeadLimits(bytes: 65_535, fields: 256, target: 0)

  /// Never stored with a response: of one connection, of one caller, or made anew.
  private static let never: UInt128 =
    FieldName.contentLength.bit | FieldName.transferEncoding.bit | FieldName.age.bit
    | FieldName.setCookie.bit
  /// What a 304 must not change in what is stored (RFC 9111 3.2), besides.
  private static let kept: UInt128 =
    FieldName.contentEncoding.bit | FieldName.contentType.bit | FieldName.contentRange.bit
    | FieldName.etag.bit
  /// What a 304 has (RFC 9110 15.4.5).
  private static let notModified: UInt128 =
    FieldName.cacheControl.bit | FieldName.contentLocation.bit | FieldName.date.bit
    | FieldName.etag.bit | FieldName.expires.bit | FieldName.vary.bit | FieldName.lastModified.bit

  /// A response's head without what belongs to one caller or connection. `length` is the body's.
  static func stored(_ head: borrowing ResponseHead, length: Int, date: [UInt8]) -> ResponseHead? {
    var output = start(head, length: length)
    for field in head.fields where isStored(field, never) {
      output.appendField(name: head.span(field.name), value: head.span(field.value))
    }
    if head.firstIndex(of: .date) == nil { output.appendField("Date", date.span) }
    return end(&output)
  }

  /// A stored head with the fields of the 304 that says it is still good.
  static func refreshed(
    _ head: borrowing ResponseHead, by news: borrowing ResponseHead, length: Int
  ) -> ResponseHead? {
    var output = start(head, length: length)
    for field in head.fields where isStored(field, never) {
      let name = head.span(field.name)
      if kept & field.known.bit == 0, let index = news.firstIndex(named: name),
        isStored(news.fields[index], never | kept)
      {
        continue
      }
      output.appendField(name: name, value: head.span(field.value))
    }
    for field in news.fields where isStored(field, never | kept) {
      output.appendField(name: news.span(field.name), value: news.span(field.value))
    }
    return end(&output)
  }

  /// The 304 that stands for a stored head.
  static func notModified(_ head: borrowing ResponseHead) -> ResponseHead? {
    var output = ByteBuffer(capacity: 256)
    output.appendStatusLine(304)
    for field in head.fields where notModified & field.known.bit != 0 {
      output.appendField(name: head.span(field.name), value: head.span(field.value))
    }
    return end(&output)
  }

  private static func start(_ head: borrowing ResponseHead, length: Int) -> ByteBuffer {
    var output = ByteBuffer(capacity: head.bytes.count + 64)
    output.appendStatusLine(head.status, reason: head.span(head.reason))
    if head.status != 204 { output.appendField("Content-Length", decimal: UInt64(length)) }
    return output
  }

  private static func isStored(_ field: HeaderField, _ dropped: UInt128) -> Bool {
    !field.isHopByHop && (field.known == .other || dropped & field.known.bit == 0)
  }

  private static func end(_ output: inout ByteBuffer) -> ResponseHead? {
    output.appendLineEnd()
    var head = ResponseHead()
    do throws(HeadError) {
      try head.parse(output.span, requestMethod: .get, limits: limits)
      if case .length = head.framing { head.isComposed = true }
      return head
    } catch {
      return nil
    }
  }
}
