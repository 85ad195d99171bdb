private struct Outcome: Equatable {
  var payload: [UInt8] = []
  var end: Int?
  var error: BodyError?
  var trailers = 0
}

private func decode(_ stream: [UInt8], step: Int) -> Outcome {
  var decoder = BodyDecoder(.chunked)
  var outcome = Outcome()
  var start = 0
  do throws(BodyError) {
    while start < stream.count {
      let piece = stream.span.extracting(start..<min(stream.count, start + step))
      var offset = 0
      steps: while true {
        switch try decoder.next(piece, from: offset) {
        case .needsMore: break steps
        case .payload(let range, let consumed):
          check(consumed > offset && consumed <= piece.count, "no progress")
          outcome.payload += array(piece.extracting(range))
          offset = consumed
        case .complete(let consumed):
          outcome.end = start + consumed
          outcome.trailers = decoder.trailers.fields.count
          check(decoder.isComplete, "complete and not complete")
          return outcome
        }
      }
      start += piece.count
    }
    try decoder.endOfInput()
    fatalError("complete without having said so")
  } catch {
    outcome.error = error
  }
  return outcome
}

/// A chunked body decodes the same whole and in pieces. The first byte sizes the pieces.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var stream = input(data, count)
  guard let choice = stream.first else { return 0 }
  stream.removeFirst()
  let whole = decode(stream, step: max(1, stream.count))
  check(decode(stream, step: 1) == whole, "single bytes differ")
  check(decode(stream, step: Int(choice % 31) + 2) == whole, "pieces differ")
  return 0
}
