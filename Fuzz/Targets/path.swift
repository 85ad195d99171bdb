private func normalize(_ path: [UInt8], _ slashes: PathNormalizer.EncodedSlashes) -> [UInt8]? {
  var output = ByteBuffer()
  do throws(PathError) {
    try PathNormalizer.normalize(path.span, slashes: slashes, into: &output)
  } catch {
    check(output.isEmpty, "an error left bytes behind")
    return nil
  }
  return array(output.span)
}

/// Normalising is idempotent, and its result has nothing left that a target could read otherwise.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let path = input(data, count)
  for slashes in [PathNormalizer.EncodedSlashes.reject, .keep, .decode] {
    guard let once = normalize(path, slashes) else {
      check(!PathNormalizer.isNormal(path.span), "a normal path is refused")
      continue
    }
    check(normalize(once, slashes) == once, "a second time changes it")
    if PathNormalizer.isNormal(path.span) { check(once == path, "a normal path changes") }
    check(once.first == 0x2F, "not absolute")
    let segments = once.dropFirst().split(separator: 0x2F, omittingEmptySubsequences: false)
    for (index, segment) in segments.enumerated() {
      check(!segment.isEmpty || index == segments.count - 1, "an empty segment")
      check(!segment.elementsEqual([0x2E]) && !segment.elementsEqual([0x2E, 0x2E]), "dots")
    }
    for byte in once { check(byte > 0x20 && byte < 0x7F && byte != 0x5C, "a byte not allowed") }
  }
  return 0
}
