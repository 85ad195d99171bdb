import SluiceWire
import Testing

/// `parse(prefixOf:)` reads a whole head in one pass; scanning first and parsing then is the model.
@Suite struct HeadPrefixTests {
  private func oneRequestPass(_ stream: [UInt8], step: Int) -> HeadOutcome {
    var head = RequestHead()
    return passes(stream, step) { (input, scanned) throws(HeadError) in
      try head.parse(prefixOf: input, scanned: &scanned, limits: HeadLimits())
    }
  }

  private func oneResponsePass(_ stream: [UInt8], _ method: HTTPMethod, step: Int) -> HeadOutcome {
    var head = ResponseHead()
    return passes(stream, step) { (input, scanned) throws(HeadError) in
      try head.parse(
        prefixOf: input, scanned: &scanned, requestMethod: method, limits: HeadLimits())
    }
  }

  private func passes(
    _ stream: [UInt8], _ step: Int,
    parse: (Span<UInt8>, inout Int) throws(HeadError) -> Int?
  ) -> HeadOutcome {
    var scanned = 0
    var available = min(step, stream.count)
    do throws(HeadError) {
      while true {
        if let count = try parse(stream.span.extracting(0..<available), &scanned) {
          return .head(count: count)
        }
        if available == stream.count { return .incomplete }
        available = min(stream.count, available + step)
      }
    } catch {
      return .refused(error)
    }
  }

  /// What may follow a head in the same read.
  private static let tails: [[UInt8]] = [
    [], [0x0D], [0x0A], [0x0D, 0x0A], [0, 1, 2], Array("GET / HTTP/1.1\r\n\r\n".utf8),
    Array(repeating: 0x61, count: 70_000),
  ]

  @Test(arguments: Corpus.requests)
  func requestsAsTheModel(_ sample: CorpusCase) {
    for tail in Self.tails {
      let stream = sample.bytes + tail
      #expect(oneRequestPass(stream, step: max(1, stream.count)) == readRequest(stream))
    }
    let step = sample.bytes.count > 2_000 ? 997 : 1
    #expect(oneRequestPass(sample.bytes, step: step) == readRequest(sample.bytes, step: step))
  }

  @Test(arguments: Corpus.responses)
  func responsesAsTheModel(_ sample: CorpusCase) {
    let method = HTTPMethod(Array(sample.subject.utf8).span)
    for tail in Self.tails {
      let stream = sample.bytes + tail
      #expect(
        oneResponsePass(stream, method, step: max(1, stream.count))
          == readResponse(stream, method: method))
    }
    let step = sample.bytes.count > 2_000 ? 997 : 1
    #expect(
      oneResponsePass(sample.bytes, method, step: step)
        == readResponse(sample.bytes, method: method, step: step))
  }

  @Test func requestsWithAnyByteChanged() {
    let sample = Array(
      "POST /a/b?c=d HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\nX-A: b\r\n\r\nabc".utf8)
    for index in sample.indices {
      for byte: UInt8 in [0, 9, 10, 13, 32, 58, 127, 255] {
        var changed = sample
        changed[index] = byte
        #expect(
          oneRequestPass(changed, step: changed.count) == readRequest(changed),
          "byte \(byte) at \(index)")
      }
    }
  }

  @Test func requestsCutAnywhere() {
    let sample = Array("\r\nGET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".utf8)
    for count in 1...sample.count {
      let cut = Array(sample[..<count])
      #expect(oneRequestPass(cut, step: cut.count) == readRequest(cut), "\(count) bytes")
    }
  }
}
