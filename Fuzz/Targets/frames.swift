/// A relayed WebSocket's frames are followed the same whole and in pieces, and as the model says. The
/// first byte is the setting and the size of the pieces.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var stream = input(data, count)
  guard let choice = stream.first else { return 0 }
  stream.removeFirst()
  var feeding = WebSocketFeeding(setting: webSocketSetting(choice)) { fatalError($0) }
  let expected = WebSocketModel.outcome(stream, feeding.setting, inspects: false)
  check(feeding.follow(stream) { .max / 2 } == expected, "the whole differs from the model")
  check(feeding.follow(stream) { 1 } == expected, "single bytes differ")
  let step = Int(choice >> 2) + 2
  check(feeding.follow(stream) { step } == expected, "pieces differ")
  feeding.stopsAtFrames = true
  check(feeding.follow(stream) { step } == expected, "frame by frame differs")
  return 0
}
