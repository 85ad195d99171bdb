import SluiceWire

/// For policies that make another representation of what the target sent.
extension Exchange {
  /// Makes the response's entity tag a weak one: the bytes differ, what they say does not
  /// (RFC 9110 8.8.1). To be called once other policies have done with the fields.
  func weakenTag(of head: borrowing ResponseHead) {
    var added = ByteBuffer()
    Self.appendTag(in: responseEdits, to: &added)
    if added.isEmpty {
      guard let index = head.onlyIndex(of: .etag), !responseEdits.drops(index) else { return }
      let tag = head.span(head.fields[index].value)
      if EntityTag.isWeak(tag) { return }
      responseEdits.drop(index)
      // What is no tag can't be made weak.
      if EntityTag.isTag(tag) { addWeakTag(tag) }
    } else if !EntityTag.isWeak(added.span) {
      _ = responseEdits.removeLines(named: Self.etag)
      if EntityTag.isTag(added.span) { addWeakTag(added.span) }
    }
  }

  private func addWeakTag(_ tag: Span<UInt8>) {
    responseEdits.add {
      $0.append("ETag: W/")
      $0.append(tag)
      $0.appendLineEnd()
    }
  }

  private static func appendTag(in edits: borrowing FieldEdits, to output: inout ByteBuffer) {
    var isFirst = true
    FieldLines.appendValues(of: etag, in: edits.lines.span, &isFirst, to: &output)
  }

  private static let etag = Array("etag".utf8)
}
