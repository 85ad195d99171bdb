/// A header is the same however it arrives, and survives being written and parsed again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = input(data, count)
  let whole = parse(bytes)
  var available = 0
  while available < bytes.count {
    available += 1
    let part = parse(Array(bytes[..<available]))
    if case .needsMore = part { continue }
    check(part == whole, "decided too early")
    break
  }
  guard case .header(let header, let length) = whole else { return 0 }
  check(length <= bytes.count && length <= ProxyHeader.maximumBytes, "longer than its bytes")
  var written = ByteBuffer()
  header.appendVersion2(to: &written)
  check(parse(array(written.span)) == .header(header, written.count), "changed by version 2")
  written.clear()
  header.appendVersion1(to: &written)
  if case .header(let again, written.count) = parse(array(written.span)) {
    check(again == header || again == ProxyHeader(), "changed by version 1")
  } else {
    check(false, "version 1 is refused")
  }
  return 0
}

private enum Outcome: Equatable {
  case header(ProxyHeader, Int)
  case needsMore
  case refused(ProxyHeaderError)
}

private func parse(_ bytes: [UInt8]) -> Outcome {
  do throws(ProxyHeaderError) {
    guard let (header, count) = try ProxyHeader.parse(prefixOf: bytes.span) else {
      return .needsMore
    }
    return .header(header, count)
  } catch {
    return .refused(error)
  }
}
