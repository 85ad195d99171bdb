#if SEPARATE_MODULES
  @testable import SluiceWire
#endif

/// What several targets need.

/// Stops the run, so that the fuzzer keeps the input. Unlike `assert`, also in optimised builds.
func check(_ condition: Bool, _ message: @autoclosure () -> String) {
  if !condition { fatalError(message()) }
}

/// The fuzzer's input as an array.
func input(_ data: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
  Array(UnsafeBufferPointer(start: data, count: count))
}

func array(_ span: Span<UInt8>) -> [UInt8] {
  var result: [UInt8] = []
  for index in span.indices { result.append(span[index]) }
  return result
}

/// The end of the head in `stream` when it arrives in pieces of `step` bytes; nil when it is refused
/// or never ends.
func scan(_ stream: [UInt8], step: Int) -> Int? {
  var scanned = 0
  var available = 0
  while true {
    let result: Int?
    do throws(HeadError) {
      result = try HeadScanner.endOfHead(
        stream.span.extracting(0..<available), scanned: &scanned, limits: HeadLimits())
    } catch {
      return nil
    }
    check(scanned <= available, "scanned further than there are bytes")
    if let result { return result }
    if available == stream.count { return nil }
    available = min(stream.count, available + step)
  }
}
