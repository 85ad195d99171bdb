/// A response head in any pieces gives one outcome, and survives being forwarded. The first byte
/// chooses the request's method.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var stream = input(data, count)
  guard let choice = stream.first else { return 0 }
  stream.removeFirst()
  let methods: [HTTPMethod] = [.get, .head, .connect, .post]
  let method = methods[Int(choice) % methods.count]
  var head = ResponseHead()
  let whole = scan(stream, step: max(1, stream.count))
  let alone = try? head.parse(stream.span, requestMethod: method, limits: HeadLimits())
  if alone != nil { check(whole == stream.count, "parsed what the scanner refuses") }
  guard let end = whole else { return 0 }
  let bytes = stream.span.extracting(0..<end)
  guard (try? head.parse(bytes, requestMethod: method, limits: HeadLimits())) != nil else {
    return 0
  }
  for step in [1, 3, 8] { check(scan(stream, step: step) == whole, "pieces of \(step) differ") }

  var out = ByteBuffer()
  out.appendStatusLine(head.status, reason: head.span(head.reason))
  for field in head.fields {
    out.appendField(name: head.span(field.name), value: head.span(field.value))
  }
  out.appendLineEnd()
  var again = ResponseHead()
  do throws(HeadError) {
    let limits = HeadLimits(bytes: 65_535, fields: 100, target: 8_192)
    try again.parse(out.span, requestMethod: method, limits: limits)
  } catch {
    fatalError("written again, it is refused: \(error.code)")
  }
  check(again.framing == head.framing && again.status == head.status, "framing differs")
  check(again.fields.count == head.fields.count, "fields differ")
  for (first, second) in zip(head.fields, again.fields) {
    check(first.known == second.known && first.isHopByHop == second.isHopByHop, "field differs")
    check(array(head.span(first.value)) == array(again.span(second.value)), "value differs")
  }
  return 0
}
