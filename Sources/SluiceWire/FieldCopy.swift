/// Copies field lines of a parsed head. Lines that stand one behind the other and are written as they
/// came are copied in one piece: the parser has looked at every byte of them.
///
/// ```
/// var copy = FieldCopy()
/// for field in head.fields where isKept(field) { copy.add(field, of: head, to: &output) }
/// copy.finish(of: head, to: &output)
/// ```
public struct FieldCopy {
  /// The piece that is not written yet, as offsets in the head.
  private var start = 0
  private var end = 0

  public init() {}

  @inline(__always)
  public mutating func add(
    _ field: HeaderField, of head: borrowing RequestHead, to output: inout ByteBuffer
  ) { add(field, head.bytes.span, &output) }

  @inline(__always)
  public mutating func add(
    _ field: HeaderField, of head: borrowing ResponseHead, to output: inout ByteBuffer
  ) { add(field, head.bytes.span, &output) }

  public mutating func finish(of head: borrowing RequestHead, to output: inout ByteBuffer) {
    write(head.bytes.span, &output)
  }

  public mutating func finish(of head: borrowing ResponseHead, to output: inout ByteBuffer) {
    write(head.bytes.span, &output)
  }

  private mutating func add(
    _ field: HeaderField, _ head: Span<UInt8>, _ output: inout ByteBuffer
  ) {
    let value = field.value.range
    let colon = field.name.range.upperBound
    // `name: value CRLF` to the byte, just as it would be written.
    guard value.lowerBound == colon &+ 2, head[colon &+ 1] == .space,
      head[value.upperBound] == .carriageReturn
    else {
      write(head, &output)
      return output.appendField(
        name: head.extracting(field.name.range), value: head.extracting(value))
    }
    let first = Int(field.name.start)
    if first != end {
      write(head, &output)
      start = first
    }
    // With the line's end.
    end = value.upperBound &+ 2
  }

  private mutating func write(_ head: Span<UInt8>, _ output: inout ByteBuffer) {
    if start == end { return }
    output.append(head.extracting(start..<end))
    start = end
  }
}
