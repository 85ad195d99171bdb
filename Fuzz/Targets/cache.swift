#if SEPARATE_MODULES
  @testable import SluiceWire
#endif

extension FieldName {
  /// As in the gateway's ForwardedFields.swift, which needs the rest of the gateway.
  var bit: UInt128 { UInt128(1) << UInt128(rawValue) }
}

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
  checkVary(value)
  return 0
}

/// The names are lower-case, sorted and each once; written as a field they are the same again, and nothing
/// behind them takes one away.
private func checkVary(_ value: [UInt8]) {
  guard let names = CacheVary.names(value.span) else { return }
  check(names.count <= 16, "too many names")
  check(
    names.allSatisfy { !$0.isEmpty && $0.allSatisfy { !(0x41...0x5A).contains($0) } }, "no name")
  for (left, right) in zip(names, names.dropFirst()) {
    check(left.lexicographicallyPrecedes(right), "not sorted, or twice")
  }
  let field = Array(names.joined(separator: [0x2C]))
  check(CacheVary.names(field.span) == names, "not the same again")
  check(CacheVary.names((value + Array(",*".utf8)).span) == nil, "everything is not everything")
  if let more = CacheVary.names((value + Array(",x".utf8)).span) {
    check(Set(names).isSubset(of: more) && more.contains([0x78]), "a name is gone")
  }
}
