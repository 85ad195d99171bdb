/// A request head in any pieces gives one outcome, and survives being forwarded.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let stream = input(data, count)
  var head = RequestHead()
  let whole = scan(stream, step: max(1, stream.count))
  // Parsing takes any bytes, not only what the scanner lets through.
  let alone = try? head.parse(stream.span, limits: HeadLimits())
  if alone != nil { check(whole == stream.count, "parsed what the scanner refuses") }
  guard let end = whole else { return 0 }
  guard (try? head.parse(stream.span.extracting(0..<end), limits: HeadLimits())) != nil else {
    return 0
  }
  for step in [1, 3, 8] { check(scan(stream, step: step) == whole, "pieces of \(step) differ") }

  var out = ByteBuffer()
  out.appendRequestLine(method: head.span(head.methodName), target: head.span(head.target))
  for field in head.fields {
    out.appendField(name: head.span(field.name), value: head.span(field.value))
  }
  out.appendLineEnd()
  var again = RequestHead()
  do throws(HeadError) {
    try again.parse(out.span, limits: HeadLimits(bytes: 65_535, fields: 100, target: 8_192))
  } catch {
    // A 1.0 request may become one without Host, which 1.1 demands.
    check(head.version == .http10, "written again, it is refused: \(error.code)")
    return 0
  }
  check(again.framing == head.framing, "framing differs")
  check(again.form == head.form && again.method == head.method, "request line differs")
  check(again.fields.count == head.fields.count, "fields differ")
  check(array(again.span(again.path)) == array(head.span(head.path)), "path differs")
  for (first, second) in zip(head.fields, again.fields) {
    check(first.known == second.known && first.isHopByHop == second.isHopByHop, "field differs")
    check(array(head.span(first.value)) == array(again.span(second.value)), "value differs")
  }
  return 0
}
