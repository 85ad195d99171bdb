import SluiceWire
import Testing

/// What scanning and parsing a stream of bytes comes to.
enum HeadOutcome: Equatable {
  case head(count: Int)
  case refused(HeadError)
  case incomplete

  var code: String {
    switch self {
    case .head: "ok"
    case .refused(let error): "\(error.code)"
    case .incomplete: "incomplete"
    }
  }
}

/// Scans `stream`, handed over in pieces of `step` bytes, then parses the head in it.
func readHead(
  _ stream: [UInt8], step: Int, parse: (Span<UInt8>) throws(HeadError) -> Void
) -> HeadOutcome {
  var scanned = 0
  var available = 0
  do throws(HeadError) {
    while true {
      let span = stream.span.extracting(0..<available)
      if let end = try HeadScanner.endOfHead(span, scanned: &scanned, limits: HeadLimits()) {
        try parse(span.extracting(0..<end))
        return .head(count: end)
      }
      // Nothing is looked at twice, except a CR whose LF is still to come.
      #expect(scanned >= min(available, HeadLimits().bytes) - 1)
      if available == stream.count { return .incomplete }
      available = min(stream.count, available + step)
    }
  } catch {
    return .refused(error)
  }
}

func readRequest(_ stream: [UInt8], step: Int = .max) -> HeadOutcome {
  readHead(stream, step: min(step, max(1, stream.count))) { (head) throws(HeadError) in
    var request = RequestHead()
    try request.parse(head, limits: HeadLimits())
  }
}

func readResponse(_ stream: [UInt8], method: HTTPMethod, step: Int = .max) -> HeadOutcome {
  readHead(stream, step: min(step, max(1, stream.count))) { (head) throws(HeadError) in
    var response = ResponseHead()
    try response.parse(head, requestMethod: method, limits: HeadLimits())
  }
}

@Suite struct HeadCorpusTests {
  @Test(arguments: Corpus.requests)
  func request(_ sample: CorpusCase) {
    let whole = readRequest(sample.bytes)
    #expect(whole.code == sample.expected)
    // Huge samples in larger steps: one byte at a time proves nothing more there.
    let steps = sample.bytes.count > 2_000 ? [997] : [1, 2, 3, 7, 8, 9]
    for step in steps { #expect(readRequest(sample.bytes, step: step) == whole, "step \(step)") }
  }

  @Test(arguments: Corpus.responses)
  func response(_ sample: CorpusCase) {
    let method = HTTPMethod(ascii(sample.subject).span)
    let whole = readResponse(sample.bytes, method: method)
    #expect(whole.code == sample.expected)
    let steps = sample.bytes.count > 2_000 ? [997] : [1, 2, 3, 7, 8, 9]
    for step in steps {
      #expect(readResponse(sample.bytes, method: method, step: step) == whole, "step \(step)")
    }
  }

  @Test func everyErrorOccurs() {
    let seen = Set((Corpus.requests + Corpus.responses).map(\.expected))
    for error in HeadError.allCases where error != .incompleteHead {
      #expect(seen.contains("\(error.code)"), "\(error) is not in the corpus")
    }
    #expect(Set(HeadError.allCases.map { "\($0.code)" }).count == HeadError.allCases.count)
  }

  /// Every part of a head that is cut off is incomplete or refused, never accepted.
  @Test func cutHeads() {
    for sample in Corpus.requests where sample.expected == "ok" && sample.bytes.count < 500 {
      guard case .head(let count) = readRequest(sample.bytes) else { continue }
      for cut in 0..<count {
        #expect(readRequest(Array(sample.bytes[..<cut])) == .incomplete)
        var request = RequestHead()
        let error = #expect(throws: HeadError.self) {
          try request.parse(sample.bytes.span.extracting(0..<cut), limits: HeadLimits())
        }
        #expect(error == .incompleteHead || cut < 8, "cut at \(cut): \(String(describing: error))")
      }
    }
  }

  /// The head before a second one ends where it ends, however they are cut into pieces.
  @Test func coalescedHeads() {
    let samples = Corpus.requests.filter {
      $0.expected == "ok" && $0.bytes.count < 500 && $0.bytes.suffix(4) == [13, 10, 13, 10]
    }
    for first in samples {
      for second in samples.prefix(5) {
        let alone = readRequest(first.bytes)
        for step in [1, 5, .max] {
          #expect(readRequest(first.bytes + second.bytes, step: step) == alone)
        }
      }
    }
  }

  @Test func limits() throws {
    let head = ascii("GET /abc HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n")
    func parse(_ limits: HeadLimits) -> HeadError? {
      var scanned = 0
      var request = RequestHead()
      do throws(HeadError) {
        let end = try HeadScanner.endOfHead(head.span, scanned: &scanned, limits: limits)
        #expect(end == head.count)
        try request.parse(head.span, limits: limits)
        return nil
      } catch {
        return error
      }
    }
    #expect(parse(HeadLimits(bytes: head.count, fields: 2, target: 4)) == nil)
    #expect(parse(HeadLimits(bytes: head.count - 1, fields: 2, target: 4)) == .headTooLarge)
    #expect(parse(HeadLimits(bytes: head.count, fields: 1, target: 4)) == .tooManyFields)
    #expect(parse(HeadLimits(bytes: head.count, fields: 2, target: 3)) == .targetTooLong)
  }

  /// Ranges have sixteen bits, so no setting lets a larger head in.
  @Test func largestHead() {
    let limits = HeadLimits(bytes: 1 << 20, fields: 10, target: 10)
    let start = ascii("GET / HTTP/1.1\r\nHost: a\r\nX: ")
    func outcome(_ size: Int) -> HeadError? {
      let filler = [UInt8](repeating: 0x61, count: size - start.count - 4)
      let head = start + filler + ascii("\r\n\r\n")
      var scanned = 0
      var request = RequestHead()
      do throws(HeadError) {
        _ = try HeadScanner.endOfHead(head.span, scanned: &scanned, limits: limits)
        try request.parse(head.span, limits: limits)
        #expect(request.fields[1].value.range.upperBound == size - 4)
        return nil
      } catch {
        return error
      }
    }
    #expect(outcome(65_535) == nil)
    #expect(outcome(65_536) == .headTooLarge)
  }
}
