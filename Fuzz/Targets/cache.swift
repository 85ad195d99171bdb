/// Reading a field that says how long something is good: it ends, and nothing added behind a whole
/// value makes it fresher than it was.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let value = input(data, count)
  var control = CacheControl()
  control.add(value.span)
  var again = CacheControl()
  again.add(value.span)
  check(control == again, "not the same twice")
  if !control.isMalformed {
    var more = control
    more.add(value.span)
    check(more == control, "saying it twice says something else")
    var stricter = control
    stricter.add(Array("max-age=0, no-store".utf8).span)
    check(stricter.maxAge == 0 && stricter.contains(.noStore), "the stricter one does not count")
  }
  check((control.maxAge ?? 0) <= CacheControl.longest, "too long")
  if let targeted = CacheControl(targeted: value.span) {
    check((targeted.maxAge ?? 0) <= CacheControl.longest, "too long")
    check(!value.isEmpty, "an empty field counts")
  }
  _ = HTTPDateSyntax.seconds(value.span)
  check(
    !EntityTag.isTag(value.span) || EntityTag.list(value.span, contains: value.span), "not itself")
  return 0
}
