/// Reading Accept-Encoding: it ends, means the same twice, and what is acceptable is in the order of the
/// weights.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let value = input(data, count)
  var accepted = AcceptEncoding()
  accepted.add(value.span)
  var twice = accepted
  twice.add(value.span)
  check(twice == accepted, "saying it twice says something else")
  let codings = accepted.acceptable(among: ContentCoding.allCases)
  check(Set(codings).count == codings.count, "a coding twice")
  var last: UInt16 = 1_000
  for coding in codings {
    let weight = accepted.weight(of: coding)
    check(weight > 0 && weight <= last, "out of order")
    last = weight
  }
  check(codings.isEmpty || !accepted.isMalformed, "malformed and acceptable")
  var refused = accepted
  refused.add(Array("*;q=0, gzip;q=0, br;q=0, zstd;q=0".utf8).span)
  check(refused.acceptable(among: ContentCoding.allCases).isEmpty, "refused and acceptable")
  return 0
}
