/// Messages are decoded the same whole and in pieces, and as the model says. The first byte is the
/// setting and the size of the pieces.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var stream = input(data, count)
  guard let choice = stream.first else { return 0 }
  stream.removeFirst()
  let feeding = WebSocketFeeding(setting: webSocketSetting(choice)) { fatalError($0) }
  let expected = WebSocketModel.outcome(stream, feeding.setting, inspects: true)
  check(feeding.decode(stream) { .max / 2 } == expected, "the whole differs from the model")
  check(feeding.decode(stream) { 1 } == expected, "single bytes differ")
  let step = Int(choice >> 2) + 2
  check(feeding.decode(stream) { step } == expected, "pieces differ")
  return 0
}
